/** Programs that would take long to compile: they compile shortly, or are refused with a cure. */
import { expect, test } from "vitest";
import { compileProgram } from "../../../src/cpu/compile";
import { ShaderError } from "../../../src/cpu/wgsl/shaderError";
import { outputs } from "./runText";

const entry = (body: string, size = 1) =>
  `@compute @workgroup_size(${size}) fn main(@builtin(local_invocation_index) lane: u32) { ${body} }`;

function compile(wgsl: string) {
  const bindings = [{ name: "out", index: 0, access: "read_write" } as const];
  const text = `@group(0) @binding(0) var<storage, read_write> out: array<u32>;\n${wgsl}`;
  const program = { key: text, name: "limits", wgsl: text, overrides: {}, bindings, params: null };
  return compileProgram(program, { shared: false, relaxed: false });
}

/** f9 calls f8 `calls` times, and so on. */
function tower(calls: number, leaf: string, levels = 10): string {
  const level = (i: number) =>
    `fn f${i}(x: u32) -> u32 { return ${Array.from({ length: calls }, (_, k) => `f${i - 1}(x + ${k}u)`).join(" ^ ")}; }`;
  return `fn f0(x: u32) -> u32 { ${leaf} }\n${Array.from({ length: levels }, (_, i) => level(i + 1)).join("\n")}`;
}

test.each([
  ["a sum", "return x * 3u;"],
  ["a loop", "var y = x; while (y < 100u) { y += y + 1u; } return y;"],
  ["a barrier", "workgroupBarrier(); return x;"],
])("calls that multiply are refused, with a cure: of %s", (_, leaf) => {
  const start = performance.now();
  const build = () => compile(`${tower(3, leaf)}\n${entry("out[lane] = f10(lane);", 4)}`);
  expect(build).toThrow(ShaderError);
  expect(build).toThrow(/more than \d+ statements. Call functions in loops, or fewer of them\./);
  expect(performance.now() - start).toBeLessThan(20_000);
});

test("calls in vectors of four that multiply are refused too", () => {
  const vector = (i: number) =>
    `fn g${i}(x: f32) -> f32 { let v = vec4f(x, 1, 2, 3); let r = vec4f(g${i - 1}(v.x), g${i - 1}(v.y), g${i - 1}(v.z), g${i - 1}(v.w)); return r.x + r.w; }`;
  const levels = Array.from({ length: 10 }, (_, i) => vector(i + 1)).join("\n");
  const text = `fn g0(x: f32) -> f32 { var y = x; while (y < 9.0) { y += 1.0; } return y; }\n${levels}`;
  expect(() => compile(`${text}\n${entry("out[lane] = u32(g10(1.0));")}`)).toThrow(
    /more than \d+ statements/,
  );
});

test("a tower of calls that do not multiply compiles", async () => {
  const text = `${tower(1, "return x * 3u;", 200)}\n${entry("out[lane] = f200(lane + 1u);")}`;
  expect(await outputs(text, 1)).toEqual([3]);
});

test("loops of few rounds in one another are not unrolled without end", () => {
  const loops = ["a", "b", "c", "d"]
    .map((i) => `for (var ${i} = 0u; ${i} < 30u; ${i}++) {`)
    .join(" ");
  const text = entry(`${loops} out[a] += b * c + d; } } } }`);
  expect(compile(text).wasm.length).toBeLessThan(100_000);
});

test("large arrays are zeroed and copied by loops", () => {
  const bytes = (body: string) =>
    compile(
      `struct S { t: array<u32, 1000>, u: array<vec3f, 200> } var<workgroup> w: array<u32, 1000>; ${entry(body)}`,
    ).wasm.length;
  const small = bytes("var t: array<u32, 1000>; t[lane] = 1u; out[0] = t[lane + 1u];");
  expect(small).toBeLessThan(1000);
  expect(
    bytes(
      "var t: array<u32, 1000>; t[lane] = 1u; var s = t; s = t; let r = w; out[0] = s[lane] + r[lane];",
    ),
  ).toBeLessThan(2000);
  expect(
    bytes(
      "for (var i = 0u; i < lane; i++) { var s: S; s.t[i] = i; s = S(); let r = s; out[i] = s.t[lane] + u32(r.u[lane].y); }",
    ),
  ).toBeLessThan(2000);
});
