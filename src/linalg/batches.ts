/**
 * Batches of matrices as the kernels see them: tensors of three dimensions [batch, rows, cols], each with one
 * stride, cut into blocks of neighbouring rows and columns. All of this runs inside primitives, on tensors
 * with memory.
 */
import type { AdapterClass } from "../device/executor";
import { DTypeError, ShapeError } from "../errors";
import { gridFor, launch, linalgSubtract } from "../kernels";
import { matmulInto } from "../ops/matmulLaunch";
import { runUnaryInto } from "../ops/pointwise";
import type { Spec } from "../ops/primitive";
import { dense, fillInto } from "../ops/shape";
import { DeviceTensor } from "../tensor/deviceTensor";
import { coalesce, type Shape, show, sizeOf } from "../tensor/shape";

/** Rows and columns of a block; the kernels hold as many. */
export const blockSize = 32;

/** Where the elements of a batch of matrices lie: see `place`. */
export interface Place {
  readonly offset: number;
  readonly batch: number;
  readonly row: number;
  readonly col: number;
}

/** [..., m, n] as [batch, m, n]: a view, or a copy where the batch has no single stride. */
export function flat(x: DeviceTensor): DeviceTensor {
  const leading = x.shape.slice(0, -2);
  const { shape, strides } = coalesce(leading, [x.strides.slice(0, -2)]);
  const matrix = x.shape.slice(-2);
  if (shape.length <= 1)
    return x.view([sizeOf(leading), ...matrix], [strides[0]![0] ?? 0, ...x.strides.slice(-2)]);
  const copy = dense(x);
  const [m, n] = matrix as [number, number];
  const y = copy.view([sizeOf(leading), m, n], [m * n, n, 1], copy.offset);
  copy.dispose();
  return y;
}

/** A dense copy of [batch, m, n], to work in. */
export function copyOf(x: DeviceTensor): DeviceTensor {
  const y = DeviceTensor.empty(x.device, x.shape, x.dtype);
  runUnaryInto(x, y, { OP: "op_id" });
  return y;
}

/** The view of some rows and columns. */
export function block(
  x: DeviceTensor,
  row: number,
  rows: number,
  col: number,
  cols: number,
): DeviceTensor {
  const [batch, down, across] = x.strides as [number, number, number];
  return x.view(
    [x.shape[0]!, rows, cols],
    [batch, down, across],
    x.offset + row * down + col * across,
  );
}

/** The view with rows and columns exchanged. */
export function turned(x: DeviceTensor): DeviceTensor {
  const [batch, rows, cols] = x.shape as [number, number, number];
  const [a, b, c] = x.strides as [number, number, number];
  return x.view([batch, cols, rows], [a, c, b]);
}

export function place(x: DeviceTensor): Place {
  const [batch, row, col] = x.strides as [number, number, number];
  return { offset: x.bindingOffset, batch, row, col };
}

/** a b, a new dense tensor. */
export function product(a: DeviceTensor, b: DeviceTensor): DeviceTensor {
  const c = DeviceTensor.empty(a.device, [a.shape[0]!, a.shape[1]!, b.shape[2]!], "f32");
  matmulInto(a, b, null, c);
  return c;
}

/** y -= x; x is dense. */
export function subtract(x: DeviceTensor, y: DeviceTensor): void {
  if (x.size === 0) return;
  const { device } = y;
  const [count, rows, cols] = x.shape as [number, number, number];
  const { run, runs } = runsOf(y, cols);
  const { offset, batch, row, col } = place(y);
  launch(
    device,
    linalgSubtract,
    { x: x.binding, y: y.binding },
    {
      items: count * rows * runs,
      runs,
      rows,
      cols,
      y_offset: offset,
      y_batch: batch,
      y_row: row,
      y_col: col,
    },
    gridFor(device, count * rows * runs, 64),
    { overrides: { RUN: run } },
  );
}

/** A new dense tensor of `start`, `start + step`, … */
export function filled(
  like: DeviceTensor,
  shape: Shape,
  dtype: "f32" | "i32",
  start = 0,
  step = 0,
): DeviceTensor {
  const y = DeviceTensor.empty(like.device, shape, dtype);
  return y.size === 0 ? y : fillInto(y, start, step);
}

/**
 * How many invocations share a panel of `rows` rows: one where barriers cost more than they save, else a
 * workgroup that has some rows for each.
 */
export function teamFor(adapter: AdapterClass, rows: number): 1 | 64 | 256 {
  if (adapter !== "hardware") return 1;
  return rows <= 128 ? 64 : 256;
}

/** For tests: the team everywhere; null lets `teamFor` decide. */
export const forcedTeam: { current: 1 | 64 | 256 | null } = { current: null };

export function teamOf(x: DeviceTensor, rows: number): 1 | 64 | 256 {
  return forcedTeam.current ?? teamFor(x.device.executor.adapter.class, rows);
}

/**
 * How kernels that move rows go through them: elements per invocation, and such runs in a row. On a GPU
 * neighbouring invocations take neighbouring elements.
 */
export function runsOf(x: DeviceTensor, cols: number): { run: 1 | 32; runs: number } {
  const run = teamOf(x, 1) === 1 ? 32 : 1;
  return { run, runs: Math.ceil(cols / run) };
}

/** Workgroups for a team per matrix: see shaders/include/team. */
export function teamGrid(x: DeviceTensor, batch: number, team: number) {
  return gridFor(x.device, batch, team === 1 ? 64 : 1);
}

/** @throws ShapeError unless it is [..., m, n]; DTypeError unless it is f32 */
export function requireMatrices(op: string, argument: string, { shape, dtype }: Spec): void {
  if (shape.length < 2)
    throw new ShapeError(
      `${op}: ${argument} has shape ${show(shape)}; it must be a matrix, or a batch of matrices [..., m, n].`,
    );
  requireReal(op, argument, dtype);
}

/** @throws DTypeError unless it is f32 */
export function requireReal(op: string, argument: string, dtype: string): void {
  if (dtype !== "f32")
    throw new DTypeError(
      `${op}: ${argument} has dtype ${dtype}; matrices are factored in f32. Convert with .to("f32").`,
    );
}

/** @throws ShapeError unless it is [..., n, n]; DTypeError unless it is f32 */
export function requireSquare(op: string, argument: string, spec: Spec): void {
  requireMatrices(op, argument, spec);
  const [m, n] = spec.shape.slice(-2);
  if (m !== n)
    throw new ShapeError(
      `${op}: ${argument} has shape ${show(spec.shape)}; its matrices must be square.`,
    );
}
