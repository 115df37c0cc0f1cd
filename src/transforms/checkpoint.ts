/** Less memory in reverse mode, for one more forward pass: see region.ts. */
import { scope } from "../tensor/scope";
import { inRegion } from "./tape";

/**
 * The same function, whose intermediate values reverse mode does not keep but computes again when it needs
 * them (PyTorch `torch.utils.checkpoint`, JAX `checkpoint`): less memory, about one more forward pass.
 * Values and gradients have the same bits.
 *
 * @param f any function of tensors, also of captured ones and of module parameters
 * @example const h = checkpoint((x) => block.forward(x))(x);
 */
export function checkpoint<A extends readonly unknown[], T>(
  f: (...args: A) => T,
): (...args: A) => T {
  return (...args) => inRegion(() => scope(() => f(...args)));
}
