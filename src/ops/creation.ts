/** Tensors from a rule rather than from host values. */
import { currentDevice } from "../device/device";
import { ArgumentError } from "../errors";
import { requireOptions } from "../options";
import { constant, requireOffered, type TensorOptions } from "../tensor/creation";
import { DeviceTensor } from "../tensor/deviceTensor";
import { type DType, isPacked, widened } from "../tensor/dtype";
import { scope } from "../tensor/scope";
import { checkShape, normalizeDim, type Shape } from "../tensor/shape";
import type { Tensor } from "../tensor/tensor";
import { noteUniform } from "../tensor/uniformValue";
import { eq, ge, pow, where } from "./arithmetic";
import { expand, fillInto, reshape, to } from "./shape";

/** start, start + step, … (or `start` everywhere), in row-major order. */
function filled(
  shape: Shape,
  dtype: DType,
  options: TensorOptions,
  start: number,
  step = 0,
): Tensor {
  const device = options.device ?? currentDevice();
  requireOffered(device, dtype);
  if (isPacked(dtype))
    return scope(() => to(filled(shape, widened(dtype), options, start, step), dtype));
  const y = DeviceTensor.empty(device, shape, dtype);
  if (y.size === 0) return y;
  fillInto(y, start, step);
  // The kernel adds 0, which makes -0 positive.
  return step === 0 ? noteUniform(y, start + 0) : y;
}

/**
 * Every element `value`; f32 unless `dtype` says otherwise.
 * @throws ShapeError for sizes that are no whole numbers >= 0
 */
export function full(shape: Shape, value: number, options: TensorOptions = {}): Tensor {
  requireOptions("full", options, "dtype");
  checkShape("full", shape);
  const { dtype = "f32" } = options;
  return filled(shape, dtype, options, dtype === "bool" ? Number(value !== 0) : value);
}

/** Zeros of this shape, f32 unless `dtype` says otherwise. @throws ShapeError as full */
export function zeros(shape: Shape, options?: TensorOptions): Tensor {
  return full(shape, 0, options);
}

/** Ones of this shape, f32 unless `dtype` says otherwise. @throws ShapeError as full */
export function ones(shape: Shape, options?: TensorOptions): Tensor {
  return full(shape, 1, options);
}

/** Zeros of the shape, dtype and device of `x`. */
export function zerosLike(x: Tensor): Tensor {
  return full(x.shape, 0, { dtype: x.dtype, device: x.device });
}

/** `value` everywhere, in the shape, dtype and device of `x` (PyTorch `full_like`). */
export function fullLike(x: Tensor, value: number, options: TensorOptions = {}): Tensor {
  requireOptions("fullLike", options, "dtype");
  return full(x.shape, value, { dtype: x.dtype, device: x.device, ...options });
}

/** Ones of the shape, dtype and device of `x`. */
export function onesLike(x: Tensor): Tensor {
  return full(x.shape, 1, { dtype: x.dtype, device: x.device });
}

/**
 * start, start + step, … before end; one argument is the end. i32 for whole numbers, else f32.
 * @throws ArgumentError for a step that never gets from start to end
 * @example arange(3) // 0, 1, 2
 */
export function arange(start: number, end?: number, step = 1, options: TensorOptions = {}): Tensor {
  requireOptions("arange", options, "dtype");
  const [first, last] = end === undefined ? [0, start] : [start, end];
  if (step === 0 || !Number.isFinite((last - first) / step))
    throw new ArgumentError(`arange: step ${step} never gets from ${first} to ${last}.`);
  const count = Math.max(Math.ceil((last - first) / step), 0);
  const whole = Number.isInteger(first) && Number.isInteger(step);
  return filled([count], options.dtype ?? (whole ? "i32" : "f32"), options, first, step);
}

/**
 * `count` numbers from start to end, both included, evenly spaced; f32.
 * @throws ArgumentError unless count is a whole number >= 0
 */
export function linspace(
  start: number,
  end: number,
  count: number,
  options: TensorOptions = {},
): Tensor {
  requireOptions("linspace", options, "dtype");
  if (!Number.isInteger(count) || count < 0)
    throw new ArgumentError(`linspace: count ${count} must be a whole number >= 0.`);
  const step = count > 1 ? (end - start) / (count - 1) : 0;
  return filled([count], options.dtype ?? "f32", options, start, step);
}

/**
 * `count` powers of `base`, their exponents evenly spaced from start to end, both included (PyTorch
 * `logspace`); f32.
 * @throws ArgumentError unless count is a whole number >= 0 and base > 0
 */
export function logspace(
  start: number,
  end: number,
  count: number,
  base = 10,
  options: TensorOptions = {},
): Tensor {
  requireOptions("logspace", options, "dtype");
  if (!(base > 0)) throw new ArgumentError(`logspace: base ${base} must be a number > 0.`);
  return scope(() => {
    const exponents = linspace(start, end, count, { ...options, dtype: "f32" });
    return to(pow(base, exponents), options.dtype ?? "f32");
  });
}

/** The identity matrix. */
export function eye(n: number, m = n, options: TensorOptions = {}): Tensor {
  requireOptions("eye", options, "dtype");
  return scope(() => {
    const rows = reshape(arange(0, n, 1, { ...options, dtype: "i32" }), [n, 1]);
    const columns = arange(0, m, 1, { ...options, dtype: "i32" });
    return to(eq(rows, columns), options.dtype ?? "f32");
  });
}

/** True where column - row <= diagonal, over the last two dimensions of `shape`. */
function lowerMask(like: Tensor, diagonal: number): Tensor {
  const [n, m] = like.shape.slice(-2) as [number, number];
  const { device } = like;
  const rows = reshape(arange(diagonal, n + diagonal, 1, { device }), [n, 1]);
  const columns = arange(0, m, 1, { device });
  return expand(ge(rows, columns), [n, m]);
}

function requireMatrix(op: string, x: Tensor): void {
  if (x.rank < 2)
    throw new ArgumentError(`${op}: takes matrices (two or more dimensions), got ${x}.`);
}

/**
 * The lower triangle: elements with column - row > diagonal become 0.
 * @throws ArgumentError for fewer than two dimensions
 */
export function tril(x: Tensor, diagonal = 0): Tensor {
  requireMatrix("tril", x);
  return scope(() => where(lowerMask(x, diagonal), x, constant(x.device, 0, x.dtype)));
}

/**
 * The upper triangle: elements with column - row < diagonal become 0.
 * @throws ArgumentError for fewer than two dimensions
 */
export function triu(x: Tensor, diagonal = 0): Tensor {
  requireMatrix("triu", x);
  return scope(() => where(lowerMask(x, diagonal - 1), constant(x.device, 0, x.dtype), x));
}

/** One more dimension of `classes`: 1 at the index, 0 elsewhere; i32. */
export function oneHot(index: Tensor, classes: number): Tensor {
  const at = normalizeDim("oneHot", -1, index.rank + 1);
  return scope(() => {
    const column = reshape(index, [...index.shape.slice(0, at), 1]);
    const all = arange(0, classes, 1, { device: index.device });
    return to(eq(column, all), "i32");
  });
}
