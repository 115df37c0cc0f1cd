/**
 * Sharpness-aware training for free (Du et al. 2022, arXiv:2205.14083; AngusDujw/SAF): instead of a second gradient,
 * a term that keeps the outputs from moving fast along the way of training,
 *
 *   λ T² mean over samples of KL(softmax(z_past / T) ‖ softmax(z / T))
 *
 * with z_past what the same sample gave some epochs ago (SAF), or what a running average of the parameters gives for
 * it now (MESA). No gradient flows through z_past.
 */
import { ArgumentError } from "../errors";
import { areBuffersHeld, Buffer, holdingBuffers } from "../nn/buffer";
import { Module } from "../nn/module";
import { add, div, gt, lerp, mul, sub, where } from "../ops/arithmetic";
import { assign } from "../ops/assign";
import { onesLike, zeros } from "../ops/creation";
import { exp } from "../ops/functions";
import { indexAdd, indexSelect } from "../ops/indexing";
import { mean, sum } from "../ops/reduce";
import { remainder } from "../ops/remainder";
import { indexCopy } from "../ops/scatter";
import { clone, stopGradient, to } from "../ops/shape";
import { logSoftmax } from "../ops/softmax";
import { requireOptions } from "../options";
import type { DeviceTensor } from "../tensor/deviceTensor";
import { scope } from "../tensor/scope";
import type { Tensor } from "../tensor/tensor";
import { withValues } from "../transforms/parameters";
import { complement, product, requirePositive, requireShare, type Scalar } from "./scalar";

export interface TrajectoryOptions {
  /** T. Default 5. */
  temperature?: Scalar;
  /** λ. Default 0.16, as in the authors' code for SAF. */
  weight?: Scalar;
}

/** λ T² KL(softmax(past / T) ‖ softmax(now / T)) of each row, f32. */
function divergence(past: Tensor, now: Tensor, options: TrajectoryOptions): Tensor {
  const { temperature = 5, weight = 0.16 } = options;
  return scope(() => {
    const before = logSoftmax(div(to(stopGradient(past), "f32"), temperature));
    const after = logSoftmax(div(to(now, "f32"), temperature));
    const rows = sum(mul(exp(before), sub(before, after)), { dim: -1 });
    return mul(rows, product(weight, product(temperature, temperature)));
  });
}

/**
 * λ T² KL(softmax(past / T) ‖ softmax(now / T)), the mean over all rows: an f32 scalar to add to the loss.
 *
 * @param past logits [..., classes]; no gradient flows to them
 * @param now logits of the same shape
 */
export function trajectoryLoss(past: Tensor, now: Tensor, options: TrajectoryOptions = {}): Tensor {
  requireOptions("trajectoryLoss", options, "temperature");
  return scope(() => mean(divergence(past, now, options)));
}

export interface OutputRecordOptions extends TrajectoryOptions {
  /** How many epochs ago z_past is of. Default 3. */
  delay?: number;
  /** The term counts once a sample was visited more often than this. Default 5. */
  start?: number;
}

/**
 * The outputs of each sample in the last epochs, for SAF. A module, so that a checkpoint can hold its buffers:
 * `record`, f32 [(delay + 1) samples, classes], and `visits`, i32 [samples]. Each step copies the record.
 *
 * @throws ArgumentError for sizes that are no whole numbers above 0
 * @example
 * const record = new objectives.OutputRecord(samples, classes);
 * trainStep(model, optimizer, (m, { input, target, index }) => {
 *   const logits = m.forward(input);
 *   return crossEntropy(logits, target).add(record.loss(index, logits));
 * });
 */
export class OutputRecord extends Module {
  readonly record: Buffer;
  readonly visits: Buffer;
  private readonly options: OutputRecordOptions;
  private readonly delay: number;
  private readonly start: number;

