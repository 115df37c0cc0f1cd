/**
 * How potentials move with weights and costs, from the equations that define them and not from the iterations that
 * found them (the implicit function theorem; Luise et al., Differential properties of Sinkhorn approximation, 2018;
 * Cuturi et al., Supervised quantile normalization, 2020, section 4).
 *
 * At the fixed point, with P the plan, r and c its marginals and τ the damping of each side (1 where balanced),
 *
 *   H [df; dg] = [-r dF; -c dG],  H = [diag(r / τ_a), P; Pᵀ, diag(c / τ_b)],
 *
 * where dF and dG are what the soft minima move by for potentials held still. H is symmetric, so the reverse rule
 * solves with it too. Rows are eliminated, and conjugate gradients see the Schur complement
 * diag(c / τ_b) − Pᵀ diag(τ_a / r) P, of which only products are formed. Potentials that total variation holds at
 * their bound do not move. In a balanced problem both potentials may be shifted against each other: what a function
 * of them makes of that shift is dropped. Where there is no mass, nothing flows.
 */
import { gridFor, launch, transportSchur } from "../kernels";
import { conjugateGradient } from "../linalg/conjugateGradient";
import {
  abs,
  add,
  div,
  ge,
  gt,
  logicalAnd,
  logicalNot,
  mul,
  neg,
  sub,
  where,
} from "../ops/arithmetic";
import { onesLike, zerosLike } from "../ops/creation";
import { log2 } from "../ops/exponential";
import type { JvpContext, Primitive } from "../ops/primitive";
import { sum } from "../ops/reduce";
import { cat, squeeze, unsqueeze } from "../ops/shape";
import { bind } from "../ops/trace";
import type { DeviceTensor } from "../tensor/deviceTensor";
import { scope } from "../tensor/scope";
import type { Tensor } from "../tensor/tensor";
import { applyInto, applyPlan, costCotangents, turnedInputs } from "./apply";
import {
  blank,
  negligible,
  type PairAttrs,
  paddedSize,
  paddedVector,
  pairsOf,
  terms,
} from "./pairs";
import { plainSoftmin } from "./plain";
import { lanesAsProblems, swapped } from "./pull";
import type { SinkhornAttrs } from "./sinkhornLoop";
import { withoutPadding } from "./softmin";

interface SchurAttrs extends PairAttrs {
  readonly maxIterations: number;
  readonly tolerance: number;
}

/** Pᵀ diag(ρ) P x, with log2 of ρ a already in the log weights `scaled`. */
function throughRows(
  x: Tensor,
  [f, g, log2A, scaled, log2B, ...cost]: readonly Tensor[],
  attrs: PairAttrs,
): Tensor {
  const rows = applyPlan([f!, g!, scaled!, log2B!, unsqueeze(x, -1), ...cost], attrs);
  return squeeze(turnedApply([f!, g!, log2A!, log2B!, rows, ...cost], attrs), -1);
}

/** Pᵀ u. */
function turnedApply(inputs: readonly Tensor[], attrs: PairAttrs): Tensor {
  const cost = attrs.cost && swapped(attrs.cost);
  return applyPlan(turnedInputs(inputs, attrs), { cost, epsilon: attrs.epsilon });
}

/**
 * Inputs: right side b, diagonal d and 1 / d or 0 [B, m], f [B, n], g [B, m], log2 a, log2 (ρ a) [B, n], log2 b [B, m], cost.
 * Output: x with (diag(d) − Pᵀ diag(ρ) P) x = b, 0 where d is.
 */
