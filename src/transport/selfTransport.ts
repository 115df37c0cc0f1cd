/**
 * The transport of a measure to itself: by symmetry one potential f serves both sides, and the mean of it and its soft
 * minimum, f ← (f + T f) / 2, gets there in some ten iterations at any ε (Feydy et al., Interpolating between optimal
 * transport and MMD, 2019, section 3.1; Knight et al., A symmetry preserving algorithm for matrix scaling, 2014). Where
 * T shrinks a change hardly at all, it turns its sign: T' = −K with 0 <= K <= 1 for kernels exp(−C / ε) that are
 * positive definite, so that the mean takes at least half of it away.
 */
import { add, mul } from "../ops/arithmetic";
import { runUnaryInto } from "../ops/pointwise";
import type { Primitive } from "../ops/primitive";
import { bind } from "../ops/trace";
import type { DeviceTensor } from "../tensor/deviceTensor";
import { scope } from "../tensor/scope";
import type { Tensor } from "../tensor/tensor";
import type { Cost } from "./cost";
import { type FixedPoint, implicitCotangents, implicitTangents } from "./implicit";
import type { Weights } from "./operands";
import { blank, pairsOf } from "./pairs";
import { lanesAsProblems } from "./pull";
import { type SinkhornOptions, solvedBy } from "./sinkhorn";
import { check, requireDone, type SinkhornAttrs, withTail } from "./sinkhornLoop";
import { halfStep, sideOf, withoutPadding } from "./softmin";
import type { Transport } from "./transport";

/** Inputs: f to start from [B, n], log2 a, cost. Outputs: f without its tail, control [B, 4], the level. */
const selfPrimitive: Primitive<SinkhornAttrs> = {
  name: "transportSelf",
  formula: "f = −ε log Σ_j a_j exp((f_j − c_ij) / ε), by f ← (f + that) / 2, with the verdict",
  derivative: "of the equation, as of a plan that has f on both sides: see transportSinkhorn",
  saves: "everything",
  outputs: ([f]) =>
    [f!.shape, [f!.shape[0]!, 4], f!.shape].map((shape) => ({ shape, dtype: "f32" })),
  run: (inputs, attrs) => scope(() => iterate(inputs, attrs)),
  vjp: ([df], { inputs, outputs, attrs, needs }) => {
    if (!df) return inputs.map(() => null);
    const half = mul(df, 0.5);
    const point = foundAt(inputs, outputs, attrs);
    const wanted = [needs[1]!, needs[1]!, ...needs.slice(2)];
    const [toRows, toCols, ...toCost] = implicitCotangents([half, half], point, attrs, wanted);
    return [null, toRows && toCols ? add(toRows, toCols) : null, ...toCost];
  },
  jvp: ([, dA, ...dCost], { inputs, outputs, attrs, pushforward }) => {
    const point = foundAt(inputs, outputs, attrs);
    const moved = [dA ?? null, dA ?? null, ...dCost];
    const [df, dg] = implicitTangents(moved, point, attrs, pushforward);
    return [mul(add(df!, dg!), 0.5), null, null];
  },
  batch: lanesAsProblems(() => selfPrimitive),
};

/** The plan that has f on both sides. */
function foundAt(
  [, log2A, ...cost]: readonly Tensor[],
  [f, , level]: readonly Tensor[],
  { epsilon }: SinkhornAttrs,
): FixedPoint {
  const { whole, weights } = withTail(f!, level!, log2A!, epsilon);
  return { plan: [f!, f!, weights, weights, ...cost], f: whole, g: whole };
}

function iterate(
  [f0, log2A, ...of]: readonly DeviceTensor[],
  attrs: SinkhornAttrs,
): DeviceTensor[] {
  const { epsilon, tolerance, maxIterations, checkEvery } = attrs;
  const { forward } = pairsOf(of, attrs.cost, "forward");
  const [rows, cols] = [sideOf(f0!, log2A!), sideOf(f0!, log2A!)];
  const control = blank(f0!.device, [forward.problems, 4]);
  const mean = { epsilon, ...attrs.a, relaxation: 0.5, tail: 1 };
  for (let t = 1; t <= maxIterations; t++) {
    halfStep(forward, { rows, cols, control }, mean);
    if (t === maxIterations || t % checkEvery === 0)
      check([rows, rows], control, forward.rows, { tolerance, iteration: t, caller: attrs.caller });
    for (const part of ["f", "level"] as const)
      runUnaryInto(rows[part], cols[part], { OP: "op_id" });
  }
  if (attrs.strict) requireDone(control, attrs);
  return [withoutPadding(rows.f, f0!.shape), control, withoutPadding(rows.level, f0!.shape)];
}

/** Far more than a kernel that is positive definite needs, which halves the error each time. */
const enough = 200;

/** As `sinkhorn` between a and itself. */
export function selfTransport(
  op: string,
  a: Weights,
  cost: Cost,
  options: SinkhornOptions,
): Transport {
  const solve = (inputs: readonly Tensor[], attrs: SinkhornAttrs): readonly Tensor[] => {
    const [f0, , log2A, , ...of] = inputs as [Tensor, Tensor, Tensor, Tensor, ...Tensor[]];
    const [f, control, level] = bind(selfPrimitive, [f0, log2A, ...of], attrs);
    return [f!, f!, control!, level!, level!];
  };
  const maxIterations = Math.min(options.maxIterations ?? enough, enough);
  return solvedBy(solve, op, [a, a, cost], { ...options, maxIterations });
}

export const selfPrimitives = [selfPrimitive];
