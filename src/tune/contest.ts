/** Finds the fastest of several candidates by running them in turn. */
import type { Stopwatch } from "./stopwatch";

export interface Candidate {
  readonly name: string;
  /** Records its work. Throws where it cannot run after all. */
  run(): void;
}

export interface Outcome {
  readonly winner: string;
  /** Least seconds of each that ran. */
  readonly seconds: Readonly<Record<string, number>>;
}

const rounds = 3;
/** A candidate this many times slower than the best of the first round is out. */
const hopeless = 3;
/** The usual one stays unless another takes this share of its time, or less. */
const worthChanging = 0.95;

/** @param usual the name of the one that wins ties, if it runs */
export async function contest(
  candidates: readonly Candidate[],
  usual: string,
  stopwatch: Stopwatch,
): Promise<Outcome> {
  const seconds: Record<string, number> = {};
  let running = [...candidates];
  for (let round = 0; round < rounds; round++) {
    for (const candidate of running) {
      const taken = await attempt(candidate, stopwatch, round === 0);
      if (taken !== null)
        seconds[candidate.name] = Math.min(seconds[candidate.name] ?? taken, taken);
    }
    const best = Math.min(...Object.values(seconds));
    running = running.filter(({ name }) => (seconds[name] ?? Infinity) <= hopeless * best);
  }
  const [winner = usual] = Object.keys(seconds).sort((a, b) => seconds[a]! - seconds[b]!);
  const stays = usual in seconds && seconds[winner]! > worthChanging * seconds[usual]!;
  return { winner: stays ? usual : winner, seconds };
}

/** Null for one that cannot run. The first run compiles, and does not count. */
async function attempt(
  { run }: Candidate,
  stopwatch: Stopwatch,
  first: boolean,
): Promise<number | null> {
  try {
    if (first) run();
  } catch {
    return null;
  }
  return stopwatch.measure(run);
}
