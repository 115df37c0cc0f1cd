/** The mean loss over held-out batches, without gradients. */
import { currentDevice, withDevice } from "../device/device";
import { ArgumentError } from "../errors";
import type { Module } from "../nn/module";
import { add } from "../ops/arithmetic";
import { compile } from "../plan/compile";
import { type OnDevice, toDevice } from "../tensor/hostTensor";
import { scope } from "../tensor/scope";
import type { Tensor } from "../tensor/tensor";

/**
 * Runs the model in evaluation mode on each batch, on the model's device; one wait at the end. The loss is compiled, so it runs when it is
 * traced only: see `compile`.
 *
 * @param loss the scalar loss of one batch
 * @returns the mean of the batches' losses
 */
export async function evaluate<M extends Module, B>(
  model: M,
  batches: readonly B[],
  loss: (model: M, batch: OnDevice<B>) => Tensor,
): Promise<number> {
  if (batches.length === 0) throw new ArgumentError("evaluate: pass at least one batch.");
  const device = model.parameters()[0]?.device ?? currentDevice();
  const wasTraining = model.training;
  model.eval();
  const compiled = compile((batch: OnDevice<B>) => loss(model, batch), { name: "evaluate" });
  try {
    let total: Tensor | null = null;
    for (const batch of batches) {
      const next: Tensor = withDevice(device, () =>
        scope(() => {
          const value = compiled(toDevice(batch, device));
          return total ? add(total, value) : value;
        }),
      );
      (total as Tensor | null)?.dispose();
      total = next;
    }
    const sum = await total!.item();
    total!.dispose();
    return sum / batches.length;
  } finally {
    compiled.dispose();
    model.train(wasTraining);
  }
}
