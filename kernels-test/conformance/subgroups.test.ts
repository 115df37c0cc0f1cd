/**
 * Subgroup functions against loops over the lanes that share a subgroup, which shows in what
 * `subgroupBroadcastFirst` gives: so the subgroup size does not matter.
 */
import { describe, expect, test } from "vitest";
import { runCompiled } from "../compiledShader";
import { shown } from "./agreement";
import { Dawn } from "./dawn";
import { bytesOf, type Shader, wordsOf } from "./run";

const dawn = await Dawn.create();
const executors = [
  ["the CPU executor", runCompiled] as const,
  ...(dawn.has("subgroups") ? [["Dawn", (shader: Shader) => dawn.run(shader)] as const] : []),
];

const numeric = ["u32", "i32", "f32", "vec3<u32>", "vec2<i32>", "vec4<f32>"] as const;
const integer = ["u32", "i32", "vec2<u32>", "vec4<i32>"] as const;

/**
 * A call on x, of type T; where its fold starts; a step of the fold with `value`, the x of `other`.
 * Values are 1 or 2, so that products stay exact.
 */
const functions: readonly (readonly [string, string, string, readonly string[]])[] = [
  ["subgroupAdd(x)", "T()", "fold += value", numeric],
  ["subgroupMul(x)", "T(1)", "fold *= value", numeric],
  ["subgroupMin(x)", "T(9)", "fold = min(fold, value)", numeric],
  ["subgroupMax(x)", "T()", "fold = max(fold, value)", numeric],
  ["subgroupAnd(x)", "T(255)", "fold &= value", integer],
  ["subgroupOr(x)", "T()", "fold |= value", integer],
  ["subgroupXor(x)", "T()", "fold ^= value", integer],
  ["subgroupInclusiveAdd(x)", "T()", "fold += select(T(), value, place <= mine)", numeric],
  ["subgroupExclusiveAdd(x)", "T()", "fold += select(T(), value, place < mine)", numeric],
  ["subgroupInclusiveMul(x)", "T(1)", "fold *= select(T(1), value, place <= mine)", numeric],
  ["subgroupExclusiveMul(x)", "T(1)", "fold *= select(T(1), value, place < mine)", numeric],
  ["subgroupBroadcast(x, 3)", "T()", "fold = select(fold, value, place == 3)", numeric],
  ["subgroupBroadcastFirst(x)", "T()", "fold = select(fold, value, place == 0)", numeric],
  [
    "subgroupShuffle(x, 3 - (mine & 3))",
    "T()",
    "fold = select(fold, value, place == 3 - (mine & 3))",
    numeric,
  ],
  ["subgroupShuffleXor(x, 2u)", "T()", "fold = select(fold, value, place == (mine ^ 2))", numeric],
  [
    "select(subgroupShuffleUp(x, 1u), T(7), mine == 0)",
    "T(7)",
    "fold = select(fold, value, place + 1 == mine)",
    numeric,
  ],
  [
    "select(subgroupShuffleDown(x, 1u), T(7), mine + 1 == size)",
    "T(7)",
    "fold = select(fold, value, place == mine + 1)",
    numeric,
  ],
  ["quadBroadcast(x, 1)", "T()", "fold = select(fold, value, place == (mine & ~3u) + 1)", numeric],
  ["quadSwapX(x)", "T()", "fold = select(fold, value, place == (mine ^ 1))", numeric],
  ["quadSwapY(x)", "T()", "fold = select(fold, value, place == (mine ^ 2))", numeric],
  ["quadSwapDiagonal(x)", "T()", "fold = select(fold, value, place == (mine ^ 3))", numeric],
  ["u32(subgroupAny(x == 2))", "0u", "fold |= u32(value == 2)", ["u32"]],
  ["u32(subgroupAll(x > 0))", "1u", "fold &= u32(value > 0)", ["u32"]],
  ["subgroupBallot(x == 2).x", "0u", "fold |= select(0u, 1u << place, value == 2)", ["u32"]],
  ["u32(subgroupElect())", "0u", "fold = u32(mine == 0)", ["u32"]],
];

/** Each lane writes 1 where the call and the fold agree. */
function subgroupShader(
  [call, start, step]: (typeof functions)[number],
  type: string,
  grid: number,
): Shader {
  const same = type.startsWith("vec") ? "all(answer == fold)" : "answer == fold";
  return {
    wgsl: `enable subgroups;
alias T = ${type};
alias E = ${type.replace(/^vec.<|>$/g, "")};
@group(0) @binding(0) var<storage, read_write> out: array<u32>;
var<workgroup> values: array<T, 32>;
var<workgroup> leaders: array<u32, 32>;
var<workgroup> places: array<u32, 32>;

@compute @workgroup_size(16, 2)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) lane: u32,
  @builtin(subgroup_invocation_id) mine: u32,
  @builtin(subgroup_size) size: u32,
) {
  let x = T(E(1 + ((lane * 5 + group.x) / 3) % 2));
  values[lane] = x;
  leaders[lane] = subgroupBroadcastFirst(lane);
  places[lane] = mine;
  let answer = ${call};
  workgroupBarrier();
  var fold = ${start};
  for (var other = 0u; other < 32; other++) {
    if (leaders[other] != leaders[lane]) { continue; }
    let value = values[other];
    let place = places[other];
    ${step};
  }
  out[group.x * 32 + lane] = u32(${same});
}
`,
    grid: [grid, 1, 1],
    buffers: [
      { name: "out", index: 0, access: "read_write", bytes: bytesOf(new Array(32 * grid).fill(0)) },
    ],
  };
}

describe("subgroup functions are what loops over the subgroup give", () => {
  for (const [name, run] of executors)
    for (const row of functions)
      test(`${row[0]} by ${name}`, async () => {
        for (const type of row[3]) {
          const shader = subgroupShader(row, type, 2);
          const [out] = await run(shader);
          expect([...wordsOf(out!)], shown(shader)).toEqual(new Array(64).fill(1));
        }
      });
});
