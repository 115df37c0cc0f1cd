/**
 * Training that outlives its device. A device can be lost at any time: a driver is updated, a laptop sleeps, a
 * browser takes the memory, a worker dies. All that was on it is gone then, so the supervisor keeps a snapshot on
 * the host (a checkpoint's bytes), and after a loss makes a device, builds the training anew on it, puts the
 * snapshot back and goes on. A step's numbers depend on the state before it and on its number only, so the
 * trajectory is the one of a run that was not disturbed; at most `snapshotEvery` steps are computed twice.
 */
import type { Device } from "../device/device";
import { AdapterError, ArgumentError, CheckpointError, DeviceLostError } from "../errors";
import type { Module } from "../nn/module";
import type { Optimizer } from "../optim/optimizer";
import type { PerLayerOptimizer } from "../optim/perLayer";
import type { LossScaleState } from "../optim/stepControl";
import { requireOptions } from "../options";
import { Checkpoint, encodeCheckpoint } from "./checkpoint";
import {
  type BatchSource,
  type RunOptions,
  Trainer,
  type TrainerOptions,
  type TrainerProgress,
  type TrainerResult,
} from "./trainer";
import type { TrainStep } from "./trainStep";

/** What one device trains with. */
export interface TrainingParts<B, M extends Module = Module> {
  readonly model: M;
  readonly optimizer: Optimizer | PerLayerOptimizer;
  readonly step: TrainStep<B>;
  readonly batches: BatchSource<B>;
  /** The validation loss. Default: none. */
  readonly evaluate?: () => Promise<number>;
}

/** The state between two steps, on the host. */
export interface Snapshot {
  /** Steps done. */
  readonly step: number;
  /** A checkpoint: `new Checkpoint(bytes, name)` reads it, `CheckpointFolder.save(step, bytes)` writes it. */
  readonly bytes: Uint8Array;
}

export interface RestartReport {
  /** Restarts so far, from 1. */
  readonly restart: number;
  /** The steps of the snapshot that training goes on from. */
  readonly step: number;
  /** Steps that were taken after the snapshot, and are taken again. */
  readonly stepsAgain: number;
  /** Why the device was lost. */
  readonly error: DeviceLostError;
}

export interface SupervisedTrainerOptions<B, M extends Module = Module>
  extends Omit<
    TrainerOptions<B>,
    "step" | "optimizer" | "batches" | "evaluate" | "onSnapshot" | "progress"
  > {
  /** Makes a device: the package's `init`, or a function that calls it with options. */
  init: () => Promise<Device>;
  /**
   * Makes model, optimizer, step and batches on the device, the same ones each time: it runs once at the start and
   * once after each loss, when their values are replaced by the snapshot's.
   */
  build: (device: Device) => TrainingParts<B, M> | Promise<TrainingParts<B, M>>;
  /** Steps between two snapshots. Default 100. */
  snapshotEvery?: number;
  /** Restarts in a row without a snapshot between them before it gives up. Default 3. */
  maxRestarts?: number;
  /** A snapshot of an earlier run to go on from. Default: from the first step. */
  from?: Checkpoint;
  /** Plain JSON that each snapshot carries as `config`: what is needed to build the model again. Default: none. */
  config?: unknown;
  /** Called with each new snapshot: the time to write it to disk. */
  onSnapshot?: (snapshot: Snapshot) => void | Promise<void>;
  /** Called after a loss, before a device is made. */
  onRestart?: (report: RestartReport) => void | Promise<void>;
}

/** What a snapshot holds besides model and optimizer. */
interface SavedRun {
  readonly step: number;
  readonly trainer: TrainerProgress | null;
  /** null without a loss scale. */
  readonly lossScale: LossScaleState | null;
  readonly config?: unknown;
}

/** A driver that was reset takes a while to come back: the wait before the second attempt; it doubles from there. */
const firstWaitMs = 250;
const longestWaitMs = 10_000;

