/** Logic and shifts of the bits of integers; of bool, logic of truth values. */
import * as includes from "../kernels/generated/includes";
import type { Tensor } from "../tensor/tensor";
import { logicalNot } from "./arithmetic";
import { type Operand, ofPair } from "./operand";
import { binary, unary } from "./pointwise";
import { writtenIn } from "./pointwiseLibrary";
import type { Primitive } from "./primitive";
import { bind } from "./trace";

const texts = [includes.pointwiseBits];

// @__NO_SIDE_EFFECTS__
const logic = (name: string, formula: string, fn: string, bool: boolean): Primitive<null> =>
  writtenIn(
    texts,
    binary({
      name,
      formula,
      functions: { i32: `${fn}_i32`, u32: `${fn}_u32` },
      bool,
      slopes: null,
    }),
  );
const andPrimitive = logic("bitwiseAnd", "a & b", "op_and", true);
const orPrimitive = logic("bitwiseOr", "a | b", "op_or", true);
const xorPrimitive = logic("bitwiseXor", "a ⊕ b", "op_xor", true);
const leftPrimitive = logic("bitwiseLeftShift", "a · 2^b", "op_left_shift", false);
const rightPrimitive = logic("bitwiseRightShift", "⌊a / 2^b⌋", "op_right_shift", false);
const notPrimitive = writtenIn(
  texts,
  unary({
    name: "bitwiseNot",
    formula: "~x",
    functions: { i32: "op_complement_i32", u32: "op_complement_u32" },
    slope: null,
  }),
);

/** Bits set in both; i32, u32 or bool, with broadcasting. @throws DTypeError for floating-point numbers */
export function bitwiseAnd(a: Operand, b: Operand): Tensor {
  return ofPair(andPrimitive, a, b);
}

/** Bits set in either; i32, u32 or bool, with broadcasting. @throws DTypeError for floating-point numbers */
export function bitwiseOr(a: Operand, b: Operand): Tensor {
  return ofPair(orPrimitive, a, b);
}

/** Bits set in one only; i32, u32 or bool, with broadcasting. @throws DTypeError for floating-point numbers */
export function bitwiseXor(a: Operand, b: Operand): Tensor {
  return ofPair(xorPrimitive, a, b);
}

/** Every bit turned over; i32, u32 or bool. @throws DTypeError for floating-point numbers */
export function bitwiseNot(x: Tensor): Tensor {
  return x.dtype === "bool" ? logicalNot(x) : bind(notPrimitive, [x], null)[0]!;
}

/**
 * The bits of a moved up by b places, with broadcasting; 0 for b outside 0 … 31.
 * @throws DTypeError unless both promote to i32 or u32
 */
export function bitwiseLeftShift(a: Operand, b: Operand): Tensor {
  return ofPair(leftPrimitive, a, b);
}

/**
 * The bits of a moved down by b places, with broadcasting. Those of i32 fill up with its sign, also for b
 * outside 0 … 31; those of u32 with 0.
 * @throws DTypeError unless both promote to i32 or u32
 */
export function bitwiseRightShift(a: Operand, b: Operand): Tensor {
  return ofPair(rightPrimitive, a, b);
}

export const bitwisePrimitives = [
  andPrimitive,
  orPrimitive,
  xorPrimitive,
  leftPrimitive,
  rightPrimitive,
  notPrimitive,
];
