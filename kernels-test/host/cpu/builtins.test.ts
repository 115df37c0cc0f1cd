/** Overload resolution: which operands and arguments WGSL takes, as what, and what they give. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  atomicBuiltins,
  constantBuiltins,
  conversionRank,
  isBuiltinFunction,
  isUnsupportedBuiltin,
  type Overload,
  resolveBinary,
  resolveBuiltin,
  resolveUnary,
  resultMustBeUsed,
  subgroupBuiltins,
  synchronisingBuiltins,
} from "../../../src/cpu/wgsl/builtins";
import { ConstantError, evaluateBuiltin, zeroConstant } from "../../../src/cpu/wgsl/constants";
import { isAbstract } from "../../../src/cpu/wgsl/conversionRank";
import type { BinaryOperator } from "../../../src/cpu/wgsl/program";
import { frexpResult, modfResult } from "../../../src/cpu/wgsl/resultStructs";
import {
  abstractFloat,
  abstractInt,
  bool,
  f16,
  f32,
  i32,
  type MatrixType,
  type PointerType,
  type ScalarType,
  sameType,
  type Type,
  typeName,
  u32,
  vectorOf,
} from "../../../src/cpu/wgsl/types";

const scalars = [bool, i32, u32, f32, f16, abstractInt, abstractFloat];
const plain: readonly Type[] = scalars.flatMap((element) => [
  element,
  vectorOf(element, 2),
  vectorOf(element, 3),
  vectorOf(element, 4),
]);
const mat = (columns: 2 | 3 | 4, rows: 2 | 3 | 4, element: ScalarType = f32): MatrixType => ({
  kind: "matrix",
  columns,
  rows,
  element,
});
const pointer = (
  space: PointerType["space"],
  to: Type,
  access: PointerType["access"] = "read_write",
): PointerType => ({ kind: "pointer", space, to, access });
const v2 = (element: ScalarType) => vectorOf(element, 2);
const v3 = (element: ScalarType) => vectorOf(element, 3);

/** "i32, vec2<f32> > bool", or null. */
function shown(overload: Overload | null): string | null {
  if (!overload) return null;
  const result = overload.result ? typeName(overload.result) : "nothing";
  return `${overload.parameters.map(typeName).join(", ")} > ${result}`;
}

