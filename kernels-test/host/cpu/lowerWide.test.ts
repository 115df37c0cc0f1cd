/** Four calls of one function side by side give what they would one after another. */
import { describe, expect, test } from "vitest";
import { runText } from "./runText";

/** Bits of results for 16 inputs: as vec4(f(v.x), …), and lane by lane. */
async function bothWays(
  module: string,
  wide = "vec4(f(v.x), f(v.y), f(v.z), f(v.w))",
  single = "f(x)",
): Promise<[number[], number[]]> {
  const text = (lanes: boolean) => `@group(0) @binding(1) var<storage> input: array<vec4f>;
    @group(0) @binding(2) var<storage> table: array<f32>;
    ${module}
    @compute @workgroup_size(4) fn main(@builtin(local_invocation_index) i: u32) {
      ${
        lanes
          ? `for (var k = 0u; k < 4u; k++) { let x = input[i][k]; let v = input[i]; out[4u * i + k] = bitcast<u32>(f32(${single})); }`
          : `let v = input[i]; let r = ${wide}; for (var k = 0u; k < 4u; k++) { out[4u * i + k] = bitcast<u32>(f32(r[k])); }`
      }
    }`;
  const input = Float32Array.from({ length: 16 }, (_, i) => (i - 7) * 0.75);
  const table = Float32Array.from({ length: 8 }, (_, i) => i * 1.5 - 2);
  const run = async (lanes: boolean) => [
    ...(await runText(text(lanes), { out: new Uint32Array(16), input, table })).out,
  ];
  return [await run(false), await run(true)];
}

