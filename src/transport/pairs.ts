/**
 * The problems of a batch as the kernels see them: points coordinate by coordinate, vectors and rows of matrices padded
 * to a multiple of 16. All of this runs inside primitives, on tensors with memory, in a scope
 * of theirs.
 */
import type { Device } from "../device/device";
import { TilegradError } from "../errors";
import { type Grid, gridFor, launch, transportMatrix } from "../kernels";
import { runUnaryInto } from "../ops/pointwise";
import { planRows } from "../ops/rowTeam";
import { fillInto, rowMajor } from "../ops/shape";
import { DeviceTensor } from "../tensor/deviceTensor";
import type { Shape } from "../tensor/shape";
import type { CostFunction } from "./cost";

/** What every operation on pairs has to know. */
export interface PairAttrs {
  /** Null: a matrix. */
  readonly cost: CostFunction | null;
  readonly epsilon: number;
  /** Of what a plan is applied to: each P_ij times its cost. */
  readonly weighted?: true;
}

const padding = 16;
export const paddedSize = (size: number): number => Math.ceil(size / padding) * padding;

/** The log weight, of base 2, of what has no mass: NEGLIGIBLE of the kernels. */
export const negligible = -1e30;

/** The cost of a pair that is forbidden: FORBIDDEN of the kernels. */
export const forbidden = 1e30;

/** [batch, k, n] as [batch, k, n rounded up], dense; what is added holds `fill`. */
export function padded(x: DeviceTensor, fill = 0): DeviceTensor {
  const [batch, k, n] = x.shape as [number, number, number];
  const wide = paddedSize(n);
  if (wide === n && x.isDense) return x.view(x.shape, x.strides);
  const y = DeviceTensor.empty(x.device, [batch, k, wide], "f32");
  if (wide !== n) fillInto(y, fill);
  runUnaryInto(x, y.view([batch, k, n], [k * wide, wide, 1]), { OP: "op_id" });
  return y;
}

/** [batch, n] likewise. */
export function paddedVector(x: DeviceTensor, fill = 0): DeviceTensor {
  const [batch, n] = x.shape as [number, number];
  const wide = x.view([batch, 1, n], [x.strides[0]!, n, x.strides[1]!]);
  return padded(wide, fill);
}

/** [batch, n, d], points or vectors, coordinate by coordinate: [batch, d, n rounded up]. */
export function channelsFirst(x: DeviceTensor): DeviceTensor {
  const [batch, n, d] = x.shape as [number, number, number];
  const [a, b, c] = x.strides as [number, number, number];
  const turned = x.view([batch, d, n], [a, c, b]);
  return padded(turned);
}

/** Potentials and log weights [batch, n] side by side: [batch, n rounded up, 2]. */
export function terms(f: DeviceTensor, log2A: DeviceTensor): DeviceTensor {
  const [batch, n] = f.shape as [number, number];
  const wide = paddedSize(n);
  const y = DeviceTensor.empty(f.device, [batch, wide, 2], "f32");
  if (wide !== n) fillInto(y, 0);
  for (const [k, x] of [f, log2A].entries())
    runUnaryInto(x, y.view([batch, n], [2 * wide, 2], k), { OP: "op_id" });
  return y;
}

/** A new tensor of zeros. */
export const blank = (device: Device, shape: Shape): DeviceTensor =>
  fillInto(DeviceTensor.empty(device, shape, "f32"), 0);

/** Rows and columns of problems, and what a pair of them costs, seen from one side. */
export interface Pairs {
  readonly device: Device;
  readonly problems: number;
  readonly rows: number;
  readonly cols: number;
  readonly dims: number;
  /** Points of the rows, and of the columns or the matrix. */
  readonly rowPoints: DeviceTensor;
  readonly colPoints: DeviceTensor;
  readonly slots: {
    readonly COST: "points_cost" | "matrix_cost";
    readonly TERM: string;
    readonly FINISH: string;
  };
  readonly slopes: { readonly SLOPE: string; readonly FINISH_SLOPE: string };
  readonly functions: { readonly functions?: string };
}

/** A problem seen from both sides. */
export interface BothSides {
  readonly forward: Pairs;
  /** With rows and columns exchanged. */
  readonly swapped: Pairs;
}

/**
 * @param operands points [batch, n, d] and [batch, m, d], or a matrix [batch, n, m]
 * @param sides the matrix is copied once for each that is needed
 */
