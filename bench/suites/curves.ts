import type { Bench, Case, Suite } from "../frame/bench";
import { fitLine } from "../frame/fit";
import { figures, median } from "../frame/row";
import { tinyGpt } from "../peers/trainingProblems.mjs";

const suite = "curves";

interface Curve {
  /** Of what against what: rows are "step against batch: 4". */
  readonly name: string;
  readonly sizes: readonly number[];
  readonly quick: readonly number[];
  point(size: number): Pick<Case, "task" | "options">;
}

const step = (of: "batch" | "context" | "width" | "layers") => (size: number) => ({
  task: "gpt",
  options: { ...tinyGpt, batch: 2, [of]: size },
});

const all: readonly Curve[] = [
  {
    name: "step against batch",
    sizes: [1, 2, 4, 8, 16],
    quick: [1, 2, 4],
    point: step("batch"),
  },
  {
    name: "step against context",
    sizes: [32, 64, 128, 256, 512],
    quick: [32, 64, 128],
    point: step("context"),
  },
  {
    name: "step against width",
    sizes: [32, 64, 128, 256],
    quick: [32, 64, 128],
    point: step("width"),
  },
  {
    name: "step against depth",
    sizes: [1, 2, 4, 8],
    quick: [1, 2, 4],
    point: step("layers"),
  },
  {
    name: "AdamW against parameters",
    sizes: [1e5, 1e6, 4e6, 16e6],
    quick: [1e5, 1e6, 4e6],
    point: (size) => ({
      task: "adamw",
      options: { tensors: 16, rows: size / 16 / 50, width: 50 },
    }),
  },
];

const attentionContexts = { quick: [128, 256, 512], sizes: [128, 256, 512, 1024, 2048] };

function reportFit(
  bench: Bench,
  name: string,
  unit: string,
  points: readonly (readonly [number, number])[],
): void {
  if (points.length < 3) return;
  const { slope, intercept, r2 } = fitLine(points);
  bench.emit({
    ...{ suite, case: `${name}: line`, engine: "tilegrad", executor: bench.ours.executor },
    ...{ adapter: bench.adapter, unit: "R²" },
    ...figures([r2], []),
    note: `${slope.toPrecision(3)} ${unit} each and ${intercept.toPrecision(3)} ${unit}`,
  });
}

async function timeCurves(bench: Bench): Promise<void> {
  const [running] = await bench.start(suite, [bench.ours]);
  if (!running) return;
  try {
    for (const { name, sizes, quick, point } of all) {
      const points: [number, number][] = [];
      for (const size of bench.options.quick ? quick : sizes) {
        const label = `${name}: ${size}`;
        const turn = await bench.prepare(suite, label, { name: label, ...point(size) }, running);
        if (!turn) continue;
        const turns = await bench.takeTurns([turn]);
        bench.report(suite, label, turns);
        const ms = median(turns.flatMap(({ samples }) => samples));
        if (ms !== null) points.push([size, ms]);
        await running.engine.drop(label);
      }
      reportFit(bench, name, "ms", points);
    }
  } finally {
    running.engine.end();
  }
}

/** Each in a process of its own: a pool keeps what it once had. */
async function attentionMemory(bench: Bench): Promise<void> {
  const name = "attention's memory against context";
  const points: [number, number][] = [];
  const { quick, sizes } = attentionContexts;
  for (const context of bench.options.quick ? quick : sizes) {
    const [running] = await bench.start(suite, [bench.ours]);
    if (!running) return;
    try {
      const options = { batch: 1, heads: 4, context, width: 32, backward: true };
      await running.engine.make(name, "attention", options);
      const peak = (await running.engine.call(name, "peak")) as number;
      points.push([context, peak]);
      bench.emit({
        ...{ suite, case: `${name}: ${context}`, engine: "tilegrad" },
        ...{ executor: bench.ours.executor, adapter: bench.adapter, unit: "bytes" },
        ...figures([peak], [peak]),
      });
    } finally {
      running.engine.end();
    }
  }
  reportFit(bench, name, "bytes", points);
}

export const curves: Suite = {
  name: "curves",
  summary:
    "Ours against batch, context, width, depth, parameters, with lines fitted; attention's memory.",
  async run(bench) {
    await timeCurves(bench);
    await attentionMemory(bench);
  },
};
