/**
 * The maximum of the semi-dual of transport with a squared 2-norm and at most so many nonzeros in each column,
 *
 *   D(f) = ⟨a, f⟩ − γ Σ_j max { ⟨(f − c_j) / γ, p⟩ − ‖p‖² / 2 : p ≥ 0, Σ p = b_j, ‖p‖₀ ≤ k },
 *
 * by L-BFGS, all of whose decisions are made on the device (shaders/transport/sparse_step.wgsl): an evaluation is three
 * dispatches, and those after a problem has ended leave it alone.
 */
import { launch, transportSparseStep, transportSparseSums } from "../kernels";
import { copyOf, filled } from "../linalg/batches";
import { eq, ge, neg, where } from "../ops/arithmetic";
import type { Primitive } from "../ops/primitive";
import { min } from "../ops/reduce";
import { planRows } from "../ops/rowTeam";
import { dense, stack, to } from "../ops/shape";
import { bind } from "../ops/trace";
import { DeviceTensor } from "../tensor/deviceTensor";
import { scope } from "../tensor/scope";
import type { Tensor } from "../tensor/tensor";
import { forbidden, paddedSize, readable, terms } from "./pairs";
import { lanesAsProblems } from "./pull";
import { check, requireDone } from "./sinkhornLoop";
import { findThresholds, thresholdPlanes } from "./sparseSimplex";

export interface SemiDualAttrs {
  readonly gamma: number;
  /** Nonzeros of a column at most. */
  readonly most: number;
  /** Evaluations of the semi-dual at most. */
  readonly maxIterations: number;
  /** Of the L1 error of the row sums, relative to the mass. */
  readonly tolerance: number;
  readonly strict: boolean;
  /** What errors name. */
  readonly caller: string;
}

/** Scalars before the vectors of a problem, and vectors: see shaders/transport/sparse_step.wgsl. */
const scalars = 32;
const memory = 10;
const vectors = 4 + 2 * memory;

/** In the first of the scalars. */
const scalarAt = { state: 0, evaluations: 9, error: 10 } as const;

/** The state of a problem that has converged. */
export const converged = 2;

/**
 * Inputs: a [B, n], b [B, m], cost [B, n, m]. Outputs: f [B, n]; evaluations, the relative marginal error and the state
 * (2: converged), [B] each.
 */
const semiDualPrimitive: Primitive<SemiDualAttrs> = {
  name: "sparsityConstrainedSemiDual",
  formula: "f = argmax ⟨a, f⟩ − γ Σ_j conjugate((f − c_j) / γ; b_j)",
  saves: "nothing",
  outputs: ([a]) => [
    { shape: a!.shape, dtype: "f32" },
    ...Array.from({ length: 3 }, () => ({ shape: a!.shape.slice(0, 1), dtype: "f32" as const })),
  ],
  run: ([a, b, cost], attrs) =>
    scope(() => {
      const { gamma, most, maxIterations, tolerance } = attrs;
      const { device } = a!;
      const [problems, n, m] = cost!.shape as [number, number, number];
      const [weights, mass] = [dense(a!), dense(b!)];
      const byRow = readable(cost!);
      const byColumn = readable(transposed(cost!));
      const [pad, colsPad] = [paddedSize(n), paddedSize(m)];
      const stride = scalars + vectors * pad;
      const work = filled(a!, [problems, stride], "f32");
      const empty = (...shape: number[]) => DeviceTensor.empty(device, shape, "f32");
      const thresholds = empty(thresholdPlanes, problems, colsPad);
      const conjugates = empty(problems, colsPad);
      const sums = empty(problems, pad);
      const unused = empty(4);
      const rowPlan = planRows(device, problems * n, colsPad);
      const stepPlan = planRows(device, problems, n);
      for (let k = 0; k < maxIterations; k++) {
        findThresholds({
          problems,
          rows: m,
          rowsPad: colsPad,
          length: n,
          most,
          x: byColumn,
          mass,
          thresholds,
          conjugates,
          projection: unused,
          wanted: false,
          potentials: { work, offset: scalars, stride, scale: 1 / gamma },
        });
        launch(
          device,
          transportSparseSums,
          { c: byRow.binding, f: work.binding, thresholds: thresholds.binding, s: sums.binding },
          {
            problems,
            rows: n,
            rows_pad: pad,
            cols4: colsPad / 4,
            f_step: stride,
            f_offset: scalars,
            scale: 1 / gamma,
          },
          rowPlan.grid,
          { constants: { TEAM: rowPlan.team } },
        );
        launch(
          device,
          transportSparseStep,
          {
            a: weights.binding,
            conjugates: conjugates.binding,
            s: sums.binding,
            work: work.binding,
          },
          {
            problems,
            rows: n,
            pad,
            cols: colsPad,
            stride,
            gamma,
            first: (gamma * n) / m,
            tolerance,
          },
          stepPlan.grid,
          { constants: { TEAM: stepPlan.team } },
        );
      }
      const scalar = (at: number): DeviceTensor => copyOf(work.view([problems], [stride], at));
      const [evaluations, error, state] = [
        scalar(scalarAt.evaluations),
        scalar(scalarAt.error),
        scalar(scalarAt.state),
      ];
      const done = to(eq(state, converged), "f32");
      const control = stack([done, evaluations, error, done], -1) as DeviceTensor;
      const side = (of: DeviceTensor, dim: number) => {
        const stuck = where(ge(min(cost!, { dim }), forbidden), neg(of), 0) as DeviceTensor;
        return { account: terms(of, stuck) };
      };
      const look = { tolerance, iteration: 0, caller: attrs.caller };
      check([side(weights, -1), side(mass, -2)], copyOf(control), n, look);
      if (attrs.strict) requireDone(control, attrs, "more nonzeros or a larger gamma");
      return [
        copyOf(work.view([problems, n], [stride, 1], scalars + pad)),
        evaluations,
        error,
        state,
      ];
    }),
  vjp: null,
  jvp: null,
  batch: lanesAsProblems(() => semiDualPrimitive),
};

/** A view of [batch, m, n]. */
function transposed(x: DeviceTensor): DeviceTensor {
  const [batch, n, m] = x.shape as [number, number, number];
  const [a, b, c] = x.strides as [number, number, number];
  return x.view([batch, m, n], [a, c, b]);
}

export interface SemiDualMaximum {
  /** [B, n], of which nothing is known by derivatives. */
  readonly f: Tensor;
  /** [B], f32. */
  readonly evaluations: Tensor;
  readonly error: Tensor;
  readonly state: Tensor;
}

/** a [B, n], b [B, m], cost [B, n, m]. */
export function maximiseSemiDual(
  a: Tensor,
  b: Tensor,
  cost: Tensor,
  attrs: SemiDualAttrs,
): SemiDualMaximum {
  const [f, evaluations, error, state] = bind(semiDualPrimitive, [a, b, cost], attrs);
  return { f: f!, evaluations: evaluations!, error: error!, state: state! };
}

export const semiDualPrimitives = [semiDualPrimitive];
