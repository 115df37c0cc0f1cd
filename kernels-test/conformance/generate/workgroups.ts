/**
 * Random algorithms in workgroup memory, as sequences of phases between barriers. Each invocation carries a
 * value `x`; a phase mixes it with those of others, in a way that does not depend on the order in which
 * invocations run, on which workgroup comes first, or on the subgroup size.
 */
import { bytesOf, type Shader } from "../run";
import { Choices } from "./choices";

interface Group {
  readonly sizes: readonly [number, number, number];
  readonly count: number;
}

/** Subgroup functions and the same over the lanes of one's subgroup, by a loop. */
const subgroupFolds: readonly (readonly [call: string, start: string, step: string])[] = [
  ["subgroupAdd(x)", "0u", "fold += value"],
  ["subgroupMul(x | 1u)", "1u", "fold *= value | 1u"],
  ["subgroupMin(x)", "0xffffffffu", "fold = min(fold, value)"],
  ["subgroupMax(x)", "0u", "fold = max(fold, value)"],
  ["subgroupAnd(x)", "0xffffffffu", "fold &= value"],
  ["subgroupOr(x)", "0u", "fold |= value"],
  ["subgroupXor(x)", "0u", "fold ^= value"],
  ["subgroupInclusiveAdd(x)", "0u", "fold += select(0u, value, other <= lane)"],
  ["subgroupExclusiveAdd(x)", "0u", "fold += select(0u, value, other < lane)"],
  ["subgroupInclusiveMul(x | 1u)", "1u", "fold *= select(1u, value | 1u, other <= lane)"],
  ["subgroupExclusiveMul(x | 1u)", "1u", "fold *= select(1u, value | 1u, other < lane)"],
  ["u32(subgroupAny((x & 7u) == 0u))", "0u", "fold |= u32((value & 7u) == 0u)"],
  ["u32(subgroupAll((x & 1u) == 0u))", "1u", "fold &= u32((value & 1u) == 0u)"],
  ["countOneBits(subgroupBallot((x & 1u) == 1u).x)", "0u", "fold += value & 1u"],
  ["subgroupBroadcast(x, 1u)", "0u", "fold = select(fold, value, place == 1u)"],
  ["subgroupBroadcastFirst(x)", "0u", "fold = select(fold, value, place == 0u)"],
  ["subgroupShuffleXor(x, 1u)", "0u", "fold = select(fold, value, place == (mine ^ 1u))"],
  [
    "subgroupShuffle(x, (mine + 1u) & 3u)",
    "0u",
    "fold = select(fold, value, place == ((mine + 1u) & 3u))",
  ],
  ["u32(subgroupElect())", "0u", "fold = u32(mine == 0u)"],
  ["quadBroadcast(x, 2u)", "0u", "fold = select(fold, value, place == (mine & ~3u) + 2u)"],
  ["quadSwapX(x)", "0u", "fold = select(fold, value, place == (mine ^ 1u))"],
  ["quadSwapY(x)", "0u", "fold = select(fold, value, place == (mine ^ 2u))"],
  ["quadSwapDiagonal(x)", "0u", "fold = select(fold, value, place == (mine ^ 3u))"],
];

class Phases {
  private fresh = 0;

  constructor(
    private readonly choices: Choices,
    private readonly group: Group,
    private readonly subgroups: boolean,
  ) {}

  private name(stem: string): string {
    return `${stem}${this.fresh++}`;
  }

  list(depth: number): string {
    let text = "";
    for (let count = this.choices.between(1, depth > 1 ? 5 : 2); count > 0; count--)
      text += this.phase(depth);
    return text;
  }