  constructor(
    readonly samples: number,
    readonly classes: number,
    options: OutputRecordOptions = {},
  ) {
    super();
    const {
      delay = 3,
      start = 5,
      temperature = 5,
    } = requireOptions("OutputRecord", options, "delay");
    for (const [name, value] of Object.entries({ samples, classes, delay }))
      if (!(Number.isInteger(value) && value > 0))
        throw new ArgumentError(
          `OutputRecord: ${name} is ${value}; it takes a whole number above 0.`,
        );
    requirePositive("OutputRecord", "temperature", temperature);
    this.options = options;
    this.delay = delay;
    this.start = Math.max(start, delay - 1);
    this.record = new Buffer(zeros([(delay + 1) * samples, classes]) as DeviceTensor);
    this.visits = Buffer.of(new Int32Array(samples), [samples], { dtype: "i32" });
  }

  /**
   * The term for a batch, f32 scalar; and the batch's outputs are recorded. Samples that were not visited often
   * enough count as 0.
   *
   * @param index of each sample in the data, i32 [batch], without repeats
   * @param logits [batch, classes]
   */
  loss(index: Tensor, logits: Tensor): Tensor {
    const { samples, delay, record, visits } = this;
    return scope(() => {
      const at = to(index, "i32");
      const seen = indexSelect(visits, 0, at);
      const row = (epoch: Tensor): Tensor => add(mul(remainder(epoch, delay + 1), samples), at);
      // Of the visits so far, numbered from 0, the one `delay` before this is seen - delay.
      const past = indexSelect(record, 0, row(add(seen, 1)));
      const rows = divergence(past, logits, this.options);
      if (!areBuffersHeld()) {
        const now = to(stopGradient(logits), "f32");
        assign(record, indexCopy(record, 0, row(seen), now));
        assign(visits, indexAdd(visits, 0, at, onesLike(seen)));
      }
      return mean(where(gt(seen, this.start), rows, 0));
    });
  }
}

export interface MesaOptions extends TrajectoryOptions {
  /** The share of the average that each step keeps. Default 0.9995. */
  decay?: Scalar;
}

/**
 * A running average of a model's parameters, for MESA: `average = decay average + (1 - decay) p` at each step. Its
 * state is `averages`, one buffer for each parameter.
 *
 * @throws ArgumentError for a decay outside 0 to 1, or a temperature that is not above 0
 * @example
 * const average = new objectives.AverageModel(model.parameters());
 * trainStep(model, optimizer, (m, { input, target }) => {
 *   const logits = m.forward(input);
 *   return crossEntropy(logits, target).add(average.loss(() => m.forward(input), logits));
 * });
 */
export class AverageModel {
  readonly averages: readonly Buffer[];

  constructor(
    private readonly parameters: readonly DeviceTensor[],
    private readonly options: MesaOptions = {},
  ) {
    const { decay = 0.9995, temperature = 5 } = requireOptions("AverageModel", options, "decay");
    requireShare("AverageModel", "decay", decay);
    requirePositive("AverageModel", "temperature", temperature);
    this.averages = parameters.map((p) =>
      scope(() => new Buffer(clone(to(p, "f32")) as DeviceTensor)),
    );
  }

  /**
   * Moves the average, and gives the term for a batch, f32 scalar.
   * @param forward the model's logits for the batch, [..., classes]: it runs on the average
   * @param logits the model's own for it
   */
  loss(forward: () => Tensor, logits: Tensor): Tensor {
    const { decay = 0.9995 } = this.options;
    return scope(() => {
      const moved = this.averages.map((average, i) => {
        if (areBuffersHeld()) return average;
        const now = to(stopGradient(this.parameters[i]!), "f32");
        const next = lerp(average, now, complement(decay));
        assign(average, next);
        return next;
      });
      const values = moved.map((t, i) => to(t, this.parameters[i]!.dtype));
      const past = holdingBuffers(() => withValues(this.parameters, values, forward));
      return trajectoryLoss(past, logits, this.options);
    });
  }

  dispose(): void {
    for (const average of this.averages) average.dispose();
  }
}
