/**
 * Accumulation over micro-batches: the gradients of k batches are added up in the optimizer's own gradient memory,
 * and the k-th call makes the step, with their mean. What their differences tell is computed on the way:
 *
 * - Variance-reduced gradients (VRGD; Jiang et al. 2023, "Accelerating large batch training via gradient signal to
 *   noise ratio", arXiv:2309.13681): each element is multiplied by its signal-to-noise ratio r = ḡ² / Var(g) over
 *   the micro-batches, divided by the mean of r over its tensor and clipped to [γ, 1].
 * - The norm test for the batch size (Lau, Liu and Kolar 2024, "AdAdaGrad", arXiv:2402.11215): a batch of b is large
 *   enough while Var / b ≤ η² ‖ḡ‖², with Var the trace of the covariance of one gradient; else
 *   b = ⌈Var / (η² ‖ḡ‖²)⌉. Counted in micro-batches here, whose gradients are the samples.
 *
 * Variances are sums of squares of differences from the mean so far (Welford 1962), not differences of sums.
 */
import { ArgumentError } from "../errors";
import type { Buffer } from "../nn/buffer";
import { add, clamp, div, eq, gt, maximum, mul, square, sub, where } from "../ops/arithmetic";
import { assign } from "../ops/assign";
import { mean } from "../ops/reduce";
import { to } from "../ops/shape";
import type { Optimizer } from "../optim/optimizer";
import { requireOptions } from "../options";
import { readAll } from "../tensor/hostTensor";
import { scope } from "../tensor/scope";
import type { Tensor } from "../tensor/tensor";
import { type Remembered, rememberEach, zeroBuffer } from "./remembered";
import { requireShare } from "./scalar";
import { squaredNorm } from "./vector";

export interface AccumulateOptions {
  /** Multiply each element by its signal-to-noise ratio, clipped to [gamma, 1] (VRGD; gamma 0.1 there). */
  gsnr?: { readonly gamma: number };
  /** Keep what `suggestedCount` asks for. Default false. */
  normTest?: boolean;
}

/** A variance below this share of the mean's square is rounding. */
const rounding = 2 ** -24;

/** What the accumulation remembers between calls, once it knows the parameters. */
interface Bound {
  readonly optimizer: Optimizer;
  /** Sums of squared differences from the mean so far, with gsnr. */
  readonly spread: Remembered | null;
  /** The mean of the losses so far. */
  readonly loss: Buffer;
  /** The sum of ‖g‖² over the micro-batches; ‖ḡ‖²; and the trace of Var(g). */
  readonly squares: Buffer;
  readonly normSquared: Buffer;
  readonly variance: Buffer;
}

/** What `accumulate` makes and `trainStep` takes. One for each optimizer. */
export class Accumulation {
  private wanted: number;
  private bound: Bound | null = null;

  constructor(
    count: number,
    private readonly options: AccumulateOptions,
  ) {
    const { gsnr } = requireOptions("accumulate", options, "gsnr");
    this.wanted = requireCount(count);
    if (gsnr) requireShare("accumulate", "gsnr.gamma", gsnr.gamma);
  }

  /** The mean loss of the micro-batches of a step, f32 scalar. A handle on the live value. */
  get loss(): Tensor {
    return this.required().loss;
  }

  /** Micro-batches for one step of the optimizer. A new count holds from the next step on. */
  get count(): number {
    return this.wanted;
  }

  set count(count: number) {
    this.wanted = requireCount(count);
  }

  /** ‖ḡ‖² of the last step, f32 scalar, with normTest. */
  get normSquared(): Tensor {
    return this.tested().normSquared;
  }

  /** The trace of the covariance of a micro-batch's gradient, unbiased, f32 scalar, with normTest. */
  get variance(): Tensor {
    return this.tested().variance;
  }

  /**
   * How many micro-batches the norm test asks for, by the last step: `count` where it holds. Waits for the device.
   * @param eta η, the noise allowed relative to the gradient
   * @param most the count it gives at most. Default: no limit
   * @throws ArgumentError without normTest, or for an eta that is not above 0
   */
  async suggestedCount(eta: number, most = Number.POSITIVE_INFINITY): Promise<number> {
    if (!(eta > 0 && Number.isFinite(eta)))
      throw new ArgumentError(`suggestedCount: eta is ${eta}; it takes a number above 0.`);
    const { normSquared, variance } = this.tested();
    const [size, noise] = (await readAll([normSquared, variance])).map(([value]) => value!);
    const needed = Math.ceil(noise! / (eta * eta * size!));
    return Number.isFinite(needed) ? Math.min(Math.max(needed, this.wanted), most) : this.wanted;
  }