describe("vec4(f(v.x), f(v.y), f(v.z), f(v.w)) is f of each component, where f", () => {
  test.each([
    [
      "computes",
      "fn f(x: f32) -> f32 { let y = x * 3.0 + 1.0; return sqrt(abs(y)) - y / (x + 0.5); }",
    ],
    [
      "has branches",
      "fn f(x: f32) -> f32 { var y = x; if (x > 1.0) { y = exp(x); } else if (x < -1.0) { y *= 2.0; if (x < -3.0) { y += 1.0; } } return y; }",
    ],
    [
      "returns early",
      "fn f(x: f32) -> f32 { if (x > 2.0) { return 7.0; } if (x < 0.0) { if (x < -2.0) { return x; } else { return -x; } } return x * 10.0; }",
    ],
    [
      "returns early out of cheap and dear arms",
      "fn f(x: f32) -> f32 { var y = 1.0; if (x > 1.0) { y = exp(sin(cos(x))); if (y > 1.5) { return y; } y = tanh(y) + log2(y); } else { return pow(abs(x), 1.5); } return y + 1.0; }",
    ],
    [
      "calls others",
      "fn g(x: f32, k: i32) -> f32 { if (k > 1) { return x; } return x * f32(k); } fn f(x: f32) -> f32 { let a = g(x, i32(x)); return a + g(a + 1.0, 2) * g(x, 1); }",
    ],
    [
      "has integers and bools",
      "fn f(x: f32) -> f32 { let n = i32(x); let u = bitcast<u32>(x) >> 3u; let odd = (n & 1) == 1; var y = select(f32(u % 7u), f32(n / 2), odd && x > 0.0); if (!odd || n > 3) { y += 0.5; } return y; }",
    ],
    [
      "has bools as variables",
      "fn odd(n: i32) -> bool { return (n & 1) != 0; } fn f(x: f32) -> f32 { var b = odd(i32(x)); b = b != (x > 0.0); return f32(b) + select(0.0, 2.0, b == true); }",
    ],
    ["gives integers", "fn f(x: f32) -> i32 { return i32(x) % 3 - (i32(x) << 1u); }"],
    [
      "counts in few rounds",
      "fn f(x: f32) -> f32 { var y = x; for (var i = 0; i < 4; i++) { if (y > 3.0) { return y; } y += f32(i); } return -y; }",
    ],
    [
      "breaks out of few rounds",
      "fn f(x: f32) -> f32 { var y = x; for (var i = 0; i < 4; i++) { if (y > 3.0) { break; } y += f32(i); } return -y; }",
    ],
    [
      "skips some of few rounds",
      "fn f(x: f32) -> f32 { var y = x; for (var i = 0; i < 4; i++) { if (y > 3.0) { continue; } y += f32(i); } return -y; }",
    ],
    [
      "loops until it ends",
      "fn f(x: f32) -> f32 { var y = x; while (y < 10.0) { y += abs(y) + 1.0; } return y; }",
    ],
    [
      "switches",
      "fn f(x: f32) -> f32 { switch (i32(x)) { case 1: { return 1.5; } case 2, 3: { return x; } default: { } } return 9.0; }",
    ],
    [
      "has vectors inside",
      "fn f(x: f32) -> f32 { let v = vec2f(x, 1.0); return dot(v, v.yx) + length(v); }",
    ],
    [
      "reads a vector of constant memory",
      "fn f(x: f32) -> f32 { return x * input[1].y + length(input[2]) + table[3]; }",
    ],
    ["indexes by its argument", "fn f(x: f32) -> f32 { return table[u32(abs(x))]; }"],
    [
      "has small arrays",
      "fn f(x: f32) -> f32 { var t: array<f32, 3>; t[1] = x; t[2] = t[1] * 2.0; if (x > 0.0) { t[0] = 1.0; } return t[0] + t[2]; }",
    ],
    [
      "has large arrays",
      "fn f(x: f32) -> f32 { var t: array<f32, 90>; t[1] = x; t[2] = t[1] * 2.0; return t[2]; }",
    ],
    [
      "reads private variables",
      "var<private> k: f32 = 3.0; var<private> yes = true; fn f(x: f32) -> f32 { if (yes) { return x * k; } return k; }",
    ],
    [
      "takes pointers inside",
      "fn bump(p: ptr<function, f32>) { if (*p > 1.0) { return; } *p += 1.0; } fn f(x: f32) -> f32 { var y = x; bump(&y); let p = &y; *p *= 2.0; return y; }",
    ],
    [
      "is called for its result alone",
      "fn g(x: f32) -> f32 { return x + 1.0; } fn f(x: f32) -> f32 { _ = g(x); return g(x); }",
    ],
    [
      "uses built-in functions",
      "fn f(x: f32) -> f32 { return clamp(x, -1.0, 2.0) + mix(x, 1.0, 0.25) + sign(x) + fract(x) + step(0.0, x) + length(x) + fma(x, x, 1.0) + f32(countOneBits(bitcast<u32>(x))); }",
    ],
    ["packs", "fn f(x: f32) -> f32 { return unpack2x16float(pack2x16float(vec2f(x, 1.0))).x; }"],
  ])("%s", async (_, module) => {
    const [together, apart] = await bothWays(module);
    expect(together).toEqual(apart);
  });
});

