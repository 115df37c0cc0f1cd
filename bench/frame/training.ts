/**
 * Training steps on all engines. An engine's time counts only if it trains: from the same weights and on the
 * same batches, the losses of its first steps must be PyTorch's. Those are in reference.json, written by
 * `npm run bench -- referenceLosses`.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { encodeSafetensors, fromArray } from "../../src/train/safetensors";
import {
  adamw,
  convNet,
  convNetWeights,
  digitBatches,
  type GptProblem,
  gptBatches,
  gptWeights,
  hasMnist,
  tinyGpt,
} from "../peers/trainingProblems.mjs";
import type { Bench, Case, Running, Turn } from "./bench";
import reference from "./reference.json" with { type: "json" };
import type { Row } from "./row";

export interface Training extends Case {
  /** PyTorch's losses of the first steps. */
  readonly reference: readonly number[];
}

/** How far a loss may be from PyTorch's, relative to it: sums of f32 in another order stay well below. */
export const lossTolerance = 1e-3;

const mnistFolder = path.resolve("../shared/data");

/** The tiny GPT; and the convolutional network on MNIST's digits where they are, else on digits made up. */
export function trainings(): { gpt: Training; digits: Training } {
  const mnist = hasMnist(mnistFolder);
  const name = mnist ? "MNIST" : "digits made up";
  return {
    gpt: { name: "tiny GPT", task: "gpt", options: { ...tinyGpt }, reference: reference.gpt },
    digits: {
      name: `convolutions on ${name}`,
      task: "convNet",
      options: { ...convNet, data: mnist ? mnistFolder : null },
      reference: mnist ? reference.mnist : reference.madeUp,
    },
  };
}

/** The weights and batches of a training as files, for PyTorch; removed at the end of the process. */
export function problemFolder(training: Pick<Case, "task" | "options">): string {
  const folder = mkdtempSync(path.join(tmpdir(), "tilegrad-bench-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  const gpt = training.task === "gpt";
  const problem = training.options as unknown as GptProblem;
  const weights = gpt ? gptWeights(problem) : convNetWeights(convNet);
  const { batch, side } = convNet;
  const data = (training.options["data"] ?? null) as string | null;
  const batches = gpt
    ? {
        shape: [problem.batch, problem.context],
        targetShape: [problem.batch, problem.context],
        list: gptBatches(problem),
      }
    : { shape: [batch, 1, side, side], targetShape: [batch], list: digitBatches(convNet, data) };
  const { shape, targetShape, list } = batches;
  const joined = <A extends Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer>>(
    parts: readonly A[],
    into: A,
  ): A => {
    for (const [i, part] of parts.entries()) into.set(part, i * part.length);
    return into;
  };
  const inputs = list.map(({ input }) => input);
  const size = inputs.length * inputs[0]!.length;
  const input = gpt
    ? fromArray(
        "I32",
        [list.length, ...shape],
        joined(inputs as Int32Array<ArrayBuffer>[], new Int32Array(size)),
      )
    : fromArray(
        "F32",
        [list.length, ...shape],
        joined(inputs as Float32Array<ArrayBuffer>[], new Float32Array(size)),
      );
  const targets = list.map(({ target }) => target);
  const target = joined(targets, new Int32Array(targets.length * targets[0]!.length));
  writeFileSync(
    path.join(folder, "weights.safetensors"),
    encodeSafetensors(
      Object.entries(weights).map(([name, { shape, values }]) => [
        name,
        fromArray("F32", shape, values),
      ]),
    ),
  );
  writeFileSync(
    path.join(folder, "batches.safetensors"),
    encodeSafetensors([
      ["input", input],
      ["target", fromArray("I32", [list.length, ...targetShape], target)],
    ]),
  );
  writeFileSync(path.join(folder, "adamw.json"), JSON.stringify(adamw));
  return folder;
}

/** What is wrong with losses, or null. */
export function lossFault(
  losses: readonly number[],
  expected: readonly number[],
  tolerance = lossTolerance,
): string | null {
  for (const [step, loss] of losses.entries()) {
    const wanted = expected[step]!;
    // A loss that is not finite fails the comparison too.
    if (!(Math.abs(loss - wanted) <= tolerance * Math.abs(wanted)))
      return `trains on wrong values: the loss of step ${step + 1} is ${loss.toFixed(5)}, PyTorch's ${wanted.toFixed(5)}`;
  }
  return null;
}

/** The task for an engine: PyTorch reads files. */
export const forEngine = (training: Training, name: string, folder: () => string): Case =>
  name === "PyTorch"
    ? { ...training, options: { ...training.options, folder: folder() } }
    : training;

/** The suite of one training. */
export async function compareTraining(
  bench: Bench,
  suite: string,
  training: Training,
): Promise<void> {
  const { name } = training;
  const running = await bench.start(suite, bench.engines);
  let folder: string | null = null;
  const written = (): string => {
    folder ??= problemFolder(training);
    return folder;
  };
  try {
    const turns: Turn[] = [];
    const traffic = new Map<string, Partial<Row>>();
    for (const each of running) {
      const label = each.kind.name;
      const turn = await bench.prepare(suite, name, forEngine(training, label, written), each);
      if (!turn) continue;
      const fault = await faultOf(bench, training, each);
      if (fault) {
        bench.without(suite, name, each.kind, fault);
        continue;
      }
      turns.push(turn);
      const counted = (await each.engine.call(name, "traffic")) as Partial<Row> | null;
      if (counted) traffic.set(label, counted);
    }
    const measured = await bench.takeTurns(turns);
    bench.report(
      suite,
      name,
      measured,
      ({ kind, label }) => traffic.get(label === "control" ? kind.name : label) ?? {},
    );
  } finally {
    for (const { engine } of running) engine.end();
  }
}

/** Why the engine's time does not count, or null. */
async function faultOf(
  bench: Bench,
  { name, reference }: Training,
  { engine }: Running,
): Promise<string | null> {
  const steps = bench.options.quick ? 3 : reference.length;
  try {
    return lossFault((await engine.call(name, "losses", steps)) as number[], reference);
  } catch (error) {
    return `fails: ${error instanceof Error ? error.message : error}`;
  }
}
