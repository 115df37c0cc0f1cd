/** Functions of the parameters a module holds, rather than of their arguments. */
import { ShapeError } from "../errors";
import { ones, zerosLike } from "../ops/creation";
import type { DeviceTensor } from "../tensor/deviceTensor";
import { scope } from "../tensor/scope";
import { show } from "../tensor/shape";
import type { Tensor } from "../tensor/tensor";
import { mapTensors } from "../tensor/tree";
import { record } from "./tape";

let standing = 0;

/** Whether parameters stand for other values at present. */
export const hasStandIns = (): boolean => standing > 0;

/** Runs `fn` while each parameter stands for the value beside it. */
export function withValues<T>(
  parameters: readonly DeviceTensor[],
  values: readonly Tensor[],
  fn: () => T,
): T {
  const before = parameters.map((p) => p.standIn);
  standing++;
  parameters.forEach((p, i) => {
    p.standIn = values[i]!;
  });
  try {
    return fn();
  } finally {
    standing--;
    parameters.forEach((p, i) => {
      p.standIn = before[i]!;
    });
  }
}

/**
 * A scalar that `fn` computes with the parameters, and its gradient with respect to each of them.
 *
 * @returns `value`, `gradients` in the order of `parameters` (zeros for unused ones), and `aux`, whatever
 * else `fn` returned
 * @throws ShapeError unless the value has one element
 */
export function valueAndGradients<Aux>(
  parameters: readonly DeviceTensor[],
  fn: () => readonly [Tensor, Aux],
): { value: Tensor; gradients: Tensor[]; aux: Aux } {
  return scope(() => {
    const recorded = record(
      parameters,
      (followed) => withValues(parameters, followed, fn),
      ([value]) => {
        if (value.size !== 1)
          throw new ShapeError(
            `The loss has shape ${show(value.shape)}; training needs a single number. Use mean() or sum().`,
          );
        return [value];
      },
      mapTensors,
    );
    const [value, aux] = recorded.result;
    const seed = ones(value.shape, { dtype: value.dtype, device: value.device });
    const gradients = recorded.pull([seed]).map((g, i) => g ?? zerosLike(parameters[i]!));
    return { value, gradients, aux };
  });
}
