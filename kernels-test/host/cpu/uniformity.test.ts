import { describe, expect, test } from "vitest";
import { check } from "../../../src/cpu/wgsl/check";
import { ShaderError } from "../../../src/cpu/wgsl/shaderError";
import { allKernels } from "../../../src/kernels";
import { specialise } from "../../../src/kernels/kernel";
import { knownKernels } from "../../static/combinations";

// The verdicts of these tables are those of Dawn's compiler, Tint.

const inputs =
  "@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) groups: vec3u, " +
  "@builtin(local_invocation_index) lane: u32, @builtin(global_invocation_id) gid: vec3u, " +
  "@builtin(subgroup_size) sgsize: u32, @builtin(subgroup_id) sgid: u32, " +
  "@builtin(subgroup_invocation_id) sglane: u32";

/** `B` stands for a barrier, `S` for a subgroup operation. The body of main is line 3. */
function program(body: string, functions = "", directives = ""): string {
  const text = `enable subgroups; ${directives}
    @group(0) @binding(0) var<storage, read> ro: array<u32>; @group(0) @binding(1) var<storage, read_write> rw: array<u32>; @group(0) @binding(2) var<uniform> un: vec4u; @group(0) @binding(3) var<storage, read_write> counter: atomic<u32>; var<workgroup> wg: array<u32, 64>; var<workgroup> flag: u32; var<private> own: u32; @compute @workgroup_size(64) fn main(${inputs}) {
    ${body} }
    ${functions}`;
  return text.replace(/\bB\b/g, "workgroupBarrier();").replace(/\bS\b/g, "_ = subgroupAdd(1u);");
}

function errorOf(text: string): ShaderError {
  try {
    check(text, {});
  } catch (error) {
    if (error instanceof ShaderError) return error;
    throw error;
  }
  throw new Error(`accepted: ${text}`);
}

const callsBarrier = "fn f() { B }";
const decides = "fn f(x: u32) { if x == 0 { B } }";
const identity = "fn f(x: u32) -> u32 { return x; }";
const constant = "fn f(x: u32) -> u32 { return 1; }";
const branches = "fn f(x: u32) -> u32 { if x == 0 { return 1; } return 1; }";
const writes = "fn f(p: ptr<function, u32>, y: u32) { *p = y; }";
const adds = "fn f(p: ptr<function, u32>, y: u32) { *p += y; }";
const reads = "fn f(p: ptr<function, u32>) { if *p == 0 { B } }";
const sets = "fn f(p: ptr<function, u32>) { *p = 1; }";
const loads = "fn f(p: ptr<workgroup, u32>) { _ = workgroupUniformLoad(p); }";
const barrierThenTrue = "fn f() -> bool { B return true; }";