  private phase(depth: number): string {
    const { choices } = this;
    const { count, sizes } = this.group;
    const n = `${count}u`;
    const barrier = choices.of(["workgroupBarrier();", "workgroupBarrier(); storageBarrier();"]);
    const simple = [
      () =>
        `tile[lane] = x;\n${barrier}\nx = x * 3u + tile[(lane + ${choices.between(1, 9)}u) % ${n}];\n${barrier}\n`,
      () => {
        const half = Math.floor(2 ** Math.ceil(Math.log2(count)) / 2);
        const combine = choices.of([
          "tile[lane] += tile[lane + s]",
          "tile[lane] = max(tile[lane], tile[lane + s])",
          "tile[lane] ^= tile[lane + s]",
        ]);
        const head = choices.of([
          [`for (var s = ${half}u; s > 0u; s >>= 1u) {`, ""],
          [`var s = ${half}u;\nloop {\nif (s == 0u) { break; }`, "continuing { s /= 2u; }"],
          [`var s = ${half}u;\nwhile (s != 0u) {`, "s = s >> 1u;"],
        ]);
        return `{\ntile[lane] = x;\n${barrier}\n${head[0]}\nif (lane < s && lane + s < ${n}) { ${combine}; }\n${barrier}\n${head[1]}\n}\nx ^= tile[0];\n${barrier}\n}\n`;
      },
      () => {
        const offset = this.name("offset");
        return `pair[0][lane] = x;\n${barrier}\nvar side_${offset} = 0u;\nfor (var ${offset} = 1u; ${offset} < ${n}; ${offset} *= 2u) {\nvar sum = pair[side_${offset}][lane];\nif (lane >= ${offset}) { sum += pair[side_${offset}][lane - ${offset}]; }\nside_${offset} = 1u - side_${offset};\npair[side_${offset}][lane] = sum;\n${barrier}\n}\nx = pair[side_${offset}][lane] ^ (x << 1u);\n${barrier}\n`;
      },
      () =>
        `tile[local.x * ${sizes[1] * sizes[2]}u + local.y * ${sizes[2]}u + local.z] = x;\n${barrier}\nx += tile[lane] * 5u;\n${barrier}\n`,
      () => {
        const kept = this.name("kept");
        const kind = choices.of(["let", "var"]);
        return `${kind} ${kept} = vec3u(x, lane, x >> 3u) * ${choices.between(1, 5)}u;\ntile[lane] = ${kept}.x;\n${barrier}\nkeep[tile[(lane + 1u) % ${n}] % 3u] += ${kept}.z;\nx += ${kept}.y ^ keep[lane % 3u];\n${barrier}\n`;
      },
      () => {
        const [operation, value] = choices.of([
          ["atomicAdd", "x"],
          ["atomicSub", "x"],
          ["atomicMax", "x"],
          ["atomicMin", "x"],
          ["atomicAnd", "x | 0xff00u"],
          ["atomicOr", "x & 0xf0fu"],
          ["atomicXor", "x"],
        ] as const);
        const where = choices.of(["counters", "totals"]);
        const slot =
          where === "totals" ? "totals[groups_before * 8u + x % 8u]" : "counters[x % 8u]";
        const read = slot.replace("x % 8u", "(x + 1u) % 8u");
        return `${operation}(&${slot}, ${value});\n${barrier} storageBarrier();\nlet ${this.name("seen")} = atomicLoad(&${read});\n${barrier} storageBarrier();\nx = x * 7u + seen${this.fresh - 1};\n`;
      },
      () =>
        `{\nlet slot = x % 8u;\nloop {\nlet old = atomicLoad(&counters[slot]);\nlet answer = atomicCompareExchangeWeak(&counters[slot], old, old + (x & 31u));\nif (answer.exchanged) { break; }\n}\n${barrier}\nlet seen = atomicLoad(&counters[(lane + 3u) % 8u]);\n${barrier}\nx ^= seen;\n}\n`,
      () =>
        `{\nif (lane == 0u) { atomicStore(&signed, -5); }\n${barrier}\natomicMax(&signed, i32(x % 100u) - 50);\n${barrier}\nlet seen = atomicLoad(&signed);\n${barrier}\nx += bitcast<u32>(seen);\nif (lane == 0u) { x ^= bitcast<u32>(atomicExchange(&signed, 9)); }\n${barrier}\n}\n`,
      () =>
        `{\nif (lane == 0u) { atomicStore(&counters[7], 0u); }\n${barrier}\nlet ticket = atomicAdd(&counters[7], 1u);\ntile[ticket] = ticket * 3u;\n${barrier}\nx += tile[lane];\n${barrier}\n}\n`,
      () =>
        `scratch[first + lane] = x;\nstorageBarrier();\nx = (x >> 1u) + scratch[first + (lane + ${choices.between(1, 5)}u) % ${n}];\nstorageBarrier();\n`,
      () => `x = exchange(x, lane, ${choices.between(1, 7)}u);\n`,
      () => `exchange_at(&x, &keep, lane);\n`,
      () =>
        `for (var i = 0u; i < (x & 3u); i++) {\nif ((x & 8u) != 0u) { x = x * 5u + i; continue; }\nx ^= i << 2u;\n}\n`,
      () =>
        `if ((x & ${choices.of([1, 2, 4])}u) != 0u) {\nx += lane;\n} else {\nx ^= local.x + local.y * 5u;\n}\n`,
      () =>
        `structs[lane].at = vec3f(f32(x & 255u), 1.5, f32(lane));\nstructs[lane].tag = x;\n${barrier}\n{\nlet other = structs[(lane + 1u) % ${n}];\nx += other.tag + u32(other.at.x * 2 + other.at.z);\n}\n${barrier}\n`,
      ...(this.subgroups ? [() => this.subgroup(barrier)] : []),
    ];
    const nested = [
      () => {
        const uniform = this.uniform(barrier);
        const otherwise = choices.chance(50) ? ` else {\n${this.list(depth - 1)}}` : "";
        return `${uniform.text}if ((${uniform.name} & ${choices.of([1, 2, 4])}u) != 0u) {\n${this.list(depth - 1)}}${otherwise}\n`;
      },
      () => {
        const uniform = this.uniform(barrier);
        const i = this.name("round");
        const leave = choices.chance(40)
          ? `if (${i} + ${uniform.name} % 2u == 2u) { ${choices.of(["break", "continue"])}; }\n`
          : "";
        return `${uniform.text}for (var ${i} = 0u; ${i} < ${uniform.name} % 3u + 1u; ${i}++) {\n${leave}${this.list(depth - 1)}x += ${i};\n}\n`;
      },
      () => {
        const uniform = this.uniform(barrier);
        const cases = Array.from(
          { length: 2 },
          (_, i) => `case ${i}u: {\n${this.list(depth - 1)}}\n`,
        );
        return `${uniform.text}switch (${uniform.name} % 3u) {\n${cases.join("")}default: {\n${this.list(depth - 1)}}\n}\n`;
      },
      () => {
        const local = this.name("local");
        return `{\nvar ${local} = x * 3u;\n${this.list(depth - 1)}x ^= ${local};\n}\n`;
      },
    ];
    return choices.of(depth > 0 ? [...simple, ...nested, ...nested] : simple)();
  }

