/**
 * Where a condition holds. How many elements that are is only known on the device, so results that list
 * them have a size that the caller states.
 */
import { ArgumentError, DTypeError, ShapeError } from "../errors";
import { gridFor, indexingUnravel, launch } from "../kernels";
import { constant } from "../tensor/creation";
import { DeviceTensor } from "../tensor/deviceTensor";
import { scope } from "../tensor/scope";
import { broadcastShapes, denseStrides, type Shape, sameShape, show } from "../tensor/shape";
import { requireTensor, type Tensor } from "../tensor/tensor";
import { lt, minimum, sub, where } from "./arithmetic";
import { arange, full } from "./creation";
import { cumsum } from "./cumulative";
import { take } from "./indexing";
import type { Primitive } from "./primitive";
import { searchsorted } from "./search";
import { expand, reshape, to } from "./shape";
import { bind } from "./trace";
import { padded } from "./walk";

/** For results whose number of elements the data decides. */
export interface SizedOptions {
  /** How many elements the result has: those beyond are left out, missing ones are `fillValue`. */
  size: number;
  /** Default 0. */
  fillValue?: number;
}

/** @throws ArgumentError unless size is a whole number >= 0 */
export function requireSize(op: string, options: SizedOptions | undefined): Required<SizedOptions> {
  const { size, fillValue = 0 } = options ?? ({} as Partial<SizedOptions>);
  if (size === undefined || !Number.isInteger(size) || size < 0)
    throw new ArgumentError(
      `${op}: size ${size} must be a whole number >= 0. Shapes are known before the data, so state how many elements the result has: { size }.`,
    );
  return { size, fillValue };
}

/**
 * The positions (i32 [size]) of the first elements of a bool row that hold, in order; its length where
 * there are no more. `counts`, the running number of them, first reaches k + 1 at the k-th.
 */
export function positionsOf(row: Tensor, size: number): Tensor {
  const counts = cumsum(to(row, "i32"), 0);
  const wanted = arange(1, size + 1, 1, { dtype: "i32", device: row.device });
  return searchsorted(counts, wanted);
}

const unravelPrimitive: Primitive<{ readonly shape: Shape; readonly fillValue: number }> = {
  name: "unravelIndex",
  formula: "the coordinates of the element at position x[p]; fillValue past the last",
  saves: "nothing",
  outputs: ([x], { shape }) => [{ shape: [...x!.shape, shape.length], dtype: "i32" }],
  run: ([x], { shape, fillValue }, [out]) => {
    const list = reshape(x!, [x!.size]) as DeviceTensor;
    const y = DeviceTensor.empty(x!.device, out!.shape, "i32");
    launch(
      x!.device,
      indexingUnravel,
      { x: list.binding, y: y.binding },
      {
        sizes: padded([...shape].reverse(), 8, 1).reverse(),
        strides: padded(denseStrides(shape).reverse(), 8, 1).reverse(),
        count: list.size,
        rank: shape.length,
        size: shape.reduce((n, d) => n * d, 1),
        x_offset: list.bindingOffset,
        x_step: list.strides[0]!,
        fill: fillValue,
      },
      gridFor(x!.device, list.size, 64),
    );
    list.dispose();
    return [y];
  },
  vjp: null,
  jvp: null,
  batch: (inputs, { attrs }) => bind(unravelPrimitive, inputs, attrs),
};

/**
 * The coordinates of the elements that are not 0, in row-major order (PyTorch `nonzero`, with the static
 * size of JAX).
 *
 * @param options.size rows of the result: elements beyond are left out, missing rows are `fillValue`
 * @returns i32 [size, x.rank]
 * @throws ArgumentError unless size is a whole number >= 0
 * @example nonzero(tensor([0, 3, 4]), { size: 2 }) // [[1], [2]]
 */
export function nonzero(x: Tensor, options: SizedOptions): Tensor {
  const { size, fillValue } = requireSize("nonzero", options);
  return scope(() => {
    const positions = positionsOf(to(reshape(x, [x.size]), "bool"), size);
    return bind(unravelPrimitive, [positions], { shape: x.shape, fillValue })[0]!;
  });
}

