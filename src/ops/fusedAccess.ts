/**
 * How a fused kernel goes through its operands. Divisions by sizes are what it would spend most of its time with,
 * so an operand that lies as the result does, or that is one number, needs none, and of those that do, four
 * neighbours share them.
 */
import type { DeviceTensor } from "../tensor/deviceTensor";
import { isDense, reshapeStrides, type Shape, sameShape, sizeOf } from "../tensor/shape";
import type { Width } from "./expressionText";
import { broadcastStrides } from "./pointwise";
import { walkTogether } from "./walk";

/**
 * - dense: in the order of the result
 * - scalar: one element for all
 * - rows: along the last dimension of the walk in vec4s
 * - repeated: one element for four neighbours
 * - strided: element by element
 */
export type Access = "dense" | "scalar" | "rows" | "repeated" | "strided";

export interface Walks {
  /** Elements per invocation. */
  readonly width: Width;
  /** The sizes that operands which are neither dense nor scalar walk; none where there are no such operands. */
  readonly shape: Shape;
  /** For each operand. */
  readonly accesses: readonly Access[];
  /** For each operand, over `shape`; of dense and scalar ones none. */
  readonly strides: readonly (readonly number[])[];
}

/** The strides of `t`, broadcast to `under`, over another shape of that size; null where only a copy has some. */
export function stridesOver(t: DeviceTensor, under: Shape, shape: Shape): readonly number[] | null {
  const strides = broadcastStrides(t, under);
  return sameShape(under, shape) ? strides : reshapeStrides(under, strides, shape);
}

export const isScalarWalk = (shape: Shape, strides: readonly number[]): boolean =>
  shape.every((size, d) => size === 1 || strides[d] === 0);

/**
 * @param strides of each operand over `shape`
 * @param exact nothing past the last element may be written
 */
export function walksOf(
  operands: readonly DeviceTensor[],
  shape: Shape,
  strides: readonly (readonly number[])[],
  exact = false,
): Walks {
  const plain = operands.map((t, k): Access | null => {
    if (isScalarWalk(shape, strides[k]!)) return "scalar";
    return t.bindingOffset === 0 && isDense(shape, strides[k]!) ? "dense" : null;
  });
  const walked = [...operands.keys()].filter((k) => plain[k] === null);
  if (walked.length === 0) {
    const width = exact && sizeOf(shape) % 4 !== 0 ? 1 : 4;
    return { width, shape: [], accesses: plain as Access[], strides: operands.map(() => []) };
  }
  const walk = walkTogether(
    shape,
    walked.map((k) => strides[k]!),
  );
  const width: Width = walk.shape.at(-1)! % 4 === 0 ? 4 : 1;
  const own = operands.map((_, k) => walk.strides[walked.indexOf(k)] ?? []);
  const accesses = operands.map((t, k) => plain[k] ?? accessOf(t, own[k]!, width));
  return { width, shape: walk.shape, accesses, strides: own };
}

/** @param strides over a shape whose last size is a multiple of `width` */
export function accessOf(t: DeviceTensor, strides: readonly number[], width: Width): Access {
  if (width === 1) return "strided";
  const step = strides.at(-1)!;
  if (step === 0) return "repeated";
  const aligned = [...strides.slice(0, -1), t.bindingOffset].every((n) => n % 4 === 0);
  return step === 1 && aligned ? "rows" : "strided";
}
