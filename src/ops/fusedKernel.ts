/**
 * The kernel of an expression: its text, and running it. Shapes, strides and numbers are parameters, so that
 * programs are shared by all operands that are read in the same way.
 */
import type { Program } from "../device/executor";
import * as includes from "../kernels/generated/includes";
import { gridFor } from "../kernels/launch";
import type { DeviceTensor } from "../tensor/deviceTensor";
import { storageType } from "../tensor/dtype";
import { infinity } from "./epilogue";
import { dtypeOf, type Expression, formulaOf, operandCount } from "./expression";
import { functionsOf, stepLines, valueName, valueType, type Width } from "./expressionText";
import type { Access, Walks } from "./fusedAccess";
import { computeType } from "./pointwise";

/** What the text depends on. */
export interface FusedText {
  readonly expression: Expression;
  readonly accesses: readonly Access[];
  readonly width: Width;
  /** Dimensions that operands walk. */
  readonly rank: number;
  /** The operand whose memory the one output takes over, or -1. */
  readonly into: number;
}

const workgroup = 64;
const walks = (access: Access): boolean => access !== "dense" && access !== "scalar";
/** Whether the binding is an array of vec4s. */
const isWide = (access: Access, width: Width): boolean =>
  width === 4 && (access === "dense" || access === "rows");

/** `fused/mul+add+gelu` */
function nameOf({ steps }: Expression): string {
  const names = steps.map(({ fn }) => fn.replace(/^op_/, ""));
  const shown = names.slice(0, 6).join("+");
  return `fused/${names.length > 6 ? `${shown}+${names.length - 6}` : shown || "copy"}`;
}

/** The fields of the parameter struct, in order. */
function paramNames({ expression, accesses, rank }: FusedText): string[] {
  const sizes = Array.from({ length: Math.max(rank - 1, 0) }, (_, d) => `size${d + 1}`);
  const ofOperands = accesses.flatMap((access, k) => {
    if (access === "dense") return [];
    const strides = walks(access) ? Array.from({ length: rank }, (_, d) => `x${k}_stride${d}`) : [];
    return [`x${k}_first`, ...strides];
  });
  const numbers = (expression.numbers ?? []).map((_, k) => `n${k}`);
  return ["count", "infinity", ...sizes, ...ofOperands, ...numbers];
}

function paramStruct(text: FusedText): string {
  const { expression } = text;
  const first = operandCount(expression);
  const typeOf = (name: string): string =>
    /^n\d/.test(name) ? computeType(expression.inputs[first + Number(name.slice(1))]!) : "u32";
  const fields = paramNames(text).map((name) => `  ${name}: ${typeOf(name)},\n`);
  return `struct Params {\n${fields.join("")}}\n`;
}

/** From the index of the invocation to those along the dimensions of the walk. */
function indexLines(rank: number): string[] {
  if (rank === 0) return [];
  const lines: string[] = [];
  let rest = "i";
  for (let d = rank - 1; d > 0; d--) {
    lines.push(`let above${d} = ${rest} / params.size${d};`);
    lines.push(`let i${d} = ${rest} - above${d} * params.size${d};`);
    rest = `above${d}`;
  }
  return [...lines, `let i0 = ${rest};`];
}

function loadLines(text: FusedText, k: number): string[] {
  const { expression, accesses, width, rank, into } = text;
  const access = accesses[k]!;
  const dtype = expression.inputs[k]!;
  const from = k === into ? "y0" : `x${k}`;
  const type = valueType(dtype, width);
  const element = (index: string) => `${computeType(dtype)}(${from}[${index}])`;
  const value = (text: string) => `let ${valueName(k)} = ${text};`;
  if (access === "dense") return [value(`${type}(${from}[i])`)];
  if (access === "scalar") return [value(`${type}(${element(`params.x${k}_first`)})`)];
  const last = rank - 1;
  const step = `params.x${k}_stride${last}`;
  const along = Array.from({ length: rank }, (_, d) => {
    if (d < last || access === "rows") return `i${d} * params.x${k}_stride${d}`;
    return access === "repeated" ? "" : `i${d} * ${width === 4 ? "4u * " : ""}${step}`;
  }).filter((term) => term);
  const at = `let at${k} = ${[`params.x${k}_first`, ...along].join(" + ")};`;
  if (access === "rows") return [at, value(`${type}(${from}[at${k}])`)];
  if (access === "repeated" || width === 1) return [at, value(`${type}(${element(`at${k}`)})`)];
  const lanes = ["", ` + ${step}`, ` + 2u * ${step}`, ` + 3u * ${step}`];
  return [at, value(`${type}(${lanes.map((lane) => element(`at${k}${lane}`)).join(", ")})`)];
}

/** The functions without the comments that speak of the files they come from. */
const withoutHeadings = (text: string): string =>
  text
    .split(/\n{2,}/)
    .filter((part) => /^(?!\/\/)/m.test(part))
    .join("\n");

