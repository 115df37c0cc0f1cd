import type { Bench, Case, Suite, Turn } from "../frame/bench";
import { potEngines } from "../frame/engines";
import { figures } from "../frame/row";
import type { TransportProblem } from "../peers/transportProblem.mjs";

const suite = "transport";

interface TransportCase extends Case {
  readonly options: TransportProblem & Readonly<Record<string, unknown>>;
  /** The transport cost in f64, found by bench/peers/transport_costs.py. */
  readonly cost: number;
  /** Whether it is for ours only: the peers' matrices of costs would not fit. */
  readonly alone?: boolean;
}

const problem = (n: number, dimensions: number, iterations: number, dense = false) => ({
  ...{ n, m: n, dimensions, epsilon: 0.05, iterations, dense },
});

const cases: readonly TransportCase[] = [
  {
    name: "1024 points in a square",
    task: "sinkhorn",
    options: problem(1024, 2, 100),
    cost: 0.042868738,
  },
  {
    name: "1024 points in a cube",
    task: "sinkhorn",
    options: problem(1024, 3, 100),
    cost: 0.064630323,
    long: true,
  },
  {
    name: "a matrix of 1024 × 1024",
    task: "sinkhorn",
    options: problem(1024, 2, 100, true),
    cost: 0.042868738,
  },
  {
    name: "16,384 points, 5 iterations",
    task: "sinkhorn",
    options: problem(16384, 2, 5),
    cost: 0.04216285,
    alone: true,
  },
];

/** Relative; beyond it a row says how far its cost is off. */
const costTolerance = 1e-4;

/** What an engine's solution costs to move, and what an iteration sends to a device. */
async function noteOf({ engine, key }: Turn, { cost, alone }: TransportCase): Promise<string> {
  const found = (await engine.call(key, "transportCost")) as number;
  const off = Math.abs(found - cost) / cost;
  const price = `cost ${found.toFixed(6)}${off <= costTolerance ? "" : `, off by ${off.toExponential(1)}`}`;
  const traffic = alone
    ? null
    : ((await engine.call(key, "traffic")) as { dispatches: number; bytes: number | null } | null);
  if (!traffic) return price;
  const { dispatches, bytes } = traffic;
  const size = bytes === null ? "" : `, ${(bytes / 1024).toFixed(0)} KiB`;
  return `${price}; an iteration: ${dispatches} dispatches${size}`;
}

/** Device memory against the number of points: a matrix of their costs would take four times as much at each step. */
async function memoryRows(bench: Bench): Promise<void> {
  const [running] = await bench.start(suite, [bench.ours]);
  if (!running) return;
  const { engine, kind } = running;
  let before = 0;
  try {
    for (const n of [4096, 8192, 16384]) {
      const name = `memory: ${n}`;
      await engine.make(name, "sinkhorn", problem(n, 2, 1));
      const bytes = (await engine.call(name, "peak")) as number;
      await engine.drop(name);
      const matrix = `${(4 * n * n) / 2 ** 20} MiB in a matrix of costs`;
      const note = before ? `${(bytes / before).toFixed(2)} times that of half; ${matrix}` : matrix;
      bench.emit({
        ...{ suite, case: name, engine: kind.name, executor: kind.executor },
        ...{ adapter: bench.adapter, unit: "bytes", ...figures([bytes], [bytes]), note },
      });
      before = bytes;
    }
  } finally {
    engine.end();
  }
}

async function run(bench: Bench): Promise<void> {
  const { peers, quick } = bench.options;
  const others = peers
    ? [...bench.engines.filter(({ name }) => name === "jax-js"), ...potEngines(bench.options)]
    : [];
  const running = await bench.start(suite, [bench.ours, ...others]);
  try {
    for (const task of cases) {
      if (task.long && quick) continue;
      const turns: Turn[] = [];
      const notes = new Map<string, string>();
      for (const each of running) {
        if (task.alone && each.kind !== bench.ours) continue;
        const turn = await bench.prepare(suite, task.name, task, each);
        if (!turn) continue;
        turns.push(turn);
        notes.set(each.kind.name, await noteOf(turn, task));
      }
      const measured = await bench.takeTurns(turns);
      bench.report(suite, task.name, measured, ({ label }) => ({ note: notes.get(label) ?? "" }));
      for (const { engine, key, failure } of turns)
        if (!failure) await engine.drop(key).catch(() => undefined);
    }
  } finally {
    for (const { engine } of running) engine.end();
  }
  await memoryRows(bench);
}

export const transport: Suite = {
  name: suite,
  summary: "Sinkhorn's iterations at epsilon 0.05: 100 of 1024 points, and 16,384 points.",
  run,
};