describe("operators", () => {
  const taken: readonly (readonly [BinaryOperator, Type, Type, string | null])[] = [
    ["+", i32, i32, "i32, i32 > i32"],
    ["+", i32, u32, null],
    ["+", i32, f32, null],
    ["+", f16, f32, null],
    ["+", bool, bool, null],
    ["+", abstractInt, u32, "u32, u32 > u32"],
    ["+", abstractInt, abstractInt, "abstract-int, abstract-int > abstract-int"],
    ["+", abstractInt, abstractFloat, "abstract-float, abstract-float > abstract-float"],
    ["+", abstractFloat, i32, null],
    ["*", abstractInt, v3(f16), "f16, vec3<f16> > vec3<f16>"],
    ["-", v3(abstractFloat), f32, "vec3<f32>, f32 > vec3<f32>"],
    ["/", v2(f32), v3(f32), null],
    ["%", v2(u32), u32, "vec2<u32>, u32 > vec2<u32>"],
    ["+", mat(2, 3), mat(2, 3), "mat2x3<f32>, mat2x3<f32> > mat2x3<f32>"],
    ["+", mat(2, 3), mat(3, 2), null],
    ["+", mat(2, 3), f32, null],
    ["*", mat(2, 3), f32, "mat2x3<f32>, f32 > mat2x3<f32>"],
    ["*", abstractInt, mat(2, 3), "f32, mat2x3<f32> > mat2x3<f32>"],
    ["/", mat(2, 3), f32, null],
    ["*", mat(2, 3), v2(f32), "mat2x3<f32>, vec2<f32> > vec3<f32>"],
    ["*", mat(2, 3), v3(f32), null],
    ["*", v3(f32), mat(2, 3), "vec3<f32>, mat2x3<f32> > vec2<f32>"],
    ["*", v3(abstractInt), mat(2, 3, f16), "vec3<f16>, mat2x3<f16> > vec2<f16>"],
    ["*", mat(2, 3), mat(4, 2), "mat2x3<f32>, mat4x2<f32> > mat4x3<f32>"],
    ["*", mat(2, 3), mat(2, 3), null],
    ["*", mat(2, 2), mat(2, 2, f16), null],
    ["*", v2(f32), v2(f32), "vec2<f32>, vec2<f32> > vec2<f32>"],
    ["&", bool, bool, "bool, bool > bool"],
    ["|", v2(bool), v2(bool), "vec2<bool>, vec2<bool> > vec2<bool>"],
    ["^", bool, bool, null],
    ["^", abstractInt, u32, "u32, u32 > u32"],
    ["&", v2(u32), u32, null],
    ["&", f32, f32, null],
    ["<<", i32, u32, "i32, u32 > i32"],
    ["<<", i32, i32, null],
    ["<<", i32, abstractInt, "i32, u32 > i32"],
    [">>", v2(i32), v2(u32), "vec2<i32>, vec2<u32> > vec2<i32>"],
    [">>", v2(i32), u32, null],
    ["<<", abstractInt, abstractInt, "abstract-int, u32 > abstract-int"],
    ["==", bool, bool, "bool, bool > bool"],
    ["==", v2(abstractInt), v2(f32), "vec2<f32>, vec2<f32> > vec2<bool>"],
    ["==", v2(f32), f32, null],
    ["<", bool, bool, null],
    ["<=", abstractInt, abstractFloat, "abstract-float, abstract-float > bool"],
    [">", mat(2, 2), mat(2, 2), null],
  ];
  for (const [op, left, right, expected] of taken)
    test(`${typeName(left)} ${op} ${typeName(right)} is ${expected ?? "refused"}`, () => {
      expect(shown(resolveBinary(op, left, right))).toBe(expected);
    });

  test("beside a value that is known at run time, nothing stays abstract", () => {
    expect(shown(resolveBinary("<<", abstractInt, u32, true))).toBe("i32, u32 > i32");
    expect(shown(resolveBinary("<<", abstractInt, u32))).toBe("abstract-int, u32 > abstract-int");
    expect(shown(resolveUnary("-", abstractFloat, true))).toBe("f32 > f32");
  });

  test("unary operators take what their sign means", () => {
    expect(shown(resolveUnary("-", v2(i32)))).toBe("vec2<i32> > vec2<i32>");
    expect(resolveUnary("-", u32)).toBeNull();
    expect(resolveUnary("-", mat(2, 2))).toBeNull();
    expect(shown(resolveUnary("~", abstractInt))).toBe("abstract-int > abstract-int");
    expect(resolveUnary("~", f32)).toBeNull();
    expect(shown(resolveUnary("!", v3(bool)))).toBe("vec3<bool> > vec3<bool>");
    expect(resolveUnary("!", i32)).toBeNull();
  });

  test("the sides of a commutative operator may change places", () => {
    const operand = fc.constantFrom<Type>(...plain, mat(2, 2), mat(3, 3, f16));
    fc.assert(
      fc.property(fc.constantFrom("+", "==", "&", "^"), operand, operand, (name, x, y) => {
        const op = name as BinaryOperator;
        const there = resolveBinary(op, x, y);
        const back = resolveBinary(op, y, x);
        expect(shown(back && { ...back, parameters: back.parameters.toReversed() })).toBe(
          shown(there),
        );
      }),
      { numRuns: 500 },
    );
  });
});

