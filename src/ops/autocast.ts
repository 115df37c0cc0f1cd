/**
 * Mixed precision: while `autocast` is on, `bind` chooses the type of an operation's floating-point operands.
 *
 * - *lower*: products of matrices and convolutions take the low type; there the time goes, and their sums are
 *   kept in f32 inside the kernels.
 * - *raise*: exponentials, logarithms, powers, sums, softmax, norms and losses take f32, and give it.
 * - All others take what they get, two different types as they promote.
 *
 * The lists are PyTorch's (torch.amp, "Autocast Op Reference"), as far as it has the operations.
 */

import { currentDevice } from "../device/device";
import { ArgumentError, DTypeError } from "../errors";
import { requireOptions } from "../options";
import { requireOffered } from "../tensor/creation";
import { isFloat } from "../tensor/dtype";
import { scope } from "../tensor/scope";
import type { Tensor } from "../tensor/tensor";
import { to } from "./shape";

export type LowDType = "f16" | "bf16";

/** Names of primitives. */
export const loweredPrimitives: ReadonlySet<string> = new Set(["addmm", "convolution", "matmul"]);

/** Names of primitives. */
export const raisedPrimitives: ReadonlySet<string> = new Set([
  "acos",
  "asin",
  "cosh",
  "crossEntropy",
  "cumprod",
  "cumsum",
  "digamma",
  "erfinv",
  "exp",
  "exp2",
  "expm1",
  "gruGates",
  "lgamma",
  "lstmGates",
  "log",
  "log10",
  "log1p",
  "log2",
  "logSoftmax",
  "logSumExp",
  "logaddexp",
  "logcumsumexp",
  "pow",
  "prod",
  "reciprocal",
  "rsqrt",
  "sinh",
  "softmax",
  "softplus",
  "sum",
  "tan",
]);

let low: LowDType | null = null;

export interface AutocastOptions {
  /** "bf16" (default; every device has it) or "f16" (needs shader-f16, and a loss scale: see GradScaler). */
  dtype?: LowDType;
  /** False: no autocast inside `fn`, within an outer one. Default true. */
  enabled?: boolean;
}

/**
 * Runs `fn` in mixed precision (PyTorch `torch.autocast`): products and convolutions on operands rounded to `dtype`,
 * what needs range or sums many terms in f32. Parameters stay f32, and so do their gradients. The
 * backward pass runs outside: each operation's gradient has the types of its forward pass.
 *
 * @returns what `fn` returns
 * @throws DTypeError for f16 where the device does not offer it; ArgumentError for an async function, since
 * autocast ends when it returns
 * @example const loss = autocast(() => crossEntropy(model.forward(x), y), { dtype: "bf16" });
 */
export function autocast<T>(fn: () => T, options: AutocastOptions = {}): T {
  const { dtype = "bf16", enabled = true } = requireOptions("autocast", options, "dtype");
  if (dtype !== "f16" && dtype !== "bf16")
    throw new DTypeError(`autocast: dtype ${String(dtype)} must be "bf16" or "f16".`);
  if (enabled) requireOffered(currentDevice(), dtype);
  const before = low;
  low = enabled ? dtype : null;
  try {
    const result = fn();
    if (result instanceof Promise)
      throw new ArgumentError(
        "autocast(fn): fn is async, but autocast ends when it returns. Compute in a synchronous function.",
      );
    return result;
  } finally {
    low = before;
  }
}

/** The low type of the `autocast` in progress, or null. */
export const currentAutocast = (): LowDType | null => low;

/** Runs a primitive on its operands, or on others of the type that autocast chooses in their place. */
export function withAutocast(
  name: string,
  operands: readonly Tensor[],
  run: (operands: readonly Tensor[]) => Tensor[],
): Tensor[] {
  if (low === null) return run(operands);
  const dtype = loweredPrimitives.has(name) ? low : raisedPrimitives.has(name) ? "f32" : null;
  const differs = (t: Tensor): boolean => isFloat(t.dtype) && t.dtype !== dtype;
  if (dtype === null || !operands.some(differs)) return run(operands);
  return scope(() => run(operands.map((t) => (differs(t) ? to(t, dtype) : t))));
}

/** What was computed in f32, rounded to the type of the operand x; under autocast it stays f32. */
export function likeOperand(y: Tensor, x: Tensor): Tensor {
  return low === null && isFloat(x.dtype) ? to(y, x.dtype) : y;
}
