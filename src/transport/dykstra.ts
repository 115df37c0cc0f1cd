/**
 * Factors of a plan of low rank from positive matrices, by Dykstra's algorithm on the device: of all Q, R, g with
 * Q 1 = a, R 1 = b, Qᵀ 1 = Rᵀ 1 = g >= alpha, those that are nearest to given ones in the sum of their
 * Kullback-Leibler divergences. Scetbon, Cuturi, Peyré, Low-rank Sinkhorn factorization, 2021, algorithm 2.
 */
import { ShapeError } from "../errors";
import { launch, transportDykstraColumns, transportDykstraRows } from "../kernels";
import { copyOf, filled, teamGrid, teamOf } from "../linalg/batches";
import { runUnaryInto } from "../ops/pointwise";
import type { Primitive } from "../ops/primitive";
import { rowMajor } from "../ops/shape";
import { bind } from "../ops/trace";
import { DeviceTensor } from "../tensor/deviceTensor";
import { scope } from "../tensor/scope";
import { show } from "../tensor/shape";
import type { Tensor } from "../tensor/tensor";
import { lanesAsProblems } from "./pull";

export interface DykstraAttrs {
  /** Rows of Q; the rest are R's. */
  readonly left: number;
  /** Least element of g. */
  readonly alpha: number;
  readonly maxIterations: number;
  /** Of the L1 error of Q 1 and R 1 together. */
  readonly tolerance: number;
}

/** Rows whose sums one invocation, or one team, adds up. */
const chunkSize = 64;

/** Inputs: Q over R [B, n + m, r], a over b [B, n + m], log2 g [B, r], v to start from [B, 2, r]. */
const dykstraPrimitive: Primitive<DykstraAttrs> = {
  name: "transportDykstra",
  formula:
    "u, v and log2 g: factors diag(u) E diag(v) nearest to E and g with the given row sums and column sums g",
  saves: "nothing",
  outputs: ([e, p, g]) => {
    const [problems, rows, rank] = e!.shape as [number, number, number];
    if (p!.shape[1] !== rows || g!.shape[1] !== rank)
      throw new ShapeError(
        `transportDykstra: factors ${show(e!.shape)}, weights ${show(p!.shape)} and ${show(g!.shape)} do not fit.`,
      );
    return [
      { shape: [problems, rows], dtype: "f32" },
      { shape: [problems, 2, rank], dtype: "f32" },
      { shape: [problems, rank], dtype: "f32" },
      { shape: [problems, 4], dtype: "f32" },
    ];
  },
  run: (inputs, attrs) => scope(() => iterate(inputs, attrs)),
  vjp: null,
  jvp: null,
  batch: lanesAsProblems(() => dykstraPrimitive),
};

function iterate(
  inputs: readonly DeviceTensor[],
  { left, alpha, maxIterations, tolerance }: DykstraAttrs,
): DeviceTensor[] {
  const [e, p, log2G] = inputs.slice(0, 3).map(rowMajor) as [
    DeviceTensor,
    DeviceTensor,
    DeviceTensor,
  ];
  const { device } = e;
  const [problems, rows, rank] = e.shape as [number, number, number];
  const leftChunks = Math.ceil(left / chunkSize);
  const chunks = leftChunks + Math.ceil((rows - left) / chunkSize);
  const u = filled(e, [problems, rows], "f32");
  const v = copyOf(inputs[3]!);
  const state = filled(e, [problems, 3, rank], "f32");
  runUnaryInto(log2G, state.view([problems, rank], [3 * rank, 1]), { OP: "op_id" });
  const control = filled(e, [problems, 4], "f32");
  const sums = DeviceTensor.empty(device, [problems, chunks, rank], "f32");
  const errors = DeviceTensor.empty(device, [problems, chunks], "f32");
  const team = teamOf(e, chunkSize);
  const common = { problems, chunks, left_chunks: leftChunks, rank };
  for (let i = 0; i < maxIterations; i++) {
    launch(
      device,
      transportDykstraRows,
      {
        e: e.binding,
        p: p.binding,
        v: v.binding,
        control: control.binding,
        u: u.binding,
        sums: sums.binding,
        errors: errors.binding,
      },
      { ...common, size: chunkSize, rows, left_rows: left },
      teamGrid(e, problems * chunks, team),
      { constants: { TEAM: team } },
    );
    launch(
      device,
      transportDykstraColumns,
      {
        sums: sums.binding,
        errors: errors.binding,
        state: state.binding,
        v: v.binding,
        control: control.binding,
      },
      { ...common, floor: Math.log2(alpha), tolerance },
      teamGrid(e, problems, team),
      { constants: { TEAM: team } },
    );
  }
  const weights = rowMajor(state.view([problems, rank], [3 * rank, 1]));
  return [u, v, weights, control];
}

/** What `dykstra` found. */
export interface Scaled {
  /** [B, n + m]. */
  readonly u: Tensor;
  /** [B, 2, r]: of Q and of R. */
  readonly v: Tensor;
  /** [B, r]. */
  readonly log2G: Tensor;
  /** [B, 4]: 1 where it came to its tolerance, iterations, the error. */
  readonly control: Tensor;
}

/**
 * @param start the v of a problem nearby, which saves iterations. What is found does not depend on it, as long as
 * no element of g is held at alpha
 */
export function dykstra(
  e: Tensor,
  p: Tensor,
  log2G: Tensor,
  start: Tensor,
  attrs: DykstraAttrs,
): Scaled {
  const [u, v, weights, control] = bind(dykstraPrimitive, [e, p, log2G, start], attrs);
  return { u: u!, v: v!, log2G: weights!, control: control! };
}

export const dykstraPrimitives = [dykstraPrimitive];
