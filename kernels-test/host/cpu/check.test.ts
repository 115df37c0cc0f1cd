import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { create, globals } from "webgpu";
import { check } from "../../../src/cpu/wgsl/check";
import { ShaderError } from "../../../src/cpu/wgsl/shaderError";
import { specialise } from "../../../src/kernels/kernel";
import { asOptions, combinations, knownKernels } from "../../static/combinations";
import { functionText } from "./programText";
import { accepted, moduleOf, rejected } from "./verdicts";

type Overrides = Readonly<Record<string, number>>;

function errorOf(text: string, overrides: Overrides = {}): ShaderError | null {
  try {
    check(text, overrides);
    return null;
  } catch (error) {
    if (error instanceof ShaderError) return error;
    throw error;
  }
}

describe("kernels", () => {
  test.each(knownKernels.map((kernel) => [kernel.name, kernel] as const))(
    "%s checks in every combination of its options",
    (_, kernel) => {
      for (const chosen of combinations(kernel)) {
        const { wgsl, overrides, bindings, key } = specialise(kernel, asOptions(kernel, chosen));
        const program = check(wgsl, overrides);
        expect(
          program.entries.map(({ name }) => name),
          key,
        ).toEqual(["main"]);
        for (const { name, index, access } of bindings)
          expect(
            program.globals.find((global) => global.name === name),
            key,
          ).toMatchObject({ binding: { group: 0, index }, access, space: "storage" });
      }
    },
  );
});

/** Programs whose override values decide. */
const overridden: readonly (readonly [
  overrides: Overrides,
  line: number | null,
  body: string,
  declarations: string,
])[] = [
  [{ N: 1 }, null, "_ = N;", "override N: i32;"],
  [{ N: 1.5 }, null, "_ = N;", "override N: i32;"],
  [{ N: 3e9 }, 1, "_ = N;", "override N: i32;"],
  [{ N: 2147483647.5 }, 1, "_ = N;", "override N: i32;"],
  [{ N: 3e9 }, null, "_ = N;", "override N: u32;"],
  [{ N: -0.5 }, 1, "_ = N;", "override N: u32;"],
  [{ N: 1e38 }, null, "_ = N;", "override N: f32;"],
  [{ N: 1e39 }, 1, "_ = N;", "override N: f32;"],
  [{ N: 65504 }, null, "_ = N;", "enable f16; override N: f16;"],
  [{ N: 65505 }, 1, "_ = N;", "enable f16; override N: f16;"],
  [{ N: 2 }, null, "_ = N;", "override N: bool;"],
  [{ 3: 1 }, null, "_ = N;", "@id(3) override N: i32;"],
  [{ N: 1 }, 1, "_ = N;", "@id(3) override N: i32;"],
  [{ M: 1 }, 1, "", "override N: i32;"],
  [{ N: 1 }, 1, "", "const N = 1;"],
  [{ N: 0 }, 2, "_ = 1 / N;", "override N = 1;"],
  [{ N: 0 }, 2, "if N != 0 { _ = 1 / N; }", "override N = 1;"],
  [{ N: 0 }, null, "_ = N != 0 && 1 / N == 1;", "override N = 1;"],
  [{ N: 4 }, 2, "_ = a[N];", "override N = 1; var<workgroup> a: array<i32, 4>;"],
  [{ N: 4 }, 2, "_ = a[N];", "override N = 1; var<workgroup> a: array<i32, N>;"],
  [{ N: 4 }, null, "_ = a[N - 1];", "override N = 1; var<workgroup> a: array<i32, N>;"],
  [{ N: 0 }, 1, "_ = a[0];", "override N = 1; var<workgroup> a: array<i32, N>;"],
  [{ N: 2e9 }, null, "_ = M;", "override N = 1; override M = N * 3;"],
  [{ N: 0 }, 1, "_ = M;", "override N = 1; override M = 10 / N;"],
  [{ N: 32 }, 2, "var x = 1u; x = x << N;", "override N = 1u;"],
  [{ N: 32 }, 2, "var x = 1u; x <<= N;", "override N = 1u;"],
  [{ N: 32 }, 2, "var x = 1f; x = clamp(x, N, 2);", "override N = 1f;"],
  [{ N: -1 }, 2, "_ = sqrt(N);", "override N = 1f;"],
  [{ N: 2 }, null, "_ = (32 >> N) - 1i;", "override N = 1u;"],
  [{ N: 2 }, 2, "_ = (32 >> N) - 1u;", "override N = 1u;"],
  [{ N: 1 }, 2, "_ = select(2147483648, 1, N);", "override N = true;"],
  [{ N: 1 }, 2, "_ = vec2(1, 2)[N] + 1u;", "override N = 0;"],
  [{ N: 8 }, null, "", "override N = 1; @compute @workgroup_size(N, N * 2) fn main() {}"],
  [{ N: 0 }, 1, "", "override N = 1; @compute @workgroup_size(N) fn main() {}"],
];

