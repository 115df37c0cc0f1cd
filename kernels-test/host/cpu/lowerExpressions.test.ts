/** Operators, conversions, vectors and matrices on values that are not known when compiling. */
import { describe, expect, test } from "vitest";
import { runText } from "./runText";

const ints = [0, 1, -1, 2, -2, 3, 7, -7, 100, -128, 65536, 2147483647, -2147483648];
const floatValues = [0, -0, 1, -1, 0.5, -2.5, 3.7, -3.7, 1e10, -1e10, 1e-20, 16777217, 255.99];

const textOf = (element: string, result: string, expression: string) => `
  @group(0) @binding(1) var<storage> a: array<${element}>; @group(0) @binding(2) var<storage> b: array<${element}>;
  @compute @workgroup_size(1) fn main(@builtin(workgroup_id) id: vec3u) {
    let i = id.x; let x = a[i]; let y = b[i]; out[i] = bitcast<u32>(${result}(${expression}));
  }`;

type Words = Int32Array | Uint32Array | Float32Array;

/** The results of an expression of x and y for all pairs, as the type of `into`. */
async function pairs<W extends Words>(
  element: string,
  expression: string,
  values: readonly number[],
  typed: (numbers: number[]) => Words,
  into: (words: ArrayBuffer) => W,
): Promise<number[]> {
  const [xs, ys] = [values.flatMap((x) => values.map(() => x)), values.flatMap(() => values)];
  const result =
    into(new ArrayBuffer(0)) instanceof Float32Array ? "f32" : element === "f32" ? "i32" : element;
  const { out } = await runText(
    textOf(element, result, expression),
    { out: new Uint32Array(xs.length), a: typed(xs), b: typed(ys) },
    { grid: [xs.length, 1, 1] },
  );
  return [...into(out.slice().buffer)];
}

const allPairs = <T>(values: readonly number[], fn: (x: number, y: number) => T): T[] =>
  values.flatMap((x) => values.map((y) => fn(x, y)));