describe("a barrier may stand in uniform control flow", () => {
  test.each([
    ["B"],
    ["if wid.x < groups.x { B }"],
    ["if un.x < 1 { B }"],
    ["if ro[0] < 1 { B }"],
    ["if sgsize == 4 { B }"],
    ["if workgroupUniformLoad(&flag) < 1 { B }"],
    ["if workgroupUniformLoad(&wg[un.x]) < 1 { B }"],
    ["let p = &wg[un.x]; _ = workgroupUniformLoad(p);"],
    ["if arrayLength(&rw) < 1 { B }"],
    ["if un.x == 0 { return; } B"],
    ["if lane < 1 { } B"],
    ["for (var i = lane; i < 64; i += 64) { } B"],
    ["for (var i = 0u; i < lane; i++) { if i == 3 { break; } } B"],
    ["for (var i = 0u; i < 9; i++) { B } B"],
    ["for (var h = 32u; h > 0; h >>= 1) { if lane < h { wg[lane] += wg[lane + h]; } B }"],
    ["loop { B continuing { break if un.x == 0; } }"],
    ["loop { continuing { break if lane == 0; } } B"],
    ["loop { loop { if lane == 0 { break; } } B if un.x == 0 { break; } }"],
    ["switch un.x { case 0 { B } default { } }"],
    ["switch lane { case 0 { break; } default { } } B"],
    ["switch un.x { case 0 { if lane == 0 { break; } } default { } } B"],
    ["var x = lane; x = 0; if x == 0 { B }"],
    ["var x = lane; { x = 1; } if x == 1 { B }"],
    ["var x = lane; let p = &x; *p = 0; if x == 0 { B }"],
    ["var x = 0u; loop { if un.x == x { break; } x++; } if x == 0 { B }"],
    ["var x = lane; switch un.x { case 0 { x = 1; } default { x = 2; } } if x == 0 { B }"],
    ["var a = 0u; var b = 0u; for (var i = 0u; i < 9; i++) { a = b; b = i; if a == 3 { B } }"],
    ["let p = &un; if (*p).x == 0 { B }"],
    ["return; if lane == 0 { B }"],
    ["f();", callsBarrier],
    ["f(un.x);", decides],
    ["if f(lane) == 0 { B }", constant],
    ["var x = 0u; f(&x, un.x); if x == 0 { B }", writes],
    ["var x = lane; f(&x, un.x); if x == 0 { B }", writes],
    ["var x = 0u; f(&x);", reads],
    ["f(&wg[un.x]);", loads],
    ["_ = un.x < 1 && f();", barrierThenTrue],
  ])("%s %s", (body, functions = "") => {
    expect(() => check(program(body, functions), {})).not.toThrow();
  });
});