/** The WGSL of a fused kernel. */
export function fusedText(text: FusedText): string {
  const { expression, accesses, width, rank, into } = text;
  const { inputs, steps, outputs } = expression;
  const first = operandCount(expression);
  const bound = accesses.flatMap((access, k) => (k === into ? [] : [{ access, k }]));
  const arrayOf = (stored: string, wide: boolean) => `array<${wide ? `vec4<${stored}>` : stored}>`;
  const described = [
    ...accesses.map((access, k) => `${valueName(k)}: ${inputs[k]}, ${access}`),
    ...inputs.slice(first).map((dtype, k) => `${valueName(first + k)}: ${dtype}, a number`),
    ...steps.map((step, k) => `${valueName(inputs.length + k)} = ${formulaOf(step)}`),
    ...outputs.map((v, k) => `y${k} = ${valueName(v)}`),
  ];
  const bindings = [
    ...bound.map(
      ({ access, k }) =>
        `var<storage, read> x${k}: ${arrayOf(storageType(inputs[k]!), isWide(access, width))};`,
    ),
    ...outputs.map(
      (v, k) =>
        `var<storage, read_write> y${k}: ${arrayOf(storageType(dtypeOf(expression, v)), width === 4)};`,
    ),
    "var<uniform> params: Params;",
  ];
  const body = [
    ...indexLines(rank),
    ...accesses.flatMap((_, k) => loadLines(text, k)),
    ...inputs
      .slice(first)
      .map((d, k) => `let ${valueName(first + k)} = ${valueType(d, width)}(params.n${k});`),
    ...stepLines(expression, width),
    ...outputs.map((v, k) => {
      const stored = storageType(dtypeOf(expression, v));
      return `y${k}[i] = ${width === 4 ? `vec4<${stored}>` : stored}(${valueName(v)});`;
    }),
  ];
  const dtypes = [...inputs, ...steps.map((step) => step.dtype)];
  return `${dtypes.includes("f16") ? "enable f16;\n" : ""}${described.map((line) => `// ${line}\n`).join("")}
${includes.grid}${withoutHeadings(functionsOf(expression))}
${paramStruct(text)}
${bindings.map((line, k) => `@group(0) @binding(${k}) ${line}\n`).join("")}
@compute @workgroup_size(${workgroup})
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let i = linear_index(id, groups, ${workgroup}u);
  if (i >= params.count) { return; }
${body.map((line) => `  ${line}\n`).join("")}}
`;
}

const programs = new Map<string, Program>();

function programOf(text: FusedText): Program {
  const { expression, accesses, width, rank, into } = text;
  const { inputs, steps, outputs } = expression;
  const calls = steps.map(({ fn, args, dtype }) => `${fn}(${args})${dtype}`);
  const key = `fused ${[inputs, accesses, calls, outputs, width, rank, into].join(";")}`;
  let program = programs.get(key);
  if (!program) {
    const floatSteps = steps.filter(({ dtype }) => computeType(dtype) === "f32").length;
    const operands = accesses.flatMap((_, k) => (k === into ? [] : [`x${k}`]));
    program = {
      key,
      name: nameOf(expression),
      wgsl: fusedText(text),
      overrides: {},
      bindings: [
        ...operands.map((name, index) => ({ name, index, access: "read" as const })),
        ...outputs.map((_, k) => ({
          name: `y${k}`,
          index: operands.length + k,
          access: "read_write" as const,
        })),
      ],
      params: { index: operands.length + outputs.length, size: 4 * paramNames(text).length },
      flops: (params) =>
        params
          ? floatSteps * width * new DataView(params.buffer, params.byteOffset).getUint32(0, true)
          : 0,
    };
    programs.set(key, program);
  }
  return program;
}

function paramBytes(
  text: FusedText,
  operands: readonly DeviceTensor[],
  walk: Walks,
  count: number,
) {
  const { expression, accesses, width } = text;
  const words: number[] = [count, infinity];
  const last = walk.shape.length - 1;
  walk.shape.forEach((size, d) => {
    if (d > 0) words.push(d === last ? size / width : size);
  });
  accesses.forEach((access, k) => {
    if (access === "dense") return;
    const unit = access === "rows" ? 4 : 1;
    words.push(operands[k]!.bindingOffset / unit);
    if (walks(access))
      walk.strides[k]!.forEach((stride, d) => {
        words.push(d === last ? stride : stride / unit);
      });
  });
  const numbers = expression.numbers ?? [];
  const view = new DataView(new ArrayBuffer(4 * (words.length + numbers.length)));
  words.forEach((word, at) => {
    view.setUint32(4 * at, word, true);
  });
  const first = operandCount(expression);
  numbers.forEach((value, k) => {
    const at = 4 * (words.length + k);
    if (computeType(expression.inputs[first + k]!) === "f32") view.setFloat32(at, value, true);
    else view.setInt32(at, value, true);
  });
  return new Uint8Array(view.buffer);
}

/**
 * Records the kernel.
 * @param operands as many as the expression has
 * @param outputs dense, each of `size` elements; with `into`, the one output is that operand
 */
export function runFused(
  expression: Expression,
  operands: readonly DeviceTensor[],
  walk: Walks,
  outputs: readonly DeviceTensor[],
  size: number,
  into = -1,
): void {
  const { device } = outputs[0]!;
  const { accesses, width } = walk;
  const text: FusedText = { expression, accesses, width, rank: walk.shape.length, into };
  const count = Math.ceil(size / width);
  const bound = operands.filter((_, k) => k !== into);
  device.executor.dispatch(
    programOf(text),
    [...bound, ...outputs].map((t) => t.binding),
    paramBytes(text, operands, walk, count),
    gridFor(device, count, workgroup),
  );
}
