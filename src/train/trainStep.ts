/** One step of training: forward, backward, update, one submit, nothing read back. */
import { type Device, withDevice } from "../device/device";
import { ArgumentError } from "../errors";
import type { Module } from "../nn/module";
import { type Accumulation, accumulate } from "../objectives/accumulation";
import type { Estimate, GradientEstimator } from "../objectives/estimator";
import { assign } from "../ops/assign";
import { autocast, type LowDType } from "../ops/autocast";
import { reshape, to } from "../ops/shape";
import { GradScaler, type GradScalerOptions } from "../optim/gradScaler";
import type { Optimizer } from "../optim/optimizer";
import type { PerLayerOptimizer } from "../optim/perLayer";
import { requireOptions } from "../options";
import { compile, type PlanReport, type WarmupOptions } from "../plan/compile";
import { keyFromSeed } from "../random/philox";
import { withKey } from "../random/random";
import { tensor } from "../tensor/creation";
import { type HostTensor, type OnDevice, toDevice } from "../tensor/hostTensor";
import { scope } from "../tensor/scope";
import { Tensor } from "../tensor/tensor";
import { valueAndGradients } from "../transforms/parameters";
import { perLayerStep } from "./perLayerStep";
import { curvatureStream, stepKey } from "./stepKeys";

export interface StepResult {
  /**
   * The loss before the update, a scalar: of several objectives, their mean. Disposed by whoever gets it; the next
   * step frees it otherwise.
   */
  readonly loss: Tensor;
}

