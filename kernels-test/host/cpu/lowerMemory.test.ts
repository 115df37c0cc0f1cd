/** Variables in registers and in memory, pointers, layouts, atomics, and indices that are out of range. */
import { describe, expect, test } from "vitest";
import { f16Bits, roundF16 } from "../../../src/cpu/wgsl/float16";
import { floats, outputs, runText } from "./runText";

/** A kernel of one invocation in which n is 2, but not a constant. */
const main = (body: string, module = "") =>
  `${module}\n@compute @workgroup_size(1) fn main(@builtin(num_workgroups) grid: vec3u) {
    let n = grid.x + 1u;\n${body}\n}`;
const one = async (body: string, module = ""): Promise<number> =>
  (await outputs(main(body, module), 1))[0]!;

describe("variables", () => {
  test.each(["", "var<private> t: array<u32, 5>;"])(
    "that are arrays take any index (%s)",
    async (module) => {
      const declared = module ? "" : "var t: array<u32, 5>;";
      expect(
        await one(
          `${declared} t[1] = 3u; t[n] = 4u; t[n + 1u] += t[n - 1u] * 10u; t[4] = t[3] + 1u; out[0] = t[n * 2u] * 100u + t[2] + t[0];`,
          module,
        ),
      ).toBe(3104);
    },
  );

  test("that are private begin anew for each invocation", async () => {
    const text = `var<private> a: u32 = 5u; var<private> t = array<vec2u, 3>(vec2u(1, 2), vec2u(3, 4), vec2u(5, 6)); var<private> z: array<u32, 100>;
      @compute @workgroup_size(3) fn main(@builtin(global_invocation_id) id: vec3u) {
        a += id.x; t[id.x % 3u].y += a; z[id.x] += 1u;
        out[id.x] = a * 100u + t[id.x % 3u].y + z[id.x] * 1000u + z[1] * 10000u;
      }`;
    expect(await outputs(text, 6, { grid: [2, 1, 1] })).toEqual(
      [0, 1, 2, 3, 4, 5].map(
        (i) => (5 + i) * 100 + 2 * (i % 3) + 2 + 5 + i + 1000 + (i === 1 ? 10000 : 0),
      ),
    );
  });

  test("that are structs are copied as values", async () => {
    expect(
      await one(
        "var a = S(1u, array<u32, 3>(2u, 3u, 4u), vec3f(5)); let b = a; var c = a; a.t[n] = 9u; c.t = array<u32, 3>(7u, 7u, 7u); a.v.z = 6.0; out[0] = a.t[2] * 1000u + b.t[2] * 100u + c.t[n] * 10u + u32(a.v.z + b.v.z);",
        "struct S { x: u32, t: array<u32, 3>, v: vec3f }",
      ),
    ).toBe(9000 + 400 + 70 + 11);
  });

  test("that are large are copied as values", async () => {
    expect(
      await one(
        `var a: array<u32, 500>; for (var i = 0u; i < 500u; i++) { a[i] = i; }
        let b = a; var c = a; a[n] = 1000u; c[n] += 5u; var d: array<u32, 500>; d = b; d[3] = 0u; let e = sum(a) + sum(b); a = d;
        out[0] = e + sum(c) + sum(d) + sum(a);`,
        "fn sum(t: array<u32, 500>) -> u32 { var x = t; var s = 0u; for (var i = 0u; i < 500u; i++) { s += x[i]; } return s; }",
      ),
    ).toBe(5 * 124750 + 998 + 5 - 3 - 3);
  });

  test("that are large and given by a function or a condition keep apart", async () => {
    expect(
      await one(
        "let a = make(1u); let b = make(2u); var c = make(n); c[7] = 0u; out[0] = a[70] + b[n] * 1000u + c[69] * 100000u + c[7];",
        "fn make(k: u32) -> array<u32, 80> { var t: array<u32, 80>; for (var i = 0u; i < 80u; i++) { t[i] = i * k; } if (k > 1u) { t[69] = 5u; return t; } return t; }",
      ),
    ).toBe(70 + 4000 + 500000);
  });

  test("that are large exchange their parts as values", async () => {
    expect(
      await one(
        "var a: array<array<u32, 70>, 3>; a[0][5] = 1u; a[1][5] = 2u; let old = a[n - 2u]; a[n - 2u] = a[1]; a[1] = old; s.y = s.x; s.x[5] = 7u; let t = s; out[0] = a[0][5] + a[1][5] * 10u + s.y[5] * 100u + t.x[5] * 1000u;",
        "struct S { x: array<u32, 70>, y: array<u32, 70> } var<private> s: S;",
      ),
    ).toBe(7012);
  });

  test("take components by an index that is not known", async () => {
    expect(
      await one(
        "var v = vec4u(1, 2, 3, 4); v[n] = 9u; v[n + 1u] += v[n - 1u]; var m = mat3x2f(1, 2, 3, 4, 5, 6); m[n][n - 1u] = 7.0; m[n - 2u][1] *= 2.0; var w = vec3<bool>(); w[n] = true; out[0] = v.z * 100u + v.w + u32(m[2].y + m[0][n - 1u] * 100.0) * 1000u + u32(w.z) + u32(w[n]);",
      ),
    ).toBe(906 + 407000 + 2);
  });

  test("of bools hold them in memory as in registers", async () => {
    expect(
      await one(
        `var t: array<vec4<bool>, 3>; var s: array<bool, 3>;
        t[n] = vec4<bool>(true, false, true, false); t[n].y = true; t[n][n] = false; s[n] = t[n].x; s[n - 1u] = !s[n];
        let v = t[n]; out[0] = u32(t[n].x) + u32(t[n][n - 1u]) * 10u + u32(t[2].z) * 100u + u32(s[n] == true) * 1000u + u32(all(v.xy)) * 10000u + u32(v.x == s[2]) * 100000u + u32(s[1]) * 1000000u;`,
      ),
    ).toBe(111011);
  });
});

