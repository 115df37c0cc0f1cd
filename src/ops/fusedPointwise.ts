/**
 * Several pointwise operations as one: the primitive that fusion puts into a graph. It has no rules of
 * differentiation, for graphs are fused after they were differentiated.
 */
import { TilegradError } from "../errors";
import { DeviceTensor } from "../tensor/deviceTensor";
import { storageType } from "../tensor/dtype";
import { type Shape, sizeOf } from "../tensor/shape";
import { dtypeOf, type Expression } from "./expression";
import { stridesOver, walksOf } from "./fusedAccess";
import { runFused } from "./fusedKernel";
import type { Primitive } from "./primitive";
import { dense } from "./shape";

export interface FusedAttrs {
  readonly expression: Expression;
  /** What is iterated over; all shapes below have its size. */
  readonly shape: Shape;
  /** The shape to which each operand is broadcast. */
  readonly operandShapes: readonly Shape[];
  readonly outputShapes: readonly Shape[];
}

/** What `use` makes of the operands, copied where their strides do not fit the shape iterated over. */
export function withOperandsOver<T>(
  inputs: readonly DeviceTensor[],
  operandShapes: readonly Shape[],
  shape: Shape,
  use: (operands: readonly DeviceTensor[]) => T,
): T {
  const copies: DeviceTensor[] = [];
  const operands = inputs.map((t, k) => {
    if (stridesOver(t, operandShapes[k]!, shape)) return t;
    const copy = dense(t);
    copies.push(copy);
    return copy;
  });
  const result = use(operands);
  for (const copy of copies) copy.dispose();
  return result;
}

function runInto(
  inputs: readonly DeviceTensor[],
  { expression, shape, operandShapes }: FusedAttrs,
  outputs: readonly DeviceTensor[],
  into?: number,
): void {
  withOperandsOver(inputs, operandShapes, shape, (operands) => {
    const strides = operands.map((t, k) => stridesOver(t, operandShapes[k]!, shape)!);
    const walks = walksOf(operands, shape, strides, into !== undefined);
    runFused(expression, operands, walks, outputs, sizeOf(shape), into);
  });
}

export const fusedPointwise: Primitive<FusedAttrs> = {
  name: "fusedPointwise",
  formula: "the steps of an expression, one element at a time",
  saves: "nothing",
  outputs: (_, { expression, outputShapes }) =>
    expression.outputs.map((value, k) => ({
      shape: outputShapes[k]!,
      dtype: dtypeOf(expression, value),
    })),
  run: (inputs, attrs, outputs) => {
    const { device } = inputs[0]!;
    const results = outputs.map(({ shape, dtype }) => DeviceTensor.empty(device, shape, dtype));
    if (sizeOf(attrs.shape) > 0) runInto(inputs, attrs, results);
    return results;
  },
  runInPlace: (inputs, attrs, outputs, into) => {
    const target = inputs[into]!;
    const [out] = outputs;
    const size = sizeOf(attrs.shape);
    const shared = inputs.some((t, k) => k !== into && t.storage.buffer === target.storage.buffer);
    const fits = storageType(out!.dtype) === storageType(target.dtype) && target.size === size;
    if (outputs.length !== 1 || shared || !fits || !target.isDense || size === 0) return null;
    const { storage, offset } = target;
    const result = new DeviceTensor(storage, out!.shape, out!.dtype, undefined, offset);
    runInto(inputs, attrs, [result], into);
    return [result];
  },
  vjp: null,
  jvp: null,
  batch: () => {
    throw new TilegradError("fusedPointwise: a graph is fused after vmap, which cannot follow it.");
  },
};
