/** Finding values in sorted rows. */
import { DTypeError, ShapeError } from "../errors";
import { gridFor, launch, sortSearch } from "../kernels";
import { requireOptions } from "../options";
import { DeviceTensor } from "../tensor/deviceTensor";
import { promote } from "../tensor/dtype";
import { scope } from "../tensor/scope";
import { sameShape, show } from "../tensor/shape";
import type { Tensor } from "../tensor/tensor";
import { eq, logicalNot, minimum } from "./arithmetic";
import { full } from "./creation";
import { take } from "./indexing";
import { type Operand, operands } from "./operand";
import { computeType } from "./pointwise";
import type { Primitive } from "./primitive";
import { withLanes } from "./rules";
import { reshape, to } from "./shape";
import { sort } from "./sort";
import { bind } from "./trace";
import { walkTogether } from "./walk";

interface SearchAttrs {
  /** Behind bounds that equal the value, instead of before them. */
  readonly right: boolean;
}

const searchPrimitive: Primitive<SearchAttrs> = {
  name: "searchsorted",
  formula: "how many of the sorted bounds are < x (right: ≤ x)",
  saves: "nothing",
  outputs: ([bounds, x]) => {
    const rows = bounds!.shape.slice(0, -1);
    if (
      bounds!.shape.length === 0 ||
      (rows.length > 0 && (!sameShape(rows, x!.shape.slice(0, -1)) || x!.shape.length === 0))
    )
      throw new ShapeError(
        `searchsorted: bounds of shape ${show(bounds!.shape)} and values of shape ${show(x!.shape)}: bounds must be one row, or one for each row of the values.`,
      );
    if (bounds!.dtype !== x!.dtype)
      throw new DTypeError(`searchsorted: bounds are ${bounds!.dtype}, values ${x!.dtype}.`);
    return [{ shape: x!.shape, dtype: "i32" }];
  },
  run: ([bounds, x], { right }, [out]) => {
    const y = DeviceTensor.empty(x!.device, out!.shape, "i32");
    const rows = bounds!.rank === 1 ? x!.shape.map(() => 0) : [...bounds!.strides.slice(0, -1), 0];
    const { rank, shape, strides } = walkTogether(out!.shape, [x!.strides, rows]);
    launch(
      x!.device,
      sortSearch,
      { x: x!.binding, bounds: bounds!.binding, y: y.binding },
      {
        shape,
        x_strides: strides[0]!,
        bounds_strides: strides[1]!,
        count: y.size,
        x_offset: x!.bindingOffset,
        bounds_offset: bounds!.bindingOffset,
        bounds_step: bounds!.strides.at(-1)!,
        length: bounds!.shape.at(-1)!,
      },
      gridFor(x!.device, y.size, 64),
      {
        slots: { KEY: `key_${computeType(x!.dtype)}`, BEFORE: right ? "not_greater" : "less" },
        overrides: { RANK: rank },
      },
    );
    return [y];
  },
  vjp: null,
  jvp: null,
  batch: (inputs, context) => {
    const { attrs, size } = context;
    if (!context.batched[0] && inputs[0]!.rank === 1) return bind(searchPrimitive, inputs, attrs);
    const [bounds, x] = withLanes(inputs, context);
    if (bounds!.rank > 2) return bind(searchPrimitive, [bounds!, x!], attrs);
    // One row of bounds for all values of a lane: these in one row.
    const [y] = bind(searchPrimitive, [bounds!, reshape(x!, [size, x!.size / size])], attrs);
    return [reshape(y!, x!.shape)];
  },
};

export interface SearchOptions {
  /** The place behind bounds that equal the value, instead of before them. Default false. */
  right?: boolean;
}

/**
 * Where each value would be put into sorted bounds so that they stay sorted (PyTorch `searchsorted`).
 * The order is that of `sort`: NaN comes last.
 *
 * @param bounds ascending along the last dimension: one row [n] for all values, or [.., n] with the
 * values' other dimensions
 * @param values [.., m], any number for a single row; or a number
 * @returns i32, the shape of values: how many bounds are less (right: not greater)
 * @throws ShapeError where the dimensions do not go together
 * @example searchsorted(tensor([1, 3, 5]), tensor([3])) // 1; with right: 2
 */
export function searchsorted(bounds: Tensor, values: Operand, options: SearchOptions = {}): Tensor {
  const { right = false } = requireOptions("searchsorted", options, "right");
  return scope(() => {
    const pair = operands("searchsorted", bounds, values);
    // f32 holds every f16, so the order is the same.
    const [sorted, x] = pair[0].dtype === "f16" ? pair.map((t) => to(t, "f32")) : pair;
    return bind(searchPrimitive, [sorted!, x!], { right })[0]!;
  });
}

/**
 * The bucket of each element of x between ascending boundaries (PyTorch `bucketize`): i with
 * boundaries[i - 1] < x <= boundaries[i] (right: boundaries[i - 1] <= x < boundaries[i]).
 *
 * @param boundaries [n]
 * @returns i32, the shape of x
 * @throws ShapeError unless boundaries has one dimension
 */
export function bucketize(x: Operand, boundaries: Tensor, options: SearchOptions = {}): Tensor {
  requireOptions("bucketize", options, "right");
  if (boundaries.rank !== 1)
    throw new ShapeError(
      `bucketize: boundaries of shape ${show(boundaries.shape)} must have one dimension.`,
    );
  return searchsorted(boundaries, x, options);
}

export interface IsinOptions {
  /** True for elements that are not among them. Default false. */
  invert?: boolean;
}

/**
 * Whether each element of x equals one of `test` (PyTorch `isin`). NaN equals nothing.
 *
 * @param test any shape
 * @returns bool, the shape of x
 */
export function isin(x: Tensor, test: Tensor, options: IsinOptions = {}): Tensor {
  const { invert = false } = requireOptions("isin", options, "invert");
  return scope(() => {
    if (test.size === 0) return full(x.shape, invert ? 1 : 0, { dtype: "bool", device: x.device });
    const dtype = promote(x.dtype, test.dtype);
    const sorted = sort(reshape(to(test, dtype), [test.size])).values;
    const values = to(x, dtype);
    const places = minimum(searchsorted(sorted, values), test.size - 1);
    const found = eq(take(sorted, places), values);
    return invert ? logicalNot(found) : found;
  });
}

export const searchPrimitives = [searchPrimitive];
