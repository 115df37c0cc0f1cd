/** Constant expressions. The expected values and refusals are those of WGSL; Dawn's agree but where noted. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { resolveBinary, resolveBuiltin, resolveUnary } from "../../../src/cpu/wgsl/builtins";
import {
  bitcastConstant,
  ConstantError,
  type ConstantValue,
  convertConstant,
  evaluateBinary,
  evaluateBuiltin,
  evaluateUnary,
  explicitConvert,
  zeroConstant,
} from "../../../src/cpu/wgsl/constants";
import { f16Bits, f16FromBits, roundF16 } from "../../../src/cpu/wgsl/float16";
import type { BinaryOperator } from "../../../src/cpu/wgsl/program";
import {
  abstractFloat,
  abstractInt,
  bool,
  f16,
  f32,
  i32,
  type MatrixType,
  type Type,
  typeName,
  u32,
  vectorOf,
} from "../../../src/cpu/wgsl/types";
import { fromHalfBits, toHalfBits } from "../../../src/tensor/dtype";

type Typed = readonly [Type, ConstantValue];
const fround = Math.fround;
const matrix = (columns: 2 | 3 | 4, rows: 2 | 3 | 4): MatrixType => ({
  kind: "matrix",
  columns,
  rows,
  element: f32,
});

function binary(op: BinaryOperator, x: Typed, y: Typed): ConstantValue {
  const overload = resolveBinary(op, x[0], y[0])!;
  const [left, right] = overload.parameters as [Type, Type];
  return evaluateBinary(
    op,
    left,
    right,
    convertConstant(x[1], x[0], left),
    convertConstant(y[1], y[0], right),
  );
}

function call(name: string, args: readonly Typed[], template: readonly Type[] = []): ConstantValue {
  const types = args.map(([type]) => type);
  const { parameters, result } = resolveBuiltin(name, template, types)!;
  const values = args.map(([type, value], k) => convertConstant(value, type, parameters[k]!));
  return evaluateBuiltin(name, parameters, values, result!)!;
}

const shown = (value: ConstantValue): string =>
  typeof value === "object" ? `(${value.map(shown).join(", ")})` : String(value);
const typed = ([type, value]: Typed): string => `${shown(value)} of ${typeName(type)}`;

const floats = (...values: readonly number[]): readonly Typed[] =>
  values.map((x) => [f32, fround(x)]);
const vec = (...values: readonly number[]): Typed => [
  vectorOf(f32, values.length as 2 | 3 | 4),
  values.map(fround),
];
const finite32 = fc.float({ noNaN: true, noDefaultInfinity: true });
const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const uint32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });

describe("integers", () => {
  test("i32 and u32 wrap as 32-bit machines do", () => {
    fc.assert(
      fc.property(int32, int32, (x, y) => {
        expect(binary("+", [i32, x], [i32, y])).toBe((x + y) | 0);
        expect(binary("-", [i32, x], [i32, y])).toBe((x - y) | 0);
        expect(binary("*", [i32, x], [i32, y])).toBe(Math.imul(x, y));
        expect(binary("^", [i32, x], [i32, y])).toBe(x ^ y);
        expect(binary("*", [u32, x >>> 0], [u32, y >>> 0])).toBe(Math.imul(x, y) >>> 0);
        expect(binary("-", [u32, x >>> 0], [u32, y >>> 0])).toBe((x - y) >>> 0);
        expect(binary("|", [u32, x >>> 0], [u32, y >>> 0])).toBe((x | y) >>> 0);
        expect(evaluateUnary("~", i32, x)).toBe(~x);
        expect(evaluateUnary("-", i32, x)).toBe(-x | 0);
        expect(evaluateUnary("~", u32, x >>> 0)).toBe(~x >>> 0);
      }),
    );
  });

  test("division truncates, and the remainder has the sign of the dividend", () => {
    fc.assert(
      fc.property(int32, int32, (x, y) => {
        fc.pre(y !== 0 && !(x === -(2 ** 31) && y === -1));
        expect(binary("/", [i32, x], [i32, y])).toBe(Math.trunc(x / y) + 0);
        expect(binary("%", [i32, x], [i32, y])).toBe((x % y) + 0);
      }),
    );
  });

  const refused: readonly (readonly [string, BinaryOperator, Typed, Typed])[] = [
    ["a 64-bit overflow", "+", [abstractInt, 2n ** 63n - 1n], [abstractInt, 1n]],
    ["a 64-bit overflow of a product", "*", [abstractInt, 2n ** 62n], [abstractInt, 2n]],
    ["a division by zero", "/", [u32, 1], [u32, 0]],
    ["a remainder by zero", "%", [abstractInt, 1n], [abstractInt, 0n]],
    ["the one i32 quotient that is no i32", "/", [i32, -(2 ** 31)], [i32, -1]],
    ["the remainder of that quotient", "%", [i32, -(2 ** 31)], [i32, -1]],
    ["a shift by 32", "<<", [u32, 1], [u32, 32]],
    ["a right shift by 32", ">>", [i32, 1], [u32, 32]],
    ["a shift into the sign", "<<", [i32, 1], [u32, 31]],
    ["a shift that loses bits", "<<", [u32, 3], [u32, 31]],
    ["a shift of 64 bits by 63", "<<", [abstractInt, 1n], [abstractInt, 63n]],
    ["a shift of 64 bits by 64", "<<", [abstractInt, 1n], [abstractInt, 64n]],
    ["a negative shift", "<<", [abstractInt, 1n], [abstractInt, -1n]],
    ["an operand that the other's type lacks", "+", [abstractInt, -1n], [u32, 1]],
    ["an infinite quotient", "/", [f32, 1], [f32, 0]],
    ["an infinite product", "*", [f32, fround(1e38)], [f32, 10]],
    ["a remainder by zero of floats", "%", [abstractFloat, 1], [abstractFloat, 0]],
    ["an f16 sum beyond 65504", "+", [f16, 65504], [f16, 65504]],
  ];
  for (const [what, op, x, y] of refused)
    test(`refuses ${what}`, () => {
      expect(() => binary(op, x, y)).toThrow(ConstantError);
    });

  const results: readonly (readonly [BinaryOperator, Typed, Typed, ConstantValue])[] = [
    ["<<", [i32, -1], [u32, 31], -(2 ** 31)],
    ["<<", [u32, 1], [u32, 31], 2 ** 31],
    ["<<", [abstractInt, 1n], [abstractInt, 31n], 2n ** 31n],
    [">>", [i32, -8], [u32, 1], -4],
    [">>", [u32, 2 ** 32 - 8], [u32, 1], 2 ** 31 - 4],
    [">>", [abstractInt, -1n], [abstractInt, 1000n], -1n],
    ["%", [abstractInt, -7n], [abstractInt, 3n], -1n],
    ["<", [u32, 2 ** 31], [u32, 1], false],
    ["&", [bool, true], [bool, false], false],
    ["|", [bool, true], [bool, false], true],
    ["!=", [bool, true], [bool, false], true],
    ["+", [abstractInt, 1n], [abstractFloat, 0.5], 1.5],
    ["%", [f32, -7.5], [f32, 2], -1.5],
    ["==", [f32, 0], [f32, -0], true],
  ];
  for (const [op, x, y, expected] of results)
    test(`${typed(x)} ${op} ${typed(y)} is ${shown(expected)}`, () => {
      expect(binary(op, x, y)).toBe(expected);
    });

  test("the negative of the least integer is itself", () => {
    expect(evaluateUnary("-", abstractInt, -(2n ** 63n))).toBe(-(2n ** 63n));
    expect(call("abs", [[i32, -(2 ** 31)]])).toBe(-(2 ** 31));
    expect(resolveUnary("-", u32)).toBeNull();
  });
});

describe("floats", () => {
  test("f32 operations round once", () => {
    fc.assert(
      fc.property(finite32, finite32, (x, y) => {
        for (const [op, exact] of [
          ["+", x + y],
          ["-", x - y],
          ["*", x * y],
          ["/", x / y],
          ["%", x % y],
        ] as const) {
          const expected = fround(exact);
          if (Number.isFinite(expected)) expect(binary(op, [f32, x], [f32, y])).toBe(expected);
          else expect(() => binary(op, [f32, x], [f32, y])).toThrow(ConstantError);
        }
      }),
    );
  });

  test("f16 rounds as the tensors of that type do", () => {
    for (let bits = 0; bits < 0x10000; bits++) {
      const value = f16FromBits(bits);
      expect(value).toBe(fromHalfBits(bits));
      if (Number.isFinite(value)) expect(f16Bits(value)).toBe(bits);
    }
    fc.assert(
      fc.property(fc.oneof(finite32, fc.float({ min: -70000, max: 70000, noNaN: true })), (x) => {
        expect(roundF16(x)).toBe(fromHalfBits(toHalfBits(x)));
      }),
    );
  });

  test("f16 rounds a double once, though f32 stands between", () => {
    // 1 + 2^-11 is half way; the 2^-40 above it would be lost in f32.
    expect(roundF16(1 + 2 ** -11)).toBe(1);
    expect(roundF16(1 + 2 ** -11 + 2 ** -40)).toBe(1 + 2 ** -10);
  });
});

describe("vectors and matrices", () => {
  const m = [
    [1, 2],
    [3, 4],
    [5, 6],
  ];

  test("a scalar stands for each component", () => {
    expect(binary("-", [abstractFloat, 1.5], [vectorOf(abstractInt, 2), [1n, 2n]])).toEqual([
      0.5, -0.5,
    ]);
    expect(binary("*", [matrix(3, 2), m], [f32, 2])).toEqual([
      [2, 4],
      [6, 8],
      [10, 12],
    ]);
    expect(binary("+", [matrix(3, 2), m], [matrix(3, 2), m])).toEqual([
      [2, 4],
      [6, 8],
      [10, 12],
    ]);
  });

  test("comparisons give a bool for each component", () => {
    expect(binary("<", vec(1, 2, 3), vec(3, 2, 1))).toEqual([true, false, false]);
    expect(evaluateUnary("!", vectorOf(bool, 2), [true, false])).toEqual([false, true]);
  });

  test("products with matrices are sums over the columns of the left side", () => {
    expect(binary("*", [matrix(3, 2), m], vec(1, 10, 100))).toEqual([531, 642]);
    expect(binary("*", vec(1, 10), [matrix(3, 2), m])).toEqual([21, 43, 65]);
    expect(
      binary(
        "*",
        [matrix(3, 2), m],
        [
          matrix(2, 3),
          [
            [1, 0, 0],
            [0, 10, 100],
          ],
        ],
      ),
    ).toEqual([
      [1, 2],
      [530, 640],
    ]);
    expect(call("transpose", [[matrix(3, 2), m]])).toEqual([
      [1, 3, 5],
      [2, 4, 6],
    ]);
    expect(
      call("determinant", [
        [
          matrix(3, 3),
          [
            [2, 0, 1],
            [1, 3, 2],
            [1, 1, 4],
          ],
        ],
      ]),
    ).toBe(18);
  });
});

describe("conversions", () => {
  const implicit: readonly (readonly [Type, ConstantValue, Type, ConstantValue])[] = [
    [abstractInt, 5n, i32, 5],
    [abstractInt, 2n ** 32n - 1n, u32, 2 ** 32 - 1],
    [abstractInt, 3n, abstractFloat, 3],
    [abstractFloat, 0.1, f32, fround(0.1)],
    [abstractFloat, 0.1, f16, 0.0999755859375],
    [abstractFloat, 1e-10, f16, 0],
    [vectorOf(abstractInt, 2), [1n, 2n], vectorOf(f32, 2), [1, 2]],
    [
      { kind: "array", element: vectorOf(abstractInt, 2), count: 1 },
      [[1n, 2n]],
      { kind: "array", element: vectorOf(u32, 2), count: 1 },
      [[1, 2]],
    ],
  ];
  for (const [from, value, to, expected] of implicit)
    test(`${typed([from, value])} becomes ${shown(expected)} of ${typeName(to)}`, () => {
      expect(convertConstant(value, from, to)).toEqual(expected);
    });

  const tooLarge: readonly (readonly [Type, ConstantValue, Type])[] = [
    [abstractInt, 2n ** 31n, i32],
    [abstractInt, -1n, u32],
    [abstractInt, 70000n, f16],
    [abstractFloat, 65505, f16],
    [abstractFloat, 3.4028235e38, f32],
  ];
  for (const [from, value, to] of tooLarge)
    test(`${typed([from, value])} becomes no ${typeName(to)}`, () => {
      expect(() => convertConstant(value, from, to)).toThrow(ConstantError);
    });

  const constructed: readonly (readonly [Type, ConstantValue, Type, ConstantValue])[] = [
    [bool, true, f32, 1],
    [f32, -0, bool, false],
    [f32, 0.5, bool, true],
    [i32, -1, u32, 2 ** 32 - 1],
    [u32, 2 ** 32 - 1, i32, -1],
    [u32, 2 ** 32 - 1, f32, 2 ** 32],
    [f32, -1.9, i32, -1],
    [f32, -1.9, u32, 0],
    [abstractFloat, 1e20, u32, 2 ** 32 - 1],
    [abstractFloat, 1e20, i32, 2 ** 31 - 1],
    [f32, fround(1e20), u32, 2 ** 32 - 256],
    [f32, fround(1e20), i32, 2 ** 31 - 128],
    [f32, fround(-1e20), i32, -(2 ** 31)],
    [f16, 65504, i32, 65504],
    [f32, fround(0.1), f16, 0.0999755859375],
    [vectorOf(f32, 2), [1.5, -3], vectorOf(u32, 2), [1, 0]],
    [abstractInt, 7n, f32, 7],
  ];
  for (const [from, value, to, expected] of constructed)
    test(`a value constructor takes ${typed([from, value])} to ${typeName(to)} as ${shown(expected)}`, () => {
      expect(explicitConvert(value, from, to)).toEqual(expected);
    });

  test("a value constructor refuses what its type cannot hold", () => {
    expect(() => explicitConvert(-1n, abstractInt, u32)).toThrow("-1 is not a value of u32");
    expect(() => explicitConvert(70000, f32, f16)).toThrow("70000 is not a value of f16");
  });

  test("zero has the shape of its type", () => {
    expect(zeroConstant(abstractInt)).toBe(0n);
    expect(zeroConstant({ kind: "array", element: vectorOf(bool, 2), count: 2 })).toEqual([
      [false, false],
      [false, false],
    ]);
    expect(zeroConstant(matrix(2, 3))).toEqual([
      [0, 0, 0],
      [0, 0, 0],
    ]);
  });

  test("a bitcast there and back keeps every integer that is a finite float", () => {
    fc.assert(
      fc.property(uint32, (x) => {
        expect(bitcastConstant(bitcastConstant(x, u32, i32), i32, u32)).toBe(x);
        if (((x >>> 23) & 255) === 255)
          expect(() => bitcastConstant(x, u32, f32)).toThrow(ConstantError);
        else expect(bitcastConstant(bitcastConstant(x, u32, f32), f32, u32)).toBe(x);
      }),
    );
  });

  test("a bitcast to u32 takes abstract integers of either 32-bit type", () => {
    expect(call("bitcast", [[abstractInt, 2n ** 32n - 1n]], [u32])).toBe(2 ** 32 - 1);
    expect(call("bitcast", [[abstractInt, -1n]], [u32])).toBe(2 ** 32 - 1);
    expect(() => call("bitcast", [[abstractInt, 2n ** 32n]], [u32])).toThrow(ConstantError);
    expect(() => call("bitcast", [[abstractInt, 2n ** 32n - 1n]], [f32])).toThrow(ConstantError);
  });

  test("two f16 are one word, the first in its low half", () => {
    expect(call("bitcast", [[vectorOf(f16, 2), [1, 2]]], [u32])).toBe(0x40003c00);
    expect(
      call("bitcast", [[vectorOf(u32, 2), [0x40003c00, 0xbc000000]]], [vectorOf(f16, 4)]),
    ).toEqual([1, 2, 0, -1]);
  });
});

describe("built-in functions", () => {
  test("float functions are those of JavaScript, rounded", () => {
    const names =
      "acos acosh asin asinh atan atanh ceil cos cosh exp floor log log2 sin sinh sqrt tan tanh trunc";
    fc.assert(
      fc.property(fc.constantFrom(...names.split(" ")), finite32, (name, x) => {
        const exact = Math[name as "sin"](x);
        if (Number.isFinite(fround(exact))) expect(call(name, [[f32, x]])).toBe(fround(exact));
        else expect(() => call(name, [[f32, x]])).toThrow(ConstantError);
      }),
      { numRuns: 500 },
    );
  });

  const calls: readonly (readonly [string, readonly Typed[], ConstantValue])[] = [
    ["round", floats(2.5), 2],
    ["round", floats(3.5), 4],
    ["round", floats(-0.6), -1],
    ["fract", floats(-0.25), 0.75],
    ["sign", floats(-3), -1],
    ["sign", [[abstractInt, -3n]], -1n],
    ["saturate", floats(2.5), 1],
    ["exp2", floats(-3), 0.125],
    ["degrees", [[abstractFloat, Math.PI]], 180],
    ["inverseSqrt", floats(4), 0.5],
    ["pow", floats(2, 10), 1024],
    ["step", floats(2, 1), 0],
    ["step", floats(2, 2), 1],
    ["atan2", floats(0, -1), fround(Math.PI)],
    ["fma", floats(2, 3, 4), 10],
    ["mix", floats(1, 3, 0.25), 1.5],
    ["mix", [vec(1, 2), vec(3, 6), ...floats(0.5)], [2, 4]],
    ["smoothstep", floats(0, 2, 1), 0.5],
    ["smoothstep", floats(2, 1, 1.5), 0.5],
    [
      "clamp",
      [
        [i32, 5],
        [i32, -1],
        [i32, 3],
      ],
      3,
    ],
    [
      "max",
      [
        [i32, 1],
        [abstractInt, 2n],
      ],
      2,
    ],
    [
      "min",
      [
        [u32, 2 ** 31],
        [u32, 1],
      ],
      1,
    ],
    ["abs", [[abstractInt, -5n]], 5n],
    ["select", [...floats(1, 2), [bool, true]], 2],
    ["select", [vec(1, 2), vec(3, 4), [vectorOf(bool, 2), [true, false]]], [3, 2]],
    ["all", [[vectorOf(bool, 3), [true, true, false]]], false],
    ["any", [[vectorOf(bool, 3), [true, true, false]]], true],
    ["all", [[bool, true]], true],
    ["dot", [vec(1, 2, 3), vec(4, 5, 6)], 32],
    [
      "dot",
      [
        [vectorOf(i32, 2), [2 ** 31 - 1, 1]],
        [vectorOf(i32, 2), [1, 1]],
      ],
      -(2 ** 31),
    ],
    ["cross", [vec(1, 2, 3), vec(4, 5, 6)], [-3, 6, -3]],
    ["length", [vec(3, 4)], 5],
    ["length", floats(-3), 3],
    ["distance", [vec(1, 1), vec(4, 5)], 5],
    ["normalize", [vec(3, 4)], [fround(0.6), fround(0.8)]],
    ["reflect", [vec(1, -1), vec(0, 1)], [1, 1]],
    ["refract", [vec(1, 0), vec(0, 1), ...floats(3)], [0, 0]],
    ["refract", [vec(0, -1), vec(0, 1), ...floats(0.5)], [0, -1]],
    ["faceForward", [vec(1, 2), vec(0, 1), vec(0, 1)], [-1, -2]],
    ["faceForward", [vec(1, 2), vec(0, -1), vec(0, 1)], [1, 2]],
    ["frexp", floats(8), [0.5, 4]],
    ["frexp", [[abstractFloat, -0.75]], [-0.75, 0n]],
    ["frexp", [[abstractFloat, Number.MAX_VALUE]], [1 - 2 ** -53, 1024n]],
    [
      "frexp",
      [vec(0, 3)],
      [
        [0, 0.75],
        [0, 2],
      ],
    ],
    ["modf", floats(-1.5), [-0.5, -1]],
    ["ldexp", [...floats(0.5), [i32, 128]], 2 ** 127],
    ["ldexp", [...floats(1), [abstractInt, -200n]], 0],
    [
      "ldexp",
      [
        [abstractFloat, 1],
        [abstractInt, 1000n],
      ],
      2 ** 1000,
    ],
    ["quantizeToF16", floats(6e-8), 2 ** -24],
    ["countOneBits", [[abstractInt, 7n]], 3],
    ["countLeadingZeros", [[u32, 1]], 31],
    ["countTrailingZeros", [[u32, 0]], 32],
    ["countTrailingZeros", [[i32, 8]], 3],
    ["firstLeadingBit", [[i32, -1]], -1],
    ["firstLeadingBit", [[i32, -5]], 2],
    ["firstLeadingBit", [[u32, 0]], 2 ** 32 - 1],
    ["firstTrailingBit", [[u32, 12]], 2],
    ["reverseBits", [[u32, 1]], 2 ** 31],
    ["reverseBits", [[i32, 1]], -(2 ** 31)],
    [
      "extractBits",
      [
        [i32, 0xf0],
        [u32, 4],
        [u32, 4],
      ],
      -1,
    ],
    [
      "extractBits",
      [
        [u32, 0xff],
        [u32, 4],
        [u32, 8],
      ],
      0xf,
    ],
    [
      "extractBits",
      [
        [u32, 5],
        [u32, 32],
        [u32, 0],
      ],
      0,
    ],
    [
      "extractBits",
      [
        [u32, 2 ** 32 - 1],
        [u32, 0],
        [u32, 32],
      ],
      2 ** 32 - 1,
    ],
    [
      "insertBits",
      [
        [u32, 1],
        [u32, 3],
        [u32, 4],
        [u32, 2],
      ],
      0x31,
    ],
    [
      "insertBits",
      [
        [u32, 1],
        [u32, 3],
        [u32, 0],
        [u32, 32],
      ],
      3,
    ],
    [
      "dot4U8Packed",
      [
        [u32, 0x010203ff],
        [u32, 0x01010102],
      ],
      1 + 2 + 3 + 510,
    ],
    [
      "dot4I8Packed",
      [
        [u32, 0xff],
        [u32, 2],
      ],
      -2,
    ],
    ["pack4x8snorm", [vec(1, -1, 0.5, -2)], 0x8140817f],
    ["pack4x8unorm", [vec(1, 0, 0.5, 2)], 0xff8000ff],
    ["pack4xU8Clamp", [[vectorOf(u32, 4), [300, 1, 2, 3]]], 0x030201ff],
    ["pack4xI8Clamp", [[vectorOf(i32, 4), [300, -300, 2, 3]]], 0x0302807f],
    ["pack4xI8", [[vectorOf(i32, 4), [-1, 257, 2, 3]]], 0x030201ff],
    ["pack4xU8", [[vectorOf(u32, 4), [255, 257, 2, 3]]], 0x030201ff],
    ["pack2x16snorm", [vec(1, -1)], 0x80017fff],
    ["pack2x16unorm", [vec(1, 0)], 0xffff],
    ["pack2x16float", [vec(1, -2)], 0xc0003c00],
    ["unpack4x8snorm", [[u32, 0x7f80ff]], [fround(-1 / 127), -1, 1, 0]],
    ["unpack4x8unorm", [[u32, 0xff00]], [0, 1, 0, 0]],
    ["unpack4xI8", [[u32, 0x80ff]], [-1, -128, 0, 0]],
    ["unpack4xU8", [[u32, 0x80ff]], [255, 128, 0, 0]],
    ["unpack2x16snorm", [[u32, 0x80007fff]], [1, -1]],
    ["unpack2x16unorm", [[u32, 0xffff0000]], [0, 1]],
    ["unpack2x16float", [[u32, 0xc0003c00]], [1, -2]],
  ];
  for (const [name, args, expected] of calls)
    test(`${name}(${args.map(typed).join(", ")}) is ${shown(expected)}`, () => {
      expect(call(name, args)).toEqual(expected);
    });

  const refusedCalls: readonly (readonly [string, readonly Typed[]])[] = [
    ["clamp", floats(1, 3, 2)],
    ["smoothstep", floats(1, 1, 2)],
    [
      "extractBits",
      [
        [u32, 1],
        [u32, 31],
        [u32, 2],
      ],
    ],
    [
      "insertBits",
      [
        [u32, 1],
        [u32, 1],
        [u32, 31],
        [u32, 2],
      ],
    ],
    ["ldexp", [...floats(0), [i32, 129]]],
    [
      "ldexp",
      [
        [f16, 0],
        [i32, 17],
      ],
    ],
    ["ldexp", [...floats(1), [i32, 128]]],
    ["pow", floats(-2, 2)],
    ["pow", floats(0, 0)],
    ["log", floats(0)],
    ["exp", floats(100)],
    ["normalize", [vec(0, 0)]],
    ["length", [vec(1e30, 0)]],
    ["quantizeToF16", floats(65505)],
    ["pack2x16float", [vec(65505, 0)]],
    ["unpack2x16float", [[u32, 0x7c00]]],
    [
      "min",
      [
        [abstractInt, -5n],
        [u32, 3],
      ],
    ],
  ];
  for (const [name, args] of refusedCalls)
    test(`${name}(${args.map(typed).join(", ")}) is refused`, () => {
      expect(() => call(name, args)).toThrow(ConstantError);
    });

  test("unpacking undoes packing of whole bytes", () => {
    fc.assert(
      fc.property(uint32, (word) => {
        for (const kind of ["I8", "U8"]) {
          const parts = call(`unpack4x${kind}`, [[u32, word]]);
          const type = vectorOf(kind === "I8" ? i32 : u32, 4);
          expect(call(`pack4x${kind}`, [[type, parts]])).toBe(word);
          expect(call(`pack4x${kind}Clamp`, [[type, parts]])).toBe(word);
        }
        const norm = call("unpack4x8unorm", [[u32, word]]);
        expect(call("pack4x8unorm", [[vectorOf(f32, 4), norm]])).toBe(word);
      }),
    );
  });

  test("insertBits and extractBits agree", () => {
    fc.assert(
      fc.property(uint32, uint32, fc.nat(32), fc.nat(32), (x, y, offset, count) => {
        fc.pre(offset + count <= 32);
        const place: readonly Typed[] = [
          [u32, offset],
          [u32, count],
        ];
        const whole = call("insertBits", [[u32, x], [u32, y], ...place]) as number;
        expect(call("extractBits", [[u32, whole], ...place])).toBe(y % 2 ** count);
        expect(call("insertBits", [[u32, whole], [u32, 0], ...place])).toBe(
          call("insertBits", [[u32, x], [u32, 0], ...place]),
        );
      }),
    );
  });

  test("fract · 2^exp of frexp is the number, and ldexp puts it together", () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (x) => {
        const [fract, exponent] = call("frexp", [[abstractFloat, x]]) as [number, bigint];
        if (x !== 0) expect(Math.abs(fract)).toBeGreaterThanOrEqual(0.5);
        expect(Math.abs(fract)).toBeLessThan(1);
        const whole = call("ldexp", [
          [abstractFloat, fract],
          [abstractInt, exponent],
        ]);
        expect(whole).toBe(x);
      }),
    );
  });

  test("what depends on the run is no constant", () => {
    for (const name of ["subgroupAdd", "atomicLoad", "arrayLength", "workgroupBarrier"])
      expect(evaluateBuiltin(name, [], [], u32)).toBeNull();
  });
});
