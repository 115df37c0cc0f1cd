import { rmSync } from "node:fs";
import type { Bench, Case, Running, Suite, Turn } from "../frame/bench";
import { ratesOf } from "../frame/bench";
import { headWidth } from "../frame/commandLine";
import { type EngineKind, torchOnGpu } from "../frame/engines";
import { mayRunForGpus } from "../frame/hardware";
import { median } from "../frame/row";
import { lossFault, problemFolder } from "../frame/training";
import type { GptProblem } from "../peers/trainingProblems.mjs";

const suite = "gpt2";

/** Steps of which the losses are compared. */
const compared = 3;

/** Floating-point operations of a training step: 6 a parameter and token, and attention's, as in PaLM (appendix B). */
export function stepFlops({ vocab, context, layers, width, batch }: GptProblem): number {
  const parameters = width * (vocab + context + 2) + layers * width * (12 * width + 13);
  return batch * context * (6 * parameters + 12 * layers * width * context);
}

function problemOf({ options }: Bench, batch: number): GptProblem {
  const { layers, width, quick } = options;
  return {
    vocab: 50257,
    context: quick ? 64 : 512,
    layers: layers ?? 12,
    width: width ?? 768,
    heads: (width ?? 768) / headWidth,
    batch,
  };
}

const nameOf = ({ layers, width, context, batch }: GptProblem): string =>
  `${layers} layers of ${width}, context ${context}, batch ${batch}`;

interface Prepared {
  readonly problem: GptProblem;
  readonly turn: Turn;
}

/** Ours with the largest batch that it has memory for, which is the first that takes a step. */
async function fitting(bench: Bench): Promise<Prepared | null> {
  for (const batch of bench.options.quick ? [1] : [16, 8, 4, 2, 1]) {
    const problem = problemOf(bench, batch);
    const [running] = await bench.start(suite, [bench.ours]);
    if (!running) return null;
    const turn = await bench.prepare(suite, nameOf(problem), taskOf(problem), running);
    if (turn) return { problem, turn };
    running.engine.end();
  }
  return null;
}

const taskOf = (problem: GptProblem): Case => ({
  name: nameOf(problem),
  task: "gpt",
  options: { ...problem },
});

const lossesOf = async ({ engine }: Running, key: string): Promise<number[]> =>
  (await engine.call(key, "losses", compared)) as number[];

/** PyTorch from the same weights on the same batches; null, and a row that says why, where it cannot. */
async function beside(
  bench: Bench,
  kind: EngineKind,
  { problem, turn: ours }: Prepared,
): Promise<Turn | null> {
  const [running] = await bench.start(suite, [kind]);
  if (!running) return null;
  const name = nameOf(problem);
  const task = taskOf(problem);
  const folder = problemFolder(task);
  let turn: Turn | null = null;
  try {
    const options = { ...task.options, folder };
    turn = await bench.prepare(suite, name, { ...task, options }, running);
    if (!turn) return null;
    const expected = await lossesOf(running, name);
    const fault = lossFault(await lossesOf(ours, name), expected);
    // Wrong values have no time.
    if (fault) ours.failure = fault;
    return turn;
  } catch (error) {
    bench.without(suite, name, kind, `fails: ${error}`);
    return null;
  } finally {
    // Read by now, and half a gigabyte.
    rmSync(folder, { recursive: true, force: true });
    if (!turn) running.engine.end();
  }
}

async function run(bench: Bench): Promise<void> {
  if (!(await mayRunForGpus(bench, suite))) return;
  const ours = await fitting(bench);
  if (!ours) return;
  const { problem, turn } = ours;
  const turns = [turn];
  try {
    const torch = await beside(bench, torchOnGpu(), ours);
    if (torch) turns.push(torch);
    const roofline = await bench.rooflineOf(suite, [turn]);
    const measured = await bench.takeTurns(turns);
    const tokens = problem.batch * problem.context;
    bench.report(suite, nameOf(problem), measured, ({ samples }) => {
      const middle = median(samples);
      if (middle === null) return {};
      const tokensPerSecond = (1000 * tokens) / middle;
      const { rate, ...rates } = ratesOf({ flops: stepFlops(problem) }, samples, roofline);
      return { ...rates, tokensPerSecond, rate: `${tokensPerSecond.toFixed(0)} tokens/s, ${rate}` };
    });
  } finally {
    for (const { engine } of turns) engine.end();
  }
}

export const gpt2: Suite = {
  name: suite,
  summary: "A step of GPT-2 124M at context 512 with AdamW, in tokens a second, beside PyTorch's.",
  run,
};