/** The same as `nonzero` (NumPy and PyTorch `argwhere`). */
export function argwhere(x: Tensor, options: SizedOptions): Tensor {
  return nonzero(x, options);
}

function requireMask(op: string, mask: Tensor): void {
  if (mask.dtype !== "bool")
    throw new DTypeError(
      `${op}: mask has dtype ${mask.dtype}; it takes bool. Use a comparison, or .to("bool").`,
    );
}

/** @throws ShapeError unless the mask broadcasts to x */
function requireCovered(op: string, x: Tensor, mask: Tensor): void {
  requireMask(op, mask);
  if (!sameShape(broadcastShapes(op, x.shape, mask.shape), x.shape))
    throw new ShapeError(
      `${op}: mask of shape ${show(mask.shape)} does not broadcast to x of shape ${show(x.shape)}.`,
    );
}

/**
 * x with `value` where `mask` holds (PyTorch `masked_fill`).
 *
 * @param mask bool, broadcasts to x
 * @param value a number or a scalar tensor, converted to the dtype of x
 * @returns the shape and dtype of x; differentiable in x and a tensor value
 * @throws DTypeError unless mask is bool; ShapeError where it does not broadcast, or value is no scalar
 */
export function maskedFill(x: Tensor, mask: Tensor, value: Tensor | number): Tensor {
  requireCovered("maskedFill", x, mask);
  if (typeof value !== "number") requireTensor("maskedFill", value);
  if (typeof value !== "number" && value.rank !== 0)
    throw new ShapeError(
      `maskedFill: value of shape ${show(value.shape)} must be a scalar; use where for more.`,
    );
  return scope(() => {
    const filling =
      typeof value === "number" ? constant(x.device, value, x.dtype) : to(value, x.dtype);
    return where(mask, filling, x);
  });
}

/**
 * The elements of x where `mask` holds, in row-major order (PyTorch `masked_select`, with a static size).
 *
 * @param mask bool; broadcasts with x
 * @returns [size], the dtype of x; differentiable in x
 * @throws DTypeError unless mask is bool; ArgumentError unless size is a whole number >= 0; ShapeError
 */
export function maskedSelect(x: Tensor, mask: Tensor, options: SizedOptions): Tensor {
  const { size, fillValue } = requireSize("maskedSelect", options);
  requireMask("maskedSelect", mask);
  const shape = broadcastShapes("maskedSelect", x.shape, mask.shape);
  return scope(() => {
    const row = reshape(expand(x, shape), [-1]);
    const filling = constant(x.device, fillValue, x.dtype);
    if (row.size === 0) return full([size], fillValue, { dtype: x.dtype, device: x.device });
    const positions = positionsOf(reshape(expand(mask, shape), [row.size]), size);
    const found = take(row, minimum(positions, row.size - 1));
    return where(lt(positions, row.size), found, filling);
  });
}

/**
 * x with its elements where `mask` holds replaced by those of `source`, in row-major order of both
 * (PyTorch `masked_scatter`).
 *
 * @param mask bool, broadcasts to x
 * @param source the dtype of x; at least as many elements as the mask has true ones
 * @returns the shape and dtype of x; differentiable in x and source
 * @throws DTypeError, ShapeError; at the next read, IndexError where source is too short
 */
export function maskedScatter(x: Tensor, mask: Tensor, source: Tensor): Tensor {
  requireCovered("maskedScatter", x, mask);
  if (source.dtype !== x.dtype)
    throw new DTypeError(`maskedScatter: x has dtype ${x.dtype} and source ${source.dtype}.`);
  if (source.size === 0 && x.size > 0)
    throw new ShapeError("maskedScatter: source has no elements to take.");
  return scope(() => {
    const whole = expand(mask, x.shape);
    const order = sub(cumsum(to(reshape(whole, [x.size]), "i32"), 0), 1);
    const positions = where(whole, reshape(order, x.shape), constant(x.device, 0, "i32"));
    return where(whole, take(source, positions), x);
  });
}

export const maskedPrimitives = [unravelPrimitive];
