/**
 * Epilogues: a pointwise expression computed where a kernel stores its result, so that the result need not
 * go to memory and back. Kernels that take one store through a function
 *
 *   fn put(i: u32, column: u32, x: V) { c[i] = x; }
 *
 * which a program with an epilogue defines anew: i is the element of the dense result, column its place
 * along the last dimension, both counted in what is stored at once, an element or a vec4.
 */
import type { Device } from "../device/device";
import type { BufferBinding, Program } from "../device/executor";
import { LimitError, TilegradError } from "../errors";
import { type Grid, launch, launchProgram } from "../kernels";
import { type AnyKernel, type Kernel, type KernelOptions, specialise } from "../kernels/kernel";
import { DeviceTensor } from "../tensor/deviceTensor";
import { type DType, decodeHost, encodeHost } from "../tensor/dtype";
import { type Expression, operandCount } from "./expression";
import {
  functionsOf,
  stepLines,
  storedType,
  valueName,
  valueType,
  type Width,
} from "./expressionText";
import type { Primitive, Spec } from "./primitive";
import { dense } from "./shape";

/** The bits of +infinity, for the functions of expressions: WGSL has no literal for it. */
export const infinity = 0x7f800000;

/** What an operand has one element for: each of the result, each column of it, or all together. */
type Reach = "element" | "column" | "scalar";

export interface Epilogue {
  /** Value 0 is what the kernel computes; then come the operands. */
  readonly expression: Expression;
  /** Dense: of the shape of the result, [columns], or []. */
  readonly operands: readonly DeviceTensor[];
  /** Dense, of the shape of the result: one per output of the expression. The first takes the result's place. */
  readonly outputs: readonly DeviceTensor[];
}

const reachOf = ({ rank }: DeviceTensor): Reach =>
  rank === 0 ? "scalar" : rank === 1 ? "column" : "element";

/** The storage buffers that an epilogue binds beyond the kernel's own. */
export const addedBuffers = (expression: Expression): number =>
  operandCount(expression) - 1 + expression.outputs.length - 1;

const keyOf = ({
  expression: { inputs, numbers, steps, outputs },
  ...epilogue
}: Epilogue): string =>
  JSON.stringify([
    inputs,
    // As text: JSON has none for infinities, and one for both zeros.
    numbers?.map((value) => (Object.is(value, -0) ? "-0" : String(value))),
    epilogue.operands.map(reachOf),
    steps.map(({ fn, args, dtype }) => [fn, args, dtype]),
    outputs,
    epilogue.outputs.map(({ dtype }) => dtype),
  ]);

const putDefinition = /^fn put\(i: u32, column: u32, x: (\w+)\) \{ (\w+)\[i\] = x; \}\n/m;

function read(reach: Reach, name: string, dtype: DType, width: Width): string {
  const type = valueType(dtype, width);
  if (reach === "scalar") return `${type}(${valueType(dtype, 1)}(${name}[0]))`;
  return `${type}(${name}[${reach === "element" ? "i" : "column"}])`;
}

/**
 * A number, as its type stores it, in a kernel's text: the shortest decimal that is read as the same f32. WGSL has no
 * text for what is not finite, which therefore begins with a parameter.
 */
function literal(value: number, dtype: DType, width: Width): string {
  const { buffer } = encodeHost([value, value], dtype);
  const stored = decodeHost(buffer as ArrayBuffer, dtype, 1)[0]!;
  const sign = stored < 0 ? " | 0x80000000u" : "";
  const element = Object.is(stored, -0)
    ? "bitcast<f32>(0x80000000u)"
    : Number.isFinite(stored)
      ? String(stored)
      : `bitcast<f32>(params.infinity${Number.isNaN(stored) ? " | 0x400000u" : sign})`;
  return `${valueType(dtype, width)}(${valueType(dtype, 1)}(${element}))`;
}

const declared = (index: number, access: string, name: string, type: string): string =>
  `@group(0) @binding(${index}) var<storage, ${access}> ${name}: array<${type}>;\n`;

/** The text of `base` with this epilogue; its further bindings are numbered from `first`. */
function textWith(
  base: string,
  epilogue: Epilogue,
  width: Width,
  first: number,
): { wgsl: string; bindings: Program["bindings"] } {
  const { expression, operands, outputs } = epilogue;
  const found = putDefinition.exec(base);
  if (!found) throw new TilegradError("A kernel without a function put takes no epilogue.");
  const [definition, type, target] = found as unknown as [string, string, string];
  const bindings = [
    ...operands.map((_, j) => ({ name: `operand${j + 1}`, access: "read" as const })),
    ...outputs.slice(1).map((_, j) => ({ name: `output${j + 1}`, access: "read_write" as const })),
  ].map((binding, j) => ({ ...binding, index: first + j }));
  const declarations = bindings.map(({ index, access, name }, j) => {
    const tensor = [...operands, ...outputs.slice(1)][j]!;
    const alone = j < operands.length && reachOf(tensor) === "scalar";
    return declared(index, access, name, storedType(tensor.dtype, alone ? 1 : width));
  });
  const lines = [
    `let v0 = ${valueType(expression.inputs[0]!, width)}(x);`,
    ...operands.map((operand, j) => {
      const value = read(reachOf(operand), `operand${j + 1}`, operand.dtype, width);
      return `let ${valueName(j + 1)} = ${value};`;
    }),
    ...(expression.numbers ?? []).map((value, j) => {
      const index = operandCount(expression) + j;
      return `let ${valueName(index)} = ${literal(value, expression.inputs[index]!, width)};`;
    }),
    ...stepLines(expression, width),
    ...outputs.map(({ dtype }, j) => {
      const value = `${storedType(dtype, width)}(${valueName(expression.outputs[j]!)})`;
      return `${j === 0 ? target : `output${j}`}[i] = ${value};`;
    }),
  ];
  const put = `fn put(i: u32, column: u32, x: ${type}) {\n${lines.map((line) => `  ${line}\n`).join("")}}\n`;
  const retyped = base
    .replace(definition, "")
    .replace(
      new RegExp(`(var<storage, read_write> ${target}: array<)\\w+>`),
      `$1${storedType(outputs[0]!.dtype, width)}>`,
    );
  const dtypes = [...expression.inputs, ...expression.steps.map(({ dtype }) => dtype)];
  const half = dtypes.includes("f16") && !base.includes("enable f16;");
  return {
    wgsl: `${half ? "enable f16;\n" : ""}${retyped}\n${declarations.join("")}\n${functionsOf(expression)}\n${put}`,
    bindings,
  };
}