describe("pointers", () => {
  test("to elements, members and columns go through two calls", async () => {
    expect(
      await one(
        `var s: S; var t: array<S, 3>; outer(n, &s, &t); mine.t[1] = 5u; let p = &mine; again(&(*p).t[n - 1u]);
        out[0] = s.t[1] + t[2].t[2] * 10u + u32(t[1].m[1].y) * 100u + mine.t[1] * 1000u;`,
        `struct S { m: mat2x2f, t: array<u32, 3> } var<private> mine: S;
        fn inner(p: ptr<function, u32>) { *p += 1u; } fn again(p: ptr<private, u32>) { *p += 1u; }
        fn column(p: ptr<function, vec2f>) { (*p).y = 4.0; (*p)[0] += 1.0; }
        fn outer(n: u32, s: ptr<function, S>, t: ptr<function, array<S, 3>>) { inner(&(*s).t[1]); let e = &(*t)[n]; inner(&(*e).t[n]); inner(&(*e).t[2]); column(&(*t)[1].m[1]); }`,
      ),
    ).toBe(1 + 20 + 400 + 6000);
  });

  test("to storage write where they point", async () => {
    const { out, data } = await runText(
      main(
        "let p = &data[n]; bump(p, 5u); let q = &data; (*q)[n + 1u] += 2u; bump(&(*q)[0], (*q)[3]); out[0] = *p;",
        "fn bump(p: ptr<storage, u32, read_write>, by: u32) { *p += by; }",
      ),
      { out: new Uint32Array(1), data: new Uint32Array([1, 2, 3, 4]) },
    );
    expect([...out, ...data]).toEqual([8, 7, 2, 8, 6]);
  });
});

