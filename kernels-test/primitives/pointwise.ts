/** Samples of the pointwise operations: how rows are sampled, and arithmetic and the elementary functions. */

import type { Tolerance } from "../harness";
import { type HostArray, pointwise } from "../reference/array";
import * as functions from "../reference/functions";
import { given, type Operand, real, truth, whole } from "./operand";
import { exact, type PrimitiveSamples, type Sample, type SampleTable } from "./sample";

export type Range = { low: number; high: number };
export type Value = (x: number) => number;

const wide: Range = { low: -2.05, high: 2.1 };

export interface Unary {
  of: Value;
  range?: Range;
  /** Moves sample values away from kinks. */
  away?: Value;
  tolerance: Tolerance;
  integers?: boolean;
}

/** Correctly rounded operations, or within one unit in the last place. */
export const rounded: Tolerance = { relative: 2 ** -22, absolute: 0 };
/** A few units in the last place; absolute where the result passes through 0. */
export const elementary: Tolerance = { relative: 1e-6, absolute: 3e-7 };

export const awayFromZero: Value = (x) => x + 0.05 * Math.sign(x);
export const betweenWholes: Value = (x) => Math.floor(x) + 0.1 + 0.3 * (x - Math.floor(x));

const unaries: Record<string, Unary> = {
  neg: { of: (x) => -x, tolerance: exact, integers: true },
  abs: { of: Math.abs, away: awayFromZero, tolerance: exact, integers: true },
  square: { of: (x) => x * x, tolerance: rounded, integers: true },
  sign: { of: Math.sign, away: awayFromZero, tolerance: exact, integers: true },
  exp: { of: Math.exp, tolerance: { relative: 2e-6, absolute: 0 } },
  log: { of: Math.log, range: { low: 0.2, high: 4 }, tolerance: elementary },
  log1p: { of: Math.log1p, range: { low: -0.7, high: 3 }, tolerance: elementary },
  expm1: { of: Math.expm1, tolerance: { relative: 2e-6, absolute: 0 } },
  sqrt: { of: Math.sqrt, range: { low: 0.2, high: 4 }, tolerance: elementary },
  rsqrt: { of: (x) => 1 / Math.sqrt(x), range: { low: 0.3, high: 4 }, tolerance: elementary },
  reciprocal: { of: (x) => 1 / x, range: { low: 0.4, high: 3 }, tolerance: elementary },
  sin: { of: Math.sin, range: { low: -7, high: 7 }, tolerance: elementary },
  cos: { of: Math.cos, range: { low: -7, high: 7 }, tolerance: elementary },
  tanh: { of: Math.tanh, range: { low: -4, high: 4 }, tolerance: elementary },
  erf: { of: functions.erf, range: { low: -3, high: 3 }, tolerance: elementary },
  sigmoid: { of: functions.sigmoid, range: { low: -6, high: 6 }, tolerance: elementary },
  relu: { of: (x) => Math.max(x, 0), away: awayFromZero, tolerance: exact },
  softplus: { of: functions.softplus, range: { low: -6, high: 6 }, tolerance: elementary },
  silu: { of: functions.silu, range: { low: -6, high: 6 }, tolerance: elementary },
  gelu: { of: functions.gelu, range: { low: -3, high: 3 }, tolerance: elementary },
  gelu_tanh: { of: functions.geluTanh, range: { low: -3, high: 3 }, tolerance: elementary },
  floor: { of: Math.floor, away: betweenWholes, tolerance: exact },
  ceil: { of: Math.ceil, away: betweenWholes, tolerance: exact },
  round: { of: functions.roundTiesToEven, away: betweenWholes, tolerance: exact },
};

/** Five sizes above 1, so that nothing merges to the kernels' compiled ranks of 1 to 3. */
const deep = [2, 1, 2, 2, 1, 3, 2, 1];

/**
 * Views that share one pipeline per function: two dimensions that do not merge, the last of odd size.
 */