const schurPrimitive: Primitive<SchurAttrs> = {
  name: "transportSchurSolve",
  formula: "x with (diag(d) − Pᵀ diag(ρ) P) x = b, by conjugate gradients",
  derivative: "λ of the same system with g; to the matrix −λ xᵀ",
  saves: "everything",
  outputs: ([b]) => [{ shape: b!.shape, dtype: "f32" }],
  run: (
    [b, d, inverse, f, g, log2A, scaled, log2B, ...of],
    { cost, epsilon, maxIterations, tolerance },
  ) =>
    scope(() => {
      const { device } = b!;
      const { forward, swapped: back } = pairsOf(of, cost);
      const [problems, cols] = b!.shape as [number, number];
      const [wideRows, wideCols] = [paddedSize(forward.rows), paddedSize(cols)];
      const rows = {
        own: terms(f!, scaled!),
        g: paddedVector(g!),
        log2B: paddedVector(log2B!, negligible),
      };
      const columns = {
        own: terms(g!, log2B!),
        g: paddedVector(f!),
        log2B: paddedVector(log2A!, negligible),
      };
      const wide = (x: DeviceTensor): DeviceTensor =>
        paddedVector(x).view([problems, wideCols], [wideCols, 1]);
      const diagonal = wide(d!);
      const between = blank(device, [problems, 1, wideRows]);
      const product = (p: DeviceTensor, q: DeviceTensor, control: DeviceTensor): void => {
        const [from, to] = [p, q].map((t) =>
          t.view([problems, 1, wideCols], [wideCols, wideCols, 1]),
        );
        applyInto(forward, epsilon, rows, from!, between, { control });
        applyInto(back, epsilon, columns, between, to!, { control });
        const items = (problems * wideCols) / 4;
        launch(
          device,
          transportSchur,
          { d: diagonal.binding, p: p.binding, q: q.binding, control: control.binding },
          { items, pad4: wideCols / 4, control_step: control.shape[1]! },
          gridFor(device, items, 64),
        );
      };
      const { x } = conjugateGradient(wide(b!), product, {
        diagonal: wide(inverse!),
        maxIterations,
        tolerance,
      });
      return [withoutPadding(x.view([problems, 1, wideCols], [wideCols, wideCols, 1]), b!.shape)];
    }),
  vjp: ([ct], { inputs, outputs: [x], attrs, needs, pullback }) => {
    const [, d, inverse, ...plan] = inputs as [Tensor, Tensor, Tensor, ...Tensor[]];
    const y = bind(schurPrimitive, [ct!, d, inverse, ...plan], attrs)[0]!;
    const moves = needs.slice(3).some(Boolean);
    return [
      y,
      needs[1] ? neg(mul(y, x!)) : null,
      null,
      ...(moves
        ? pullback((...of) => [throughRows(x!, of, attrs)], plan, [y])
        : plan.map(() => null)),
    ];
  },
  jvp: ([tb, td, , ...moved], { inputs, outputs: [x], attrs, pushforward }) => {
    const [, d, inverse, ...plan] = inputs as [Tensor, Tensor, Tensor, ...Tensor[]];
    const through = moved.some((t) => t !== null)
      ? pushforward((...of) => [throughRows(x!, of, attrs)], plan, moved)[0]!
      : null;
    const terms = [tb ?? null, td ? neg(mul(td, x!)) : null, through].filter((t) => t !== null);
    return bind(schurPrimitive, [terms.reduce((a, b) => add(a, b)), d, inverse, ...plan], attrs);
  },
  batch: lanesAsProblems(() => schurPrimitive),
};

interface Linearised {
  /** The solution (p, q) of H (p, q) = (u, v), 0 where potentials do not move. */
  solve(u: Tensor, v: Tensor): [Tensor, Tensor];
  /** Of the plan, as they are. */
  readonly marginals: readonly [Tensor, Tensor];
}

/** The fixed point that a solver found. */
export interface FixedPoint {
  /** Of the plan: f, g, log2 a, log2 b, cost; tails of potentials may lie with the weights. */
  readonly plan: readonly Tensor[];
  /** The potentials whole. */
  readonly f: Tensor;
  readonly g: Tensor;
}

/** Part of a bound within which a potential is held by it. */
const touching = 1 - 1e-6;

