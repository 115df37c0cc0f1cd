/**
 * The common training loop: steps, losses read every so often, evaluations, early stop, interruption. It
 * decides when; what happens then (printing, saving) is the caller's, in callbacks.
 */
import { ArgumentError, DivergenceError } from "../errors";
import type { Optimizer } from "../optim/optimizer";
import type { PerLayerOptimizer } from "../optim/perLayer";
import { requireOptions } from "../options";
import type { PlanReport, WarmupOptions } from "../plan/compile";
import { readAll } from "../tensor/hostTensor";
import type { Tensor } from "../tensor/tensor";
import type { TrainStep } from "./trainStep";

/** Batches with a cursor: the number of the next one, which a resumed run sets. */
export interface BatchSource<B> {
  cursor: number;
  next(): B;
}

export interface StepReport {
  /** Steps done, from 1. */
  readonly step: number;
  readonly loss: number;
  /** Global norm of the step's gradients before clipping; not finite if the step was skipped. */
  readonly gradNorm: number;
  readonly learningRate: number;
}

export interface EvaluationReport {
  readonly step: number;
  /** The loss of the step just taken. */
  readonly trainLoss: number;
  readonly valLoss: number;
  /** Global norm of the gradients of the step just taken; not finite if it was skipped. */
  readonly gradNorm: number;
  /** Whether it is the lowest validation loss so far. */
  readonly best: boolean;
}

/** What the loop remembers between steps besides what model, optimizer and step hold. Plain JSON. */
export interface TrainerProgress {
  /** The last loss read, null before the first. */
  readonly trainLoss: number | null;
  /** The last validation loss, null if there was none. */
  readonly valLoss: number | null;
  /** The lowest validation loss, null if there was none. */
  readonly lowest: number | null;
  /** Evaluations since the lowest. */
  readonly without: number;
  /** Readings in a row of gradients that were not finite. */
  readonly broken: number;
}

const atStart: TrainerProgress = {
  trainLoss: null,
  valLoss: null,
  lowest: null,
  without: 0,
  broken: 0,
};

export interface TrainerOptions<B> {
  step: TrainStep<B>;
  optimizer: Optimizer | PerLayerOptimizer;
  batches: BatchSource<B>;
  /** Steps in all, those before a resume among them. */
  steps: number;
  /** The validation loss. Default: none. */
  evaluate?: () => Promise<number>;
  /** Evaluate after every so many steps, and after the last. Default: only after the last. */
  evalEvery?: number;
  /** Read the loss after every so many steps, after the first, and before each evaluation. Default 10. */
  logEvery?: number;
  /** Stop after so many evaluations in a row without a new lowest loss. Default: never. */
  patience?: number;
  /** Called before the first step, when the step is planned and its kernels are compiled; null for one uncompiled. */
  onPlan?: (plan: PlanReport | null) => void | Promise<void>;
  /** Called while kernels are compiled before the first step. */
  onProgress?: WarmupOptions["onProgress"];
  /** Aborting ends the loop after the step in progress. */
  signal?: AbortSignal;
  onStep?: (report: StepReport) => void | Promise<void>;
  onEvaluation?: (report: EvaluationReport) => void | Promise<void>;
  /** Call `onSnapshot` after every so many steps, and after the last. Default: only after the last. */
  snapshotEvery?: number;
  /**
   * Called between two steps, when all that was reported is in the state: the time to save it. With accumulation it
   * waits for the end of the optimizer's step.
   */
  onSnapshot?: (progress: TrainerProgress) => void | Promise<void>;
  /** Go on with this, as `onSnapshot` got it. Default: as at the start of a run. */
  progress?: TrainerProgress;
}

export interface RunOptions {
  /** Aborting ends this run after the step in progress. Default: the trainer's own. */
  signal?: AbortSignal | undefined;
}

export interface TrainerResult {
  readonly reason: "finished" | "aborted" | "early-stop";
  readonly steps: number;
  /** The last loss read, null before the first step. */
  readonly trainLoss: number | null;
  /** The last validation loss, null if there was none. */
  readonly valLoss: number | null;
}

/**
 * Steps with non-finite gradients change nothing, so a run whose gradients stay that way would end with
 * a finite loss and an untrained model. This many readings in a row are no accident.
 */
const brokenReadings = 3;

/** Submitted steps the host may be ahead of the device: enough to keep it busy, few enough to stop soon. */
const stepsAhead = 2;

