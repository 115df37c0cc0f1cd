/**
 * What surrounds the update of a step: the global norm of the gradients, clipping by it, and skipping
 * steps with non-finite gradients. All of it is decided on the device and stays there as a record that the
 * update reads; the host may read it later, or never.
 */
import type { Device } from "../device/device";
import type { AdapterClass, BufferBinding } from "../device/executor";
import { gridFor, launch, optimGradientNorm, optimStepControl } from "../kernels";
import { DeviceTensor } from "../tensor/deviceTensor";
import type { DType } from "../tensor/dtype";
import { keep } from "../tensor/scope";
import { Storage } from "../tensor/storage";
import type { Tensor } from "../tensor/tensor";
import type { ArenaBuffers, ParameterArena } from "./arena";

/** How many updates back the device can look for the rule's scalars: WINDOW in step_control.wgsl. */
export const scalarsWindow = 30;

/** Bytes of the record, and where its fields are, in u32s: shaders/include/optim_control.wgsl. */
const controlBytes = 48;
const field = {
  gradientNorm: 2,
  clipFactor: 3,
  skipped: 4,
  applied: 5,
  lossScale: 6,
  streak: 7,
} as const;

const partialBytes = 16;
/** Partial sums that the second stage can take in without being felt. */
const maxPartials = 1024;
/** vec4s that make it worth having another invocation. */
const itemsPerLane = 4;

/** Invocations per slice of the gradients: see shaders/include/team.wgsl. */
export type NormTeam = 1 | 64;

export const normTeams = {
  isApplicable: (_team: NormTeam): boolean => true,
  /** One where barriers are dear, a workgroup where neighbours should read neighbours. */
  defaultChoice: (adapter: AdapterClass): NormTeam => (adapter === "hardware" ? 64 : 1),
  candidates: (): readonly NormTeam[] => [1, 64],
};

/** For tests: one team size in every optimizer made; null lets `defaultChoice` decide. */
export const forcedNormTeam: { current: NormTeam | null } = { current: null };

/** Values of the last recorded step. Handles on the live values: read one before recording more steps. */
export interface OptimizerStats {
  /** Global norm of the gradients before clipping, f32 scalar; NaN or infinite if a gradient is. */
  readonly gradNorm: Tensor;
  /** What clipping multiplied the gradients by, f32 scalar: 1 if it left them alone. */
  readonly clipFactor: Tensor;
  /** Steps skipped since the optimizer was made, u32 scalar. */
  readonly skipped: Tensor;
}

/** How a loss scale moves: see GradScaler. */
export interface LossScaling {
  /** Factor after `interval` steps in a row were applied. */
  readonly growth: number;
  /** Factor after a step that was skipped. */
  readonly backoff: number;
  /** 0 for a scale that stays as it is. */
  readonly interval: number;
}

/** Where a loss scale stands. Plain JSON. */
export interface LossScaleState {
  scale: number;
  /** Steps applied since it last changed. */
  streak: number;
}

const unscaled: LossScaling = { growth: 1, backoff: 1, interval: 0 };

export interface StepDecision {
  readonly gradients: ArenaBuffers;
  /** Largest global norm; 0 for no clipping. */
  readonly maxNorm: number;
  readonly skipNonFinite: boolean;
  /** The gradients are this times the true ones. */
  readonly gradientScale: number;
  /** Skipped steps that `scalars` already leaves out. */
  readonly folded: number;
  /** The rule's scalars, four for each update: the one the host expects, and those before it. */
  readonly scalars: ArrayLike<number>;
}

export class StepControl {
  readonly stats: OptimizerStats;
  /** What the next step's gradients are divided by, f32 scalar: 1 unless a scaler has set it. */
  readonly lossScale: Tensor;
  private scaling: LossScaling = unscaled;
  private readonly device: Device;
  private readonly control: Storage;
  private readonly partials: Storage;
  /** For each chunk: vec4s, slices, and where its partial sums begin. */
  private readonly chunks: { items: number; slices: number; first: number }[] = [];
  private readonly partialCount: number;
  private readonly team: NormTeam;

