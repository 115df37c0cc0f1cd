/**
 * The record that says everything about one operation. Eager execution, reverse mode, gradient checks,
 * tests and documentation read it; a new operation is one record and its kernel.
 */
import type { DeviceTensor } from "../tensor/deviceTensor";
import type { DType } from "../tensor/dtype";
import type { Shape } from "../tensor/shape";
import type { Tensor } from "../tensor/tensor";

/** What is known of a tensor without its elements. */
export interface Spec {
  readonly shape: Shape;
  readonly dtype: DType;
}

/** Values that a vjp rule may need again. What is not saved has a shape and a dtype, and no elements. */
export type Saves = "nothing" | "inputs" | "outputs" | "everything";

export interface VjpContext<A> {
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  readonly attrs: A;
  /** Whether input i wants a cotangent: rules may skip work for those that do not. */
  readonly needs: readonly boolean[];
  /**
   * The cotangents of `inputs` under the plain function `fn`, by differentiating through its operations:
   * how the backward kernel of a fused operation gets derivatives of its own.
   */
  pullback(
    fn: (...inputs: Tensor[]) => readonly Tensor[],
    inputs: readonly Tensor[],
    cotangents: readonly (Tensor | null)[],
  ): readonly (Tensor | null)[];
}

/**
 * @typeParam A attributes: plain data that is not differentiated (dims, flags, sizes)
 */
export interface Primitive<A> {
  readonly name: string;
  /** What it computes, in one line, for documentation. */
  readonly formula: string;
  /** Shape and dtype rule. Throws ShapeError or DTypeError that names the operation and the operands. */
  outputs(inputs: readonly Spec[], attrs: A): readonly Spec[];
  /** Records the kernels on real tensors. Results are new handles, never an input itself. */
  run(inputs: readonly DeviceTensor[], attrs: A, outputs: readonly Spec[]): DeviceTensor[];
  readonly saves: Saves;
  /**
   * Reverse rule, written with operations, so that it can be differentiated again. One cotangent (or null
   * for zero) per input. `null` instead of a rule: nothing flows back through this operation.
   */
  readonly vjp:
    | ((
        cotangents: readonly (Tensor | null)[],
        context: VjpContext<A>,
      ) => readonly (Tensor | null)[])
    | null;
}

// biome-ignore lint/suspicious/noExplicitAny: the table holds records of every attribute type
export type AnyPrimitive = Primitive<any>;
