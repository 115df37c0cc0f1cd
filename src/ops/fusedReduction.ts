/**
 * Reductions of what pointwise operations compute, without storing it: the kernels of reduce.ts with the
 * function that reads an element defined anew, so that the order of a sum is the same.
 */
import type { Program } from "../device/executor";
import { TilegradError } from "../errors";
import { type AnyKernel, type KernelOptions, specialise } from "../kernels/kernel";
import { reachable } from "../kernels/reachable";
import type { DeviceTensor } from "../tensor/deviceTensor";
import { type DType, storageType } from "../tensor/dtype";
import { coalesce, denseStrides, type Shape } from "../tensor/shape";
import { infinity } from "./epilogue";
import { dtypeOf, type Expression, operandCount } from "./expression";
import { functionsOf, stepLines, valueName, valueType } from "./expressionText";
import { stridesOver } from "./fusedAccess";
import { withOperandsOver } from "./fusedPointwise";
import { computeType } from "./pointwise";
import type { Primitive } from "./primitive";
import { type Elements, type ReduceKind, reduceElements } from "./reduce";

export interface FusedReductionAttrs {
  readonly kind: ReduceKind;
  /** Of `shape`. */
  readonly dims: readonly number[];
  /** With one output. */
  readonly expression: Expression;
  readonly shape: Shape;
  /** The shape to which each operand is broadcast, of the size of `shape`. */
  readonly operandShapes: readonly Shape[];
  readonly outputShape: Shape;
  readonly dtype: DType;
}

/** The dimensions that all operands walk together, and their strides. */
interface Side {
  readonly shape: Shape;
  readonly strides: readonly (readonly number[])[];
}

const side = (
  shape: Shape,
  strides: readonly (readonly number[])[],
  dims: readonly number[],
): Side => {
  const pick = (values: readonly number[]) => dims.map((d) => values[d]!);
  return coalesce(pick(shape), strides.map(pick));
};

/** The parameters that follow the kernel's own, with their values. */
function addedParams(
  { expression }: FusedReductionAttrs,
  operands: readonly DeviceTensor[],
  sides: Readonly<Record<"outer" | "reduced", Side>>,
): { readonly name: string; readonly type: string; readonly value: number }[] {
  const word = (name: string, value: number) => ({ name, type: "u32", value });
  const first = operandCount(expression);
  const needsInfinity = functionsOf(expression).includes("params.infinity");
  return [
    ...(needsInfinity ? [word("infinity", infinity)] : []),
    ...(["outer", "reduced"] as const).flatMap((which) =>
      sides[which].shape.flatMap((size, d) => (d > 0 ? [word(`${which}_size${d}`, size)] : [])),
    ),
    ...operands.flatMap((t, k) => [
      word(`x${k}_first`, t.bindingOffset),
      ...(["outer", "reduced"] as const).flatMap((which) =>
        sides[which].strides[k]!.map((stride, d) => word(`x${k}_${which}${d}`, stride)),
      ),
    ]),
    ...(expression.numbers ?? []).map((value, k) => ({
      name: `n${k}`,
      type: computeType(expression.inputs[first + k]!),
      value,
    })),
  ];
}

/** From a row-major index to the products of indices and strides of each operand. */
function walkLines(which: "outer" | "reduced", index: string, rank: number): string[] {
  const lines: string[] = [];
  let rest = index;
  for (let d = rank - 1; d > 0; d--) {
    lines.push(`let above${d} = ${rest} / params.${which}_size${d};`);
    lines.push(`let i${d} = ${rest} - above${d} * params.${which}_size${d};`);
    rest = `above${d}`;
  }
  return [...lines, `let i0 = ${rest};`];
}

const block = (lines: readonly string[]): string => lines.map((line) => `  ${line}\n`).join("");