/**
 * A `Trainer` that goes on, on a new device, where its device is lost. `onStep` and `onEvaluation` hear of each step
 * once, also where it is taken again.
 *
 * @example
 * const trainer = new SupervisedTrainer({
 *   init,
 *   build: () => {
 *     const model = new nn.GPT(config);
 *     const optimizer = optim.adamw(model.namedParameters(), { lr: 1e-3 });
 *     return { model, optimizer, step: trainStep(model, optimizer, loss), batches: text.loader(shape) };
 *   },
 *   steps: 2000,
 *   onRestart: ({ step, error }) => console.warn(`${error.message} Going on from step ${step}.`),
 * });
 * await trainer.run();
 * await trainer.parts.model.generate(prompt);
 */
export class SupervisedTrainer<B, M extends Module = Module> {
  #device: Device | null = null;
  #parts: TrainingParts<B, M> | null = null;
  #trainer: Trainer<B> | null = null;
  #snapshot: Snapshot | null = null;
  /** Of the row of restarts that no snapshot has ended: how many, and the loss it began with. */
  #row: { restarts: number; lost: DeviceLostError } | null = null;
  #restarts = 0;
  #reported = { step: 0, evaluation: 0 };

  /** @throws ArgumentError for counts that are none, CheckpointError for `from` that is no snapshot */
  constructor(private readonly options: SupervisedTrainerOptions<B, M>) {
    const { maxRestarts = 3, from } = requireOptions("SupervisedTrainer", options, "init");
    if (!(Number.isSafeInteger(maxRestarts) && maxRestarts >= 0))
      throw new ArgumentError(
        `SupervisedTrainer: maxRestarts is ${maxRestarts}; it is a whole number >= 0.`,
      );
    if (!from) return;
    const { step } = savedRun(from);
    this.#reported = { step, evaluation: step };
  }

