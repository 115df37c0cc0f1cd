/**
 * Reductions of the slices that share an id, as graph networks and grouped statistics need them; in the
 * order of the slices, so that results have the same bits on every run. Ids need not be sorted.
 */
import { ArgumentError, DTypeError, ShapeError } from "../errors";
import { constant } from "../tensor/creation";
import { type DType, isFloat, requireDType } from "../tensor/dtype";
import { scope } from "../tensor/scope";
import { show } from "../tensor/shape";
import type { Tensor } from "../tensor/tensor";
import { div, maximum } from "./arithmetic";
import { zeros } from "./creation";
import { indexAdd } from "./indexing";
import { scatterReduce } from "./scatter";
import { expand, reshape } from "./shape";

/** @throws for arguments that do not fit, before anything runs */
function check(op: string, data: Tensor, ids: Tensor, numSegments: number): void {
  requireDType(op, "ids", ids.dtype, ["i32", "u32"]);
  if (data.dtype === "bool")
    throw new DTypeError(`${op}: not defined for bool; convert with .to("i32").`);
  if (data.rank === 0 || ids.rank !== 1 || ids.shape[0] !== data.shape[0])
    throw new ShapeError(
      `${op}: ids of shape ${show(ids.shape)} do not name the slices of data of shape ${show(data.shape)}; they must be [n] for [n, …].`,
    );
  if (!Number.isInteger(numSegments) || numSegments < 0)
    throw new ArgumentError(`${op}: numSegments ${numSegments} must be a whole number >= 0.`);
}

function add(data: Tensor, ids: Tensor, numSegments: number): Tensor {
  const { dtype, device } = data;
  return indexAdd(zeros([numSegments, ...data.shape.slice(1)], { dtype, device }), 0, ids, data);
}

/**
 * Sums of the slices of data with the same id (JAX `segment_sum`); 0 for a segment without any.
 *
 * @param data [n, …]
 * @param ids i32 or u32 [n], each from 0 to numSegments - 1
 * @returns [numSegments, …], differentiable in data
 * @throws ShapeError, DTypeError, ArgumentError; at the next read, IndexError for an id out of range
 * @example segmentSum(tensor([1, 2, 4]), tensor(Int32Array.of(0, 1, 0)), 3) // 5, 2, 0
 */
export function segmentSum(data: Tensor, ids: Tensor, numSegments: number): Tensor {
  check("segmentSum", data, ids, numSegments);
  return scope(() => add(data, ids, numSegments));
}

/**
 * Means of the slices of data with the same id; 0 for a segment without any.
 *
 * @param data floating-point [n, …]
 * @returns [numSegments, …], differentiable in data; otherwise as `segmentSum`
 * @throws as `segmentSum`; DTypeError for integers
 */
export function segmentMean(data: Tensor, ids: Tensor, numSegments: number): Tensor {
  check("segmentMean", data, ids, numSegments);
  if (!isFloat(data.dtype))
    throw new DTypeError(`segmentMean: not defined for ${data.dtype}; convert with .to("f32").`);
  return scope(() => {
    const one = constant(data.device, 1, data.dtype);
    const column = data.shape.map((d, i) => (i === 0 ? d : 1));
    const count = add(expand(one, column), ids, numSegments);
    return div(add(data, ids, numSegments), maximum(count, 1));
  });
}

/** Each slice combined into an element that changes nothing. */
function combine(
  op: string,
  data: Tensor,
  ids: Tensor,
  numSegments: number,
  how: "prod" | "amax" | "amin",
  neutral: number,
): Tensor {
  check(op, data, ids, numSegments);
  return scope(() => {
    const rest = data.shape.slice(1);
    const base = expand(constant(data.device, neutral, data.dtype), [numSegments, ...rest]);
    const column = data.shape.map((d, i) => (i === 0 ? d : 1));
    return scatterReduce(base, 0, expand(reshape(ids, column), data.shape), data, how);
  });
}

const lowest: Partial<Record<DType, number>> = { i32: -0x80000000, u32: 0 };
const highest: Partial<Record<DType, number>> = { i32: 0x7fffffff, u32: 0xffffffff };

/**
 * The greatest of the slices of data with the same id, element by element (JAX `segment_max`); -Infinity,
 * or the least integer, for a segment without any. NaN wins; ties share the gradient.
 *
 * @returns [numSegments, …], differentiable in data; otherwise as `segmentSum`
 * @throws as `segmentSum`
 */
export function segmentMax(data: Tensor, ids: Tensor, numSegments: number): Tensor {
  const neutral = lowest[data.dtype] ?? Number.NEGATIVE_INFINITY;
  return combine("segmentMax", data, ids, numSegments, "amax", neutral);
}

/**
 * The least of the slices of data with the same id, element by element (JAX `segment_min`); Infinity, or
 * the greatest integer, for a segment without any. NaN wins; ties share the gradient.
 *
 * @returns [numSegments, …], differentiable in data; otherwise as `segmentSum`
 * @throws as `segmentSum`
 */
export function segmentMin(data: Tensor, ids: Tensor, numSegments: number): Tensor {
  const neutral = highest[data.dtype] ?? Number.POSITIVE_INFINITY;
  return combine("segmentMin", data, ids, numSegments, "amin", neutral);
}

/**
 * Products of the slices of data with the same id (JAX `segment_prod`); 1 for a segment without any.
 *
 * @returns [numSegments, …], differentiable in data; otherwise as `segmentSum`
 * @throws as `segmentSum`
 */
export function segmentProd(data: Tensor, ids: Tensor, numSegments: number): Tensor {
  return combine("segmentProd", data, ids, numSegments, "prod", 1);
}