describe("conversion ranks", () => {
  test("an abstract integer prefers i32, u32, abstract-float, f32, f16; an abstract float f32, f16", () => {
    const ranked = (from: Type) =>
      scalars
        .filter((to) => to !== from && conversionRank(from, to) < Infinity)
        .sort((a, b) => conversionRank(from, a) - conversionRank(from, b));
    expect(ranked(abstractInt)).toEqual([i32, u32, abstractFloat, f32, f16]);
    expect(ranked(abstractFloat)).toEqual([f32, f16]);
    for (const from of [bool, i32, u32, f32, f16]) expect(ranked(from)).toEqual([]);
  });

  test("composites convert as their elements do, if their shapes agree", () => {
    const array = (element: Type, count: number): Type => ({ kind: "array", element, count });
    expect(conversionRank(v2(abstractInt), v2(u32))).toBe(4);
    expect(conversionRank(v2(abstractInt), v3(u32))).toBe(Infinity);
    expect(conversionRank(mat(2, 3, abstractFloat), mat(2, 3))).toBe(1);
    expect(conversionRank(mat(2, 3), mat(2, 3))).toBe(0);
    expect(conversionRank(array(v2(abstractInt), 3), array(v2(f16), 3))).toBe(7);
    expect(conversionRank(array(abstractInt, 3), array(i32, 4))).toBe(Infinity);
    expect(conversionRank(abstractInt, v2(i32))).toBe(Infinity);
  });

  test("the abstract results of frexp and modf convert to those of f32 and f16", () => {
    expect(conversionRank(frexpResult(abstractFloat), frexpResult(f32))).toBe(1);
    expect(conversionRank(frexpResult(v2(abstractFloat)), frexpResult(v2(f16)))).toBe(2);
    expect(conversionRank(modfResult(abstractFloat), frexpResult(f32))).toBe(Infinity);
    expect(conversionRank(frexpResult(abstractFloat), frexpResult(v2(f32)))).toBe(Infinity);
    expect(conversionRank(frexpResult(f32), frexpResult(f16))).toBe(Infinity);
  });
});

