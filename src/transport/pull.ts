/**
 * What flows back to points through costs that are not stored: Σ_j W_ij dc(x_i, y_j) / dx_i, where W is the plan times
 * products of vectors, or a matrix.
 */
import { ArgumentError } from "../errors";
import { gridFor, launch, transportCost, transportPull } from "../kernels";
import type { Primitive } from "../ops/primitive";
import { withLanes } from "../ops/rules";
import { reshape, transpose } from "../ops/shape";
import { bind } from "../ops/trace";
import { DeviceTensor } from "../tensor/deviceTensor";
import { scope } from "../tensor/scope";
import type { Tensor } from "../tensor/tensor";
import type { CostFunction } from "./cost";
import {
  channelsFirst,
  channelsLast,
  negligible,
  type PairAttrs,
  type Pairs,
  paddedVector,
  pairsOf,
  readable,
  rowGrid,
  sharedBindings,
  sharedParams,
} from "./pairs";
import { plainCost, plainPull, plainSlopes } from "./plain";

/** The cost with the points y as rows. */
export const swapped = (cost: CostFunction): CostFunction => cost.turned;

/** The vectorising rule of operations on [batch, …]: lanes of batches are one longer batch. */
export function lanesAsProblems<A>(primitive: () => Primitive<A>): Primitive<A>["batch"] {
  return (inputs, context) => {
    const lanes = withLanes(inputs, context).map((x) =>
      reshape(x, [x.shape[0]! * x.shape[1]!, ...x.shape.slice(2)]),
    );
    return bind(primitive(), lanes, context.attrs).map((y) =>
      reshape(y, [context.size, y.shape[0]! / context.size, ...y.shape.slice(1)]),
    );
  };
}

function requireSlope(cost: CostFunction): void {
  if (cost.withoutSlope)
    throw new ArgumentError(
      `transport: the gradient of the cost "${cost.name}" with respect to points needs its slope. Give pointCost slopeX (and slopeY, unless it is the negative).`,
    );
}

/** Runs the kernel, and gives its result [batch, rows, dims]. */
function pull(
  pairs: Pairs,
  epsilon: number,
  channels: number,
  weight: "plan_weight" | "cost_weight" | "matrix_weight",
  by: Readonly<Record<"f" | "g" | "log_b" | "q" | "v", DeviceTensor>>,
): DeviceTensor {
  const { device, problems, rows, dims } = pairs;
  const o = DeviceTensor.empty(device, [problems, dims, rows], "f32");
  const { team, grid } = rowGrid(pairs, Math.ceil(dims / 4));
  const { f, g, log_b, q, v } = by;
  launch(
    device,
    transportPull,
    {
      ...sharedBindings(pairs),
      f: f.binding,
      g: g.binding,
      log_b: log_b.binding,
      q: q.binding,
      v: v.binding,
      o: o.binding,
    },
    sharedParams(pairs, epsilon, channels),
    grid,
    {
      constants: { TEAM: team },
      slots: {
        ...pairs.slopes,
        COST: "points_cost",
        TERM: pairs.slots.TERM,
        FINISH: pairs.slots.FINISH,
        WEIGHT: weight,
      },
      ...pairs.functions,
    },
  );
  return channelsLast(o);
}

type PointAttrs = PairAttrs & { cost: CostFunction };

/** Inputs: f [B, n], g [B, m], log2 b [B, m], q [B, n, k], v [B, m, k], x [B, n, d], y [B, m, d]. */
const planPullPrimitive: Primitive<PointAttrs> = {
  name: "transportPlanPull",
  formula:
    "Σ_j b_j exp((f_i + g_j − c_ij) / ε) (q_i · v_j) dc(x_i, y_j) / dx_i, or that times 1 − c_ij / ε",
  derivative: "through the matrix in plain operations",
  saves: "inputs",
  outputs: (inputs) => [{ shape: inputs[5]!.shape, dtype: "f32" }],
  run: ([f, g, log2B, q, v, x, y], { cost, epsilon, weighted }) =>
    scope(() => {
      requireSlope(cost);
      const weight = weighted ? "cost_weight" : "plan_weight";
      return [
        pull(pairsOf([x!, y!], cost).forward, epsilon, q!.shape[2]!, weight, {
          f: paddedVector(f!),
          g: paddedVector(g!),
          log_b: paddedVector(log2B!, negligible),
          q: channelsFirst(q!),
          v: channelsFirst(v!),
        }),
      ];
    }),
  vjp: (cotangents, { inputs, attrs, pullback }) =>
    pullback((...of) => [plainPull(of, attrs)], inputs, cotangents),
  jvp: (tangents, { inputs, attrs, pushforward }) =>
    pushforward((...of) => [plainPull(of, attrs)], inputs, tangents),
  batch: lanesAsProblems(() => planPullPrimitive),
};

