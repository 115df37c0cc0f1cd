/** Functions with a hand-written reverse rule, and values that stop gradients. */
import { bindCustom } from "../ops/trace";
import type { Tensor } from "../tensor/tensor";

export interface CustomVjpRule {
  /** Shown in errors. */
  name?: string;
  /** The function, with what its rule will need again. Differentiable itself, for second derivatives. */
  forward(...inputs: Tensor[]): { output: Tensor; residuals: readonly Tensor[] };
  /** One cotangent (or null for zero) per input, from the residuals and the output's cotangent. */
  backward(residuals: readonly Tensor[], cotangent: Tensor): readonly (Tensor | null)[];
}

/**
 * A function whose gradient is what `backward` says (JAX `custom_vjp`, PyTorch `autograd.Function`).
 *
 * @example
 * const clippedGradient = customVjp({
 *   forward: (x) => ({ output: x.mul(1), residuals: [] }),
 *   backward: (_, g) => [g.clamp(-1, 1)],
 * });
 */
export function customVjp(rule: CustomVjpRule): (...inputs: Tensor[]) => Tensor {
  const bound = {
    name: rule.name ?? "customVjp",
    forward(...inputs: Tensor[]) {
      const { output, residuals } = rule.forward(...inputs);
      return { outputs: [output], residuals };
    },
    backward(residuals: readonly Tensor[], [cotangent]: readonly (Tensor | null)[]) {
      return cotangent ? rule.backward(residuals, cotangent) : [];
    },
  };
  return (...inputs) => bindCustom(bound, inputs)[0]!;
}