const prelude = `struct S { a: i32, b: vec2f, c: array<i32, 4> }
@group(0) @binding(0) var<storage, read_write> buffer: array<f32>;
var<private> v: vec4f; var<private> i32v: vec3i; var<private> s: S;
var<private> i: i32; var<private> u: u32; var<private> x: f32;
var<workgroup> counter: atomic<u32>;
override N = 4u;
const table = array(vec2(1, 2), vec2(3, 4), vec2(5, 6.5));
fn twice(a: f32, b: u32) -> f32 { return a * 2; }
fn bump(p: ptr<private, i32>) { *p += 1; }
`;

describe("program", () => {
  test.each([
    ["let a = v.x + 1;", "let a = (load(v[0:u32]) + 1:f32)"],
    ["let a = x * 2;", "let a = (load(x) * 2:f32)"],
    ["let a = u + 1;", "let a = (load(u) + 1:u32)"],
    ["let a = v.zy;", "let a = load(v).zy"],
    ["let a = v;", "let a = load(v)"],
    ["v.y = 1;", "v[1:u32] = 1:f32"],
    ["v[i] += 2;", "v[load(i)] += 2:f32"],
    ["s.c[u] = i;", "s.c[load(u)] = load(i)"],
    ["s.b.y *= x;", "s.b[1:u32] *= load(x)"],
    ["let a = s.c[1];", "let a = load(s.c[1:i32])"],
    ["let p = &s; p.a = 1; p.c[i]--;", "let p = &s; (*p).a = 1:i32; (*p).c[load(i)] -= 1:i32"],
    ["let p = &s.c; let q = &p[2]; *q = i;", "let p = &s.c; let q = &(*p)[2:i32]; (*q) = load(i)"],
    ["i++;", "i += 1:i32"],
    ["u -= 1;", "u -= 1:u32"],
    ["u <<= 3;", "u <<= 3:u32"],
    ["_ = buffer[u];", "load(buffer[load(u)])"],
    ["_ = 5;", ""],
    ["buffer[0] = x;", "buffer[0:i32] = load(x)"],
    ["let a = vec4f(x);", "let a = vec4<f32>(load(x))"],
    ["let a = vec4f(v.xy, 0, 1);", "let a = vec4<f32>(load(v).xy, 0:f32, 1:f32)"],
    ["let a = vec3(1, x, 2);", "let a = vec3<f32>(1:f32, load(x), 2:f32)"],
    ["let a = vec2(1, 2);", "let a = [1 2]:vec2<i32>"],
    ["let a = vec3u(i32v);", "let a = (vec3<u32> <- load(i32v))"],
    ["let a = f32(u) + f32(x);", "let a = ((f32 <- load(u)) + load(x))"],
    ["let a = u32(x);", "let a = (u32 <- load(x))"],
    ["let a = bitcast<u32>(x);", "let a = (u32 == load(x))"],
    ["let a = bitcast<u32>(u);", "let a = load(u)"],
    ["let a = bitcast<f32>(1);", "let a = 1.401298464324817e-45:f32"],
    ["let a = array(1, 2.5);", "let a = [1 2.5]:array<f32, 2>"],
    ["let a = array<S, 8>();", "let a = array<S, 8>()"],
    ["let a = S(1, vec2(2), array(1, 2, 3, 4));", "let a = [1 2 2 1 2 3 4]:S"],
    ["let a = mat2x2(1, 2, 3, 4);", "let a = [1 2 3 4]:mat2x2<f32>"],
    [
      "let a = mat2x2f(v.xy, vec2(x, 1));",
      "let a = mat2x2<f32>(load(v).xy, vec2<f32>(load(x), 1:f32))",
    ],
    ["let a = mat2x2f() * v.xy * 2;", "let a = (([0 0 0 0]:mat2x2<f32> * load(v).xy) * 2:f32)"],
    ["let a = vec3(1, 2, 3)[i];", "let a = [1 2 3]:vec3<i32>[load(i)]"],
    ["let a = min(u, 3);", "let a = min(load(u), 3:u32)"],
    ["let a = select(1, 2.5, x > 1);", "let a = select(1:f32, 2.5:f32, (load(x) > 1:f32))"],
    ["let a = select(1, 2, x > 1);", "let a = select(1:i32, 2:i32, (load(x) > 1:f32))"],
    ["let a = ldexp(x, 3);", "let a = ldexp(load(x), 3:i32)"],
    ["let a = 3 * N + 1u;", "let a = 13:u32"],
    ["let a = i << 2;", "let a = (load(i) << 2:u32)"],
    ["let a = N == 4u && x < 1;", "let a = (true:bool && (load(x) < 1:f32))"],
    ["let a = x < 1 || 1 / 1 == 0;", "let a = ((load(x) < 1:f32) || false:bool)"],
    [
      "let a = -x; let b = ~u; let c = !(x > 1);",
      "let a = -load(x); let b = ~load(u); let c = !(load(x) > 1:f32)",
    ],
    ["let a = max(2, 3) * 2.5;", "let a = 7.5:f32"],
    ["let a = atomicAdd(&counter, 2);", "let a = atomicAdd(&counter, 2:u32)"],
    ["atomicStore(&counter, N);", "atomicStore(&counter, 4:u32)"],
    ["let a = arrayLength(&buffer);", "let a = arrayLength(&buffer)"],
    ["let a = frexp(x).exp;", "let a = frexp(load(x)).exp"],
    ["let a = frexp(8.0);", "let a = [0.5 4]:__frexp_result_f32"],
    ["workgroupBarrier();", "workgroupBarrier()"],
    [
      "let a = twice(x, 3); bump(&i); bump(&s.c[1]);",
      "let a = twice(load(x), 3:u32); bump(&i); bump(&s.c[1:i32])",
    ],
    [
      "for (var k = 0; k < 4; k++) { x += 1; }",
      "{ var k: i32 = 0:i32; loop while (load(k) < 4:i32) { x += 1:f32 } continuing { k += 1:i32 } }",
    ],
    [
      "for (; x < 1; ) { if x > 2 { continue; } else if i == 1 { break; } x = 3; }",
      "{ loop while (load(x) < 1:f32) { if (load(x) > 2:f32) { continue } else { if (load(i) == 1:i32) { break } else {} }; x = 3:f32 } continuing {} }",
    ],
    ["while x < 1 { x = 2; }", "loop while (load(x) < 1:f32) { x = 2:f32 } continuing {}"],
    [
      "loop { let y = x; continuing { x += y; break if x > 8; } }",
      "loop { let y = load(x) } continuing { x += y } break if (load(x) > 8:f32)",
    ],
    [
      "switch u { case 1, 2: { x = 1; } case default { x = 2; } }",
      "switch load(u) 1 2: { x = 1:f32 } default: { x = 2:f32 }",
    ],
    ["if x > 1 { return; } x = 1;", "if (load(x) > 1:f32) { return } else {}; x = 1:f32"],
    ["const k = 3; let a = k + 0.5; { const k = 2u; u = k; }", "let a = 3.5:f32; { u = 2:u32 }"],
    ["let a = table[i];", "let a = [1 2 3 4 5 6.5]:array<vec2<f32>, 3>[load(i)]"],
    ["let a = table[2].y;", "let a = 6.5:f32"],
  ])("%s is written out", (body, expected) => {
    const { functions } = check(`${prelude}fn main() { ${body} }`, {});
    expect(functionText(functions[functions.length - 1]!)).toBe(expected);
  });

  test.each([
    ["a: i32, b: vec3f, c: f32", [0, 16, 28], 32],
    ["a: vec3f, b: vec3f", [0, 16], 32],
    ["a: f32, b: vec2f, c: f32", [0, 8, 16], 24],
    ["a: f32, b: mat3x3f, c: f32", [0, 16, 64], 80],
    ["a: mat2x2f, b: f32", [0, 16], 24],
    ["a: f16, b: vec3h, c: f16", [0, 8, 14], 16],
    ["a: array<vec3f, 2>, b: f32", [0, 32], 48],
    ["a: f32, @align(16) b: f32, c: f32", [0, 16, 20], 32],
    ["@size(16) a: f32, b: f32", [0, 16], 20],
    ["a: f32, @align(32) @size(40) b: f32, c: f32", [0, 32, 72], 96],
    ["a: f32, b: T, c: f32", [0, 16, 48], 64],
    ["a: f32, b: array<T>", [0, 16], 48],
    ["a: atomic<u32>, b: bool, c: vec2<u32>", [0, 4, 8], 16],
  ])("the members of { %s } are at %o, in %i bytes", (members, offsets, size) => {
    const text = `enable f16; struct T { x: vec3f, y: vec2f } struct S { ${members} }`;
    const struct = check(text, {}).structs.find(({ name }) => name === "S")!;
    expect(struct.members.map(({ offset }) => offset)).toEqual(offsets);
    expect(struct.size).toBe(size);
  });

  test("declarations may stand in any order, and callees come before callers", () => {
    const declarations = [
      "@compute @workgroup_size(WIDTH, 2) fn main(@builtin(workgroup_id) id: vec3u) { store(id.x); }",
      "fn store(k: u32) { out[k] = Row(scaled(k), array<f32, size>()); }",
      "fn scaled(k: u32) -> f32 { return f32(k * HALF) * unit; }",
      "struct Row { value: f32, rest: array<f32, size> }",
      "alias Rows = array<Row>;",
      "const size = count + 1;",
      "const count = 2;",
      "const unit = 0.5;",
      "override WIDTH = HALF * 2;",
      "override HALF = 3u;",
      "@group(1) @binding(2) var<storage, read_write> out: Rows;",
      "const_assert size == 3;",
    ];
    fc.assert(
      fc.property(
        fc.shuffledSubarray(declarations, { minLength: declarations.length }),
        (shuffled) => {
          const program = check(shuffled.join("\n"), { HALF: 4 });
          expect(program.functions.map(({ name }) => name)).toEqual(["scaled", "store", "main"]);
          expect(program.entries).toMatchObject([
            { name: "main", workgroupSize: [8, 2, 1], inputs: ["workgroup_id"] },
          ]);
          expect(program.globals).toMatchObject([
            { name: "out", space: "storage", binding: { group: 1, index: 2 } },
          ]);
          expect(program.structs).toMatchObject([{ name: "Row", size: 16 }]);
        },
      ),
      { numRuns: 50 },
    );
  });

  test("the inputs of an entry point are its parameters, or the members of their structs", () => {
    const { entries } = check(
      `enable subgroups;
      struct Inputs { @builtin(workgroup_id) group: vec3u, @builtin(subgroup_size) size: u32 }
      @compute @workgroup_size(4) fn main(
        @builtin(local_invocation_index) lane: u32, inputs: Inputs, @builtin(workgroup_index) k: u32) {}`,
      {},
    );
    expect(entries[0]!.inputs).toEqual([
      "local_invocation_index",
      ["workgroup_id", "subgroup_size"],
      "workgroup_index",
    ]);
  });

  test("what a private variable holds at first is a constant of its type", () => {
    const { globals } = check(
      "override N = 2; var<private> x: vec2f = vec2(f32(N) / 2, 1) + 0.5;",
      {},
    );
    expect(globals[0]!.init).toMatchObject({ kind: "constant", value: [1.5, 1.5] });
  });
});