describe("a barrier may not stand where invocations of a workgroup can part", () => {
  const index = "local_invocation_index";
  test.each([
    ["if lane < 3 { B }", "the if in line 3", index],
    ["if gid.x < 1 { B }", "the if in line 3", "global_invocation_id"],
    ["if ro[lane] < 1 { B }", "the if in line 3", index],
    ["if rw[0] < 1 { B }", "the if in line 3", "the variable rw, which invocations can write"],
    ["if wg[0] < 1 { B }", "the if in line 3", "the variable wg"],
    ["own = 0; if own < 1 { B }", "the if in line 3", "the variable own"],
    ["if sgid == 0 { B }", "the if in line 3", "subgroup_id"],
    ["if atomicLoad(&counter) < 1 { B }", "the if in line 3", "the result of atomicLoad"],
    ["if subgroupAdd(1u) == 4 { B }", "the if in line 3", "the result of subgroupAdd"],
    ["if lane < 1 { storageBarrier(); }", "the if in line 3", index],
    ["if lane < 1 { _ = workgroupUniformLoad(&flag); }", "the if in line 3", index],
    ["_ = workgroupUniformLoad(&wg[lane]);", "it", index],
    ["let p = &wg[lane]; _ = workgroupUniformLoad(p);", "it", index],
    ["if lane < 1 { return; } B", "the if in line 3", index],
    ["if lane < 1 { return; } else { B }", "the if in line 3", index],
    ["for (var i = lane; i < 64; i += 64) { B }", "the condition of the loop in line 3", index],
    ["for (var i = 0u; i < lane; i++) { if i == 3 { return; } } B", "in line 3", index],
    ["for (var i = 0u; i < 9; i++) { if lane == i { continue; } B }", "the if in line 3", index],
    ["for (var i = 0u; i < 9; i++) { B if lane == i { break; } }", "in line 3", index],
    ["for (var i = 0u; i < 9; i++) { B if lane == i { continue; } }", "in line 3", index],
    ["loop { B continuing { break if lane == 0; } }", "the break if in line 3", index],
    ["loop { if un.x == 0 { if lane == 0 { break; } } B }", "the if in line 3", index],
    ["loop { loop { if lane == 0 { return; } break; } B if un.x == 0 { break; } }", "if", index],
    [
      "for (var i = 0u; i < 9; i++) { switch i { case 0 { if lane == 0 { continue; } } default { } } B }",
      "the if in line 3",
      index,
    ],
    ["switch lane { case 0 { B } default { } }", "the switch in line 3", index],
    ["switch lane { case 0 { return; } default { } } B", "the switch in line 3", index],
    ["switch un.x { case 0 { if lane == 0 { break; } B } default { } }", "the if", index],
    ["var x = 0u; if lane < 1 { x = 1; } if x == 0 { B }", "the if in line 3", index],
    ["var x = 0; switch lane { case 0 { x = 1; } default { } } if x == 0 { B }", "the if", index],
    ["var x = vec2(lane); x.x = 0; if x.x == 0 { B }", "the if in line 3", index],
    ["var x = 0u; let p = &x; *p = lane; if x == 0 { B }", "the if in line 3", index],
    ["var x = array<u32, 4>(); x[lane] = 0; if x[0] == 0 { B }", "the if in line 3", index],
    ["var x = array<u32, 4>(); let p = &x[lane]; *p = 0; if x[0] == 0 { B }", "the if", index],
    ["var x = 0u; loop { if lane == x { break; } x++; } if x == 0 { B }", "the if", index],
    ["var x = 0u; for (var i = lane; i < 9; i++) { x += 1; } if x == 0 { B }", "the if", index],
    [
      "var a = 0u; var b = 0u; for (var i = 0; i < 9; i++) { a = b; b = lane; if a == 3 { B } }",
      "the if",
      index,
    ],
    [
      "var x = 0u; loop { if un.x == 0 { x = lane; continue; } x = 0; continuing { break if x == 1; } } B for (; x < 1;) { B }",
      "the condition of the loop",
      index,
    ],
    ["if lane < 1 || un.x == 0 { B }", "the if in line 3", index],
    ["let a = select(0u, 1u, lane == 0); if a == 0 { B }", "the if in line 3", index],
  ])("%s: %s depends on %s", (body, what, cause) => {
    const error = errorOf(program(body));
    expect(error.reason).toContain(what);
    expect(error.reason).toContain(`depends on ${cause}`);
    expect(error.at.line).toBe(3);
  });

  test.each([
    ["if lane < 1 { f(); }", callsBarrier, 4, "the if in line 3"],
    ["f(lane);", decides, 4, "it"],
    ["if f(lane) == 0 { B }", identity, 3, "the if in line 3"],
    ["if f(lane) == 0 { B }", branches, 3, "the if in line 3"],
    ["if f() == 0 { B }", "fn f() -> u32 { return wg[0]; }", 3, "the if in line 3"],
    ["var x = 0u; f(&x, lane); if x == 0 { B }", writes, 3, "the if in line 3"],
    ["var x = lane; f(&x, un.x); if x == 0 { B }", adds, 3, "the if in line 3"],
    ["var x = lane; f(&x);", reads, 4, "it"],
    ["var x = 0u; if lane < 1 { f(&x); } if x == 0 { B }", sets, 3, "the if in line 3"],
    ["f(&wg[lane]);", loads, 4, "it"],
    ["_ = lane < 1 && f();", barrierThenTrue, 4, "the && in line 3"],
  ])("%s with %s", (body, functions, line, what) => {
    const error = errorOf(program(body, functions));
    expect(error.at.line).toBe(line);
    expect(error.reason).toContain(`${what} depends on `);
  });

  test("the message says what is wrong, why, and what to do", () => {
    expect(errorOf(program("if lane < 1 {\n  B\n}")).message).toBe(
      "line 4, column 3: workgroupBarrier must be in uniform control flow, but the if in line 3 " +
        "depends on local_invocation_index: move it to where all invocations of the workgroup come, " +
        "or decide by a value from workgroupUniformLoad",
    );
  });

  test("a struct of inputs is uniform if all its members are", () => {
    const text = (second: string) => `
      enable subgroups; struct In { @builtin(workgroup_id) w: vec3u, @builtin(${second}) x: u32 }
      @compute @workgroup_size(1) fn main(i: In) { if i.w.x == 0 { workgroupBarrier(); } }`;
    expect(() => check(text("num_subgroups"), {})).not.toThrow();
    expect(errorOf(text("local_invocation_index")).reason).toContain("local_invocation_index");
  });
});

