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
  /** Of the result. */
  readonly dtype: DType;
}

export interface Expression {
  /** The dtypes of the inputs. */
  readonly inputs: readonly DType[];
  readonly steps: readonly Step[];
  /** The values that are wanted. */
  readonly outputs: readonly number[];
}