describe("built-in functions", () => {
  const counter = pointer("storage", { kind: "atomic", element: u32 });
  const runtime: Type = { kind: "array", element: f32, count: null };
  const calls: readonly (readonly [string, readonly Type[], string | null])[] = [
    ["max", [abstractInt, u32], "u32, u32 > u32"],
    ["max", [i32, u32], null],
    ["max", [v2(f32), f32], null],
    ["max", [f32], null],
    ["abs", [u32], "u32 > u32"],
    ["abs", [bool], null],
    ["sign", [u32], null],
    ["exp", [abstractInt], "abstract-float > abstract-float"],
    ["exp", [i32], null],
    ["clamp", [f16, abstractInt, abstractFloat], "f16, f16, f16 > f16"],
    ["mix", [v3(f32), v3(f32), abstractInt], "vec3<f32>, vec3<f32>, f32 > vec3<f32>"],
    ["mix", [v3(f32), v3(f32), v3(f32)], "vec3<f32>, vec3<f32>, vec3<f32> > vec3<f32>"],
    ["mix", [f32, f32, v3(f32)], null],
    [
      "select",
      [abstractInt, abstractFloat, bool],
      "abstract-float, abstract-float, bool > abstract-float",
    ],
    ["select", [v2(i32), v2(i32), v2(bool)], "vec2<i32>, vec2<i32>, vec2<bool> > vec2<i32>"],
    ["select", [i32, i32, v2(bool)], null],
    ["select", [v2(bool), v2(bool), bool], "vec2<bool>, vec2<bool>, bool > vec2<bool>"],
    ["all", [v3(bool)], "vec3<bool> > bool"],
    ["any", [f32], null],
    ["dot", [v3(abstractInt), v3(i32)], "vec3<i32>, vec3<i32> > i32"],
    ["dot", [f32, f32], null],
    ["cross", [v3(f32), v3(f32)], "vec3<f32>, vec3<f32> > vec3<f32>"],
    ["cross", [v2(f32), v2(f32)], null],
    ["length", [f32], "f32 > f32"],
    ["distance", [v2(f16), v2(f16)], "vec2<f16>, vec2<f16> > f16"],
    ["normalize", [f32], null],
    ["determinant", [mat(3, 3)], "mat3x3<f32> > f32"],
    ["determinant", [mat(2, 3)], null],
    ["transpose", [mat(2, 3)], "mat2x3<f32> > mat3x2<f32>"],
    ["refract", [v2(f32), v2(f32), f32], "vec2<f32>, vec2<f32>, f32 > vec2<f32>"],
    ["frexp", [v2(f16)], "vec2<f16> > __frexp_result_vec2_f16"],
    ["modf", [f32], "f32 > __modf_result_f32"],
    ["ldexp", [f32, abstractInt], "f32, i32 > f32"],
    ["ldexp", [abstractFloat, i32], "abstract-float, i32 > abstract-float"],
    ["ldexp", [abstractFloat, abstractInt], "abstract-float, abstract-int > abstract-float"],
    ["ldexp", [v2(f32), i32], null],
    ["countOneBits", [abstractInt], "i32 > i32"],
    ["extractBits", [v2(u32), abstractInt, u32], "vec2<u32>, u32, u32 > vec2<u32>"],
    ["insertBits", [u32, u32, i32, u32], null],
    ["quantizeToF16", [f16], null],
    ["pack2x16float", [v2(abstractInt)], "vec2<f32> > u32"],
    ["unpack4xI8", [u32], "u32 > vec4<i32>"],
    ["dot4I8Packed", [u32, abstractInt], "u32, u32 > i32"],
    ["atomicLoad", [counter], "ptr<storage, atomic<u32>, read_write> > u32"],
    ["atomicStore", [counter, abstractInt], "ptr<storage, atomic<u32>, read_write>, u32 > nothing"],
    ["atomicAdd", [counter, i32], null],
    ["atomicAdd", [pointer("storage", u32), u32], null],
    [
      "atomicCompareExchangeWeak",
      [counter, abstractInt, u32],
      "ptr<storage, atomic<u32>, read_write>, u32, u32 > __atomic_compare_exchange_result_u32",
    ],
    ["arrayLength", [pointer("storage", runtime, "read")], "ptr<storage, array<f32>, read> > u32"],
    ["arrayLength", [pointer("storage", { ...runtime, count: 4 })], null],
    ["workgroupBarrier", [], " > nothing"],
    ["workgroupBarrier", [i32], null],
    [
      "workgroupUniformLoad",
      [pointer("workgroup", v2(f32))],
      "ptr<workgroup, vec2<f32>, read_write> > vec2<f32>",
    ],
    [
      "workgroupUniformLoad",
      [pointer("workgroup", { kind: "atomic", element: i32 })],
      "ptr<workgroup, atomic<i32>, read_write> > i32",
    ],
    [
      "workgroupUniformLoad",
      [
        pointer("workgroup", {
          kind: "array",
          element: { kind: "atomic", element: i32 },
          count: 2,
        }),
      ],
      null,
    ],
    ["workgroupUniformLoad", [pointer("private", f32)], null],
    ["subgroupAdd", [v2(f32)], "vec2<f32> > vec2<f32>"],
    ["subgroupAdd", [abstractInt], "i32 > i32"],
    ["subgroupAnd", [f32], null],
    ["subgroupAll", [bool], "bool > bool"],
    ["subgroupAll", [v2(bool)], null],
    ["subgroupBallot", [bool], "bool > vec4<u32>"],
    ["subgroupElect", [], " > bool"],
    ["subgroupBroadcast", [f32, abstractInt], "f32, i32 > f32"],
    ["subgroupShuffle", [f32, u32], "f32, u32 > f32"],
    ["subgroupShuffleXor", [f32, i32], null],
    ["subgroupShuffleUp", [f32, abstractInt], "f32, u32 > f32"],
    ["quadSwapDiagonal", [f16], "f16 > f16"],
    ["nothingLikeThis", [f32], null],
  ];
  for (const [name, args, expected] of calls)
    test(`${name}(${args.map(typeName).join(", ")}) is ${expected ?? "refused"}`, () => {
      expect(shown(resolveBuiltin(name, [], args))).toBe(expected);
    });

  test("with one argument known at run time, all are concrete", () => {
    expect(shown(resolveBuiltin("select", [], [abstractInt, abstractFloat, bool], true))).toBe(
      "f32, f32, bool > f32",
    );
    fc.assert(
      fc.property(
        fc.constantFrom(...constantBuiltins, ...subgroupBuiltins),
        fc.array(fc.constantFrom(...plain, mat(2, 2, abstractFloat)), { maxLength: 4 }),
        (name, args) => {
          const overload = resolveBuiltin(name, name === "bitcast" ? [f32] : [], args, true);
          if (!overload || name === "bitcast") return;
          expect(overload.parameters.some(isAbstract)).toBe(false);
          overload.parameters.forEach((type, k) => {
            expect(conversionRank(args[k]!, type)).toBeLessThan(Infinity);
          });
        },
      ),
      { numRuns: 1000 },
    );
  });

  test("arguments of the types an overload names give that overload again", () => {
    for (const name of constantBuiltins)
      for (const x of plain)
        for (const args of [[x], [x, x], [x, x, x], [x, x, bool], [x, i32], [x, u32, u32]]) {
          const overload = resolveBuiltin(name, [], args);
          if (!overload) continue;
          const again = resolveBuiltin(name, [], overload.parameters)!;
          expect(shown(again)).toBe(shown(overload));
          expect(again.result && sameType(again.result, overload.result!)).toBe(true);
        }
  });

  test("every function of constant expressions can be evaluated, and no other", () => {
    const argumentsOf = (name: string): readonly Type[][] =>
      [...plain, mat(2, 2)]
        .flatMap((x) => [
          [x],
          [x, x],
          [x, x, x],
          [x, x, f32],
          [x, x, bool],
          [x, i32],
          [x, u32, u32],
          [x, x, u32, u32],
        ])
        .filter((args) => resolveBuiltin(name, [], args));
    for (const name of [...constantBuiltins, ...subgroupBuiltins]) {
      if (name === "bitcast") continue;
      const [args] = argumentsOf(name);
      if (!args) {
        expect(name).toBe("subgroupElect");
        continue;
      }
      const { parameters, result } = resolveBuiltin(name, [], args)!;
      let value: unknown;
      try {
        value = evaluateBuiltin(name, parameters, parameters.map(zeroConstant), result!);
      } catch (error) {
        if (!(error instanceof ConstantError)) throw error;
        value = "refused";
      }
      expect([name, value !== null]).toEqual([name, constantBuiltins.has(name)]);
    }
  });

  test("bitcast takes as many bits as it gives, and never bool", () => {
    const to = (target: Type, arg: Type) => shown(resolveBuiltin("bitcast", [target], [arg]));
    expect(to(u32, f32)).toBe("f32 > u32");
    expect(to(f32, v2(f16))).toBe("vec2<f16> > f32");
    expect(to(vectorOf(f16, 4), v2(u32))).toBe("vec2<u32> > vec4<f16>");
    expect(to(v3(i32), v3(f32))).toBe("vec3<f32> > vec3<i32>");
    expect(to(f16, f16)).toBe("f16 > f16");
    expect(to(f32, abstractInt)).toBe("i32 > f32");
    expect(to(u32, abstractFloat)).toBe("f32 > u32");
    for (const [target, arg] of [
      [u32, f16],
      [u32, bool],
      [bool, u32],
      [u32, v2(u32)],
      [f32, vectorOf(f16, 4)],
      [u32, mat(2, 2)],
    ] as const)
      expect(to(target, arg)).toBeNull();
    expect(resolveBuiltin("bitcast", [], [u32])).toBeNull();
    expect(resolveBuiltin("abs", [f32], [f32])).toBeNull();
  });

  test("result structs lie in memory as structs of a program would", () => {
    const { members, size, align } = frexpResult(v3(f32));
    expect(members.map(({ name, offset }) => [name, offset])).toEqual([
      ["fract", 0],
      ["exp", 16],
    ]);
    expect([size, align]).toEqual([32, 16]);
    expect(frexpResult(f16).size).toBe(8);
    expect(frexpResult(f32)).toBe(frexpResult(f32));
  });

  test("every name is of one kind, or none", () => {
    const sets = [constantBuiltins, atomicBuiltins, synchronisingBuiltins, subgroupBuiltins];
    const names = sets.flatMap((set) => [...set]);
    expect(new Set(names).size).toBe(names.length);
    for (const name of [...names, "arrayLength"]) {
      expect(isBuiltinFunction(name)).toBe(true);
      expect(isUnsupportedBuiltin(name)).toBe(false);
    }
    for (const name of [
      "textureLoad",
      "textureBarrier",
      "dpdxFine",
      "fwidth",
      "subgroupMatrixLoad",
    ]) {
      expect(isBuiltinFunction(name)).toBe(false);
      expect(isUnsupportedBuiltin(name)).toBe(true);
    }
    for (const name of ["vec2", "texture", "constructor", "toString", "dpd"]) {
      expect(isBuiltinFunction(name)).toBe(false);
      expect(isUnsupportedBuiltin(name)).toBe(false);
    }
  });

  test("only writes to atomics, atomicLoad and barriers may stand alone", () => {
    for (const name of ["atomicAdd", "atomicLoad", "atomicStore", "workgroupBarrier"])
      expect(resultMustBeUsed.has(name)).toBe(false);
    for (const name of ["max", "bitcast", "arrayLength", "workgroupUniformLoad", "subgroupAdd"])
      expect(resultMustBeUsed.has(name)).toBe(true);
  });
});
