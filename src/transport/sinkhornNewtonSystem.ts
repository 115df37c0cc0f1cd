/**
 * The Newton system of entropic transport, with r = P 1 and c = Pᵀ 1 the sums of the whole plan and P̃ its large entries:
 *
 *     [[diag r, P̃], [P̃ᵀ, diag c]] (df, dg) / ε = (a − r, b − c)
 *
 * What is dropped from P stays in the diagonal, so the matrix has no negative eigenvalues. Entries are kept where P_ij is at
 * least θ times the lesser of a_i and b_j, in a list of each row and one of each column, so that products need no
 * atomics.
 *
 * A vector of the system has the rows first and then the columns, each padded to a multiple of 64.
 */
import {
  gridFor,
  launch,
  transportNewtonList,
  transportNewtonMove,
  transportNewtonProduct,
  transportNewtonSums,
} from "../kernels";
import { copyOf } from "../linalg/batches";
import { type CgWork, cgControl, cgStep, cgWork, controlSize } from "../linalg/conjugateGradient";
import { add, maximum, mul, sub } from "../ops/arithmetic";
import { exp2 } from "../ops/exponential";
import { max, sum } from "../ops/reduce";
import { cat, fillInto, narrow, select } from "../ops/shape";
import { tensor } from "../tensor/creation";
import { DeviceTensor } from "../tensor/deviceTensor";
import { scope } from "../tensor/scope";
import type { Tensor } from "../tensor/tensor";
import {
  type BothSides,
  blank,
  type Pairs,
  paddedSize,
  scaleOf,
  sharedBindings,
  sharedParams,
  terms,
} from "./pairs";
import type { Side } from "./softmin";

/** Potentials of both sides, padded. */
export interface Sides {
  readonly rows: Side;
  readonly cols: Side;
}

/** log2 θ of the thresholds that are tried: those of shaders/transport/newton_sums.wgsl. */
export const thresholds: readonly number[] = [-4, -6.5, -9, -11.5, -14, -16.5, -19];

/** Of one problem, by threshold. */
export interface Sparsity {
  /** The part of the plan's mass that is kept. */
  readonly captured: readonly number[];
  /** Entries of the row or column that keeps most. */
  readonly most: readonly number[];
}

const stride = 64;
const wide = (size: number): number => Math.ceil(size / stride) * stride;

/** What the kernels need of a side as rows, with the other as columns. */
interface View {
  readonly pairs: Pairs;
  readonly rows: Side;
  readonly cols: Side;
  readonly firstRow: number;
  readonly firstCol: number;
}

function viewsOf({ forward, swapped }: BothSides, { rows, cols }: Sides): [View, View] {
  const first = wide(forward.rows);
  return [
    { pairs: forward, rows, cols, firstRow: 0, firstCol: first },
    { pairs: swapped, rows: cols, cols: rows, firstRow: first, firstCol: 0 },
  ];
}

const systemSize = ({ forward }: BothSides): number => wide(forward.rows) + wide(forward.cols);

/** [problems, 1, padded] without the dimension of 1. */
const flat = (x: DeviceTensor): DeviceTensor =>
  x.view([x.shape[0]!, x.shape[2]!], [x.shape[2]!, 1]);

const pointsOf = ({ pairs, rows, cols }: View) => ({
  ...sharedBindings(pairs),
  own: terms(flat(rows.f), flat(rows.level)).binding,
  g: cols.f.binding,
  level_b: cols.level.binding,
});

/**
 * Diagonal and right side of the systems at some potentials, and how sparse the rest could be: one dispatch a side.
 * @returns `system` [3, problems, size]: r and c, their reciprocals, and what marginals lack; `levels` [problems, 16]:
 * masses kept by the thresholds and in all, then the numbers in the fullest row or column
 */
