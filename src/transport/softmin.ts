/**
 * The soft minimum f_i = −ε log Σ_j b_j exp((g_j − c_ij) / ε) of costs less potentials (Feydy et al., Interpolating
 * between optimal transport and MMD, 2019, section 3): one half of a Sinkhorn iteration.
 */
import { launch, transportSoftmin } from "../kernels";
import { copyOf } from "../linalg/batches";
import { mul, neg } from "../ops/arithmetic";
import { onesLike, zerosLike } from "../ops/creation";
import type { Primitive } from "../ops/primitive";
import { dense, squeeze, unsqueeze } from "../ops/shape";
import { bind } from "../ops/trace";
import type { DeviceTensor } from "../tensor/deviceTensor";
import { scope } from "../tensor/scope";
import type { Shape } from "../tensor/shape";
import type { Tensor } from "../tensor/tensor";
import { applyPlan, costCotangents, turnedInputs } from "./apply";
import {
  blank,
  negligible,
  type PairAttrs,
  type Pairs,
  paddedVector,
  pairsOf,
  sharedBindings,
  sharedParams,
  terms,
  unbounded,
} from "./pairs";
import { plainSoftmin } from "./plain";
import { lanesAsProblems, swapped } from "./pull";
import { planBlocks } from "./softminVariants";

/** How the potential of one side follows: see shaders/transport/softmin.wgsl. */
export interface HalfStep {
  readonly epsilon: number;
  readonly damping: number;
  readonly bound: number;
  readonly relaxation: number;
  /** The most that a potential may keep beside its f32; 0: nothing. */
  readonly tail: number;
  /** The potential of rows that no mass can reach; 0, the default: they are an error, which `check` reports. */
  readonly limit?: number;
}

/** One side of the problems of a batch, padded: see shaders/transport/softmin.wgsl. */
export interface Side {
  readonly f: DeviceTensor;
  /** log2 of the weights, plus the tail of the potential in exponents of 2. */
  readonly level: DeviceTensor;
  /** log2 of the weights, and the last change of mass. */
  readonly account: DeviceTensor;
}

/** A side to start from, in memory of its own. */
export function sideOf(f: DeviceTensor, log2Weights: DeviceTensor): Side {
  const change = blank(f.device, f.shape);
  return {
    f: ownVector(f, 0),
    level: ownVector(log2Weights, negligible),
    account: terms(log2Weights, change),
  };
}

/** One dispatch, for the potential of the rows. */
export function halfStep(
  pairs: Pairs,
  { rows, cols, control }: { rows: Side; cols: Side; control: DeviceTensor },
  step: HalfStep,
): void {
  const { block, COLS, POWER, grid } = planBlocks(pairs);
  const { epsilon, ...rest } = step;
  launch(
    pairs.device,
    transportSoftmin,
    {
      ...sharedBindings(pairs),
      f: rows.f.binding,
      level: rows.level.binding,
      account: rows.account.binding,
      g: cols.f.binding,
      level_b: cols.level.binding,
      control: control.binding,
    },
    { ...sharedParams(pairs, epsilon), ...rest },
    grid,
    { constants: { ...block, COLS }, slots: { ...pairs.slots, POWER }, ...pairs.functions },
  );
}

/** A vector [B, n] padded, in memory of its own, to be written to. */
function ownVector(x: DeviceTensor, fill: number): DeviceTensor {
  const y = paddedVector(x, fill);
  return y.storage === x.storage ? copyOf(y) : y;
}

/** The first elements of padded vectors, as a dense tensor. */
export function withoutPadding(x: DeviceTensor, shape: Shape): DeviceTensor {
  const wide = x.shape[2]!;
  return wide === shape[1] ? x.view(shape, [wide, 1]) : dense(x.view(shape, [wide, 1]));
}

/** Inputs: f [B, n], g [B, m], log2 b [B, m], cost. Of f, which the result does not depend on, an estimate helps rounding. */
const softminPrimitive: Primitive<PairAttrs> = {
  name: "transportSoftmin",
  formula: "−ε log Σ_j b_j exp((g_j − c_ij) / ε)",
  derivative: "with K the plan divided by its rows: −Kᵀ g to the potential, K ⊙ g to the cost",
  saves: "everything",
  outputs: ([f]) => [{ shape: f!.shape, dtype: "f32" }],
  run: ([f, g, log2B, ...of], { cost, epsilon }) =>
    scope(() => {
      const { forward } = pairsOf(of, cost, "forward");
      const { device } = f!;
      const rows = sideOf(f!, blank(device, f!.shape));
      halfStep(
        forward,
        {
          rows,
          cols: sideOf(g!, log2B!),
          control: blank(device, [forward.problems, 4]),
        },
        { epsilon, damping: 1, bound: unbounded, relaxation: 1, tail: 0 },
      );
      return [withoutPadding(rows.f, f!.shape)];
    }),
  vjp: ([ct], { inputs, outputs: [out], attrs, needs }) => {
    const [, g, log2B, ...cost] = inputs as [Tensor, Tensor, Tensor, ...Tensor[]];
    const f = out!;
    const log2A = zerosLike(f);
    const q = unsqueeze(ct!, -1);
    const back = squeeze(
      applyPlan(turnedInputs([f, g, log2A, log2B, q, ...cost], attrs), {
        ...attrs,
        cost: attrs.cost && swapped(attrs.cost),
      }),
      -1,
    );
    const v = unsqueeze(onesLike(g), -1);
    return [
      null,
      neg(back),
      needs[2] ? mul(back, -attrs.epsilon * Math.LN2) : null,
      ...costCotangents({ f, g, log2A, log2B, q, v }, cost, attrs, needs.slice(3)),
    ];
  },
  jvp: (tangents, { inputs, attrs, pushforward }) =>
    pushforward((...of) => [plainSoftmin(of, attrs)], inputs, tangents),
  batch: lanesAsProblems(() => softminPrimitive),
};

export function softmin(inputs: readonly Tensor[], attrs: PairAttrs): Tensor {
  return bind(softminPrimitive, inputs, attrs)[0]!;
}

export const softminPrimitives = [softminPrimitive];
