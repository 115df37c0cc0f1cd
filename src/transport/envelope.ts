/**
 * Values at potentials that make them stationary. To first order such a value moves as if the potentials stood still (the
 * envelope theorem; Danskin), so no equations are solved for them; derivatives of that derivative follow them.
 */
import type { Tensor } from "../tensor/tensor";
import { customVjp } from "../transforms/customVjp";
import { vjp } from "../transforms/vjp";

/** `formula` of potentials and of what else it depends on: the reverse rule gives nothing to the potentials. */
export function atStationary(
  formula: (potentials: readonly Tensor[], others: readonly Tensor[]) => Tensor,
  potentials: readonly Tensor[],
  others: readonly Tensor[],
): Tensor {
  type Operands = [readonly Tensor[], readonly Tensor[]];
  return customVjp<Operands, Tensor, Operands>({
    name: "transportValue",
    forward: (...operands) => ({ output: formula(...operands), residuals: operands }),
    backward: ([held, free], cotangent) => {
      const { pullback } = vjp((of: readonly Tensor[]) => formula(held, of), free);
      return [null, pullback(cotangent)[0]];
    },
  })(potentials, others);
}