  /** Model, optimizer, step and batches on the device in use. @throws ArgumentError before there are any */
  get parts(): TrainingParts<B, M> {
    if (!this.#parts)
      throw new ArgumentError("SupervisedTrainer: parts are there once `run` has built them.");
    return this.#parts;
  }

  /** The device in use, null before `run`. It lives on after `run`, until `destroy`. */
  get device(): Device | null {
    return this.#device;
  }

  /** The last snapshot that was taken, null before the first. It stays when `run` throws. */
  get snapshot(): Snapshot | null {
    return this.#snapshot;
  }

  /** Restarts so far. */
  get restarts(): number {
    return this.#restarts;
  }

  /**
   * Trains to `steps`. Called again it goes on from where it stopped: after `signal` from the last step, after a
   * loss it gave up on from the last snapshot.
   * @param options `signal` of this run, for a pause that another `run` ends
   * @throws the DeviceLostError that began the row of more than `maxRestarts` losses; anything else as `Trainer` does
   */
  async run(options: RunOptions = {}): Promise<TrainerResult> {
    const { signal = this.options.signal } = requireOptions(
      "SupervisedTrainer.run",
      options,
      "signal",
    );
    this.#row = null;
    for (;;) {
      try {
        this.#trainer ??= await this.#open();
        return await this.#trainer.run({ signal });
      } catch (error) {
        await this.#recover(error, signal);
      }
    }
  }

  /** Destroys the device with all that is on it. The snapshot stays. */
  async destroy(): Promise<void> {
    const device = this.#device;
    this.#parts = null;
    this.#trainer = null;
    this.#device = null;
    await device?.destroy();
  }

  /** A device with the training on it, at the last snapshot. */
  async #open(): Promise<Trainer<B>> {
    const { init, build } = this.options;
    this.#device ??= await init();
    const parts = await build(this.#device);
    const checkpoint = this.#snapshot
      ? new Checkpoint(this.#snapshot.bytes, "the snapshot")
      : this.options.from;
    if (!checkpoint) {
      await this.#take(parts, null);
      this.#parts = parts;
      return this.#trainerOf(parts, null);
    }
    const { step, trainer, lossScale } = savedRun(checkpoint);
    checkpoint.restoreModel(parts.model);
    checkpoint.restoreOptimizer(parts.optimizer);
    if (lossScale) parts.step.scaler?.loadState(lossScale);
    parts.step.count = step;
    this.#parts = parts;
    return this.#trainerOf(parts, trainer);
  }

  #trainerOf(parts: TrainingParts<B, M>, progress: TrainerProgress | null): Trainer<B> {
    const { init, build, maxRestarts, from, config, onRestart, ...loop } = this.options;
    const { onStep, onEvaluation, snapshotEvery = 100 } = loop;
    const { step, optimizer, batches, evaluate } = parts;
    return new Trainer<B>({
      ...loop,
      step,
      optimizer,
      batches,
      snapshotEvery,
      ...(evaluate && { evaluate }),
      ...(progress && { progress }),
      onStep: async (report) => {
        if (report.step <= this.#reported.step) return;
        this.#reported.step = report.step;
        await onStep?.(report);
      },
      onEvaluation: async (report) => {
        if (report.step <= this.#reported.evaluation) return;
        this.#reported.evaluation = report.step;
        await onEvaluation?.(report);
      },
      onSnapshot: (latest) => this.#take(parts, latest),
    });
  }

  async #take(parts: TrainingParts<B, M>, progress: TrainerProgress | null): Promise<void> {
    const { model, optimizer, step } = parts;
    const { config, onSnapshot } = this.options;
    const run: SavedRun = {
      step: step.count,
      trainer: progress,
      lossScale: (await step.scaler?.state()) ?? null,
      ...(config !== undefined && { config }),
    };
    const bytes = await encodeCheckpoint({ model, optimizer, run });
    this.#snapshot = { step: run.step, bytes };
    this.#row = null;
    await onSnapshot?.(this.#snapshot);
  }

  /** Gets ready for another attempt. @throws what ends the run */
  async #recover(error: unknown, signal: AbortSignal | undefined): Promise<void> {
    const { maxRestarts = 3, from, onRestart } = this.options;
    const lost = this.#lossBehind(error);
    if (!lost || signal?.aborted) throw error;
    const row = { restarts: this.#row?.restarts ?? 0, lost: this.#row?.lost ?? lost };
    const taken = this.#parts?.step.count;
    await this.destroy();
    if (row.restarts >= maxRestarts) throw row.lost;
    row.restarts++;
    this.#row = row;
    this.#restarts++;
    const step = this.#snapshot?.step ?? (from ? savedRun(from).step : 0);
    const stepsAgain = Math.max((taken ?? step) - step, 0);
    await onRestart?.({ restart: this.#restarts, step, stepsAgain, error: lost });
    if (row.restarts > 1) await waited(firstWaitMs * 2 ** (row.restarts - 2));
  }

  /** The loss of the device that an error comes from, null where it comes from something else. */
  #lossBehind(error: unknown): DeviceLostError | null {
    if (error instanceof DeviceLostError) return error;
    const failure = this.#device?.executor.failure;
    if (failure instanceof DeviceLostError) return failure;
    // Where a device was lost, there may be no adapter for a while.
    return error instanceof AdapterError ? (this.#row?.lost ?? null) : null;
  }
}

const waited = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, Math.min(milliseconds, longestWaitMs)));

function savedRun(checkpoint: Checkpoint): SavedRun {
  const run = checkpoint.run as Partial<SavedRun> | undefined;
  if (!Number.isSafeInteger(run?.step) || run!.step! < 0)
    throw new CheckpointError(
      `${checkpoint.file} holds no count of steps, so it is no snapshot of a SupervisedTrainer. Start without it, and load its model in build.`,
    );
  return run as SavedRun;
}