/** What the global norm is made of. */
const normsOf = (optimizer: Optimizer | PerLayerOptimizer): readonly Tensor[] =>
  "perLayer" in optimizer ? optimizer.gradNorms : [optimizer.stats.gradNorm];

/** The common training loop around a `trainStep`; `run` goes on until steps, patience or `signal` end it. */
export class Trainer<B> {
  #progress: TrainerProgress;

  constructor(private readonly options: TrainerOptions<B>) {
    this.#progress = requireOptions("Trainer", options, "step").progress ?? atStart;
    for (const name of ["steps", "evalEvery", "logEvery", "patience", "snapshotEvery"] as const) {
      const value = options[name];
      if (value !== undefined && !(Number.isSafeInteger(value) && value >= 1))
        throw new ArgumentError(`Trainer: ${name} is ${value}; it is a whole number >= 1.`);
    }
  }

  /**
   * Trains from `step.count` to `steps`. What a callback or `batches` throws is thrown on: the state is then that of
   * the last finished step, and another `run` goes on from there.
   * @throws DivergenceError as soon as a loss that is read is not finite, or the gradients are not finite
   * at the last step or at three readings in a row; parameters are then unusable, unless the gradients of each such
   * step were not finite, which changes nothing
   */
  async run(options: RunOptions = {}): Promise<TrainerResult> {
    const { signal = this.options.signal } = requireOptions("Trainer.run", options, "signal");
    const { step, batches, steps, evaluate, optimizer } = this.options;
    const { evalEvery = steps, logEvery = 10, patience = Number.POSITIVE_INFINITY } = this.options;
    const { snapshotEvery = steps, onSnapshot } = this.options;
    const device = optimizer.parameters[0]!.device;
    let { trainLoss, valLoss, lowest, without, broken } = this.#progress;
    let gradNorm = 0;
    let snapshotDue = false;
    batches.cursor = step.count;
    const result = (reason: TrainerResult["reason"]): TrainerResult => ({
      reason,
      steps: step.count,
      trainLoss,
      valLoss,
    });
    if (step.count < steps && !signal?.aborted) {
      await this.#warmUp();
      batches.cursor = step.count;
    }
    while (step.count < steps) {
      if (signal?.aborted) return result("aborted");
      const { learningRate, stepCount } = optimizer;
      const { loss } = step(batches.next());
      const done = step.count;
      const evaluates = evaluate !== undefined && (done % evalEvery === 0 || done === steps);
      if (evaluates || done === 1 || done % logEvery === 0 || done === steps) {
        const [lossValue, ...norms] = await readAll([loss, ...normsOf(optimizer)]);
        trainLoss = this.#finite(lossValue![0]!, "training", done);
        gradNorm = Math.hypot(...norms.map((norm) => norm[0]!));
        broken = Number.isFinite(gradNorm) ? 0 : broken + 1;
        await this.options.onStep?.({ step: done, loss: trainLoss, gradNorm, learningRate });
        if (broken >= brokenReadings || (broken > 0 && done === steps)) throw brokenGradients(done);
      } else {
        await device.executor.throttle(stepsAhead);
      }
      if (evaluates) {
        valLoss = this.#finite(await evaluate(), "validation", done);
        const best = lowest === null || valLoss < lowest;
        lowest = best ? valLoss : lowest;
        without = best ? 0 : without + 1;
        await this.options.onEvaluation?.({
          step: done,
          trainLoss: trainLoss!,
          valLoss,
          gradNorm,
          best,
        });
      }
      this.#progress = { trainLoss, valLoss, lowest, without, broken };
      snapshotDue ||= done % snapshotEvery === 0 || done === steps;
      if (snapshotDue && optimizer.stepCount > stepCount) {
        snapshotDue = false;
        await onSnapshot?.(this.#progress);
      }
      if (evaluates && without >= patience && done < steps) return result("early-stop");
    }
    return result("finished");
  }

  async #warmUp(): Promise<void> {
    const { step, batches, onPlan, onProgress } = this.options;
    const plan = await step.warmup(batches.next(), onProgress && { onProgress });
    await onPlan?.(plan);
  }

  #finite(value: number, kind: string, step: number): number {
    if (Number.isFinite(value)) return value;
    throw new DivergenceError(`The ${kind} loss is ${value} after step ${step}: ${diverged}`);
  }
}

const diverged = "training diverged. Lower the learning rate, warm it up, or clip the gradients.";

function brokenGradients(step: number): DivergenceError {
  return new DivergenceError(
    `The gradients are not finite at step ${step} and before it, so nothing was learnt from them: ${diverged}`,
  );
}
