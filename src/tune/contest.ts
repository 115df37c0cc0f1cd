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
/** Rounds between the fastest and the usual one, so that no single disturbed measurement decides. */
const finals = 4;
/** A candidate this many times slower than the best of the first round is out; the usual one never is. */
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
  const fastest = () => Object.keys(seconds).sort((a, b) => seconds[a]! - seconds[b]!)[0] ?? usual;
  let running = [...candidates];
  for (let round = 0; round < rounds + finals; round++) {
    for (const candidate of running) {
      const taken = await attempt(candidate, stopwatch, round === 0);
      if (taken !== null)
        seconds[candidate.name] = Math.min(seconds[candidate.name] ?? taken, taken);
    }
    const best = fastest();
    const stays = (name: string): boolean =>
      round < rounds - 1 ? seconds[name]! <= hopeless * seconds[best]! : name === best;
    running = running.filter(({ name }) => name in seconds && (name === usual || stays(name)));
    if (round >= rounds - 1 && running.length < 2) break;
  }
  const winner = fastest();
  const keeps = usual in seconds && seconds[winner]! > worthChanging * seconds[usual]!;
  return { winner: keeps ? usual : winner, seconds };
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
