/** One step of training: forward, backward, update, one submit, nothing read back. */
import type { Device } from "../device/device";
import { ArgumentError } from "../errors";
import type { Module } from "../nn/module";
import { assign } from "../ops/assign";
import { autocast, type LowDType } from "../ops/autocast";
import { GradScaler, type GradScalerOptions } from "../optim/gradScaler";
import type { Optimizer } from "../optim/optimizer";
import { compile, type PlanReport, type WarmupOptions } from "../plan/compile";
import { keyFromSeed, philox4x32 } from "../random/philox";
import { withKey } from "../random/random";
import { tensor } from "../tensor/creation";
import { type HostTensor, type OnDevice, toDevice } from "../tensor/hostTensor";
import { scope } from "../tensor/scope";
import type { Tensor } from "../tensor/tensor";
import { valueAndGradients } from "../transforms/parameters";

export interface StepResult {
  /** The loss before the update, a scalar. Disposed by whoever gets it; the next step frees it otherwise. */
  readonly loss: Tensor;
}

export interface TrainStep<B> {
  /** Records the step and submits it. Returns before the device has run it. */
  (batch: B): StepResult;
  /** Steps taken. Set it when resuming: random draws of a step depend on (seed, count) only. */
  count: number;
  /**
   * Plans the step for a batch of these shapes and compiles its kernels, in parallel where the engine can, without
   * taking it. Without it the first step does.
   */
  warmup(batch: B, options?: WarmupOptions): Promise<PlanReport | null>;
  /** Plans of the compiled step, one for each set of shapes it met. */
  readonly plans: readonly PlanReport[];
  /** Frees the plans and the last loss. */
  dispose(): void;
}

/** What most steps take: a text's batch is one. */
export interface Batch {
  readonly input: HostTensor;
  readonly target: HostTensor;
}

export interface TrainStepOptions {
  /** Of the draws inside the step, such as dropout. Default 0. */
  seed?: number;
  /** Mixed precision. Default: all in the types of the parameters. */
  precision?: Precision;
  /**
   * Trace the loss and its gradient once per set of shapes, and replay them: see `compile`. The loss function then
   * runs when it is traced only; numbers in it that shall vary are part of the batch. False: it runs at every step.
   * Default true.
   */
  compile?: boolean;
  /** Gets a line when the step is traced: why, and how large the plan is. Default: nobody. */
  log?: (message: string) => void;
}

export interface Precision {
  /** The type that products are computed on: see `autocast`. */
  readonly autocast: LowDType;
  /** A dynamic loss scale: see GradScaler. Default: with f16, one with its default options. */
  readonly lossScale?: boolean | GradScalerOptions;
}

/** Keeps the keys of steps apart from other draws with the same seed: "step" in ASCII. */
const stepStream = 0x73746570;

/**
 * The function that takes one training step.
 *
 * @typeParam B what `step` takes: host tensors in arrays and objects. Default: an input and a target.
 * @param loss the scalar to minimise, from the model and a batch whose host tensors are uploaded
 * @example
 * const step = trainStep(model, optimizer, (m, { input, target }) =>
 *   crossEntropy(m.forward(input), target));
 * const { loss } = step(batch);
 */
export function trainStep<M extends Module, B = Batch>(
  model: M,
  optimizer: Optimizer,
  loss: (model: M, batch: OnDevice<B>) => Tensor,
  options: TrainStepOptions = {},
): TrainStep<B> {
  const key = keyFromSeed(options.seed ?? 0);
  const { parameters } = optimizer;
  const first = parameters[0];
  if (!first) throw new ArgumentError("trainStep: the optimizer has no parameters to train.");
  const device: Device = first.device;
  const { precision } = options;
  const scaling = precision?.lossScale ?? precision?.autocast === "f16";
  const scaler = scaling ? new GradScaler(optimizer, scaling === true ? {} : scaling) : null;
  const lossOf = (batch: OnDevice<B>): Tensor =>
    precision
      ? autocast(() => loss(model, batch), { dtype: precision.autocast })
      : loss(model, batch);
  /** The loss, with its gradients written to where the optimizer looks for them. */
  const gradients = (batch: OnDevice<B>, keys: Tensor): Tensor =>
    withKey(keys, () => {
      const { aux, gradients } = valueAndGradients(parameters, () => {
        const value = lossOf(batch);
        return [scaler ? scaler.scale(value) : value, value] as const;
      });
      gradients.forEach((gradient, i) => void assign(optimizer.gradientView(i), gradient));
      return aux;
    });
  const { compile: compiling = true, log } = options;
  const compiled = compiling
    ? compile(gradients, { name: "the training step", ...(log && { log }) })
    : null;
  const keysOf = (count: number): Tensor => tensor(stepKey(key, count), { device });
  let previous: Tensor | null = null;

  const step = ((batch: B): StepResult => {
    previous?.dispose();
    const result = scope(() => {
      const aux = (compiled ?? gradients)(toDevice(batch, device), keysOf(step.count));
      optimizer.step();
      return aux;
    });
    device.executor.flush();
    step.count++;
    previous = result;
    return { loss: result };
  }) as TrainStep<B>;
  const face = {
    count: 0,
    async warmup(batch: B, warmup?: WarmupOptions) {
      if (!compiled) return null;
      // Planning needs the tensors only until it waits.
      const { plan } = scope(() => ({
        plan: compiled.warmup([toDevice(batch, device), keysOf(step.count)], warmup),
      }));
      return plan;
    },
    dispose() {
      previous?.dispose();
      compiled?.dispose();
    },
  };
  Object.assign(step, face);
  return Object.defineProperty(step, "plans", { get: () => compiled?.plans ?? [] });
}

function stepKey(key: [number, number], count: number): Uint32Array {
  const counter = [count >>> 0, Math.floor(count / 2 ** 32), 0, stepStream] as const;
  return Uint32Array.from(philox4x32(key, counter).slice(0, 2));
}
