/** Arithmetic and comparison, with broadcasting. */
import { ArgumentError } from "../errors";
import { requireOptions } from "../options";
import { constant } from "../tensor/creation";
import { type DType, requireDType, widened } from "../tensor/dtype";
import { scope } from "../tensor/scope";
import type { Tensor } from "../tensor/tensor";
import { log, sign } from "./functions";
import { asFloat, type Operand, ofPair, ofRealPair, operands } from "./operand";
import { binary, numeric, real, signed, ternary, unary, wherePrimitive } from "./pointwise";
import type { Primitive } from "./primitive";
import { floorDividePrimitive, truncDividePrimitive } from "./remainder";
import { to } from "./shape";
import { bind } from "./trace";

const addPrimitive = binary({
  name: "add",
  formula: "a + b",
  derivative: "g to a and to b",
  functions: numeric("op_add"),
  saves: "nothing",
  slopes: (g) => [() => g, () => g],
});
const subPrimitive = binary({
  name: "sub",
  formula: "a - b",
  derivative: "g to a, -g to b",
  functions: numeric("op_sub"),
  saves: "nothing",
  slopes: (g) => [() => g, () => neg(g)],
});
const mulPrimitive = binary({
  name: "mul",
  formula: "a · b",
  derivative: "g · b to a, g · a to b",
  functions: numeric("op_mul"),
  slopes: (g, { a, b }) => [() => mul(g, b), () => mul(g, a)],
});
const divPrimitive = binary({
  name: "div",
  formula: "a / b",
  derivative: "g / b to a, -g · a / b² to b",
  functions: real("op_div"),
  slopes: (g, { a, b }) => [() => div(g, b), () => neg(div(mul(g, a), square(b)))],
});
const powPrimitive = binary({
  name: "pow",
  formula: "a^b",
  derivative: "g · b · a^(b-1) to a, g · a^b · ln a to b (0 at a = 0)",
  functions: real("op_pow"),
  saves: "everything",
  slopes: (g, { a, b, y }) => [
    () => mul(g, where(eq(b, 0), 0, mul(b, pow(a, sub(b, 1))))),
    // d a^b / db = a^b log a; at a = 0 the limit for b > 0 is 0.
    () => mul(g, where(eq(a, 0), 0, mul(y, log(where(eq(a, 0), 1, a))))),
  ],
});
/** A tie gives half the gradient to each, as in PyTorch. */
// @__NO_SIDE_EFFECTS__
const extremum = (name: "maximum" | "minimum"): Primitive<null> =>
  binary({
    name,
    formula: name === "maximum" ? "max(a, b)" : "min(a, b)",
    derivative: "g to the one that is taken, g / 2 to each where they are equal",
    functions: numeric(name === "maximum" ? "op_max" : "op_min"),
    slopes: (g, { a, b }) => {
      const share = (x: Tensor, y: Tensor) => {
        const wins = name === "maximum" ? gt(x, y) : lt(x, y);
        return mul(g, add(to(wins, g.dtype), mul(to(eq(x, y), g.dtype), 0.5)));
      };
      return [() => share(a, b), () => share(b, a)];
    },
  });
const maximumPrimitive = extremum("maximum");
const minimumPrimitive = extremum("minimum");

const negPrimitive = unary({
  name: "neg",
  formula: "-x",
  derivative: "-g",
  functions: signed("op_neg"),
  saves: "nothing",
  slope: (g) => neg(g),
});
const absPrimitive = unary({
  name: "abs",
  formula: "|x|",
  derivative: "g · sign x",
  functions: signed("op_abs"),
  slope: (g, { x }) => mul(g, sign(x)),
});
const squarePrimitive = unary({
  name: "square",
  formula: "x²",
  derivative: "2 g x",
  functions: signed("op_square"),
  slope: (g, { x }) => mul(g, mul(x, 2)),
});

