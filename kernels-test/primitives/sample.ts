/** Sample calls of a primitive: what the tests run for each row of the primitive table. */

import { bind } from "../../src/ops/trace";
import { primitives } from "../../src/table";
import type { Tensor } from "../../src/tensor/tensor";
import type { Tolerance } from "../harness";
import type { HostArray } from "../reference/array";
import type { Operand } from "./operand";

export interface Sample {
  /** What is special about it, for the test's name. */
  readonly claim: string;
  readonly operands: readonly Operand[];
  readonly attrs: unknown;
  /** False where differences make no sense: at kinks, or where only the forward value is of interest. */
  readonly differentiate?: boolean;
  /** Inputs to differentiate with respect to. Default: all of dtype f32. */
  readonly wrt?: readonly number[];
  /**
   * Instead of the primitive on its own: for results that have no derivatives, and for fused backward
   * kernels, whose operands are not independent of each other. Gets the operands as tensors.
   */
  call?(inputs: readonly Tensor[]): readonly Tensor[];
  /** h of the differences, where the default is too wide or too narrow. */
  readonly step?: number;
}

export interface PrimitiveSamples {
  /** The results in f64. Absent for `call`s that only have derivatives to check. */
  // biome-ignore lint/suspicious/noExplicitAny: attributes differ by primitive
  reference?(inputs: readonly HostArray[], attrs: any): readonly HostArray[];
  /** Of forward values against the reference. */
  readonly tolerance: Tolerance;
  /** Of projected derivatives. Default as in `checkGradient`. */
  readonly gradientTolerance?: number;
  readonly samples: readonly Sample[];
}

/** A primitive of the table, with its attributes, as a function. */
export function primitive(
  name: string,
  attrs: unknown,
): (...inputs: readonly Tensor[]) => readonly Tensor[] {
  return (...inputs) => bind(primitives.find((p) => p.name === name)!, inputs, attrs);
}

/** By primitive name. */
export type SampleTable = Readonly<Record<string, PrimitiveSamples>>;

/** Integers, bools and moves: the same values. */
export const exact: Tolerance = { relative: 0, absolute: 0 };
/** One rounding to f16 of a result computed in f32. */
export const halfRounding: Tolerance = { relative: 2 ** -10, absolute: 2 ** -20 };