/** The text of a kernel of reduce.ts with elements that are computed. */
function fusedText(
  text: string,
  { expression }: FusedReductionAttrs,
  ranks: Readonly<Record<"outer" | "reduced", number>>,
  params: readonly { readonly name: string; readonly type: string }[],
): string {
  const { inputs, steps, outputs } = expression;
  const first = operandCount(expression);
  const operands = [...inputs.keys()].slice(0, first);
  const along = (k: number, which: "outer" | "reduced") =>
    Array.from({ length: ranks[which] }, (_, d) => ` + i${d} * params.x${k}_${which}${d}`).join("");
  const functions = `${functionsOf(expression)}
// Where the elements of one result begin in each operand.
struct Starts {
${block(operands.map((k) => `x${k}: u32,`))}}

fn starts(item: u32) -> Starts {
${block(walkLines("outer", "item", ranks.outer))}  return Starts(${operands
    .map((k) => `params.x${k}_first${along(k, "outer")}`)
    .join(", ")});
}

fn computed(from_: Starts, r: u32) -> C {
${block([
  ...walkLines("reduced", "r", ranks.reduced),
  ...operands.map(
    (k) =>
      `let ${valueName(k)} = ${valueType(inputs[k]!, 1)}(x${k}[from_.x${k}${along(k, "reduced")}]);`,
  ),
  ...inputs.slice(first).map((_, k) => `let ${valueName(first + k)} = params.n${k};`),
  ...stepLines(expression, 1),
  `return C(${valueName(outputs[0]!)});`,
])}}
`;
  const bindings = [
    ...operands.map((k) => `var<storage, read> x${k}: array<${storageType(inputs[k]!)}>;`),
    "var<storage, read_write> y: array<R>;",
    "var<uniform> params: Params;",
  ].map((line, k) => `@group(0) @binding(${k}) ${line}\n`);
  const fields = params.map(
    ({ name, type }, k) => `  ${k === 0 ? "@align(16) " : ""}${name}: ${type},\n`,
  );
  const main = text
    .replace(/\belement\(base,/g, "computed(base,")
    .replace(/(?<!fn )\bouter_base\(/g, "starts(")
    .replace(/^@group.*\n/gm, "")
    .replace(/^(struct Params \{\n[^}]*)\}\n/m, `$1${fields.join("")}}\n\n${bindings.join("")}`)
    .replace(/^@compute/m, `${functions}\n@compute`);
  const half = [...inputs, ...steps.map(({ dtype }) => dtype)].includes("f16");
  const kept = reachable(main, ["main"]);
  return half && !kept.startsWith("enable f16;") ? `enable f16;\n${kept}` : kept;
}

const programs = new Map<string, Program>();

function programOf(
  kernel: AnyKernel,
  options: KernelOptions,
  attrs: FusedReductionAttrs,
  ranks: Readonly<Record<"outer" | "reduced", number>>,
  params: readonly { readonly name: string; readonly type: string }[],
): Program {
  const { inputs, numbers = [], steps, outputs } = attrs.expression;
  const plain = specialise(kernel, options);
  const calls = steps.map(({ fn, args, dtype }) => `${fn}(${args})${dtype}`);
  const of = [inputs, numbers.length, calls, outputs, ranks.outer, ranks.reduced].join(";");
  const key = `${plain.key} of ${of}`;
  let program = programs.get(key);
  if (!program) {
    const count = inputs.length - numbers.length;
    const size = kernel.params!.size + 4 * params.length;
    program = {
      ...plain,
      key,
      wgsl: fusedText(plain.wgsl, attrs, ranks, params),
      bindings: [
        ...Array.from({ length: count }, (_, index) => ({
          name: `x${index}`,
          index,
          access: "read" as const,
        })),
        { name: "y", index: count, access: "read_write" },
      ],
      params: { index: count + 1, size: Math.ceil(size / 16) * 16 },
    };
    programs.set(key, program);
  }
  return program;
}

/** What is computed from the operands, as a reduction reads it. */
function elementsOf(attrs: FusedReductionAttrs, operands: readonly DeviceTensor[]): Elements {
  const { expression, shape, dims, operandShapes } = attrs;
  const { device } = operands[0]!;
  const strides = operands.map((t, k) => stridesOver(t, operandShapes[k]!, shape)!);
  const kept = [...shape.keys()].filter((d) => !dims.includes(d));
  const sides = { outer: side(shape, strides, kept), reduced: side(shape, strides, dims) };
  const ranks = { outer: sides.outer.shape.length, reduced: sides.reduced.shape.length };
  const added = addedParams(attrs, operands, sides);
  return {
    device,
    shape,
    strides: denseStrides(shape),
    dtype: dtypeOf(expression, expression.outputs[0]!),
    bindingOffset: 0,
    isComputed: true,
    launch: (kernel, y, params, grid, options) => {
      const program = programOf(kernel, options, attrs, ranks, added);
      const view = new DataView(new ArrayBuffer(program.params!.size));
      kernel.params!.write(view, params);
      added.forEach(({ type, value }, k) => {
        const at = kernel.params!.size + 4 * k;
        if (type === "f32") view.setFloat32(at, value, true);
        else view.setInt32(at, value, true);
      });
      const ranges = [...operands, y].map((t) => t.binding);
      device.executor.dispatch(program, ranges, new Uint8Array(view.buffer), grid);
    },
  };
}

export const fusedReduction: Primitive<FusedReductionAttrs> = {
  name: "fusedReduction",
  formula: "a reduction of what the steps of an expression give",
  saves: "nothing",
  outputs: (_, { outputShape, dtype }) => [{ shape: outputShape, dtype }],
  run: (inputs, attrs, [out]) => {
    const { shape, operandShapes, kind, dims } = attrs;
    return withOperandsOver(inputs, operandShapes, shape, (operands) => [
      reduceElements(elementsOf(attrs, operands), dims, kind, out!),
    ]);
  },
  vjp: null,
  jvp: null,
  batch: () => {
    throw new TilegradError("fusedReduction: a graph is fused after vmap, which cannot follow it.");
  },
};
