/**
 * One step of training that updates each layer during the backward pass. It is not compiled: a plan computes all
 * gradients before anything moves.
 */
import { withDevice } from "../device/device";
import { ArgumentError } from "../errors";
import type { Module } from "../nn/module";
import { autocast } from "../ops/autocast";
import type { PerLayerOptimizer } from "../optim/perLayer";
import { keyFromSeed } from "../random/philox";
import { withKey } from "../random/random";
import { tensor } from "../tensor/creation";
import { type OnDevice, toDevice } from "../tensor/hostTensor";
import { scope } from "../tensor/scope";
import type { Tensor } from "../tensor/tensor";
import { stepKey } from "./stepKeys";
import type { StepResult, TrainStep, TrainStepOptions } from "./trainStep";

/** As `trainStep`. @throws ArgumentError for what needs the gradients of all layers at once */
export function perLayerStep<M extends Module, B>(
  model: M,
  optimizer: PerLayerOptimizer,
  loss: (model: M, batch: OnDevice<B>) => Tensor,
  options: TrainStepOptions<M, B>,
): TrainStep<B> {
  refuse(options);
  const { precision, seed = 0 } = options;
  const key = keyFromSeed(seed);
  const { device } = optimizer.parameters[0]!;
  let previous: Tensor | null = null;
  const step = ((batch: B): StepResult => {
    previous?.dispose();
    previous = null;
    const update = (): Tensor => {
      const uploaded = toDevice(batch, device);
      const lossOf = (): Tensor => loss(model, uploaded);
      return withKey(tensor(stepKey(key, step.count), { device }), () =>
        optimizer.step(() =>
          precision ? autocast(lossOf, { dtype: precision.autocast }) : lossOf(),
        ),
      );
    };
    const value = withDevice(device, () => scope(update));
    device.executor.flush();
    step.count++;
    previous = value;
    return { loss: value };
  }) as TrainStep<B>;
  return Object.assign(step, {
    count: 0,
    scaler: null,
    warmup: async () => null,
    plans: [],
    dispose() {
      previous?.dispose();
      previous = null;
    },
  });
}

function refuse<M extends Module, B>(options: TrainStepOptions<M, B>): void {
  const { precision, objective, accumulate, curvature, compile } = options;
  const no = (option: string, why: string): never => {
    throw new ArgumentError(
      `trainStep: ${option} has no meaning with updates per layer, since ${why}. Leave it out, or use one optimizer for all parameters.`,
    );
  };
  if (accumulate !== undefined && accumulate !== 1)
    no(
      "accumulate",
      "the gradients of one batch are gone before the next one's come; adding them up takes the memory that this mode saves",
    );
  if (objective)
    no("objective", `${objective.title} makes one vector of the gradients of all layers`);
  if (curvature) no("curvature", "its estimate is one vector of all layers");
  if (precision && (precision.lossScale ?? precision.autocast === "f16"))
    no(
      "precision.lossScale",
      "whether a step overflowed is known when all gradients are. Use autocast bf16, or lossScale: false",
    );
  if (compile)
    no(
      "compile: true",
      "a plan computes all gradients before anything moves, and holds them together",
    );
}