describe("out of range", () => {
  const i = "let far = n * 100u; let below = i32(n) - 9;";
  test.each([
    ["function", "var t = array<u32, 3>(1u, 2u, 3u);", ""],
    ["private", "", "var<private> t = array<u32, 3>(1u, 2u, 3u);"],
    ["workgroup", "t = array<u32, 3>(1u, 2u, 3u);", "var<workgroup> t: array<u32, 3>;"],
    ["storage", "t[0] = 1u; t[1] = 2u; t[2] = 3u;", ""],
  ])("an index means the last element: %s", async (space, body, module) => {
    const buffers = {
      out: new Uint32Array(4),
      ...(space === "storage" && { t: new Uint32Array(3) }),
    };
    const { out } = await runText(
      main(
        `${body} ${i} out[0] = t[far]; out[1] = t[below]; t[far] = 8u; out[2] = t[2]; t[below] += 1u; out[3] = t[2] * 100u + t[1] * 10u + t[0];`,
        module,
      ),
      buffers,
    );
    expect([...out]).toEqual([3, 3, 8, 921]);
  });

  test("an index means the last component or column", async () => {
    expect(
      await one(
        `${i} var v = vec3u(1, 2, 3); var m = mat2x3f(1, 2, 3, 4, 5, 6); let c = vec2u(8, 9); out[0] = v[far] + u32(m[far][below]) * 10u + c[below] * 100u; v[far] = 7u; m[below][0] = 5.0; out[0] += v.z * 1000u + u32(m[1].x) * 10000u;`,
      ),
    ).toBe(3 + 60 + 900 + 7000 + 50000);
  });

  test("an index means the last element of nested arrays, and of values", async () => {
    expect(
      await one(
        `${i} var t: array<array<u32, 2>, 2>; t[far][below] = 5u; let v = array<u32, 2>(3u, 4u); out[0] = t[1][1] + v[far] * 10u + array<u32, 2>(6u, 7u)[below] * 100u;`,
      ),
    ).toBe(745);
  });

  test("a runtime-sized array ends with its binding", async () => {
    const { out, s } = await runText(
      main(
        `${i} out[0] = arrayLength(&s.t); out[1] = s.t[far].y; s.t[far].x = 77u; s.t[below].y += 1u; let p = &s.t; out[2] = arrayLength(p); out[3] = (*p)[below].y;`,
        "struct S { head: vec3u, more: u32, t: array<vec2u> } @group(0) @binding(1) var<storage, read_write> s: S;",
      ),
      { out: new Uint32Array(4), s: Uint32Array.from({ length: 11 }, (_, k) => k) },
    );
    expect([...out]).toEqual([3, 9, 3, 10]);
    expect([...s]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 77, 10, 10]);
  });
});

describe("layouts", () => {
  test("of vec3s, matrices and nested structs follow WGSL, and leave padding alone", async () => {
    const { s } = await runText(
      main(
        "s.a = vec3f(1, 2, 3); s.b = 4.0; s.m = mat2x3f(5, 6, 7, 8, 9, 10); s.i[n - 1u].v = vec3f(11, 12, 13); s.i[0].w = 14.0; s.q = mat3x2f(15, 16, 17, 18, 19, 20); s.m[n - 2u].y += 0.5;",
        "struct I { v: vec3f, w: f32 } struct S { a: vec3f, b: f32, m: mat2x3f, i: array<I, 2>, q: mat3x2f } @group(0) @binding(0) var<storage, read_write> s: S;",
      ),
      { s: new Float32Array(28).fill(-1) },
    );
    expect([...s]).toEqual([
      1, 2, 3, 4, 5, 6.5, 7, -1, 8, 9, 10, -1, -1, -1, -1, 14, 11, 12, 13, -1, 15, 16, 17, 18, 19,
      20, -1, -1,
    ]);
  });

  test("of f16 are two bytes, rounded to even when stored and after every operation", async () => {
    const values = [1.0004883, 2049, 65519.99, -2.5, 1e-8, -3.3, 5.9604645e-8, 0.1];
    const module = `struct S { h: array<f16, 9>, v: vec4h, w: array<vec2h, 2>, t: f16 }
      @group(0) @binding(0) var<storage, read_write> s: S;`;
    const { s } = await runText(
      `enable f16; ${main(
        `for (var i = 0u; i < 8u; i++) { s.h[i] = f16(x[i]); }
        s.h[8] = s.h[5] * s.h[7];
        s.v = vec4h(s.h[0], s.h[1], s.h[7], s.h[5]) + vec4h(s.h[7]);
        s.w[n - 1u] = vec2h(f16(1), s.h[1]) * 3.0h;
        let t = vec3h(s.v.xyz); s.t = t.z;`,
        module,
      )}`,
      { s: new Uint32Array(12), x: Float32Array.from(values) },
    );
    const rounded = values.map((value) => roundF16(Math.fround(value)));
    const [a, b, , , , d, , e] = rounded as [number, number, 0, 0, 0, number, 0, number];
    const sums = [a, b, e, d].map((value) => roundF16(value + e));
    const numbers = [
      ...rounded,
      roundF16(d * e),
      0,
      0,
      0,
      ...sums,
      0,
      0,
      3,
      roundF16(3 * b),
      sums[2]!,
      0,
      0,
      0,
    ];
    expect([...new Uint16Array(s.buffer)]).toEqual(numbers.map(f16Bits));
  });
});

