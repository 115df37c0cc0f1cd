/** P v, or (P ⊙ C) v, for a plan P that is given by its potentials and never stored. */
import { launch, transportApply } from "../kernels";
import { div, mul, sub } from "../ops/arithmetic";
import { exp2 } from "../ops/exponential";
import { matmul } from "../ops/matmul";
import type { Primitive } from "../ops/primitive";
import { sum } from "../ops/reduce";
import { transpose, unsqueeze } from "../ops/shape";
import { bind } from "../ops/trace";
import { DeviceTensor } from "../tensor/deviceTensor";
import { scope } from "../tensor/scope";
import type { Tensor } from "../tensor/tensor";
import {
  blank,
  channelsFirst,
  channelsLast,
  negligible,
  type PairAttrs,
  type Pairs,
  paddedVector,
  pairsOf,
  sharedBindings,
  sharedParams,
  terms,
} from "./pairs";
import { plainApply, plainCost, plainExponents } from "./plain";
import { lanesAsProblems, planPull, swapped } from "./pull";
import { planBlocks } from "./softminVariants";

/** What a plan is made of beside its cost. */
export interface PlanTerms {
  /** Of the rows: see `terms`. */
  readonly own: DeviceTensor;
  /** Of the columns, padded. */
  readonly g: DeviceTensor;
  readonly log2B: DeviceTensor;
}

/**
 * o [batch, channels, at least the rows], dense, of v [batch, channels, columns], padded: one dispatch.
 * @param control of a solver, [batch, 8]: problems that are done are left out
 */
export function applyInto(
  pairs: Pairs,
  epsilon: number,
  { own, g, log2B }: PlanTerms,
  v: DeviceTensor,
  o: DeviceTensor,
  { weighted, control }: { weighted?: boolean | undefined; control?: DeviceTensor } = {},
): void {
  const channels = v.shape[1]!;
  const together = channels > 1 ? 4 : 1;
  const { block, grid } = planBlocks(pairs, Math.ceil(channels / together), together);
  launch(
    pairs.device,
    transportApply,
    {
      ...sharedBindings(pairs),
      own: own.binding,
      g: g.binding,
      log_b: log2B.binding,
      v: v.binding,
      o: o.binding,
      control: (control ?? blank(pairs.device, [4])).binding,
    },
    {
      ...sharedParams(pairs, epsilon, channels),
      results: o.shape.at(-1)!,
      control_step: control ? control.shape[1]! : 0,
    },
    grid,
    {
      constants: { ...block, CHANNELS: together },
      slots: { ...pairs.slots, VALUE: weighted ? "mass_times_cost" : "mass" },
      ...pairs.functions,
    },
  );
}

/** Inputs: f [B, n], g [B, m], log2 a [B, n], log2 b [B, m], v [B, m, k], cost. Output: [B, n, k]. */
const applyPrimitive: Primitive<PairAttrs> = {
  name: "transportApply",
  formula: "P v, or (P ⊙ C) v; P_ij = a_i b_j exp((f_i + g_j − c_ij) / ε)",
  derivative:
    "Pᵀ g to v; its products with v, and P v with g, to the potentials; its slope in C, times g vᵀ, to the cost",
  saves: "everything",
  outputs: ([f, , , , v]) => [{ shape: [...f!.shape, v!.shape[2]!], dtype: "f32" }],
  run: ([f, g, log2A, log2B, v, ...of], { cost, epsilon, weighted }) =>
    scope(() => {
      const { forward } = pairsOf(of, cost, "forward");
      const plan = {
        own: terms(f!, log2A!),
        g: paddedVector(g!),
        log2B: paddedVector(log2B!, negligible),
      };
      const { device, problems, rows } = forward;
      const o = DeviceTensor.empty(device, [problems, v!.shape[2]!, rows], "f32");
      applyInto(forward, epsilon, plan, channelsFirst(v!), o, { weighted });
      return [channelsLast(o)];
    }),
  vjp: ([ct], { inputs, outputs: [o], attrs, needs }) => {
    const [f, g, log2A, log2B, v, ...cost] = inputs as [Tensor, Tensor, Tensor, Tensor, Tensor];
    const back = applyPlan(turnedInputs([f, g, log2A, log2B, ct!, ...cost], attrs), {
      ...attrs,
      cost: attrs.cost && swapped(attrs.cost),
    });
    const rows = sum(mul(ct!, o!), { dim: -1 });
    const cols = sum(mul(v, back), { dim: -1 });
    const common = [
      needs[0] ? div(rows, attrs.epsilon) : null,
      needs[1] ? div(cols, attrs.epsilon) : null,
      needs[2] ? mul(rows, Math.LN2) : null,
      needs[3] ? mul(cols, Math.LN2) : null,
      needs[4] ? back : null,
    ];
    const q = attrs.weighted ? ct! : mul(ct!, -1 / attrs.epsilon);
    return [
      ...common,
      ...costCotangents({ f, g, log2A, log2B, q, v }, cost, attrs, needs.slice(5)),
    ];
  },
  jvp: (tangents, { inputs, attrs, pushforward }) =>
    pushforward((...of) => [plainApply(of, attrs)], inputs, tangents),
  batch: lanesAsProblems(() => applyPrimitive),
};

/**
 * What flows to the cost where its matrix gets P_ij (q_i · v_j), times 1 − C_ij / ε if the plan is weighted: to the matrix
 * itself, or to the points.
 */
export function costCotangents(
  of: Readonly<Record<"f" | "g" | "log2A" | "log2B" | "q" | "v", Tensor>>,
  cost: readonly Tensor[],
  attrs: PairAttrs,
  needs: readonly boolean[],
): (Tensor | null)[] {
  const { f, g, log2A, log2B, q, v } = of;
  if (!attrs.cost) {
    if (!needs[0]) return [null];
    const c = plainCost(cost, null);
    const p = exp2(plainExponents({ f, g, log2A, log2B }, c, attrs.epsilon));
    const w = mul(p, matmul(q, transpose(v, -1, -2)));
    return [attrs.weighted ? sub(w, mul(w, div(c, attrs.epsilon))) : w];
  }
  const [x, y] = cost as [Tensor, Tensor];
  const back = { ...attrs, cost: swapped(attrs.cost) };
  return [
    needs[0] ? planPull([f, g, log2B, mul(q, unsqueeze(exp2(log2A), -1)), v, x, y], attrs) : null,
    needs[1] ? planPull([g, f, log2A, mul(v, unsqueeze(exp2(log2B), -1)), q, y, x], back) : null,
  ];
}

/** The inputs with rows and columns exchanged; the fifth, what the plan is applied to, stays. */
export function turnedInputs(
  [f, g, log2A, log2B, v, ...cost]: readonly Tensor[],
  attrs: PairAttrs,
): Tensor[] {
  const turned = attrs.cost ? [cost[1]!, cost[0]!] : [transpose(cost[0]!, -1, -2)];
  return [g!, f!, log2B!, log2A!, v!, ...turned];
}

export function applyPlan(inputs: readonly Tensor[], attrs: PairAttrs): Tensor {
  return bind(applyPrimitive, inputs, attrs)[0]!;
}

export const applyPrimitives = [applyPrimitive];
