/**
 * The record that says everything about one operation. Eager execution, reverse mode, forward mode,
 * vectorisation, gradient checks, tests and documentation read it; a new operation is one record and its
 * kernel.
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

/**
 * Values that a vjp rule may need again: all inputs, all outputs, both, or those of the given positions.
 * What is not saved has a shape and a dtype, and no elements.
 */
export type Saves =
  | "nothing"
  | "inputs"
  | "outputs"
  | "everything"
  | { readonly inputs?: readonly number[]; readonly outputs?: readonly number[] };

/** A function of tensors alone, as fused operations give it in plain operations. */
export type PlainFunction = (...inputs: Tensor[]) => readonly Tensor[];

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
    fn: PlainFunction,
    inputs: readonly Tensor[],
    cotangents: readonly (Tensor | null)[],
  ): readonly (Tensor | null)[];
}

export interface JvpContext<A> {
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  readonly attrs: A;
  /** The tangents of the results of the plain function `fn`, through its operations. */
  pushforward(
    fn: PlainFunction,
    inputs: readonly Tensor[],
    tangents: readonly (Tensor | null)[],
  ): readonly (Tensor | null)[];
}

export interface BatchContext<A> {
  readonly attrs: A;
  /** The number of lanes. */
  readonly size: number;
  /** Whether input i has a leading dimension of lanes; otherwise all lanes share it. At least one has. */
  readonly batched: readonly boolean[];
  /** The results of the plain function `fn` for every lane, through its operations, lanes first. */
  vectorise(
    fn: PlainFunction,
    inputs: readonly Tensor[],
    batched: readonly boolean[],
  ): readonly Tensor[];
}

/** @typeParam A attributes: plain data that is not differentiated (dims, flags, sizes) */
export interface Primitive<A> {
  readonly name: string;
  /** What it computes, in one line, for documentation; empty in the built package, as `derivative` is. */
  readonly formula: string;
  /** What flows back, in one line, for documentation; absent where nothing does. */
  readonly derivative?: string;
  /** Shape and dtype rule. Throws ShapeError or DTypeError that names the operation and the operands. */
  outputs(inputs: readonly Spec[], attrs: A): readonly Spec[];
  /** Records the kernels on real tensors. Results are new handles, never an input itself. */
  run(inputs: readonly DeviceTensor[], attrs: A, outputs: readonly Spec[]): DeviceTensor[];
  /**
   * The scalar WGSL function of shaders/include/pointwise*.wgsl that computes the one output from one element
   * of each input, where the operation is that and nothing else: what fusion builds expressions from.
   */
  readonly pointwise?: (inputs: readonly Spec[], attrs: A) => string;
  /**
   * As `run`, but the one output takes over the memory of input `into`, which nobody reads any more. Null
   * where these operands do not allow it.
   */
  readonly runInPlace?: (
    inputs: readonly DeviceTensor[],
    attrs: A,
    outputs: readonly Spec[],
    into: number,
  ) => DeviceTensor[] | null;
  /**
   * This operation with a pointwise expression of its first result stored in that one's place: see
   * epilogue.ts. Of such a record, itself.
   */
  readonly epilogue?: {
    readonly primitive: AnyPrimitive;
    /** Elements of an operand that has one for each column of the first result. */
    columns(outputs: readonly Spec[], attrs: A): number;
  };
  /** Takes packed operands (bf16, i8, i4) as they are stored; for others `bind` widens them: see packed.ts. */
  readonly takesPacked?: true;
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
  /**
   * Forward rule, written with operations: one tangent (or null for zero) per output, from one per input
   * (at least one is not null). `null` instead of a rule: the outputs do not move with the inputs.
   */
  readonly jvp:
    | ((tangents: readonly (Tensor | null)[], context: JvpContext<A>) => readonly (Tensor | null)[])
    | null;
  /** Vectorising rule, written with operations: the outputs of all lanes, each with lanes as dimension 0. */
  readonly batch: (inputs: readonly Tensor[], context: BatchContext<A>) => readonly Tensor[];
}

// biome-ignore lint/suspicious/noExplicitAny: the table holds records of every attribute type
export type AnyPrimitive = Primitive<any>;