const clampPrimitive = ternary({
  name: "clamp",
  formula: "min(max(x, low), high)",
  derivative: "g to x inside, bounds included; g to the bound that holds",
  functions: numeric("op_clamp"),
  slopes: (g, { inputs: [x, low, high] }) => [
    () => where(logicalAnd(ge(x, low), le(x, high)), g, 0),
    () => where(lt(x, low), g, 0),
    () => where(gt(x, high), g, 0),
  ],
});
const lerpPrimitive = ternary({
  name: "lerp",
  formula: "a + t · (b - a)",
  derivative: "g · (1 - t) to a, g · t to b, g · (b - a) to t",
  functions: real("op_lerp"),
  slopes: (g, { inputs: [a, b, t] }) => [
    () => mul(g, sub(1, t)),
    () => mul(g, t),
    () => mul(g, sub(b, a)),
  ],
});

const addcmulPrimitive = ternary({
  name: "addcmul",
  formula: "a + b · c",
  derivative: "g to a, g · c to b, g · b to c",
  functions: numeric("op_addcmul"),
  slopes: (g, { inputs: [, b, c] }) => [() => g, () => mul(g, c), () => mul(g, b)],
});
const addcdivPrimitive = ternary({
  name: "addcdiv",
  formula: "a + b / c",
  derivative: "g to a, g / c to b, -g · b / c² to c",
  functions: real("op_addcdiv"),
  slopes: (g, { inputs: [, b, c] }) => [
    () => g,
    () => div(g, c),
    () => neg(div(mul(g, div(b, c)), c)),
  ],
});
/** PyTorch refuses to differentiate it; here what is taken at 0 gets its gradient. */
const heavisidePrimitive = binary({
  name: "heaviside",
  formula: "0 for a < 0, b for a = 0, 1 for a > 0",
  derivative: "g to b where a = 0",
  functions: real("op_heaviside"),
  slopes: (g, { a }) => [null, () => where(eq(a, 0), g, 0)],
});

const selectPrimitive = wherePrimitive((g, condition) => [
  () => where(condition, g, 0),
  () => where(condition, 0, g),
]);

// @__NO_SIDE_EFFECTS__
const comparison = (name: string, formula: string, bool: boolean): Primitive<null> =>
  binary({
    name,
    formula,
    functions: numeric(`op_${name}`),
    result: "bool",
    bool,
    slopes: null,
  });
const eqPrimitive = comparison("eq", "a = b", true);
const nePrimitive = comparison("ne", "a ≠ b", true);
const ltPrimitive = comparison("lt", "a < b", false);
const lePrimitive = comparison("le", "a ≤ b", false);

// @__NO_SIDE_EFFECTS__
const logical = (name: string, formula: string, fn: string): Primitive<null> =>
  binary({
    name,
    formula,
    functions: { u32: fn },
    result: "bool",
    bool: true,
    slopes: null,
  });
const andPrimitive = logical("logicalAnd", "a ∧ b", "op_and_u32");
const orPrimitive = logical("logicalOr", "a ∨ b", "op_or_u32");
const notPrimitive = unary({
  name: "logicalNot",
  formula: "¬x",
  functions: { u32: "op_not_u32" },
  result: "bool",
  bool: true,
  slope: null,
});

/** a + b, with broadcasting. @throws ShapeError unless the shapes broadcast */
export function add(a: Operand, b: Operand): Tensor {
  return ofPair(addPrimitive, a, b);
}

/** a - b, with broadcasting. @throws ShapeError unless the shapes broadcast */
export function sub(a: Operand, b: Operand): Tensor {
  return ofPair(subPrimitive, a, b);
}

/** a · b, with broadcasting. @throws ShapeError unless the shapes broadcast */
export function mul(a: Operand, b: Operand): Tensor {
  return ofPair(mulPrimitive, a, b);
}

export interface DivOptions {
  /**
   * "trunc" rounds the quotient towards 0, "floor" down; then integers stay integers, and nothing flows
   * back. Default: no rounding.
   */
  roundingMode?: "trunc" | "floor";
}

/**
 * a / b, with broadcasting. Integers are divided as real numbers (f32), as in PyTorch, unless the quotient
 * is rounded. An integer divided by 0 with rounding gives 0, as in NumPy.
 *
 * @throws ArgumentError for another roundingMode
 * @example div(tensor([-7, 7]), 2, { roundingMode: "floor" }) // -4, 3
 */
