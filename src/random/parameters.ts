/** Parameters of distributions: numbers, or tensors that broadcast to the shape of what is drawn. */
import { ArgumentError, DTypeError, ShapeError } from "../errors";
import { add, mul } from "../ops/arithmetic";
import type { Operand } from "../ops/operand";
import { expand, to } from "../ops/shape";
import { constant } from "../tensor/creation";
import { isFloat } from "../tensor/dtype";
import { checkShape, type Shape, show } from "../tensor/shape";
import { requireTensor, type Tensor } from "../tensor/tensor";

/** What numbers a parameter takes. The elements of tensors are not looked at. */
export interface Range {
  readonly says: string;
  readonly holds: (value: number) => boolean;
}

export const finite: Range = { says: "a finite number", holds: Number.isFinite };
export const positive: Range = {
  says: "a finite number > 0",
  holds: (v) => v > 0 && Number.isFinite(v),
};
export const notNegative: Range = {
  says: "a finite number >= 0",
  holds: (v) => v >= 0 && Number.isFinite(v),
};
export const probability: Range = {
  says: "a number from 0 to 1",
  holds: (v) => v >= 0 && v <= 1,
};

/** @throws ArgumentError, DTypeError or ShapeError that names the operation and the parameter */
export function checkParameter(
  op: string,
  name: string,
  value: Operand,
  shape: Shape,
  range: Range,
): void {
  if (typeof value === "number") {
    if (!range.holds(value))
      throw new ArgumentError(`${op}: ${name} ${value} must be ${range.says}.`);
    return;
  }
  requireTensor(op, value);
  if (!isFloat(value.dtype))
    throw new DTypeError(
      `${op}: ${name} has dtype ${value.dtype}; it takes a number or a floating-point tensor. Convert it with .to("f32").`,
    );
  checkBroadcast(op, name, value, shape);
}

/** @throws ShapeError unless the tensor broadcasts to what is drawn */
export function checkBroadcast(op: string, name: string, value: Tensor, shape: Shape): void {
  const extra = shape.length - value.rank;
  if (extra < 0 || value.shape.some((d, i) => d !== 1 && d !== shape[extra + i]))
    throw new ShapeError(
      `${op}: ${name} of shape ${show(value.shape)} does not broadcast to shape ${show(shape)}, which is drawn.`,
    );
}

/** The parameter in f32, for every element of what is drawn. */
export function spread(value: Operand, shape: Shape, key: Tensor): Tensor {
  const tensor = typeof value === "number" ? constant(key.device, value, "f32") : to(value, "f32");
  return expand(tensor, shape);
}

/** The shape asked for, or that of the parameters where none is. */
export function drawnShape(
  op: string,
  shape: Shape | undefined,
  parameters: readonly Operand[],
): Shape {
  if (shape) {
    checkShape(op, shape);
    return shape;
  }
  const shapes = parameters.map((p) => (typeof p === "number" ? [] : p.shape));
  const rank = Math.max(...shapes.map((s) => s.length));
  return Array.from({ length: rank }, (_, i) =>
    shapes.reduce((size, s) => {
      const own = s[i - rank + s.length] ?? 1;
      return size === 1 ? own : size;
    }, 1),
  );
}

/** loc + scale · x, without work where they are 0 and 1. */
export function shifted(x: Tensor, loc: Operand, scale: Operand): Tensor {
  const scaled = scale === 1 ? x : mul(x, scale);
  return loc === 0 ? scaled : add(scaled, loc);
}
