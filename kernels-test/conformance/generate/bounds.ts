/**
 * Indices far outside. WGSL allows a read to give any value of the variable, or zero, and a write to change
 * any place of the variable; nothing else may change. Variables that stand beside the one that is indexed
 * show what is written over them.
 */
import { bytesOf, type Shader } from "../run";
import { Choices } from "./choices";

/** Every word of every buffer at the start has this upper half, or is zero. */
const mark = 0x5eed0000;
export const isMarked = (word: number): boolean => word === 0 || word >>> 16 === mark >>> 16;

export const lanes = 8;

/** Index expressions of a runtime word `i`, which wraps, is negative, or just outside. */
const indices = [
  "i",
  "bitcast<i32>(i)",
  "i * 4u",
  "i + 0x40000000u",
  "0u - i",
  "i32(i) - 1",
  "i << 2u",
  "~i",
  "max(i, 3u)",
  "select(i, 0xffffffffu, i > 5u)",
  "i * i",
  "(i & 0xffu) + lane",
] as const;

/** Places in each address space, by the index. */
const places = [
  (i: string) => `runtime[${i}]`,
  (i: string) => `fixed.before[${i}]`,
  (i: string) => `fixed.rows[${i}][${i}]`,
  (i: string) => `fixed.rows[lane % 2u][${i}]`,
  (i: string) => `fixed.vectors[${i}][${i}]`,
  (i: string) => `fixed.tail[${i}].b[${i}]`,
  (i: string) => `(&fixed.tail[${i}]).b[1]`,
  (i: string) => `own[${i}]`,
  (i: string) => `own_rows[${i}].b[${i}]`,
  (i: string) => `own_vector[${i}]`,
  (i: string) => `tile[${i}]`,
  (i: string) => `tile_rows[${i}][${i}]`,
  (i: string) => `local[${i}]`,
  (i: string) => `local_rows[${i}].b[${i}]`,
  (i: string) => `local_vector[${i}]`,
] as const;

/** Values that are indexed without memory. */
const values = [
  (i: string) => `fixed_uniform.words[${i}][${i}]`,
  (i: string) => `array(MARK, MARK + 1u, MARK + 2u)[${i}]`,
  (i: string) => `vec3u(MARK)[${i}]`,
  (i: string) => `read_only[${i}]`,
] as const;

