/**
 * A dynamic loss scale for training in f16 (PyTorch `torch.cuda.amp.GradScaler`). Gradients below 6e-8 are 0 in
 * f16, so the loss is multiplied by a factor, as large as can be without any gradient overflowing: it halves
 * when one did, and doubles after a long time without.
 *
 * The scale lives on the device, in the record by which the optimizer decides about its step: `step` divides the
 * gradients by it, skips the step if one is not finite, and moves the scale. Nothing is read back.
 */
import { ArgumentError } from "../errors";
import { mul } from "../ops/arithmetic";
import { to } from "../ops/shape";
import { requireOptions } from "../options";
import { scope } from "../tensor/scope";
import type { Tensor } from "../tensor/tensor";
import type { Optimizer } from "./optimizer";
import type { LossScaleState } from "./stepControl";

export interface GradScalerOptions {
  /** The scale to begin with. Default 65,536. */
  initial?: number;
  /** Factor after `interval` steps without an overflow. Default 2. */
  growth?: number;
  /** Factor after a step that was skipped because a gradient overflowed. Default 0.5. */
  backoff?: number;
  /** Steps until the scale grows. Default 2,000. */
  interval?: number;
}

/**
 * ```ts
 * const scaler = new optim.GradScaler(optimizer);
 * const { gradients } = valueAndGradients(optimizer.parameters, () => {
 *   const loss = autocast(() => lossOf(model, batch), { dtype: "f16" });
 *   return [scaler.scale(loss), null];
 * });
 * optimizer.step(gradients);
 * ```
 */
export class GradScaler {
  private readonly growing: Required<GradScalerOptions>;

  /**
   * From now on the optimizer takes its gradients to be those of `scale(loss)`.
   * @throws ArgumentError for factors out of range, and for an optimizer that does not skip non-finite gradients
   */
  constructor(
    private readonly optimizer: Optimizer,
    options: GradScalerOptions = {},
  ) {
    const {
      initial = 65536,
      growth = 2,
      backoff = 0.5,
      interval = 2000,
    } = requireOptions("GradScaler", options, "initial");
    const require = (name: string, value: number, holds: boolean, says: string): void => {
      if (!holds) throw new ArgumentError(`GradScaler: ${name} ${value} must be ${says}.`);
    };
    require("initial", initial, initial > 0 && initial <= 2 ** 126, "a number > 0, up to 2^126");
    require("growth", growth, growth >= 1 && growth <= 1024, "from 1 to 1024");
    require("backoff", backoff, backoff > 0 && backoff < 1, "between 0 and 1");
    require("interval", interval, Number.isInteger(interval) &&
      interval > 0, "a whole number >= 1");
    this.growing = { initial, growth, backoff, interval };
    optimizer.scaleLoss({ scale: initial, streak: 0 }, this.growing);
  }

  /** The loss times the scale, in f32, differentiable: what to take the gradients of. */
  scale(loss: Tensor): Tensor {
    return scope(() => mul(to(loss, "f32"), this.optimizer.lossScale));
  }

  /** The scale that the next step has, f32 scalar. A handle on the live value: read it before further steps. */
  get current(): Tensor {
    return this.optimizer.lossScale;
  }

  /** Where the scale stands, for a checkpoint. Waits for the device. */
  state(): Promise<LossScaleState> {
    return this.optimizer.readLossScale();
  }

  /** Sets the scale to where `state` found it. @throws ArgumentError for what is no such state */
  loadState({ scale, streak }: LossScaleState): void {
    if (!(scale > 0 && Number.isFinite(scale)) || !Number.isInteger(streak) || streak < 0)
      throw new ArgumentError(
        `GradScaler: the state has scale ${scale} and streak ${streak}; it takes a number > 0 and a count.`,
      );
    this.optimizer.scaleLoss({ scale, streak }, this.growing);
  }
}