export function unarySamples({ of, range = wide, away: place, tolerance, integers }: Unary) {
  const at = (claim: string, operand: Operand): Sample => ({
    claim,
    operands: [operand],
    attrs: null,
  });
  const options = { ...range, ...(place && { place }) };
  const samples = [
    at("dense, an odd size", real([3, 5], 1, options)),
    at("transposed", real([5, 3], 2, { ...options, layout: "transposed" })),
    at("sliced", real([3, 5], 3, { ...options, layout: "sliced" })),
    at("expanded", real([3, 5], 4, { ...options, layout: "expanded" })),
    at("a scalar", real([], 5, options)),
    at("eight dimensions", real([1, 3, 1, 1, 5, 1, 1, 1], 6, { ...options, layout: "sliced" })),
    at("no elements", real([0, 3], 7, options)),
    at("f16", real([3, 5], 8, { ...options, dtype: "f16" })),
  ];
  if (integers) samples.push(at("i32", whole([3, 5], 10, { low: -9 })));
  return {
    tolerance,
    reference: ([x]: readonly HostArray[]) => [pointwise(of, x!)],
    samples,
  } satisfies PrimitiveSamples;
}

/** Every compiled rank, with and without four neighbours per invocation: one function stands for all. */
const everyWalk = (range: Range): Sample[] =>
  (
    [
      ["one dimension", [7]],
      ["one dimension, by fours", [8]],
      ["two dimensions, by fours", [3, 4]],
      ["three dimensions", [2, 3, 5]],
      ["three dimensions, by fours", [2, 3, 4]],
      ["five dimensions", deep],
      ["five dimensions, by fours", [2, 2, 1, 2, 3, 1, 4]],
    ] as const
  ).map(([claim, shape], i) => ({
    claim,
    operands: [real(shape, 100 + i, { ...range, layout: "sliced" })],
    attrs: null,
  }));

export interface Binary {
  of: (a: number, b: number) => number;
  left?: Range;
  right?: Range;
  /** Moves sample values apart, or together. */
  place?: [Value, Value];
  tolerance: Tolerance;
  types?: readonly ("i32" | "u32" | "bool")[];
  /** Which operands to differentiate with respect to. Default: both. */
  wrt?: readonly number[];
  /** False: the operands are of no floating-point type. */
  floats?: boolean;
}

export const ties: [Value, Value] = [(x) => Math.round(x), (x) => Math.round(x)];
/** a on tenths, b halfway between. */
export const apart: [Value, Value] = [
  (x) => Math.round(x * 10) / 10,
  (x) => Math.round(x * 10) / 10 + 0.05,
];
export const numbers = ["i32", "u32"] as const;
const asNumber =
  (test: (a: number, b: number) => boolean) =>
  (a: number, b: number): number =>
    Number(test(a, b));

/** g times the slope of f at v. */
export const alongSlope = (f: Value) => (g: number, v: number) => g * functions.slope(f, v);

const binaries: Record<string, Binary> = {
  add: {
    of: (a, b) => a + b,
    tolerance: { relative: 2 ** -23, absolute: 2 ** -24 },
    types: numbers,
  },
  sub: {
    of: (a, b) => a - b,
    tolerance: { relative: 2 ** -23, absolute: 2 ** -24 },
    types: ["i32"],
  },
  mul: { of: (a, b) => a * b, tolerance: rounded, types: numbers },
  div: { of: (a, b) => a / b, right: { low: 0.4, high: 3 }, tolerance: elementary },
  pow: {
    of: (a, b) => a ** b,
    left: { low: 0.3, high: 2.5 },
    right: { low: -1.9, high: 2.6 },
    tolerance: { relative: 5e-6, absolute: 0 },
  },
  maximum: { of: Math.max, place: apart, tolerance: exact, types: numbers },
  minimum: { of: Math.min, place: apart, tolerance: exact, types: numbers },
  eq: {
    of: asNumber((a, b) => a === b),
    place: ties,
    tolerance: exact,
    types: ["i32", "u32", "bool"],
  },
  ne: {
    of: asNumber((a, b) => a !== b),
    place: ties,
    tolerance: exact,
    types: ["i32", "u32", "bool"],
  },
  lt: { of: asNumber((a, b) => a < b), place: ties, tolerance: exact, types: numbers },
  le: { of: asNumber((a, b) => a <= b), place: ties, tolerance: exact, types: numbers },
  logicalAnd: { of: (a, b) => a & b, tolerance: exact, types: ["bool"], floats: false },
  logicalOr: { of: (a, b) => a | b, tolerance: exact, types: ["bool"], floats: false },
  tanhBackward: {
    of: (g, y) => g * (1 - y * y),
    right: { low: -0.9, high: 0.9 },
    tolerance: elementary,
  },
  sigmoidBackward: {
    of: (g, y) => g * y * (1 - y),
    right: { low: 0.1, high: 0.9 },
    tolerance: elementary,
  },
  reluBackward: {
    of: (g, x) => (x > 0 ? g : 0),
    place: [(x) => x, awayFromZero],
    tolerance: exact,
  },
  siluBackward: { of: alongSlope(functions.silu), tolerance: { relative: 2e-6, absolute: 1e-6 } },
  geluBackward: { of: alongSlope(functions.gelu), tolerance: { relative: 2e-6, absolute: 1e-6 } },
  gelu_tanhBackward: {
    of: alongSlope(functions.geluTanh),
    tolerance: { relative: 2e-6, absolute: 1e-6 },
  },
};