describe("atomics", () => {
  const body = (space: string) => `
    atomicStore(&${space}.n, 5u); let a = atomicAdd(&${space}.n, 3u); let b = atomicSub(&${space}.n, 1u); let c = atomicMax(&${space}.n, 20u); let d = atomicMin(&${space}.n, 6u);
    let e = atomicAnd(&${space}.n, 4u); let f = atomicOr(&${space}.n, 3u); let g = atomicXor(&${space}.n, 1u); let h = atomicExchange(&${space}.n, 100u);
    let i = atomicCompareExchangeWeak(&${space}.n, 100u, 7u); let j = atomicCompareExchangeWeak(&${space}.n, 100u, 8u);
    let k = atomicMin(&${space}.t[n], -5); let l = atomicMax(&${space}.t[n], -7); let m = atomicMax(&${space}.t[n + 9u], 3i);
    out[0] = a; out[1] = b; out[2] = c; out[3] = d; out[4] = e; out[5] = f; out[6] = g; out[7] = h; out[8] = i.old_value; out[9] = u32(i.exchanged); out[10] = j.old_value; out[11] = u32(j.exchanged);
    out[12] = bitcast<u32>(k); out[13] = bitcast<u32>(l); out[14] = bitcast<u32>(m); out[15] = bitcast<u32>(atomicLoad(&${space}.t[2])); out[16] = atomicLoad(&${space}.n);`;
  const expected = [5, 8, 7, 20, 6, 4, 7, 6, 100, 1, 7, 0, 0, 2 ** 32 - 5, 2 ** 32 - 5, 3, 7];

  test.each(["workgroup", "storage"])("give the old value: %s", async (space) => {
    const binding =
      space === "storage" ? "@group(0) @binding(1) var<storage, read_write>" : "var<workgroup>";
    const module = `struct S { n: atomic<u32>, t: array<atomic<i32>, 3> } ${binding} s: S;`;
    const { out } = await runText(main(body("s"), module), {
      out: new Uint32Array(17),
      ...(space === "storage" && { s: new Uint32Array(4) }),
    });
    expect([...out]).toEqual(expected);
  });
});

test("workgroup memory of any size is zeroed for each workgroup", async () => {
  for (const words of [3, 60, 64, 100, 1000]) {
    const text = `var<workgroup> t: array<u32, ${words}>;
      @compute @workgroup_size(1) fn main(@builtin(workgroup_id) g: vec3u) {
        for (var i = 0u; i < ${words}u; i++) { out[g.x] += t[i]; t[i] = i + 1u; }
      }`;
    expect(await outputs(text, 3, { grid: [3, 1, 1] })).toEqual([0, 0, 0]);
  }
});

test("overrides give sizes of workgroups and of workgroup arrays", async () => {
  const text = `override size: u32 = 1u; override scale = 2.5; var<workgroup> t: array<u32, size * 2u>;
    @compute @workgroup_size(size) fn main(@builtin(local_invocation_index) i: u32) {
      t[i] = i; t[i + size] = 10u; workgroupBarrier(); out[i] = t[size - 1u - i] + t[size + i + 50u] + u32(scale * 2.0);
    }`;
  expect(await outputs(text, 8, { overrides: { size: 6, scale: 3 } })).toEqual([
    21, 20, 19, 18, 17, 16, 0, 0,
  ]);
});

test("constant memory is read part by part, by indices of all kinds", async () => {
  const rows = Float32Array.from({ length: 48 }, (_, i) => i);
  expect(
    await floats(
      main(
        "let row = rows[n]; let s = pick(rows[1], n); let m = rows[0].m; for (var i = 0u; i < 4u; i++) { out[i] = row.m[i % 3u][i] + s + m[1][i]; }",
        "struct Row { m: mat3x4f, v: vec4f } @group(0) @binding(1) var<storage> rows: array<Row>; fn pick(r: Row, i: u32) -> f32 { return r.m[i].y + r.v[i]; }",
      ),
      4,
      { with: { rows } },
    ),
  ).toEqual([0, 1, 2, 3].map((i) => 32 + (i % 3) * 4 + i + (16 + 9) + (16 + 14) + 4 + i));
});
