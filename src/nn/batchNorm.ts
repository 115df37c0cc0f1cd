/** Batch normalisation with running statistics, for data of one, two or three dimensions of positions. */
import { ShapeError } from "../errors";
import { add } from "../ops/arithmetic";
import { batchNorm } from "../ops/batchNorm";
import { reciprocal } from "../ops/functions";
import { to } from "../ops/shape";
import { requireOptions } from "../options";
import { scope } from "../tensor/scope";
import { show } from "../tensor/shape";
import type { Tensor } from "../tensor/tensor";
import { areBuffersHeld, Buffer } from "./buffer";
import { Module } from "./module";
import { Parameter } from "./parameter";

export interface BatchNormLayerOptions {
  /** Added to the variance. Default 1e-5. */
  eps?: number;
  /** Share of a batch in the new running statistics; null: all batches count equally. Default 0.1. */
  momentum?: number | null;
  /** Whether there are a weight and a bias for each channel. Default true. */
  affine?: boolean;
  /** Without running statistics, evaluation goes by the batch as well. Default true. */
  trackRunningStats?: boolean;
  /** In training, normalise every so many samples by themselves: see `batchNorm`. */
  virtualBatchSize?: number;
}

/**
 * (x - mean) / √(variance + eps) · weight + bias by channel (Ioffe and Szegedy 2015), with PyTorch's keys:
 * `weight`, `bias`, `running_mean`, `running_var`, `num_batches_tracked`. In training each call moves the
 * running statistics, in place, outside of gradients; a call that is repeated, as recomputation does, moves
 * them again. While other values stand for them (functionalCall), or while they are held, they stay.
 */
abstract class BatchNorm extends Module {
  readonly weight: Parameter | null;
  readonly bias: Parameter | null;
  readonly running_mean: Buffer | null;
  readonly running_var: Buffer | null;
  readonly num_batches_tracked: Buffer | null;
  readonly eps: number;
  readonly momentum: number | null;
  readonly virtualBatchSize: number | undefined;

  /** How many dimensions x may have. */
  protected abstract readonly ranks: readonly number[];

  constructor(
    readonly numFeatures: number,
    options: BatchNormLayerOptions = {},
  ) {
    super();
    const {
      eps = 1e-5,
      momentum = 0.1,
      affine = true,
      trackRunningStats = true,
    } = requireOptions(this.constructor.name, options, "eps");
    this.eps = eps;
    this.momentum = momentum;
    this.virtualBatchSize = options.virtualBatchSize;
    const zeros = new Float32Array(numFeatures);
    const ones = new Float32Array(numFeatures).fill(1);
    const shape = [numFeatures];
    this.weight = affine ? Parameter.of(ones, shape) : null;
    this.bias = affine ? Parameter.of(zeros, shape) : null;
    this.running_mean = trackRunningStats ? Buffer.of(zeros, shape) : null;
    this.running_var = trackRunningStats ? Buffer.of(ones, shape) : null;
    this.num_batches_tracked = trackRunningStats ? Buffer.of([0], [], { dtype: "i32" }) : null;
  }

  /** @param x [N, C, ...] */
  forward(x: Tensor): Tensor {
    if (!this.ranks.includes(x.rank))
      throw new ShapeError(
        `${this.constructor.name}: x has shape ${show(x.shape)}; it takes ${this.ranks.join(" or ")} dimensions, [N, C, ...].`,
      );
    return scope(() => {
      const { running_mean, running_var, num_batches_tracked } = this;
      const moves = this.training && num_batches_tracked !== null;
      const count = moves ? add(num_batches_tracked, 1) : null;
      const momentum = this.momentum ?? (count ? reciprocal(to(count, "f32")) : 0);
      const { output, runningMean, runningVar } = batchNorm(x, {
        runningMean: running_mean,
        runningVar: running_var,
        weight: this.weight,
        bias: this.bias,
        training: this.training || running_mean === null,
        momentum,
        eps: this.eps,
        ...(this.training &&
          this.virtualBatchSize !== undefined && { virtualBatchSize: this.virtualBatchSize }),
      });
      if (moves) {
        keepIn(running_mean, runningMean);
        keepIn(running_var, runningVar);
        keepIn(num_batches_tracked, count);
      }
      return output;
    });
  }
}

function keepIn(buffer: Buffer | null, value: Tensor | null): void {
  if (buffer && value && !buffer.standIn && !areBuffersHeld()) buffer.assign(value);
}

/** Of x [N, C] or [N, C, L]. */
export class BatchNorm1d extends BatchNorm {
  protected readonly ranks = [2, 3];
}

/** Of x [N, C, H, W]. */
export class BatchNorm2d extends BatchNorm {
  protected readonly ranks = [4];
}

/** Of x [N, C, D, H, W]. */
export class BatchNorm3d extends BatchNorm {
  protected readonly ranks = [5];
}
