/** Rows of matrices in the order that pivoting found. */
import { gridFor, launch, linalgPermuteRows } from "../kernels";
import type { Primitive } from "../ops/primitive";
import { batchOfRows, jvpOfLinear } from "../ops/rules";
import { dense } from "../ops/shape";
import { bind } from "../ops/trace";
import { DeviceTensor } from "../tensor/deviceTensor";
import type { Tensor } from "../tensor/tensor";
import { flat, place, runsOf } from "./batches";

/** A dense copy of x in that order. */
export function permutedRows(
  x: DeviceTensor,
  permutation: DeviceTensor,
  inverse: boolean,
): DeviceTensor {
  const y = DeviceTensor.empty(x.device, x.shape, "f32");
  if (y.size === 0) return y;
  const from = flat(x);
  const order = dense(permutation);
  const [count, rows, cols] = from.shape as [number, number, number];
  const at = place(from);
  const { run, runs } = runsOf(x, cols);
  const items = count * rows * runs;
  launch(
    y.device,
    linalgPermuteRows,
    { x: from.binding, permutation: order.binding, y: y.binding },
    {
      items,
      runs,
      rows,
      cols,
      x_offset: at.offset,
      x_batch: at.batch,
      x_row: at.row,
      x_col: at.col,
    },
    gridFor(y.device, items, 64),
    { overrides: { SCATTER: inverse ? 1 : 0, RUN: run } },
  );
  from.dispose();
  order.dispose();
  return y;
}

interface PermuteAttrs {
  /** Back to where the rows came from. */
  readonly inverse: boolean;
}

/** x [..., m, n], permutation [..., m]. */
const permuteRowsPrimitive: Primitive<PermuteAttrs> = {
  name: "permuteRows",
  formula: "y[.., i, :] = x[.., permutation[.., i], :], or the inverse",
  derivative: "the rows of g, put back",
  saves: { inputs: [1] },
  outputs: ([x]) => [{ shape: x!.shape, dtype: x!.dtype }],
  run: ([x, permutation], { inverse }) => [permutedRows(x!, permutation!, inverse)],
  vjp: ([g], { inputs: [, permutation], attrs: { inverse } }) => [
    permuteRows(g!, permutation!, !inverse),
    null,
  ],
  jvp: jvpOfLinear(() => permuteRowsPrimitive, [0]),
  batch: batchOfRows(() => permuteRowsPrimitive),
};

export function permuteRows(x: Tensor, permutation: Tensor, inverse: boolean): Tensor {
  return bind(permuteRowsPrimitive, [x, permutation], { inverse })[0]!;
}

export const permuteRowsPrimitives = [permuteRowsPrimitive];