export function div(a: Operand, b: Operand, options: DivOptions = {}): Tensor {
  const { roundingMode } = requireOptions("div", options, "roundingMode");
  if (roundingMode === undefined) return ofRealPair(divPrimitive, a, b);
  if (roundingMode === "floor") return ofPair(floorDividePrimitive, a, b);
  if (roundingMode === "trunc") return ofPair(truncDividePrimitive, a, b);
  throw new ArgumentError(
    `div: roundingMode is ${JSON.stringify(roundingMode)}; it takes "trunc" or "floor".`,
  );
}

/**
 * a^b, with broadcasting; NaN for a < 0 and b not whole. Integers are taken as real numbers (f32).
 * @throws ShapeError unless the shapes broadcast
 */
export function pow(a: Operand, b: Operand): Tensor {
  return ofRealPair(powPrimitive, a, b);
}

/**
 * The greater of a and b; NaN wins; a tie shares the gradient.
 * @throws ShapeError unless the shapes broadcast
 */
export function maximum(a: Operand, b: Operand): Tensor {
  return ofPair(maximumPrimitive, a, b);
}

/**
 * The lesser of a and b; NaN wins; a tie shares the gradient.
 * @throws ShapeError unless the shapes broadcast
 */
export function minimum(a: Operand, b: Operand): Tensor {
  return ofPair(minimumPrimitive, a, b);
}

/** -x */
export function neg(x: Tensor): Tensor {
  return bind(negPrimitive, [x], null)[0]!;
}

/** |x|; its gradient at 0 is 0. */
export function abs(x: Tensor): Tensor {
  return bind(absPrimitive, [x], null)[0]!;
}

/** x² */
export function square(x: Tensor): Tensor {
  return bind(squarePrimitive, [x], null)[0]!;
}

/** The least and the greatest value of a type: no bound. */
const extremes: Readonly<Record<ReturnType<typeof widened>, readonly [number, number]>> = {
  f32: [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY],
  f16: [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY],
  i32: [-(2 ** 31), 2 ** 31 - 1],
  u32: [0, 2 ** 32 - 1],
  bool: [0, 1],
};

/** Three operands of the dtype they promote to. */
function threeOperands(op: string, a: Tensor, b: Operand, c: Operand): [Tensor, Tensor, Tensor] {
  const [x, y] = operands(op, a, b);
  const [z, w] = operands(op, x, c);
  return [z, to(y, z.dtype), w];
}

/**
 * x held between low and high, either of which may be missing; the gradient passes where x is inside, bounds
 * included. Where low exceeds high the result is high.
 *
 * @throws ArgumentError without any bound
 * @example clamp(x, undefined, 1) // at most 1
 */
export function clamp(x: Tensor, low?: Operand, high?: Operand): Tensor {
  if (low === undefined && high === undefined)
    throw new ArgumentError("clamp: neither low nor high is given. Give at least one bound.");
  return scope(() => {
    const dtype = [low, high].reduce<DType>(
      (type, bound) => (bound === undefined ? type : operands("clamp", x, bound)[0].dtype),
      x.dtype,
    );
    const [least, greatest] = extremes[widened(dtype)];
    const given = threeOperands(
      "clamp",
      x,
      low ?? constant(x.device, least, dtype),
      high ?? constant(x.device, greatest, dtype),
    );
    return bind(clampPrimitive, given, null)[0]!;
  });
}

/** a + t · (b - a), with broadcasting. @throws ShapeError unless the shapes broadcast */
export function lerp(a: Tensor, b: Operand, t: Operand): Tensor {
  return scope(() => bind(lerpPrimitive, threeOperands("lerp", asFloat(a), b, t), null)[0]!);
}

/**
 * input + value · a · b, with broadcasting; value is a number, 1 by default.
 * @throws ShapeError unless the shapes broadcast
 */
export function addcmul(input: Tensor, a: Operand, b: Operand, value = 1): Tensor {
  return scope(() => {
    const [x, y, z] = threeOperands("addcmul", input, a, b);
    return bind(
      addcmulPrimitive,
      threeOperands("addcmul", x, value === 1 ? y : mul(y, value), z),
      null,
    )[0]!;
  });
}

/**
 * input + value · a / b, with broadcasting; value is a number, 1 by default. Integers are taken as f32.
 * @throws ShapeError unless the shapes broadcast
 */