/** A shader of reads and writes far outside; the second word of each lane's result shows what it broke. */
export function boundsShader(numbers: readonly number[]): Shader {
  const choices = new Choices(numbers);
  let body = "";
  for (let count = choices.between(1, 8); count > 0; count--) {
    const index = `(${choices.of(indices)})`;
    const place = choices.of(places);
    const target = place(index);
    const inner = `(${choices.of(indices)})`;
    const source = choices.chance(50) ? choices.of(values)(inner) : choices.of(places)(inner);
    body += choices.of([
      `  ${target} = ${source};\n`,
      `  result = ${target};\n`,
      `  if marked(result) { ${target} = result; }\n`,
      `  { let p = &${target.endsWith("]") && /vector/.test(target) ? "own[0]" : target}; *p = *p; }\n`,
      `  for (var k = 0u; k < 3u; k++) { ${place(`${index} + ${/i32/.test(index) ? "i32(k)" : "k"}`)} = MARK + k; }\n`,
      `  counters[${index}] = MARK;\n`,
      `  atomicStore(&atomics[${index}], MARK + 7u);\n`,
      `  result = atomicLoad(&atomics[${index}]);\n`,
      `  fixed.tail[${index}] = own_rows[${index}];\n`,
      `  local_rows[${index}] = fixed.tail[${index}];\n`,
      `  through_${choices.of(["private(&own", "function(&local"])}, u32(${index}));\n`,
      "  workgroupBarrier();\n",
    ]);
    body += "  wrong |= u32(!marked(result));\n";
  }
  const wgsl = `
const MARK = ${mark}u;
struct Row { a: u32, b: array<u32, 3> }
struct Fixed {
  before: array<u32, 5>,
  rows: array<array<u32, 3>, 2>,
  vectors: array<vec3u, 2>,
  tail: array<Row>,
}
struct Uniforms { words: array<vec4u, 3> }
@group(0) @binding(0) var<storage, read> inputs: array<u32>;
@group(0) @binding(1) var<storage, read_write> runtime: array<u32>;
@group(0) @binding(2) var<storage, read_write> fixed: Fixed;
@group(0) @binding(3) var<storage, read> read_only: array<u32, 7>;
@group(0) @binding(4) var<storage, read_write> atomics: array<atomic<u32>>;
@group(0) @binding(5) var<storage, read_write> out: array<vec2u>;
@group(0) @binding(6) var<uniform> fixed_uniform: Uniforms;
var<private> own_before: array<u32, 4> = array(MARK, MARK, MARK, MARK);
var<private> own: array<u32, 5>;
var<private> own_rows: array<Row, 2>;
var<private> own_vector: vec3u;
var<private> own_after: array<u32, 4> = array(MARK, MARK, MARK, MARK);
var<workgroup> tile_before: array<u32, 4>;
var<workgroup> tile: array<u32, 6>;
var<workgroup> counters: array<u32, 3>;
var<workgroup> tile_rows: array<array<u32, 2>, 3>;
var<workgroup> tile_after: array<u32, 4>;

fn marked(word: u32) -> bool {
  return word == 0u || word >> 16u == MARK >> 16u;
}

fn through_private(p: ptr<private, array<u32, 5>>, i: u32) {
  (*p)[i] = MARK;
  (*p)[i * 3u] = (*p)[i + 1u];
}

fn through_function(p: ptr<function, array<u32, 5>>, i: u32) {
  (*p)[i] = MARK;
  (*p)[i * 3u] = (*p)[i + 1u];
}

@compute @workgroup_size(${lanes})
fn main(@builtin(local_invocation_index) lane: u32) {
  let i = inputs[lane];
  var wrong = 0u;
  var result = MARK;
  var local_before = array(MARK, MARK, MARK, MARK);
  var local: array<u32, 5>;
  var local_rows: array<Row, 2>;
  var local_vector: vec3u;
  var local_after = array(MARK, MARK, MARK, MARK);
  if (lane < 4u) { tile_before[lane] = MARK; tile_after[lane] = MARK; }
  workgroupBarrier();
${body}
  workgroupBarrier();
  for (var k = 0u; k < 4u; k++) {
    wrong |= u32(local_before[k] != MARK) << 1u;
    wrong |= u32(local_after[k] != MARK) << 2u;
    wrong |= u32(own_before[k] != MARK) << 3u;
    wrong |= u32(own_after[k] != MARK) << 4u;
    wrong |= u32(tile_before[k] != MARK) << 5u;
    wrong |= u32(tile_after[k] != MARK) << 6u;
  }
  out[lane] = vec2u(result, wrong);
}
`
    .replace("helper(&own", "helper_private(&own")
    .replace(
      "fn helper(",
      "fn helper_private(p: ptr<private, array<u32, 5>>, i: u32) {\n  (*p)[i] = MARK;\n  (*p)[i * 3u] = (*p)[i + 1u];\n}\n\nfn helper(",
    );
  const far = [0xffffffff, 0x80000000, 0x7fffffff, 5, 6, 7, 0x40000000, 0x3fffffff, 0xfffffff0];
  const inputs = Array.from({ length: lanes }, () =>
    choices.chance(60) ? choices.of(far) : choices.word(),
  );
  const marked = (count: number) => bytesOf(Array.from({ length: count }, (_, k) => mark + k));
  const rest = { access: "read_write" as const };
  return {
    wgsl,
    grid: [1, 1, 1],
    buffers: [
      { name: "inputs", index: 0, access: "read", bytes: bytesOf(inputs) },
      { name: "runtime", index: 1, ...rest, bytes: marked(choices.between(1, 9)) },
      { name: "fixed", index: 2, ...rest, bytes: marked(20 + 4 * choices.between(1, 3)) },
      { name: "read_only", index: 3, access: "read", bytes: marked(7) },
      { name: "atomics", index: 4, ...rest, bytes: marked(choices.between(1, 5)) },
      { name: "out", index: 5, ...rest, bytes: new Uint8Array(lanes * 8) },
    ],
    uniform: { index: 6, bytes: marked(12) },
  };
}