export function survey(
  pairs: BothSides,
  epsilon: number,
  sides: Sides,
): { system: DeviceTensor; levels: Tensor } {
  const { device, problems } = pairs.forward;
  const size = systemSize(pairs);
  return scope(() => {
    const system = blank(device, [3, problems, size]);
    const [ofRows, ofCols] = viewsOf(pairs, sides).map((view) => {
      const { rows } = view.pairs;
      const stats = DeviceTensor.empty(device, [problems, rows, 16], "f32");
      launch(
        device,
        transportNewtonSums,
        {
          ...pointsOf(view),
          account: view.rows.account.binding,
          stats: stats.binding,
          system: system.binding,
        },
        { ...sharedParams(view.pairs, epsilon), results: size, first_row: view.firstRow },
        gridFor(device, problems * rows, 64),
        { slots: view.pairs.slots, ...view.pairs.functions },
      );
      return stats;
    });
    const masses = sum(narrow(ofRows!, 2, 0, 8), { dim: 1 });
    const counts = [ofRows!, ofCols!].map((stats) => max(narrow(stats, 2, 8, 8), { dim: 1 }));
    return { system, levels: cat([masses, maximum(counts[0]!, counts[1]!)], 1) };
  });
}

/** What `survey` found, problem by problem. */
export function sparsities(levels: ArrayLike<number>): Sparsity[] {
  return Array.from({ length: levels.length / 16 }, (_, problem) => {
    const own = Array.from({ length: 16 }, (_level, k) => levels[16 * problem + k]!);
    return {
      captured: thresholds.map((_theta, k) => own[k]! / own[7]!),
      most: thresholds.map((_theta, k) => own[8 + k]!),
    };
  });
}

/** The matrices of the systems of a batch. */
export interface SparseMatrices {
  /** u32 [problems, slots, size, 2]. */
  readonly entries: DeviceTensor;
  /** u32 [problems, size]. */
  readonly lengths: DeviceTensor;
  /** [problems, size]. */
  readonly diagonal: DeviceTensor;
}

/**
 * @param chosen log2 θ for each problem; Infinity keeps nothing
 * @param slots at least as many as the fullest row or column keeps
 */
export function listed(
  pairs: BothSides,
  epsilon: number,
  sides: Sides,
  chosen: readonly number[],
  slots: number,
): Pick<SparseMatrices, "entries" | "lengths"> {
  const { device, problems } = pairs.forward;
  const size = systemSize(pairs);
  return scope(() => {
    const least = tensor(
      chosen.map((theta) => Math.min(theta, 1e30)),
      { device },
    ) as DeviceTensor;
    const entries = DeviceTensor.empty(device, [problems, slots, size, 2], "u32");
    const lengths = fillInto(DeviceTensor.empty(device, [problems, size], "u32"), 0);
    for (const view of viewsOf(pairs, sides)) {
      const { rows } = view.pairs;
      launch(
        device,
        transportNewtonList,
        {
          ...pointsOf(view),
          thresholds: least.binding,
          entries: entries.binding,
          lengths: lengths.binding,
        },
        {
          ...sharedParams(view.pairs, epsilon),
          results: size,
          first_row: view.firstRow,
          first_col: view.firstCol,
          slots,
        },
        gridFor(device, problems * rows, 64),
        { slots: view.pairs.slots, ...view.pairs.functions },
      );
    }
    return { entries, lengths };
  });
}

/** q = A p: one dispatch, which leaves out the problems that are solved. */
function multiply({ entries, lengths, diagonal }: SparseMatrices, work: CgWork): void {
  const [problems, slots, size] = entries.shape as [number, number, number, number];
  launch(
    diagonal.device,
    transportNewtonProduct,
    {
      entries: entries.binding,
      lengths: lengths.binding,
      diagonal: diagonal.binding,
      p: work.p.binding,
      q: work.q.binding,
      control: work.control.binding,
    },
    { problems, size, slots },
    gridFor(diagonal.device, problems * size, 64),
  );
}

/** Iterations between looks at whether all systems are solved. */
const lookEvery = 64;