describe("a vector of four alike", () => {
  const scale = "fn f(x: f32, k: f32) -> f32 { if (x > k) { return k; } return x * k; }";

  test.each([
    [
      "calls with one argument for all",
      scale,
      "vec4f(f(v.x, table[3]), f(v.y, table[3]), f(v.z, table[3]), f(v.w, table[3]))",
      "f(x, table[3])",
    ],
    [
      "calls with constants that differ",
      scale,
      "vec4f(f(v.x, 1.0), f(v.y, 2.0), f(v.z, 3.0), f(v.w, 4.0))",
      "f(x, f32(k + 1u))",
    ],
    [
      "calls of components in another order",
      scale,
      "vec4f(f(v.w, 2.0), f(v.z, 2.0), f(v.y, 2.0), f(v.x, 2.0))",
      "f(v[3u - k], 2.0)",
    ],
    [
      "conversions of calls",
      scale,
      "vec4u(u32(f(v.x, 2.5)), u32(f(v.y, 2.5)), u32(f(v.z, 2.5)), u32(f(v.w, 2.5)))",
      "u32(f(x, 2.5))",
    ],
    [
      "calls in calls",
      scale,
      "vec4f(f(f(v.x, 2.0), 1.0), f(f(v.y, 2.0), 1.0), f(f(v.z, 2.0), 1.0), f(f(v.w, 2.0), 1.0))",
      "f(f(x, 2.0), 1.0)",
    ],
    [
      "built-in functions of one vector",
      "",
      "vec4f(length(v), length(v), length(v), length(v))",
      "length(v)",
    ],
    [
      "built-in functions of vectors",
      "",
      "vec4f(dot(v, v.yxzw), dot(v, v.yxzw), dot(v, v.yxzw), dot(v, v.yxzw))",
      "dot(v, v.yxzw)",
    ],
    [
      "tests of one vector",
      "",
      "vec4<bool>(any(v > vec4f(2)), any(v > vec4f(2)), any(v > vec4f(2)), any(v > vec4f(2)))",
      "any(v > vec4f(2))",
    ],
    [
      "built-in functions of components",
      "",
      "vec4f(min(v.x, 1.0), min(v.y, 1.0), min(v.z, 1.0), min(v.w, 1.0))",
      "min(x, 1.0)",
    ],
  ])("holds %s", async (_, module, wide, single) => {
    const [together, apart] = await bothWays(module, wide, single);
    expect(together).toEqual(apart);
  });

  test("evaluates calls that write one after another, from left to right", async () => {
    const { out } = await runText(
      `var<private> n: u32;
      fn f(x: u32) -> u32 { n = n * 3u + x; return n; }
      fn g(x: u32) -> u32 { return atomicAdd(&count, x); }
      @group(0) @binding(1) var<storage, read_write> count: atomic<u32>;
      @compute @workgroup_size(1) fn main() {
        let v = vec4u(1, 2, 3, 4);
        let r = vec4u(f(v.x), f(v.y), f(v.z), f(v.w));
        let s = vec4u(g(v.x), g(v.y), g(v.z), g(v.w));
        let t = vec4u(atomicAdd(&count, 1u), atomicAdd(&count, 1u), atomicAdd(&count, 1u), atomicAdd(&count, 1u));
        for (var i = 0u; i < 4u; i++) { out[i] = r[i]; out[4u + i] = s[i]; out[8u + i] = t[i]; }
      }`,
      { out: new Uint32Array(12), count: new Uint32Array(1) },
    );
    expect([...out]).toEqual([1, 5, 18, 58, 0, 1, 3, 6, 10, 11, 12, 13]);
  });

  test("that cannot be made so leaves loops around it as they are", async () => {
    const { out } = await runText(
      `fn f(x: u32) -> u32 { var y = x; for (var i = 0u; i < 3u; i++) { for (var k = 0u; k < y; k++) { y += i; if (y > 20u) { break; } } } return y; }
      @compute @workgroup_size(1) fn main() {
        var sum = vec4u();
        for (var i = 0u; i < 90u; i++) {
          let v = vec4u(i, 1, 2, 3);
          sum += vec4u(f(v.x), f(v.y), f(v.z), f(v.w));
          if (i % 2u == 0u) { continue; }
          if (sum.x > 60u) { out[1] = i; break; }
        }
        out[0] = sum.x;
      }`,
      { out: new Uint32Array(2) },
    );
    const f = (x: number) => {
      let y = x;
      for (let i = 0; i < 3; i++)
        for (let k = 0; k < y; k++) {
          y += i;
          if (y > 20) break;
        }
      return y;
    };
    let [sum, last] = [0, 0];
    for (let i = 0; i < 90; i++) {
      sum += f(i);
      if (i % 2 && sum > 60) {
        last = i;
        break;
      }
    }
    expect([...out]).toEqual([sum, last]);
  });
});