describe("errors", () => {
  test.each([
    ["let a: i32 = x;", "This is f32, but i32 is needed. Convert it, as in i32(…)."],
    ["let a = y;", "y is not declared. Declare it or correct the name."],
    ["let a = u + i;", "+ does not take u32 and i32. Convert one of them."],
    ["let a = table[3];", "Index 3 is outside 0 to 2."],
    ["let a = s.d;", "S has no member d. It has a, b, c."],
    ["let a = v.xyz.w;", "vec3<f32> has no components w. Use one to four of xyz or rgb."],
    ["let a = u / 0;", "The right side of / is 0. Divide by something else."],
    ["let a = 1; a = 2;", "Only variables can be assigned. Make it a var."],
    ["let a = counter;", "An atomic is not a value. Read it with atomicLoad(&…)."],
    ["let a = subgroupAdd(x);", "subgroupAdd needs the directive `enable subgroups;` at the top."],
    ["var a: f16;", "f16 needs the directive `enable f16;` at the top."],
    ["if u {}", "A condition is bool, not u32. Compare it with something."],
    ["max(x, 1);", "The result of max must be used. Assign it: _ = max(…)."],
    ["main();", "main is defined by means of itself. Break the cycle."],
  ])("%s: %s", (body, reason) => {
    const error = errorOf(`${prelude}fn main() {\n  ${body}\n}`)!;
    expect(error.reason).toBe(reason);
    expect(error.at.line).toBe(prelude.split("\n").length + 1);
    expect(error.message).toBe(`line ${error.at.line}, column ${error.at.column}: ${reason}`);
  });

  test("an unknown override is named, with those there are", () => {
    expect(errorOf("override A = 1; @id(7) override B = 2;", { C: 1 })!.reason).toBe(
      "There is no override C. There are: A, 7.",
    );
  });
});