export interface TrainStep<B> {
  /** Records the step and submits it. Returns before the device has run it. */
  (batch: B): StepResult;
  /**
   * Calls so far; without accumulation, steps. Set it when resuming: random draws of a call depend on (seed, count)
   * only.
   */
  count: number;
  /**
   * Plans the step for a batch of these shapes and compiles its kernels, in parallel where the engine can, without
   * taking it. Without it the first step does.
   */
  warmup(batch: B, options?: WarmupOptions): Promise<PlanReport | null>;
  /** What scales the loss, null where nothing does: its state is the run's, and for a checkpoint. */
  readonly scaler: GradScaler | null;
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

export interface TrainStepOptions<M extends Module = Module, B = Batch> {
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
  /**
   * What the optimizer takes for the gradient: `objectives.sam()` and the like. Default: the gradient of the loss.
   * With rules for several objectives the loss is a list of them, [m].
   */
  objective?: GradientEstimator;
  /**
   * Add up the gradients of so many calls, and step at the last of them with their mean. A count, or
   * `objectives.accumulate(…)` for a count that changes and for variance statistics. Default 1.
   */
  accumulate?: number | Accumulation;
  /** For rules that go by the curvature (`optim.sophia`): an estimate of it now and then. */
  curvature?: CurvatureOptions<M, B>;
}

export interface CurvatureOptions<M extends Module = Module, B = Batch> {
  /** Estimate before the first step and every so many steps. Default 10. */
  every?: number;
  /**
   * The diagonal of the Hessian, one tensor for each of the optimizer's parameters, as
   * `objectives.gaussNewtonBartlett` and `objectives.hutchinson` give it. Compiled by itself.
   */
  estimate: (model: M, batch: OnDevice<B>) => readonly Tensor[];
}

export interface Precision {
  /** The type that products are computed on: see `autocast`. */
  readonly autocast: LowDType;
  /** A dynamic loss scale: see GradScaler. Default: with f16, one with its default options. */
  readonly lossScale?: boolean | GradScalerOptions;
}

/** What a step knows that its plan does not hold. */
interface StepTensors {
  /** Of its draws, u32 [2]. */
  readonly keys: Tensor;
  /** Which micro-batch it is, f32 scalar; null without accumulation. */
  readonly micro: Tensor | null;
  /** The optimizer's rate, f32 scalar; null where nobody asks for it. */
  readonly rate: Tensor | null;
}

/**
 * The function that takes one training step.
 *
 * @typeParam B what `step` takes: host tensors in arrays and objects. Default: an input and a target.
 * @param optimizer with `optim.perLayer` each layer is updated during the backward pass
 * @param loss the scalar to minimise, from the model and a batch whose host tensors are uploaded
 * @example
 * const step = trainStep(model, optimizer, (m, { input, target }) =>
 *   crossEntropy(m.forward(input), target));
 * const { loss } = step(batch);
 */
export function trainStep<M extends Module, B = Batch>(
  model: M,
  optimizer: Optimizer | PerLayerOptimizer,
  loss: (model: M, batch: OnDevice<B>) => Tensor,
  options: TrainStepOptions<M, B> = {},
): TrainStep<B> {
  requireOptions("trainStep", options, "seed");
  if ("perLayer" in optimizer) return perLayerStep(model, optimizer, loss, options);
  const key = keyFromSeed(options.seed ?? 0);
  const { parameters } = optimizer;
  const first = parameters[0];
  if (!first) throw new ArgumentError("trainStep: the optimizer has no parameters to train.");
  const device: Device = first.device;
  const { precision } = options;
  const scaling = precision?.lossScale ?? precision?.autocast === "f16";
  const scaler = scaling ? new GradScaler(optimizer, scaling === true ? {} : scaling) : null;
  const given = (batch: OnDevice<B>): Tensor => {
    const value = loss(model, batch);
    if (!(value instanceof Tensor))
      throw new ArgumentError(
        `trainStep: the loss function returned ${value}; it returns a tensor of one number, and is not async.`,
      );
    return value;
  };
  const lossOf = (batch: OnDevice<B>): Tensor =>
    precision ? autocast(() => given(batch), { dtype: precision.autocast }) : given(batch);
  const { objective, compile: compiling = true, log } = options;
  const accumulation = accumulationOf(options.accumulate);
  accumulation?.bind(optimizer);
  const estimate = (batch: OnDevice<B>, rate: Tensor | null): Estimate => {
    const scale = scaler?.current;
    if (objective)
      return objective(parameters, () => lossOf(batch), {
        ...(scale && { scale }),
        ...(rate && { rate }),
      });
    const { aux: value, gradients } = valueAndGradients(parameters, () => {
      const value = lossOf(batch);
      return [scaler ? scaler.scale(value) : value, value] as const;
    });
    return { value, gradients };
  };
  /** The loss, with what the optimizer takes for its gradients written to where it looks for them. */
  const gradients = (batch: OnDevice<B>, data: StepTensors): Reported =>
    withKey(data.keys, () => {
      const { value, gradients, rateScale = null } = estimate(batch, data.rate);
      if (accumulation) {
        if (rateScale)
          throw new ArgumentError(
            `trainStep: ${objective!.title} sets the rate by one batch, so it does not accumulate. Leave accumulate out.`,
          );
        accumulation.add(scalar(value), gradients, data.micro!);
      } else gradients.forEach((gradient, i) => void assign(optimizer.gradientView(i), gradient));
      return { value: optimizer.readsLoss ? scalar(value) : value, rateScale };
    });
  const finish = (count: Tensor): null => {
    accumulation!.finish(count, scaler?.current ?? null);
    return null;
  };
  const compiled = compiling
    ? compile(gradients, { name: "the training step", ...(log && { log }) })
    : null;
  const { curvature } = options;
  const every = curvature?.every ?? 10;
  if (!(Number.isInteger(every) && every > 0))
    throw new ArgumentError(`trainStep: curvature.every is ${every}; it is a whole number >= 1.`);
  const curvatureOf = (batch: OnDevice<B>, keys: Tensor): readonly Tensor[] =>
    withKey(keys, () => curvature!.estimate(model, batch));
  const compiledCurvature =
    compiling && curvature
      ? compile(curvatureOf, { name: "the estimate of curvature", ...(log && { log }) })
      : null;
  const curvatureKeys = (count: number): Tensor =>
    tensor(stepKey(key, count, curvatureStream), { device });
  const updateCurvature = (batch: OnDevice<B>, count: number): void => {
    if (!curvature || micro > 0 || optimizer.stepCount % every > 0) return;
    optimizer.updateHessian((compiledCurvature ?? curvatureOf)(batch, curvatureKeys(count)));
  };
  const compiledFinish =
    compiling && accumulation?.hasFinish
      ? compile(finish, { name: "the end of accumulation", ...(log && { log }) })
      : null;
  /** Of the next call: which micro-batch it is, of how many. */
  let micro = 0;
  let microCount = accumulation?.count ?? 1;
  const stepTensors = (count: number): StepTensors => ({
    keys: tensor(stepKey(key, count), { device }),
    micro: accumulation && tensor(micro, { device }),
    rate: objective?.needsRate ? tensor(optimizer.learningRate, { device }) : null,
  });
  /** Whether the call was the last for a step. */
  const isLast = (): boolean => {
    if (!accumulation) return true;
    if (micro === 0) microCount = accumulation.count;
    micro = (micro + 1) % microCount;
    return micro === 0;
  };
  let previous: Tensor | null = null;

  const step = ((batch: B): StepResult => {
    previous?.dispose();
    const update = (): Tensor => {
      const uploaded = toDevice(batch, device);
      updateCurvature(uploaded, step.count);
      const { value, rateScale } = (compiled ?? gradients)(uploaded, stepTensors(step.count));
      if (isLast()) {
        if (accumulation?.hasFinish) (compiledFinish ?? finish)(tensor(microCount, { device }));
        optimizer.step(undefined, {
          gradientScale: microCount,
          ...(optimizer.readsLoss && { loss: accumulation?.loss ?? value }),
          ...(rateScale && { rateScale }),
        });
      }
      return value;
    };
    const result = withDevice(device, () => scope(update));
    device.executor.flush();
    step.count++;
    previous = result;
    return { loss: result };
  }) as TrainStep<B>;
  const face = {
    count: 0,
    scaler,
    async warmup(batch: B, warmup?: WarmupOptions) {
      if (!compiled) return null;
      // Planning needs the tensors only until it waits.
      const planned = () => {
        const uploaded = toDevice(batch, device);
        return {
          plan: compiled.warmup([uploaded, stepTensors(step.count)], warmup),
          others: [
            compiledFinish?.warmup([tensor(microCount, { device })]),
            compiledCurvature?.warmup([uploaded, curvatureKeys(step.count)]),
          ],
        };
      };
      const { plan, others } = withDevice(device, () => scope(planned));
      await Promise.all(others);
      return plan;
    },
    dispose() {
      previous?.dispose();
      compiled?.dispose();
      compiledFinish?.dispose();
      compiledCurvature?.dispose();
    },
  };
  Object.assign(step, face);
  return Object.defineProperty(step, "plans", { get: () => compiled?.plans ?? [] });
}

/** What a step computes besides the gradients. */
interface Reported {
  readonly value: Tensor;
  /** null: the rate as it is. */
  readonly rateScale: Tensor | null;
}

const scalar = (value: Tensor): Tensor => scope(() => reshape(to(value, "f32"), []));

/** null for steps at every call. */
function accumulationOf(given: number | Accumulation | undefined): Accumulation | null {
  if (typeof given !== "number") return given ?? null;
  return given === 1 ? null : accumulate(given);
}