export function planPull(inputs: readonly Tensor[], attrs: PairAttrs): Tensor {
  return bind(planPullPrimitive, inputs, attrs as PointAttrs)[0]!;
}

/** Inputs: W [B, n, m], x [B, n, d], y [B, m, d]. */
const costPullPrimitive: Primitive<{ readonly cost: CostFunction }> = {
  name: "transportCostPull",
  formula: "Σ_j W_ij dc(x_i, y_j) / dx_i",
  derivative: "through the matrix in plain operations",
  saves: "inputs",
  outputs: (inputs) => [{ shape: inputs[1]!.shape, dtype: "f32" }],
  run: ([weights, x, y], { cost }) =>
    scope(() => {
      requireSlope(cost);
      const { forward } = pairsOf([x!, y!], cost);
      const unread = forward.rowPoints;
      return [
        pull(forward, 1, 1, "matrix_weight", {
          ...{ f: unread, g: unread, log_b: unread, q: unread },
          v: readable(weights!),
        }),
      ];
    }),
  vjp: (cotangents, { inputs, attrs: { cost }, pullback }) =>
    pullback((w, x, y) => [plainSlopes(w!, x!, y!, cost)], inputs, cotangents),
  jvp: (tangents, { inputs, attrs: { cost }, pushforward }) =>
    pushforward((w, x, y) => [plainSlopes(w!, x!, y!, cost)], inputs, tangents),
  batch: lanesAsProblems(() => costPullPrimitive),
};

/** Inputs: x [B, n, d], y [B, m, d]. Output: [B, n, m]. */
const costPrimitive: Primitive<{ readonly cost: CostFunction }> = {
  name: "transportCost",
  formula: "c(x_i, y_j) of all pairs",
  derivative: "Σ_j g_ij dc(x_i, y_j) / dx_i, and the same of y",
  saves: "inputs",
  outputs: ([x, y]) => [
    { shape: [x!.shape[0]!, x!.shape[1]!, y!.shape[1]!] as const, dtype: "f32" },
  ],
  run: ([x, y], { cost }, [out]) =>
    scope(() => {
      const { forward } = pairsOf([x!, y!], cost);
      const c = DeviceTensor.empty(x!.device, out!.shape, "f32");
      const { rows, cols, problems } = forward;
      launch(
        x!.device,
        transportCost,
        { ...sharedBindings(forward), c: c.binding },
        sharedParams(forward, 1),
        gridFor(x!.device, problems * rows * Math.ceil(cols / 4), 64),
        {
          slots: { TERM: forward.slots.TERM, FINISH: forward.slots.FINISH },
          ...forward.functions,
        },
      );
      return [c];
    }),
  vjp: ([g], { inputs: [x, y], attrs: { cost }, needs }) => [
    needs[0] ? bind(costPullPrimitive, [g!, x!, y!], { cost })[0]! : null,
    needs[1]
      ? bind(costPullPrimitive, [transpose(g!, -1, -2), y!, x!], { cost: swapped(cost) })[0]!
      : null,
  ],
  jvp: (tangents, { inputs, attrs: { cost }, pushforward }) =>
    pushforward((...of) => [plainCost(of, cost)], inputs, tangents),
  batch: lanesAsProblems(() => costPrimitive),
};

export function costOfPairs(x: Tensor, y: Tensor, cost: CostFunction): Tensor {
  return bind(costPrimitive, [x, y], { cost })[0]!;
}

export const pullPrimitives = [planPullPrimitive, costPullPrimitive, costPrimitive];