/**
 * The Newton directions in units of ε, [problems, size], by conjugate gradients with the diagonal as preconditioner.
 * Looks at the device every few iterations.
 * @returns for each problem its iterations, and the slope of the dual along x, in units of ε; the caller disposes x
 */
export async function newtonDirection(
  system: DeviceTensor,
  matrices: Pick<SparseMatrices, "entries" | "lengths">,
  { maxIterations, tolerance }: { maxIterations: number; tolerance: number },
): Promise<{ x: DeviceTensor; iterations: number[]; slopes: ArrayLike<number> }> {
  const [, problems, size] = system.shape as [number, number, number];
  const plane = (k: number): DeviceTensor =>
    system.view([problems, size], [size, 1], k * problems * size);
  const [diagonal, inverse, right] = [plane(0), plane(1), plane(2)];
  const work = cgWork(right, inverse);
  const made: Tensor[] = [diagonal, inverse, right, work.r, work.p, work.q, work.control];
  try {
    cgStep(work, { start: "zero", tolerance });
    let state: ArrayLike<number> = [];
    const field = (name: keyof typeof cgControl): number[] =>
      Array.from(
        { length: problems },
        (_, problem) => state[controlSize * problem + cgControl[name]]!,
      );
    for (let done = 0; done <= maxIterations; ) {
      const until = Math.min(done + lookEvery, maxIterations + 1);
      for (; done < until; done++) {
        multiply({ ...matrices, diagonal }, work);
        cgStep(work, { last: done >= maxIterations - 1 });
      }
      state = await work.control.data();
      if (field("state").every((s) => s >= 2)) break;
    }
    const slope = scope(() => sum(mul(right, work.x), { dim: -1 }));
    made.push(slope);
    return { x: work.x, iterations: field("iterations"), slopes: await slope.data() };
  } catch (error) {
    work.x.dispose();
    throw error;
  } finally {
    for (const t of made) t.dispose();
  }
}

/**
 * New potentials, those of the rows moved along x: by as much of it as `steps` says for each problem. Those of the columns
 * are copies: they follow from the rows by half an iteration of Sinkhorn.
 */
export function moved(
  pairs: BothSides,
  epsilon: number,
  { rows, cols }: Sides,
  x: DeviceTensor,
  steps: readonly number[],
): Sides {
  const { device, problems } = pairs.forward;
  const [f, level] = [rows.f, rows.level].map((t) => DeviceTensor.empty(device, t.shape, "f32"));
  const lengths = tensor([...steps], { device }) as DeviceTensor;
  const pad = paddedSize(pairs.forward.rows);
  launch(
    device,
    transportNewtonMove,
    {
      f: rows.f.binding,
      level: rows.level.binding,
      account: rows.account.binding,
      x: x.binding,
      steps: lengths.binding,
      new_f: f!.binding,
      new_level: level!.binding,
    },
    {
      problems,
      rows: pairs.forward.rows,
      rows_pad: pad,
      results: systemSize(pairs),
      scale: scaleOf(epsilon),
    },
    gridFor(device, problems * pad, 64),
  );
  lengths.dispose();
  return {
    rows: { f: f!, level: level!, account: copyOf(rows.account) },
    cols: { f: copyOf(cols.f), level: copyOf(cols.level), account: copyOf(cols.account) },
  };
}

/**
 * How much more the dual Σ a f + Σ b g is worth at `after` than at `before`, [problems, 1], where rows have their mass at
 * both: from differences, so that what is small is exact.
 */
export function dualGain(before: Sides, after: Sides, epsilon: number): Tensor {
  const side = (from: Side, to: Side): Tensor => {
    const tails = mul(sub(to.level, from.level), 1 / scaleOf(epsilon));
    const change = flat(add(sub(to.f, from.f), tails) as DeviceTensor);
    return sum(mul(exp2(select(from.account, 2, 0)), change), { dim: -1, keepdim: true });
  };
  return scope(() => add(side(before.rows, after.rows), side(before.cols, after.cols)));
}