export function pairsOf(
  operands: readonly DeviceTensor[],
  cost: CostFunction | null,
  sides: "forward" | "swapped" | "both" = "both",
): BothSides {
  const [x, y] = operands as [DeviceTensor, DeviceTensor | undefined];
  const { device } = x;
  const [problems, rows] = x.shape as [number, number, number];
  if (!cost) {
    const cols = x.shape[2]!;
    const plain = { TERM: "square_term", FINISH: "sum_finish" };
    const [a, b, c] = x.strides as [number, number, number];
    const turned = x.view([problems, cols, rows], [a, c, b]);
    const one = (matrix: DeviceTensor, side: "forward" | "swapped"): Pairs => {
      const copy = sides === "both" || sides === side ? readable(matrix) : x;
      return {
        device,
        problems,
        rows: matrix.shape[1]!,
        cols: matrix.shape[2]!,
        dims: 0,
        rowPoints: copy,
        colPoints: copy,
        slots: { COST: "matrix_cost", ...plain },
        slopes: { SLOPE: "square_slope", FINISH_SLOPE: "sum_finish_slope" },
        functions: {},
      };
    };
    return { forward: one(x, "forward"), swapped: one(turned, "swapped") };
  }
  const [rowPoints, colPoints] = [channelsFirst(x), channelsFirst(y!)];
  const common = {
    device,
    problems,
    dims: x.shape[2]!,
    functions: { functions: cost.functions },
  };
  const side = ({ TERM, FINISH, SLOPE, FINISH_SLOPE }: CostFunction["forward"]) => ({
    slots: { COST: "points_cost" as const, TERM, FINISH },
    slopes: { SLOPE, FINISH_SLOPE },
  });
  const cols = y!.shape[1]!;
  return {
    forward: { ...common, ...side(cost.forward), rows, cols, rowPoints, colPoints },
    swapped: {
      ...common,
      ...side(cost.swapped),
      rows: cols,
      cols: rows,
      rowPoints: colPoints,
      colPoints: rowPoints,
    },
  };
}

/** A matrix [problems, rows, cols] of any strides as the kernels read it. */
export function readable(x: DeviceTensor): DeviceTensor {
  const [problems, rows, cols] = x.shape as [number, number, number];
  const wide = paddedSize(cols);
  const y = DeviceTensor.empty(x.device, [problems, rows, wide], "f32");
  const [problemStride, rowStride, colStride] = x.strides as [number, number, number];
  launch(
    x.device,
    transportMatrix,
    { x: x.binding, y: y.binding, faults: x.device.faults },
    {
      problems,
      rows,
      cols,
      cols4: wide / 4,
      offset: x.bindingOffset,
      problem_stride: problemStride,
      row_stride: rowStride,
      col_stride: colStride,
      site: x.device.faultSite(
        "transport: a cost",
        (_, col, row) =>
          new TilegradError(
            `transport: the cost of row ${row} and column ${col} is NaN or -Infinity. Costs are numbers, or Infinity for a pair that is forbidden.`,
          ),
      ),
    },
    gridFor(x.device, (problems * rows * wide) / 4, 64),
  );
  return y;
}

/** What the kernels share, in their parameters and bindings. */
export const sharedBindings = ({ rowPoints, colPoints }: Pairs) => ({
  row_points: rowPoints.binding,
  col_points: colPoints.binding,
});

/** Of an exponent of 2 by a cost. */
export const scaleOf = (epsilon: number): number => Math.LOG2E / epsilon;

export const sharedParams = (pairs: Pairs, epsilon: number, channels = 1) => ({
  problems: pairs.problems,
  rows: pairs.rows,
  cols: pairs.cols,
  dims: pairs.dims,
  rows_pad: paddedSize(pairs.rows),
  cols4: paddedSize(pairs.cols) / 4,
  channels,
  scale: scaleOf(epsilon),
  results: pairs.rows,
  control_step: 0,
  damping: 1,
  bound: unbounded,
  relaxation: 1,
  tail: 0,
  limit: 0,
  first_row: 0,
  first_col: 0,
  slots: 0,
});

/** As good as no bound on a potential. */
export const unbounded = 1e37;

/** Invocations per row, and the grid for `parts` passes over the rows of all problems. */
export function rowGrid(pairs: Pairs, parts = 1): { readonly team: number; readonly grid: Grid } {
  const { device, problems, rows, cols } = pairs;
  const { team } = planRows(device, problems * rows, Math.ceil(cols / 4));
  const groups = team === 1 ? Math.ceil(rows / 64) : rows;
  return { team, grid: gridFor(device, problems * parts * groups, 1) };
}

/** A new dense result [batch, channels, n], with channels last. */
export function channelsLast(y: DeviceTensor): DeviceTensor {
  const [batch, k, n] = y.shape as [number, number, number];
  return rowMajor(y.view([batch, n, k], [k * n, 1, n]));
}