  constructor(private readonly arena: ParameterArena) {
    this.device = arena.device;
    const { adapter, limits } = this.device.executor;
    this.team = forcedNormTeam.current ?? normTeams.defaultChoice(adapter.class);
    const { chunks } = arena.plan;
    const budget = Math.min(maxPartials, Math.floor(limits.maxBindingBytes / partialBytes));
    const perChunk = Math.max(Math.floor(budget / chunks.length), 1);
    let first = 0;
    for (const elements of chunks) {
      const items = elements / 4;
      const slices = Math.min(perChunk, Math.ceil(items / (itemsPerLane * this.team)));
      this.chunks.push({ items, slices, first });
      first += slices;
    }
    this.partialCount = first;
    this.partials = Storage.allocate(this.device, first * partialBytes, "norms", "optimizer");
    this.partials.retain();
    this.control = Storage.allocate(this.device, controlBytes, "step control", "optimizer", true);
    this.control.retain();
    const start = new Float32Array(controlBytes / 4);
    start[field.lossScale] = 1;
    this.device.executor.write(this.control.buffer, 0, start);
    const scalar = (at: number, dtype: DType): Tensor =>
      keep(new DeviceTensor(this.control, [], dtype, [], at));
    this.stats = {
      gradNorm: scalar(field.gradientNorm, "f32"),
      clipFactor: scalar(field.clipFactor, "f32"),
      skipped: scalar(field.skipped, "u32"),
    };
    this.lossScale = scalar(field.lossScale, "f32");
  }

  /** The record that the update binds. */
  get binding(): BufferBinding {
    return { buffer: this.control.buffer, offset: 0, bytes: controlBytes };
  }

  /** Records one dispatch per chunk, and one more. */
  decide(step: StepDecision): void {
    const partial: BufferBinding = {
      buffer: this.partials.buffer,
      offset: 0,
      bytes: this.partialCount * partialBytes,
    };
    const constants = { TEAM: this.team };
    this.chunks.forEach(({ items, slices, first }, chunk) => {
      launch(
        this.device,
        optimGradientNorm,
        { gradient: this.arena.chunk(step.gradients, chunk), partial },
        { items, slices, first },
        gridFor(this.device, slices, this.team === 1 ? 64 : 1),
        { constants },
      );
    });
    launch(
      this.device,
      optimStepControl,
      { partial, control: this.binding },
      {
        partials: this.partialCount,
        folded: step.folded,
        skips: step.skipNonFinite ? 1 : 0,
        max_norm: step.maxNorm,
        unscale: 1 / step.gradientScale,
        ...this.scaling,
        scalars: step.scalars,
      },
      [1, 1, 1],
      { constants },
    );
  }

  /** Steps skipped so far. Waits for the device. */
  async readSkipped(): Promise<number> {
    const [bytes] = await this.device.read([
      { buffer: this.control.buffer, offset: field.skipped * 4, bytes: 4 },
    ]);
    return new Uint32Array(bytes!)[0]!;
  }

  /** Sets the counters, when a run is resumed. */
  restore(counts: { skipped: number; applied: number }): void {
    const { skipped, applied } = counts;
    this.write(field.skipped, Uint32Array.of(skipped, applied));
  }

  /** From the next step on: where the loss scale stands, and how it moves. */
  scaleLoss({ scale, streak }: LossScaleState, scaling: LossScaling): void {
    this.scaling = scaling;
    this.write(field.lossScale, Float32Array.of(scale));
    this.write(field.streak, Uint32Array.of(streak));
  }

  /** Waits for the device. */
  async readLossScale(): Promise<LossScaleState> {
    const [bytes] = await this.device.read([
      { buffer: this.control.buffer, offset: field.lossScale * 4, bytes: 8 },
    ]);
    return { scale: new Float32Array(bytes!)[0]!, streak: new Uint32Array(bytes!)[1]! };
  }

  private write(at: number, values: ArrayBufferView): void {
    const { executor } = this.device;
    // A write would overtake the steps recorded so far.
    if (this.control.buffer.lastUse >= executor.section) executor.flush();
    executor.write(this.control.buffer, at * 4, values);
  }

  dispose(): void {
    for (const handle of Object.values(this.stats) as Tensor[]) handle.dispose();
    this.lossScale.dispose();
    this.partials.release();
    this.control.release();
  }
}
