import type { Bench, Suite } from "../frame/bench";
import type { DispatchTimes } from "../frame/dispatches";
import { figures } from "../frame/row";

const suite = "overhead";
/** Of a training step of the tiny GPT, about. */
const dispatches = 130;

/** Names of engines for ways of recording; ours is the one that replays. */
const engines = [
  ["tilegrad", "sequence"],
  ["tilegrad eager", "eager"],
  ["control", "sequence again"],
] as const;

/** What the host spends: the time until all is recorded and submitted; and until all has run. */
async function hostTimes(bench: Bench): Promise<void> {
  const [running] = await bench.start(suite, [bench.ours]);
  if (!running) return;
  try {
    const rounds = bench.options.quick ? 50 : 300;
    await running.engine.make("dispatches", "dispatches", { dispatches, rounds });
    const ways = (await running.engine.call("dispatches", "measure")) as DispatchTimes[];
    const cases = {
      [`host, ${dispatches} dispatches`]: ({ record, submit }: DispatchTimes) =>
        record.map((ms, round) => ms + submit[round]!),
      [`${dispatches} empty dispatches`]: ({ all }: DispatchTimes) => all,
    };
    for (const [name, of] of Object.entries(cases)) {
      const samples = (way: string): number[] => of(ways.find((times) => times.name === way)!);
      for (const [engine, way] of engines)
        bench.emit({
          ...{ suite, case: name, engine, executor: bench.ours.executor },
          ...{ adapter: bench.adapter, unit: "ms" },
          ...figures(samples(way), samples("sequence")),
        });
    }
  } finally {
    running.engine.end();
  }
}

export const overhead: Suite = {
  name: suite,
  summary:
    "What a dispatch costs the host, replayed and recorded; what an operation costs at least.",
  async run(bench) {
    await hostTimes(bench);
    await bench.compare(suite, [
      {
        name: "sum of 64 × 64 numbers",
        task: "elementwise",
        options: { kind: "add", rows: 64, width: 64, repeats: dispatches },
      },
    ]);
  },
};