  /** A value that is the same in the whole workgroup, and the checker knows. */
  private uniform(barrier: string): { text: string; name: string } {
    const name = this.name("uniform");
    const text = this.choices.of([
      `if (lane == ${this.choices.below(this.group.count)}u) { flag = x; }\nlet ${name} = workgroupUniformLoad(&flag);\n`,
      `let ${name} = group.x + ${this.choices.below(4)}u;\n`,
      `if (lane == 0u) { uniform_row[1] = x >> 2u; }\nlet ${name} = workgroupUniformLoad(&uniform_row[1]);\n${barrier}\n`,
      `if (lane == 0u) { whole.tag = x; whole.at = vec3f(2.5); }\nlet ${name}_whole = workgroupUniformLoad(&whole);\nlet ${name} = ${name}_whole.tag + u32(${name}_whole.at.y);\n`,
    ]);
    return { text, name };
  }

  private subgroup(barrier: string): string {
    const [call, start, step] = this.choices.of(subgroupFolds);
    return `{
let mine = subgroup_lane;
tile[lane] = x;
pair[0][lane] = subgroupBroadcastFirst(lane);
pair[1][lane] = subgroup_lane;
let answer = ${call};
${barrier}
var fold = ${start};
for (var other = 0u; other < ${this.group.count}u; other++) {
if (pair[0][other] != pair[0][lane]) { continue; }
let value = tile[other];
let place = pair[1][other];
${step};
}
${barrier}
x = x * 2u + u32(answer == fold);
}
`;
  }
}