function linearised({ plan, ...whole }: FixedPoint, attrs: SinkhornAttrs): Linearised {
  const [f, g, log2A, log2B, ...cost] = plan;
  const { a, b } = attrs;
  const pair: PairAttrs = { cost: attrs.cost, epsilon: attrs.epsilon };
  const free = (potential: Tensor, { bound }: { bound: number }, log2: Tensor): Tensor => {
    const massive = gt(log2, negligible / 2);
    return bound < 1e30
      ? logicalAnd(massive, logicalNot(ge(abs(potential), bound * touching)))
      : massive;
  };
  const [keepA, keepB] = [free(whole.f, a, log2A!), free(whole.g, b, log2B!)];
  const [ones, others] = [unsqueeze(onesLike(g!), -1), unsqueeze(onesLike(f!), -1)];
  const r = squeeze(applyPlan([f!, g!, log2A!, log2B!, ones, ...cost], pair), -1);
  const c = squeeze(turnedApply([f!, g!, log2A!, log2B!, others, ...cost], pair), -1);
  const safe = (keep: Tensor, x: Tensor): Tensor => where(keep, x, 1);
  const ratio = div(a.damping, safe(keepA, r));
  const moving = where(keepA, log2A!, negligible);
  const scaled = where(keepA, add(log2A!, log2(ratio)), negligible);
  const movingB = where(keepB, log2B!, negligible);
  const diagonal = where(keepB, div(c, b.damping), 0);
  const inverse = where(keepB, div(b.damping, safe(keepB, c)), 0);
  const system = [f!, g!, moving, scaled, movingB, ...cost];
  const gauge = [a, b].every(({ damping, bound }) => damping === 1 && bound > 1e30);
  return {
    marginals: [r, c],
    solve(left, right) {
      let [u, v] = [where(keepA, left, 0), where(keepB, right, 0)];
      if (gauge) {
        const total = (x: Tensor): Tensor => sum(x, { dim: -1, keepdim: true });
        const shift = div(sub(total(u), total(v)), add(total(r), total(c)));
        u = where(keepA, sub(u, mul(shift, r)), 0);
        v = where(keepB, add(v, mul(shift, c)), 0);
      }
      const through = turnedApply(
        [f!, g!, moving, movingB, unsqueeze(mul(u, ratio), -1), ...cost],
        pair,
      );
      const q = bind(schurPrimitive, [sub(v, squeeze(through, -1)), diagonal, inverse, ...system], {
        ...pair,
        ...attrs.implicit,
      })[0]!;
      const forth = applyPlan([f!, g!, moving, movingB, unsqueeze(q, -1), ...cost], pair);
      return [where(keepA, mul(sub(u, squeeze(forth, -1)), ratio), 0), q];
    },
  };
}

/** What flows back from f and g to log2 a, log2 b and the cost. */
export function implicitCotangents(
  [df, dg]: readonly (Tensor | null)[],
  point: FixedPoint,
  attrs: SinkhornAttrs,
  needs: readonly boolean[],
): (Tensor | null)[] {
  if (!df && !dg) return needs.map(() => null);
  const [f, g, log2A, log2B, ...cost] = point.plan as [Tensor, Tensor, Tensor, Tensor, ...Tensor[]];
  const pair: PairAttrs = { cost: attrs.cost, epsilon: attrs.epsilon };
  const [p, q] = linearised(point, attrs).solve(df ?? zerosLike(f), dg ?? zerosLike(g));
  const toWeights = -attrs.epsilon * Math.LN2;
  const rows = unsqueeze(p, -1);
  const cols = unsqueeze(q, -1);
  return [
    needs[0]
      ? mul(squeeze(applyPlan([f, g, log2A, log2B, cols, ...cost], pair), -1), toWeights)
      : null,
    needs[1]
      ? mul(squeeze(turnedApply([f, g, log2A, log2B, rows, ...cost], pair), -1), toWeights)
      : null,
    ...costCotangents(
      {
        ...{ f, g, log2A, log2B },
        q: cat([rows, onesLike(rows)], -1),
        v: cat([onesLike(cols), cols], -1),
      },
      cost,
      pair,
      needs.slice(2),
    ),
  ];
}

/** How f and g move with log2 a, log2 b and the cost. */
export function implicitTangents(
  [dA, dB, ...dCost]: readonly (Tensor | null)[],
  point: FixedPoint,
  attrs: SinkhornAttrs,
  pushforward: JvpContext<SinkhornAttrs>["pushforward"],
): Tensor[] {
  const [f, g, log2A, log2B, ...cost] = point.plan as [Tensor, Tensor, Tensor, Tensor, ...Tensor[]];
  const pair: PairAttrs = { cost: attrs.cost, epsilon: attrs.epsilon };
  const { solve, marginals } = linearised(point, attrs);
  const moved = (log2: Tensor, along: Tensor | null, turned: boolean): Tensor => {
    const from = turned ? [g, f] : [f, g];
    if (!along && dCost.every((t) => t === null)) return zerosLike(from[0]!);
    return pushforward(
      (weights, ...of) => {
        const inputs = [f, g, weights!, weights!, f, ...of];
        const sides = turned ? turnedInputs(inputs, pair) : inputs;
        const costs = turned && pair.cost ? { ...pair, cost: swapped(pair.cost) } : pair;
        return [plainSoftmin([from[0]!, from[1]!, weights!, ...sides.slice(5)], costs)];
      },
      [log2, ...cost],
      [along, ...dCost],
    )[0]!;
  };
  const [r, c] = marginals;
  return solve(mul(r, moved(log2B, dB ?? null, false)), mul(c, moved(log2A, dA ?? null, true)));
}

export const implicitPrimitives = [schurPrimitive];
