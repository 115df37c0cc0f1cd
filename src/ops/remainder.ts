/** Division with a whole quotient, and what remains of it. */
import * as includes from "../kernels/generated/includes";
import type { Tensor } from "../tensor/tensor";
import { div, mul, neg } from "./arithmetic";
import { type Operand, ofPair } from "./operand";
import { binary, numeric } from "./pointwise";
import { writtenIn } from "./pointwiseLibrary";

const texts = [includes.pointwiseRemainder, includes.pointwiseBits];

export const floorDividePrimitive = writtenIn(
  texts,
  binary({
    name: "floorDivide",
    formula: "⌊a / b⌋",
    functions: numeric("op_floor_divide"),
    slopes: null,
  }),
);
export const truncDividePrimitive = writtenIn(
  texts,
  binary({
    name: "truncDivide",
    formula: "a / b rounded towards 0",
    functions: numeric("op_trunc_divide"),
    slopes: null,
  }),
);
const fmodPrimitive = writtenIn(
  texts,
  binary({
    name: "fmod",
    formula: "a - b · trunc(a / b)",
    derivative: "g to a, -g · trunc(a / b) to b",
    functions: numeric("op_fmod"),
    slopes: (g, { a, b }) => [() => g, () => neg(mul(g, div(a, b, { roundingMode: "trunc" })))],
  }),
);
const remainderPrimitive = writtenIn(
  texts,
  binary({
    name: "remainder",
    formula: "a - b · ⌊a / b⌋",
    derivative: "g to a, -g · ⌊a / b⌋ to b",
    functions: numeric("op_remainder"),
    slopes: (g, { a, b }) => [() => g, () => neg(mul(g, floorDivide(a, b)))],
  }),
);

/**
 * a / b rounded down, with broadcasting; of integers an integer. Division of an integer by 0 gives 0, as in
 * NumPy; of a real number what a / b gives. Nothing flows back.
 *
 * @throws ShapeError unless the shapes broadcast
 * @example floorDivide(tensor([-7, 7]), 2) // -4, 3
 */
export function floorDivide(a: Operand, b: Operand): Tensor {
  return ofPair(floorDividePrimitive, a, b);
}

/**
 * What remains of a / b with the quotient rounded towards 0, with broadcasting: the sign is that of a, as
 * that of % in C and JavaScript. Exact for every pair of numbers. For b = 0: NaN, of integers 0.
 * @throws ShapeError unless the shapes broadcast
 */
export function fmod(a: Operand, b: Operand): Tensor {
  return ofPair(fmodPrimitive, a, b);
}

/**
 * What remains of a / b with the quotient rounded down, with broadcasting: the sign is that of b, as that
 * of % in Python. For b = 0: NaN, of integers 0.
 *
 * @throws ShapeError unless the shapes broadcast
 * @example remainder(tensor([-7, 7]), 3) // 2, 1
 */
export function remainder(a: Operand, b: Operand): Tensor {
  return ofPair(remainderPrimitive, a, b);
}

export const remainderPrimitives = [
  floorDividePrimitive,
  truncDividePrimitive,
  fmodPrimitive,
  remainderPrimitive,
];