export function binarySamples(row: Binary): PrimitiveSamples {
  const { of, left = wide, right = wide, place, tolerance } = row;
  const at = (claim: string, a: Operand, b: Operand): Sample => ({
    claim,
    operands: [a, b],
    attrs: null,
    ...(row.wrt && { wrt: row.wrt }),
  });
  const a = (shape: number[], more: Parameters<typeof real>[2] = {}) =>
    real(shape, 21, { ...left, ...(place && { place: place[0] }), ...more });
  const b = (shape: number[], more: Parameters<typeof real>[2] = {}) =>
    real(shape, 22, { ...right, ...(place && { place: place[1] }), ...more });
  const samples: Sample[] = [];
  if (row.floats ?? true)
    samples.push(
      at("dense, an odd size", a([3, 5]), b([3, 5])),
      at("a scalar on the right", a([2, 3]), b([])),
      at("broadcast both ways", a([3, 1]), b([1, 5])),
      at(
        "transposed against sliced",
        a([5, 3], { layout: "transposed" }),
        b([5, 3], { layout: "sliced" }),
      ),
      at("expanded against dense", a([3, 5], { layout: "expanded" }), b([3, 5])),
      at(
        "eight dimensions against two",
        a([1, 3, 1, 1, 1, 1, 5, 1], { layout: "sliced" }),
        b([1, 1]),
      ),
      at("no elements", a([0, 3]), b([3])),
      at("f16", a([3, 5], { dtype: "f16" }), b([3, 5], { dtype: "f16" })),
    );
  const integer = (dtype: "i32" | "u32", seed: number, shape: number[]) =>
    whole(shape, seed, { low: dtype === "i32" ? -5 : 0, high: 6, dtype });
  for (const dtype of row.types ?? []) {
    const make = (seed: number, shape: number[]) =>
      dtype === "bool" ? truth(shape, seed) : integer(dtype, seed, shape);
    samples.push(
      { claim: dtype, operands: [make(31, [3, 5]), make(32, [3, 5])], attrs: null },
      { claim: `${dtype}, broadcast`, operands: [make(33, [3, 1]), make(34, [4])], attrs: null },
    );
  }
  return { tolerance, reference: ([x, y]) => [pointwise(of, x!, y!)], samples };
}

/** Every compiled rank and every choice of scalars: one function stands for all. */
const everyPair: Sample[] = (
  [
    ["a scalar on the left", [1], [2, 3]],
    ["two scalars", [], []],
    ["one dimension", [7], [7]],
    ["two dimensions, by fours", [3, 4], [4]],
    ["three dimensions", [2, 3, 5], [2, 1, 5]],
    ["three dimensions, by fours", [2, 1, 4], [2, 3, 1]],
    ["five dimensions", deep, [2, 1]],
    ["five dimensions, by fours", [2, 2, 1, 2, 3, 1, 4], [3, 1, 1]],
  ] as const
).map(([claim, a, b], i) => ({
  claim,
  operands: [real(a, 120 + i, { layout: "sliced" }), real(b, 130 + i)],
  attrs: null,
}));

const low = given([], [-0.75]);
const high = given([], [0.85]);

/** clamp, and what differs from it at the bounds only. */
export const held: PrimitiveSamples = {
  tolerance: exact,
  reference: ([x, l, h]) => [pointwise((v, m, n) => Math.min(Math.max(v, m), n), x!, l!, h!)],
  samples: [
    {
      claim: "scalar bounds",
      operands: [real([3, 5], 41, { place: apart[0] }), low, high],
      attrs: null,
    },
    {
      claim: "bounds by row, x transposed",
      operands: [
        real([3, 4], 42, { layout: "transposed", place: apart[0] }),
        given([3, 1], [-0.95, -0.15, -1.35]),
        given([4], [0.75, 0.25, 1.15, 0.85]),
      ],
      attrs: null,
    },
    { claim: "a scalar", operands: [given([], [1.5]), low, high], attrs: null },
    { claim: "no elements", operands: [real([2, 0], 43), low, high], attrs: null },
    {
      claim: "f16",
      operands: [
        real([3, 5], 45, { dtype: "f16" }),
        given([], [-0.75], "f16"),
        given([], [0.75], "f16"),
      ],
      attrs: null,
    },
  ],
};