const programs = new Map<string, Program>();

/** The program of a kernel with the given choices and an epilogue; made once per combination. */
function programWith(
  kernel: AnyKernel,
  options: KernelOptions | undefined,
  epilogue: Epilogue,
  width: Width,
): Program {
  const base = specialise(kernel, options);
  const key = `${base.key};epilogue=${keyOf(epilogue)}`;
  let program = programs.get(key);
  if (!program) {
    const taken = base.bindings.map(({ index }) => index);
    if (base.params) taken.push(base.params.index);
    const { wgsl, bindings } = textWith(base.wgsl, epilogue, width, Math.max(...taken) + 1);
    program = { ...base, key, wgsl, bindings: [...base.bindings, ...bindings] };
    programs.set(key, program);
  }
  return program;
}

/**
 * `launch` of a kernel that stores through `put`, with an epilogue or without.
 * @param width elements that `put` stores at once under these options
 * @throws LimitError for more operands and outputs than the device can bind
 */
export function launchWith<B, P, O extends KernelOptions>(
  device: Device,
  kernel: Kernel<B, P, O>,
  bindings: B,
  params: P,
  grid: Grid,
  options: O,
  width: Width,
  epilogue: Epilogue | null,
): void {
  if (!epilogue) {
    launch(device, kernel, bindings, params, grid, options);
    return;
  }
  const { maxStorageBuffers } = device.executor.limits;
  if (kernel.bindings.length + addedBuffers(epilogue.expression) > maxStorageBuffers)
    throw new LimitError(
      `${kernel.name}: an epilogue with ${addedBuffers(epilogue.expression)} further operands and results needs more than the ${maxStorageBuffers} storage buffers of this device.`,
    );
  const operands = epilogue.operands.map(dense);
  const added: BufferBinding[] = [...operands, ...epilogue.outputs.slice(1)].map((t) => t.binding);
  const program = programWith(kernel as AnyKernel, options, epilogue, width);
  launchProgram(device, kernel, program, bindings, added, params, grid);
  for (const operand of operands) operand.dispose();
}

/** Of a primitive with an epilogue on its first result. */
export interface EpilogueAttrs<A> {
  /** Of the primitive itself. */
  readonly own: A;
  readonly expression: Expression;
  /** Of what the expression gives. */
  readonly stored: readonly Spec[];
}

/**
 * A primitive with an epilogue. Inputs: those of the primitive, then the operands of the expression, each of
 * the shape of the first result, [columns] or []. Outputs: those of the expression in place of the first
 * result, then the other results. Made by `compile` after differentiation: it has no rules.
 */
// @__NO_SIDE_EFFECTS__
export function primitiveWithEpilogue<A>(
  { name, formula }: Pick<Primitive<A>, "name" | "formula">,
  of: {
    /** Of the results after the first. */
    others(inputs: readonly Spec[], own: A): readonly Spec[];
    columns(outputs: readonly Spec[], own: A): number;
    run(
      inputs: readonly DeviceTensor[],
      own: A,
      epilogue: Epilogue,
      others: readonly DeviceTensor[],
    ): void;
  },
): Primitive<EpilogueAttrs<A>> {
  const parts = <T>(inputs: readonly T[], { expression }: EpilogueAttrs<A>): [T[], T[]] => {
    const count = inputs.length - operandCount(expression) + 1;
    return [inputs.slice(0, count), inputs.slice(count)];
  };
  const primitive: Primitive<EpilogueAttrs<A>> = {
    name: `${name}Epilogue`,
    formula: `a pointwise expression of ${formula}`,
    saves: "nothing",
    outputs: (inputs, attrs) => [...attrs.stored, ...of.others(parts(inputs, attrs)[0], attrs.own)],
    run: (inputs, attrs, outputs) => {
      const [own, operands] = parts(inputs, attrs);
      const made = outputs.map((o) => DeviceTensor.empty(own[0]!.device, o.shape, o.dtype));
      const { expression, stored } = attrs;
      const epilogue = { expression, operands, outputs: made.slice(0, stored.length) };
      of.run(own, attrs.own, epilogue, made.slice(stored.length));
      return made;
    },
    get epilogue() {
      return {
        primitive,
        columns: (outputs: readonly Spec[], { own }: EpilogueAttrs<A>) => of.columns(outputs, own),
      };
    },
    vjp: null,
    jvp: null,
    batch: () => {
      throw new TilegradError(`${name}Epilogue: only graphs have it, after vmap.`);
    },
  };
  return primitive;
}