export function addcdiv(input: Tensor, a: Operand, b: Operand, value = 1): Tensor {
  return scope(() => {
    const [x, y, z] = threeOperands("addcdiv", asFloat(input), a, b);
    return bind(addcdivPrimitive, [x, value === 1 ? y : mul(y, value), z], null)[0]!;
  });
}

/**
 * The step function: 0 for x < 0 and for NaN, `values` for x = 0, 1 for x > 0, with broadcasting.
 * @throws ShapeError unless the shapes broadcast
 * @example heaviside(tensor([-1, 0, 2]), 0.5) // 0, 0.5, 1
 */
export function heaviside(x: Tensor, values: Operand): Tensor {
  return ofRealPair(heavisidePrimitive, x, values);
}

/**
 * condition ? a : b, element by element, with broadcasting. `condition` is bool.
 * @throws ShapeError unless the shapes broadcast; DTypeError unless the condition is bool
 */
export function where(condition: Tensor, a: Operand, b: Operand): Tensor {
  return scope(() => {
    const numbers = typeof a === "number" && typeof b === "number";
    const [x, y] = numbers
      ? [constant(condition.device, a, "f32"), constant(condition.device, b, "f32")]
      : operands("where", a, b);
    return bind(selectPrimitive, [condition, x, y], null)[0]!;
  });
}

/** a = b, as bool. @throws ShapeError unless the shapes broadcast */
export function eq(a: Operand, b: Operand): Tensor {
  return ofPair(eqPrimitive, a, b);
}

/** a ≠ b, as bool. @throws ShapeError unless the shapes broadcast */
export function ne(a: Operand, b: Operand): Tensor {
  return ofPair(nePrimitive, a, b);
}

/** a < b, as bool. @throws ShapeError unless the shapes broadcast */
export function lt(a: Operand, b: Operand): Tensor {
  return ofPair(ltPrimitive, a, b);
}

/** a ≤ b, as bool. @throws ShapeError unless the shapes broadcast */
export function le(a: Operand, b: Operand): Tensor {
  return ofPair(lePrimitive, a, b);
}

/** a > b, as bool. @throws ShapeError unless the shapes broadcast */
export function gt(a: Operand, b: Operand): Tensor {
  return ofPair(ltPrimitive, b, a);
}

/** a ≥ b, as bool. @throws ShapeError unless the shapes broadcast */
export function ge(a: Operand, b: Operand): Tensor {
  return ofPair(lePrimitive, b, a);
}

/**
 * a ∧ b of two bool tensors.
 * @throws DTypeError unless both are bool; ShapeError unless the shapes broadcast
 */
export function logicalAnd(a: Tensor, b: Tensor): Tensor {
  return bind(andPrimitive, [a, b], null)[0]!;
}

/**
 * a ∨ b of two bool tensors.
 * @throws DTypeError unless both are bool; ShapeError unless the shapes broadcast
 */
export function logicalOr(a: Tensor, b: Tensor): Tensor {
  return bind(orPrimitive, [a, b], null)[0]!;
}

/**
 * Whether exactly one of two bool tensors holds.
 * @throws DTypeError unless both are bool; ShapeError unless the shapes broadcast
 */
export function logicalXor(a: Tensor, b: Tensor): Tensor {
  requireDType("logicalXor", "a", a.dtype, ["bool"]);
  requireDType("logicalXor", "b", b.dtype, ["bool"]);
  return bind(nePrimitive, [a, b], null)[0]!;
}

/** ¬x of a bool tensor. @throws DTypeError unless x is bool */
export function logicalNot(x: Tensor): Tensor {
  return bind(notPrimitive, [x], null)[0]!;
}

export const arithmeticPrimitives = [
  addPrimitive,
  subPrimitive,
  mulPrimitive,
  divPrimitive,
  powPrimitive,
  maximumPrimitive,
  minimumPrimitive,
  negPrimitive,
  absPrimitive,
  squarePrimitive,
  clampPrimitive,
  lerpPrimitive,
  addcmulPrimitive,
  addcdivPrimitive,
  heavisidePrimitive,
  selectPrimitive,
  eqPrimitive,
  nePrimitive,
  ltPrimitive,
  lePrimitive,
  andPrimitive,
  orPrimitive,
  notPrimitive,
];