const integersToo: PrimitiveSamples = {
  ...held,
  samples: [
    ...held.samples,
    {
      claim: "i32",
      operands: [whole([7], 44, { low: -9 }), given([], [-3], "i32"), given([], [4], "i32")],
      attrs: null,
    },
    {
      claim: "u32",
      operands: [
        whole([3, 5], 46, { dtype: "u32" }),
        given([], [3], "u32"),
        whole([5], 47, { low: 4, dtype: "u32" }),
      ],
      attrs: null,
    },
  ],
};

/** A function of three real operands. */
export const ternarySamples = (
  of: (a: number, b: number, c: number) => number,
  last: Range = { low: 0, high: 1 },
): PrimitiveSamples => ({
  tolerance: { relative: 2 ** -21, absolute: 2 ** -22 },
  reference: ([a, b, c]) => [pointwise(of, a!, b!, c!)],
  samples: [
    {
      claim: "dense",
      operands: [real([3, 5], 51), real([3, 5], 52), real([3, 5], 53, last)],
      attrs: null,
    },
    {
      claim: "broadcast, eight dimensions",
      operands: [real(deep, 54, { layout: "sliced" }), real([2, 1], 55), real([], 56, last)],
      attrs: null,
    },
    {
      claim: "no elements",
      operands: [real([0], 57), real([1], 58), real([], 59, last)],
      attrs: null,
    },
    {
      claim: "f16",
      operands: [51, 52, 53].map((seed) =>
        real([3, 5], seed, { dtype: "f16", ...(seed === 53 && last) }),
      ),
      attrs: null,
    },
  ],
});

const where: PrimitiveSamples = {
  tolerance: exact,
  reference: ([c, a, b]) => [pointwise((t, p, q) => (t ? p : q), c!, a!, b!)],
  samples: [
    {
      claim: "dense",
      operands: [truth([3, 5], 61), real([3, 5], 62), real([3, 5], 63)],
      attrs: null,
    },
    {
      claim: "everything broadcast",
      operands: [truth([3, 1], 64), real([4], 65), real([2, 1, 1], 66)],
      attrs: null,
    },
    {
      claim: "views",
      operands: [
        truth([3, 4], 67, "transposed"),
        real([3, 4], 68, { layout: "sliced" }),
        real([3, 4], 69, { layout: "expanded" }),
      ],
      attrs: null,
    },
    { claim: "a scalar", operands: [truth([], 70), real([], 71), real([], 72)], attrs: null },
    {
      claim: "no elements",
      operands: [truth([3, 0], 73), real([], 74), real([], 75)],
      attrs: null,
    },
    { claim: "i32", operands: [truth([5], 76), whole([5], 77), whole([], 78)], attrs: null },
    { claim: "bool", operands: [truth([5], 79), truth([5], 80), truth([], 81)], attrs: null },
    {
      claim: "f16",
      operands: [
        truth([3, 1], 82),
        real([3, 5], 83, { dtype: "f16" }),
        real([5], 84, { dtype: "f16" }),
      ],
      attrs: null,
    },
  ],
};

const logicalNot: PrimitiveSamples = {
  tolerance: exact,
  reference: ([x]) => [pointwise((v) => 1 - v, x!)],
  samples: [
    { claim: "dense", operands: [truth([3, 5], 91)], attrs: null },
    { claim: "transposed", operands: [truth([4, 3], 92, "transposed")], attrs: null },
    { claim: "no elements", operands: [truth([0], 93)], attrs: null },
  ],
};

export const each = <T>(rows: Record<string, T>, make: (row: T) => PrimitiveSamples): SampleTable =>
  Object.fromEntries(Object.entries(rows).map(([name, row]) => [name, make(row)]));

const plus = (to: PrimitiveSamples, more: readonly Sample[]): PrimitiveSamples => ({
  ...to,
  samples: [...to.samples, ...more],
});

export const pointwiseSamples: SampleTable = {
  ...each(unaries, unarySamples),
  ...each(binaries, binarySamples),
  exp: plus(unarySamples(unaries["exp"]!), everyWalk(wide)),
  mul: plus(binarySamples(binaries["mul"]!), everyPair),
  clamp: integersToo,
  lerp: ternarySamples((a, b, t) => a + t * (b - a)),
  where,
  logicalNot,
};
