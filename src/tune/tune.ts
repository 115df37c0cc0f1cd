/**
 * The autotuner. It runs a function, notes every choice between kernels that comes up with the operation and
 * the operands it came up for, then runs those operations again with each candidate and remembers the fastest.
 */
import { currentDevice, type Device } from "../device/device";
import { ArgumentError } from "../errors";
import type { AnyPrimitive, Spec } from "../ops/primitive";
import { type Choice, chooserOf, runWatch, setChooser, type Variant } from "../ops/variants";
import { requireOptions } from "../options";
import type { ByteCache, Platform } from "../platform/platform";
import type { DeviceTensor } from "../tensor/deviceTensor";
import { scope, scopeUnlessAsync } from "../tensor/scope";
import { tensorsOf } from "../tensor/tree";
import { type Candidate, contest } from "./contest";
import { nameOf } from "./problemClass";
import { shippedFor } from "./shipped";
import { type Stopwatch, stopwatchFor } from "./stopwatch";
import { TunedChooser } from "./tunedChooser";
import { keepWinners, loadWinners } from "./winners";

/** One class of problems that was measured. */
export interface TunedProblem {
  /** The table of variants and the sizes, rounded: `matmul 1 1024 128 512 …`. */
  readonly problem: string;
  /** The variant that runs from now on. */
  readonly winner: string;
  /** The one that ran before. */
  readonly before: string;
  /** Least seconds of the operation with each candidate. */
  readonly seconds: Readonly<Record<string, number>>;
}

export interface TuningProgress {
  readonly done: number;
  readonly total: number;
  /** What was measured last; null before the first. */
  readonly last: TunedProblem | null;
}

export interface TuneOptions {
  /** Default: the current one. */
  device?: Device;
  /** Measure again what is remembered. Default false. */
  anew?: boolean;
  /** Keep the winners for other processes: a file in the user's cache folder, or IndexedDB. Default true. */
  keep?: boolean;
  /** Called before the first and after every measured problem. */
  onProgress?: (progress: TuningProgress) => void;
  /** Default: timestamps on a GPU that has them, else a clock around repeated runs. */
  stopwatch?: Stopwatch;
}

/** What a choice came up in. */
interface Trial {
  readonly problem: string;
  readonly before: string;
  readonly candidates: readonly string[];
  readonly primitive: AnyPrimitive;
  /** Handles of its own on the operands. */
  readonly inputs: readonly DeviceTensor[];
  readonly attrs: unknown;
  readonly outputs: readonly Spec[];
}

/** The tuned chooser of a device's adapter, made and filled where there is none. */
async function chooserFor(device: Device, cache: ByteCache | null): Promise<TunedChooser> {
  const { adapter } = device.executor;
  const present = chooserOf(adapter);
  if (present instanceof TunedChooser) return present;
  const chooser = new TunedChooser(await loadWinners(cache, adapter), shippedFor(adapter));
  setChooser(adapter, chooser);
  return chooser;
}

/** See `useTuning` of the doors. */
export async function useTuningOn(
  platform: Pick<Platform, "byteCache">,
  on: boolean,
  device: Device = currentDevice(),
): Promise<void> {
  if (on) await chooserFor(device, await platform.byteCache());
  else setChooser(device.executor.adapter, null);
}

/** See `tune` of the doors. */
export async function tuneOn(
  platform: Pick<Platform, "byteCache">,
  fn: () => unknown,
  options: TuneOptions = {},
): Promise<readonly TunedProblem[]> {
  const {
    device = currentDevice(),
    anew = false,
    keep = true,
    onProgress,
  } = requireOptions("tune", options, "anew");
  if (typeof fn !== "function")
    throw new ArgumentError(
      "tune: fn is no function. Pass one that runs what is to be tuned: tune(() => model.forward(x)).",
    );
  const cache = keep ? await platform.byteCache() : null;
  const chooser = await chooserFor(device, cache);
  const trials = await collect(device, chooser, fn, anew);
  try {
    const stopwatch = options.stopwatch ?? stopwatchFor(device);
    const measured: TunedProblem[] = [];
    onProgress?.({ done: 0, total: trials.length, last: null });
    for (const trial of trials) {
      const last = await decide(chooser, trial, stopwatch);
      chooser.remember(last.problem, last.winner);
      measured.push(last);
      onProgress?.({ done: measured.length, total: trials.length, last });
    }
    await keepWinners(cache, device.executor.adapter, chooser.winners);
    return measured;
  } finally {
    for (const { inputs } of trials) for (const input of inputs) input.dispose();
  }
}

/** Runs `fn` and gives the first operation of every class of problems with more than one candidate. */
async function collect(
  device: Device,
  chooser: TunedChooser,
  fn: () => unknown,
  anew: boolean,
): Promise<readonly Trial[]> {
  const trials = new Map<string, Trial>();
  const open: Map<string, Choice<Variant>>[] = [];
  const outer = runWatch.current;
  chooser.onChoice = (choice, problem) => {
    if (!trials.has(problem) && (anew || !chooser.knows(problem)))
      open.at(-1)?.set(problem, choice);
  };
  runWatch.current = (primitive, inputs, attrs, outputs) => {
    if (inputs[0]?.device !== device) return primitive.run(inputs, attrs, outputs);
    const choices = new Map<string, Choice<Variant>>();
    open.push(choices);
    let results: DeviceTensor[];
    try {
      results = primitive.run(inputs, attrs, outputs);
    } finally {
      open.pop();
    }
    for (const [problem, choice] of choices) {
      const candidates = choice.candidates().map(nameOf);
      if (candidates.length < 2 || trials.has(problem)) continue;
      trials.set(problem, {
        problem,
        before: nameOf(chooser.choose(choice)),
        candidates,
        primitive,
        inputs: inputs.map((t) => t.alias()),
        attrs,
        outputs,
      });
    }
    return results;
  };
  try {
    const result = scopeUnlessAsync(fn);
    for (const tensor of tensorsOf(await result)) tensor.dispose();
    await device.synchronize();
  } catch (error) {
    for (const { inputs } of trials.values()) for (const input of inputs) input.dispose();
    throw error;
  } finally {
    runWatch.current = outer;
    chooser.onChoice = null;
  }
  return [...trials.values()];
}

async function decide(
  chooser: TunedChooser,
  { problem, before, candidates, primitive, inputs, attrs, outputs }: Trial,
  stopwatch: Stopwatch,
): Promise<TunedProblem> {
  const contestants = candidates.map<Candidate>((name) => ({
    name,
    run: () =>
      chooser.trying(problem, name, () =>
        scope(() => {
          for (const result of primitive.run(inputs, attrs, outputs)) result.dispose();
        }),
      ),
  }));
  const { winner, seconds } = await contest(contestants, before, stopwatch);
  return { problem, winner, before, seconds };
}