describe("operators", () => {
  test.each<[string, (x: number, y: number) => number]>([
    ["x + y", (x, y) => x + y],
    ["x - y", (x, y) => x - y],
    ["x * y", Math.imul],
    ["x / y", (x, y) => (y === 0 || (y === -1 && x === -(2 ** 31)) ? x : x / y)],
    ["x % y", (x, y) => (y === 0 || y === -1 ? 0 : x % y)],
    ["x & y", (x, y) => x & y],
    ["x | y", (x, y) => x | y],
    ["x ^ y", (x, y) => x ^ y],
    ["x << (u32(y) & 31u)", (x, y) => x << y],
    ["x >> (u32(y) & 31u)", (x, y) => x >> y],
    ["-x", (x) => -x],
    ["~x", (x) => ~x],
    [
      "select(0, 1, x < y) + select(0, 2, x <= y) + select(0, 4, x == y) + select(0, 8, x != y)",
      (x, y) => +(x < y) + 2 * +(x <= y) + 4 * +(x === y) + 8 * +(x !== y),
    ],
    [
      "select(x, y, (x > y && y != 3) || x == 7)",
      (x, y) => ((x > y && y !== 3) || x === 7 ? y : x),
    ],
    [
      "(vec4i(x, y, x, 5) % vec4i(y, x, 3, y)).y + (vec2i(x) / vec2i(y, 2)).x",
      (x, y) => {
        const rest = (p: number, q: number) => (q === 0 || q === -1 ? 0 : p % q);
        const over = (p: number, q: number) =>
          q === 0 || (q === -1 && p === -(2 ** 31)) ? p : Math.trunc(p / q);
        return rest(y, x) + over(x, y);
      },
    ],
  ])("on i32: %s", async (expression, fn) => {
    const found = await pairs(
      "i32",
      expression,
      ints,
      (n) => Int32Array.from(n),
      (w) => new Int32Array(w),
    );
    expect(found).toEqual(allPairs(ints, (x, y) => fn(x, y) | 0));
  });

  test.each<[string, (x: number, y: number) => number]>([
    ["x / y", (x, y) => (y === 0 ? x : Math.floor(x / y))],
    ["x % y", (x, y) => (y === 0 ? 0 : x % y)],
    ["x >> (y & 31u)", (x, y) => x >>> y],
    ["select(0u, 1u, x < y) + select(0u, 2u, x >= y)", (x, y) => (x < y ? 1 : 2)],
    ["u32(f32(x >> 8u)) + u32(i32(y)) + u32(bool(x))", (x, y) => (x >>> 8) + y + +(x !== 0)],
    [
      "(vec3u(x, y, 1) >> vec3u(y & 31u, 1, x & 31u)).x ^ (vec2u(x, y) << vec2u(3)).y",
      (x, y) => (x >>> y) ^ (y << 3),
    ],
  ])("on u32: %s", async (expression, fn) => {
    const values = ints.map((x) => x >>> 0);
    const found = await pairs(
      "u32",
      expression,
      values,
      (n) => Uint32Array.from(n),
      (w) => new Uint32Array(w),
    );
    expect(found).toEqual(allPairs(values, (x, y) => fn(x, y) >>> 0));
  });

  const f = Math.fround;
  test.each<[string, (x: number, y: number) => number]>([
    ["x + y", (x, y) => x + y],
    ["x - y", (x, y) => x - y],
    ["x * y", (x, y) => x * y],
    ["x / y", (x, y) => x / y],
    ["-x", (x) => -x],
    ["x - y * 3.0 + x * x", (x, y) => f(x - f(y * 3)) + f(x * x)],
    ["min(x, y) + max(x, 0.5)", (x, y) => f(y < x ? y : x) + (x < 0.5 ? 0.5 : x)],
    ["(vec3f(x, y, 1) * 2.0 - vec3f(y)).x", (x, y) => f(x * 2) - y],
    ["select(x, y, x < y) + f32(x == y)", (x, y) => (x < y ? y : x) + +(x === y)],
    [
      "dot(vec4f(x, y, 2, 3), vec4f(y, 4, x, 5))",
      (x, y) => f(f(x * y) + f(y * 4)) + f(f(2 * x) + 15),
    ],
    ["dot(vec3f(x, y, 2), vec3f(y, 4, x))", (x, y) => f(f(x * y) + f(y * 4)) + f(2 * x)],
  ])("on f32: %s", async (expression, fn) => {
    const values = floatValues.map(f);
    const found = await pairs(
      "f32",
      expression,
      values,
      (n) => Float32Array.from(n),
      (w) => new Float32Array(w),
    );
    expect(found).toEqual(allPairs(values, (x, y) => f(fn(x, y))));
  });

  test("a float becomes an integer towards zero, and the nearest there is", async () => {
    const clamp = (x: number, low: number, high: number) =>
      Math.min(Math.max(Math.trunc(x), low), high);
    const values = floatValues.map(f);
    const found = await pairs(
      "f32",
      "i32(x) ^ i32(u32(y)) ^ vec2i(vec2f(y, x)).x",
      values,
      (n) => Float32Array.from(n),
      (w) => new Int32Array(w),
    );
    const top = 2 ** 31 - 1;
    expect(found).toEqual(
      allPairs(
        values,
        (x, y) => clamp(x, -top - 1, top) ^ clamp(y, 0, 2 ** 32 - 1) ^ clamp(y, -top - 1, top),
      ),
    );
  });
});

/** Floats that one invocation leaves, where x is (1, 2, 3, 4) but not a constant. */
async function leaves(body: string, count: number): Promise<number[]> {
  const { out } = await runText(
    `@group(0) @binding(1) var<storage> input: vec4f;
    @compute @workgroup_size(1) fn main() { let x = input; ${body} }`,
    { out: new Float32Array(count), input: new Float32Array([1, 2, 3, 4]) },
  );
  return [...out];
}