describe("a subgroup operation needs control flow that is uniform in the subgroup", () => {
  test.each([
    ["S"],
    ["if un.x == 0 { S }"],
    ["if sgid == 0 { S }"],
    ["if sgid == 0 { return; } S"],
    ["if subgroupAny(true) { S }"],
    ["if subgroupBroadcastFirst(1u) == 0 { S }"],
    ["_ = subgroupShuffle(lane, lane);"],
    ["_ = subgroupShuffleUp(lane, sgid);"],
    ["f(sgid);", "fn f(x: u32) { if x == 0 { S } }"],
    ["@diagnostic(off, subgroup_uniformity) if lane < 1 { S }"],
    ["@diagnostic(warning, subgroup_uniformity) if lane < 1 { S }"],
    ["if lane < 1 { S }", "", "diagnostic(off, subgroup_uniformity);"],
    ["if lane < 1 { f(); }", "@diagnostic(info, subgroup_uniformity) fn f() { S }"],
  ])("%s %s %s", (body, functions = "", directives = "") => {
    expect(() => check(program(body, functions, directives), {})).not.toThrow();
  });

  test.each([
    ["if lane < 1 { S }", "local_invocation_index"],
    ["if sglane < 1 { S }", "subgroup_invocation_id"],
    ["if subgroupElect() { S }", "the result of subgroupElect"],
    ["if subgroupInclusiveAdd(1u) == 0 { S }", "the result of subgroupInclusiveAdd"],
    ["if subgroupAdd(lane) == 0 { S }", "local_invocation_index"],
    ["if lane < 1 { _ = quadSwapX(1u); }", "local_invocation_index"],
    ["_ = subgroupShuffleXor(1u, lane);", "local_invocation_index"],
    ["if wg[0] == 0 { S }", "the variable wg"],
    [
      "@diagnostic(off, subgroup_uniformity) if lane < 1 { @diagnostic(error, subgroup_uniformity) { S } }",
      "local_invocation_index",
    ],
    ["@diagnostic(off, derivative_uniformity) if lane < 1 { S }", "local_invocation_index"],
  ])("%s depends on %s", (body, cause) => {
    const error = errorOf(program(body));
    expect(error.reason).toContain(`depends on ${cause}`);
    expect(error.reason).toContain("diagnostic(off, subgroup_uniformity)");
  });

  test("a filter at the call does not reach into the function", () => {
    const body = "@diagnostic(off, subgroup_uniformity) if lane < 1 { f(); }";
    expect(errorOf(program(body, "fn f() { S }")).at.line).toBe(4);
  });
});

describe("every kernel's barriers are in uniform control flow", () => {
  test.each(knownKernels.map((kernel) => [kernel.name, kernel] as const))("%s", (_, kernel) => {
    const { wgsl, overrides } = specialise(kernel);
    expect(check(wgsl, overrides).entries).toHaveLength(1);
  });

  test("and one moved into a branch of the tree reduction is refused", () => {
    const kernel = allKernels.find(({ name }) => name === "norm/forward")!;
    const { wgsl } = specialise(kernel, { constants: { TEAM: 64 } });
    expect(() => check(wgsl, {})).not.toThrow();
    const moved = wgsl.replaceAll(
      "partials[lane] += partials[lane + half]; }",
      "partials[lane] += partials[lane + half]; workgroupBarrier(); }",
    );
    expect(moved).not.toBe(wgsl);
    expect(errorOf(moved).reason).toContain("must be in uniform control flow");
  });
});