describe("verdicts", () => {
  for (const program of accepted)
    test(`accepts ${program.join(" with ")}`, () => {
      expect(errorOf(moduleOf(...program))?.message).toBeUndefined();
    });

  for (const [line, ...program] of rejected)
    test(`rejects line ${line} of ${program.join(" with ")}`, () => {
      expect(errorOf(moduleOf(...program))?.at.line).toBe(line);
    });

  test.each(overridden)(
    "with %o the error is in line %o: %s %s",
    (overrides, line, body, declarations) => {
      expect(errorOf(moduleOf(body, declarations), overrides)?.at.line ?? null).toBe(line);
    },
  );

  test.each([
    ["v.xy = vec2f();", "var<private> v: vec4f;", 2],
    ["textureBarrier();", "", 2],
    ["", "@group(0) @binding(0) var t: texture_2d<f32>;", 1],
    ["", "@group(0) @binding(0) var s: sampler;", 1],
    ["", "@fragment fn f() {}", 1],
    ["", "@vertex fn f() -> @builtin(position) vec4f { return vec4f(); }", 1],
    ["", "requires immediate_address_space;", 1],
  ] as const)("what only other executors have is refused: %s %s", (body, declarations, line) => {
    expect(errorOf(moduleOf(body, declarations))?.at.line).toBe(line);
  });

  describe("Dawn", () => {
    const held: unknown[] = [];
    let device: GPUDevice;
    beforeAll(async () => {
      Object.assign(globalThis, globals);
      // It compiles and validates without a driver.
      const gpu = create(["backend=null"]);
      const adapter = await gpu.requestAdapter();
      device = await adapter!.requestDevice({ requiredFeatures: ["shader-f16", "subgroups"] });
      held.push(gpu, adapter);
    });
    afterAll(() => device.destroy());

    /** The line of the error, 0 where Dawn names none, or null. */
    async function lineOfError(code: string, constants: Overrides): Promise<number | null> {
      device.pushErrorScope("validation");
      const module = device.createShaderModule({ code });
      const { messages } = await module.getCompilationInfo();
      const error = messages.find(({ type }) => type === "error");
      const made =
        error ??
        (await device
          .createComputePipelineAsync({
            layout: "auto",
            compute: { module, entryPoint: "main", constants: { ...constants } },
          })
          .then(
            () => null,
            ({ message }: Error) =>
              // Limits of the device are not the compiler's.
              /maximum allowed \(256|larger than the maximum/.test(message) ? null : { lineNum: 0 },
          ));
      await device.popErrorScope();
      return made?.lineNum ?? null;
    }

    test("agrees about every program", async () => {
      const programs = [
        ...accepted.map((program) => [{}, null, ...program] as const),
        ...rejected.map(([line, ...program]) => [{}, line, ...program] as const),
        ...overridden,
      ];
      for (const [overrides, line, body, declarations] of programs) {
        const text = moduleOf(body, declarations);
        const theirs = await lineOfError(text, overrides);
        expect(theirs === 0 ? line && 0 : theirs, text).toBe(theirs === 0 ? 0 : line);
      }
    });
  });
});