describe("vectors", () => {
  test("are made of parts, swizzled, and assigned by component", async () => {
    const body = `var v = vec4f(x.zw, vec2f(x.x, 9)); let w = vec3f(v.y, x.xx); v.x = w.z; v[1] += 10.0; v.w *= v.z;
      let u = vec4f(w.zyx.yx, 7, x.w).wzyx; let b = vec3<bool>(x.x > 1.0, x.y > 1.0, true);
      let s = select(vec3f(0), w, b); let t = vec2f(vec2u(x.zw)) + f32(all(b)) + f32(any(b.xy));
      for (var i = 0; i < 4; i++) { out[i] = v[i]; out[4 + i] = u[i]; } out[8] = s.x; out[9] = s.y; out[10] = s.z; out[11] = t.y;`;
    expect(await leaves(body, 12)).toEqual([1, 14, 1, 9, 4, 7, 1, 1, 0, 1, 1, 5]);
  });

  test("compare lane by lane, bools included", async () => {
    const body = `let a = x > vec4f(2); let b = x.wzyx > vec4f(2); let c = (a == b) | (a & !b); let d = vec4u(c); let e = vec4f(a != b);
      for (var i = 0; i < 4; i++) { out[i] = f32(d[i]); out[4 + i] = e[i]; }`;
    expect(await leaves(body, 8)).toEqual([0, 0, 1, 1, 1, 1, 1, 1]);
  });
});

describe("matrices", () => {
  const m = [
    [1, 2, 3],
    [4, 1, 6],
  ];

  test("multiply vectors, matrices and scalars", async () => {
    const body = `let m = mat2x3f(x.x, 2, 3, x.w, 1, 6); let n = mat3x2f(vec2f(x.y, 1), vec2f(0, x.z), vec2f(5, 6));
      let v = m * x.yz; let w = vec3f(x.xyz) * m; let p = m * n; var q = n; q *= 2.0; q = 3.0 * q + n - n; var r = mat2x2f(1, 2, 3, 4); r *= r;
      for (var i = 0; i < 3; i++) { out[i] = v[i]; for (var k = 0; k < 3; k++) { out[5 + 3 * i + k] = p[i][k]; } out[14 + i] = q[i].y; }
      out[3] = w.x; out[4] = w.y; out[17] = r[0][1]; out[18] = r[1].x; out[19] = determinant(r) + transpose(m)[2][1];`;
    const n = [
      [2, 1],
      [0, 3],
      [5, 6],
    ];
    const product = n.map((column) =>
      [0, 1, 2].map((row) => m[0]![row]! * column[0]! + m[1]![row]! * column[1]!),
    );
    expect(await leaves(body, 20)).toEqual([
      ...[0, 1, 2].map((row) => m[0]![row]! * 2 + m[1]![row]! * 3),
      ...m.map(([p, q, r]) => p! + 2 * q! + 3 * r!),
      ...product.flat(),
      6,
      18,
      36,
      10,
      15,
      4 + 6,
    ]);
  });

  test("keep columns of each shape apart, in registers and in memory", async () => {
    for (const columns of [2, 3, 4])
      for (const rows of [2, 3, 4]) {
        const body = `var m: mat${columns}x${rows}f; var t: array<mat${columns}x${rows}f, 2>; let k = u32(x.x);
          for (var c = 0u; c < ${columns}u; c++) { for (var r = 0u; r < ${rows}u; r++) { m[c][r] = f32(10u * c + r); } }
          t[k] = m; t[k][k] *= 2.0; let p = transpose(t[k]);
          for (var c = 0u; c < ${columns}u; c++) { for (var r = 0u; r < ${rows}u; r++) { out[4u * c + r] = p[r][c] + t[0][c][r]; } }`;
        const expected = new Array(16).fill(0);
        for (let c = 0; c < columns; c++)
          for (let r = 0; r < rows; r++) expected[4 * c + r] = (10 * c + r) * (c === 1 ? 2 : 1);
        expect(await leaves(body, 16)).toEqual(expected);
      }
  });
});