const sizeChoices = [
  [4, 1, 1],
  [8, 1, 1],
  [3, 1, 1],
  [4, 4, 1],
  [2, 3, 4],
  [16, 1, 1],
  [5, 7, 1],
  [32, 2, 1],
  [64, 1, 1],
  [1, 1, 8],
  [1, 1, 1],
  [4, 4, 4],
  [100, 1, 1],
] as const;

/** `subgroups` admits subgroup functions, where the executor has them. */
export function workgroupShader(numbers: readonly number[], subgroups: boolean): Shader {
  const choices = new Choices(numbers);
  const sizes = choices.of(sizeChoices);
  const count = sizes[0] * sizes[1] * sizes[2];
  const grid = choices.of([
    [1, 1, 1],
    [3, 1, 1],
    [2, 2, 1],
    [1, 2, 2],
  ] as const);
  const groups = grid[0] * grid[1] * grid[2];
  // Whole quads and subgroups only: what a partial one holds differs.
  const whole = count % 8 === 0;
  const body = new Phases(choices, { sizes, count }, subgroups && whole).list(3);
  const early = choices.chance(20) ? "if (group.x == 2u) { return; }\n" : "";
  const wgsl = `${subgroups ? "enable subgroups;\n" : ""}
struct Tagged { at: vec3f, tag: u32 }
@group(0) @binding(0) var<storage, read_write> values: array<u32>;
@group(0) @binding(1) var<storage, read_write> scratch: array<u32>;
@group(0) @binding(2) var<storage, read_write> totals: array<atomic<u32>>;
var<workgroup> tile: array<u32, ${count}>;
var<workgroup> pair: array<array<u32, ${count}>, 2>;
var<workgroup> structs: array<Tagged, ${count}>;
var<workgroup> counters: array<atomic<u32>, 8>;
var<workgroup> signed: atomic<i32>;
var<workgroup> flag: u32;
var<workgroup> uniform_row: array<u32, 3>;
var<workgroup> whole: Tagged;

fn exchange(x: u32, lane: u32, by: u32) -> u32 {
  tile[lane] = x;
  workgroupBarrier();
  let other = tile[(lane + by) % ${count}u];
  workgroupBarrier();
  return other + x * by;
}

fn exchange_at(x: ptr<function, u32>, keep: ptr<function, array<u32, 3>>, lane: u32) {
  (*keep)[1] += *x;
  *x = exchange(*x, lane, 1u) ^ (*keep)[2];
  for (var i = 0u; i < 2u; i++) {
    *x = exchange(*x + (*keep)[i], lane, i + 2u);
  }
}

@compute @workgroup_size(${sizes.join(", ")})
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_id) local: vec3u,
  @builtin(local_invocation_index) lane: u32,
  @builtin(global_invocation_id) global: vec3u,
${subgroups ? "  @builtin(subgroup_invocation_id) subgroup_lane: u32,\n" : ""}) {
  let groups_before = group.x + grid.x * (group.y + grid.y * group.z);
  let first = groups_before * ${count}u;
  var x = values[first + lane] ^ (global.x * 3u + global.y * 5u + global.z * 7u);
  var keep: array<u32, 3>;
${early}${body}
  values[first + lane] = x;
  scratch[first + lane] = keep[0] + keep[1] * 3u + keep[2] * 5u;
}
`;
  const rest = { access: "read_write" as const };
  const seeded = Array.from(
    { length: groups * count },
    (_, i) => Math.imul(i + 1, 0x85ebca6b) >>> 0,
  );
  return {
    wgsl,
    grid,
    buffers: [
      { name: "values", index: 0, ...rest, bytes: bytesOf(seeded) },
      { name: "scratch", index: 1, ...rest, bytes: new Uint8Array(groups * count * 4) },
      { name: "totals", index: 2, ...rest, bytes: new Uint8Array(groups * 32) },
    ],
  };
}