  /** Called by trainStep. @throws ArgumentError for a second optimizer */
  bind(optimizer: Optimizer): void {
    if (this.bound && this.bound.optimizer !== optimizer)
      throw new ArgumentError("accumulate: it belongs to another optimizer. Make one for each.");
    if (this.bound) return;
    const { parameters } = optimizer;
    const { device } = parameters[0]!;
    this.bound = {
      optimizer,
      spread: this.options.gsnr ? rememberEach(parameters, "spread") : null,
      loss: zeroBuffer([], device),
      squares: zeroBuffer([], device),
      normSquared: zeroBuffer([], device),
      variance: zeroBuffer([], device),
    };
  }

  /**
   * Adds the gradients of a micro-batch. Compiled with them.
   * @param value its loss, f32 scalar
   * @param index of the micro-batch in its step, f32 scalar
   */
  add(value: Tensor, gradients: readonly Tensor[], index: Tensor): void {
    const { optimizer, spread, loss, squares } = this.required();
    scope(() => {
      const isFirst = eq(index, 0);
      const unlessFirst = (t: Tensor): Tensor => where(isFirst, 0, t);
      const mean = unlessFirst(loss);
      assign(loss, add(mean, div(sub(value, mean), add(index, 1))));
      gradients.forEach((gradient, i) => {
        const view = optimizer.gradientView(i);
        const g = to(gradient, "f32");
        const before = unlessFirst(view);
        if (spread) {
          const off = sub(g, div(before, maximum(index, 1)));
          const part = mul(square(off), div(index, add(index, 1)));
          assign(spread.list[i]!, add(unlessFirst(spread.list[i]!), part));
        }
        assign(view, add(before, g));
      });
      if (this.options.normTest) assign(squares, add(unlessFirst(squares), squaredNorm(gradients)));
    });
  }

  /**
   * What happens to the sums before the step. Compiled by itself.
   * @param count of micro-batches, f32 scalar
   * @param scale the gradients are this times the true ones, f32 scalar; null for 1
   */
  finish(count: Tensor, scale: Tensor | null): void {
    const { optimizer, spread, squares, normSquared, variance } = this.required();
    const { gsnr, normTest } = this.options;
    scope(() => {
      const sums = optimizer.parameters.map((_, i) => optimizer.gradientView(i));
      if (normTest) {
        const size = squaredNorm(sums);
        const units = scale ? square(scale) : 1;
        const noise = div(sub(squares, div(size, count)), maximum(sub(count, 1), 1));
        assign(normSquared, div(div(size, square(count)), units));
        assign(variance, div(where(gt(count, 1), maximum(noise, 0), 0), units));
      }
      if (gsnr && spread)
        sums.forEach((s, i) => {
          const signal = square(div(s, count));
          const noise = add(div(spread.list[i]!, count), mul(signal, rounding));
          const ratio = where(gt(signal, 0), div(signal, noise), 0);
          const level = mean(ratio);
          const factor = where(gt(level, 0), div(ratio, level), 1);
          assign(s, mul(s, clamp(factor, gsnr.gamma, 1)));
        });
    });
  }

  /** Whether `finish` has anything to do. */
  get hasFinish(): boolean {
    return Boolean(this.options.gsnr || this.options.normTest);
  }

  /** Frees what it remembers. */
  dispose(): void {
    if (!this.bound) return;
    const { spread, loss, squares, normSquared, variance } = this.bound;
    for (const buffer of [...(spread?.list ?? []), loss, squares, normSquared, variance])
      buffer.dispose();
    this.bound = null;
  }

  private required(): Bound {
    if (!this.bound) throw new ArgumentError("accumulate: pass it to trainStep first.");
    return this.bound;
  }

  private tested(): Bound {
    if (!this.options.normTest)
      throw new ArgumentError("accumulate: pass { normTest: true } to keep variances.");
    return this.required();
  }
}

function requireCount(count: number): number {
  if (!(Number.isInteger(count) && count > 0))
    throw new ArgumentError(`accumulate: count is ${count}; it takes a whole number above 0.`);
  return count;
}

/**
 * Makes one step of every `count` calls of a `trainStep`, with the mean of their gradients: what one batch of them
 * all would give, for a loss that is a mean over batches of one size.
 *
 * @throws ArgumentError for a count that is no whole number above 0, a gamma outside 0 to 1
 * @example trainStep(model, optimizer, loss, { accumulate: objectives.accumulate(4) })
 */
export function accumulate(count: number, options: AccumulateOptions = {}): Accumulation {
  return new Accumulation(count, options);
}
