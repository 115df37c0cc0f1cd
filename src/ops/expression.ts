/**
 * A pointwise expression: what several pointwise operations compute together, one element at a time. Fused
 * kernels and the epilogues of products are generated from it.
 *
 * Values are numbered: the inputs first, then the steps in order, so that an argument or an output is one
 * number.
 */
import type { DType } from "../tensor/dtype";

/** One call of a WGSL function of the pointwise operations. */
export interface Step {
  /** `op_add`, `op_gelu`: a scalar function of shaders/include/pointwise*.wgsl. */
  readonly fn: string;
  /** Numbers of values before this one. */
  readonly args: readonly number[];
  /** Of the result. f16: rounded to f16, as the operation on its own would store it. */
  readonly dtype: DType;
}

export interface Expression {
  /** The dtypes of the inputs. */
  readonly inputs: readonly DType[];
  /** The last of the inputs, where they are numbers that never vary: parameters instead of operands. Default none. */
  readonly numbers?: readonly number[];
  readonly steps: readonly Step[];
  /** The values that are wanted. */
  readonly outputs: readonly number[];
}

/** How many of the inputs are operands. */
export function operandCount({ inputs, numbers }: Expression): number {
  return inputs.length - (numbers?.length ?? 0);
}

/** The dtype of value `index`. */
export function dtypeOf({ inputs, steps }: Expression, index: number): DType {
  return inputs[index] ?? steps[index - inputs.length]!.dtype;
}

/** `mul(v0, v1)` */
export function formulaOf({ fn, args }: Step): string {
  return `${fn.replace(/^op_/, "")}(${args.map((a) => `v${a}`).join(", ")})`;
}
