/** Batch normalisation: each channel by its statistics over the samples and the positions. */
import type { Device } from "../device/device";
import { ArgumentError, ShapeError } from "../errors";
import {
  gridFor,
  launch,
  normChannelBackward,
  normChannelForward,
  normChannelStatistics,
  normChannelSums,
} from "../kernels";
import { requireOptions } from "../options";
import { DeviceTensor } from "../tensor/deviceTensor";
import { requireDType } from "../tensor/dtype";
import { scope } from "../tensor/scope";
import { show, sizeOf } from "../tensor/shape";
import type { Tensor } from "../tensor/tensor";
import { add, lerp, mul, sub } from "./arithmetic";
import { likeOperand } from "./autocast";
import { rsqrt } from "./functions";
import { affine } from "./groupNorm";
import type { Primitive, Spec } from "./primitive";
import { mean, sum } from "./reduce";
import { planRows } from "./rowTeam";
import { withLanes } from "./rules";
import { dense, expand, reshape, stopGradient, to } from "./shape";
import { bind } from "./trace";

interface ChannelAttrs {
  readonly eps: number;
  readonly hasWeight: boolean;
  readonly hasBias: boolean;
}

/** x as the primitives take it. */
type Dimensions = readonly [batches: number, depth: number, channels: number, inner: number];
const dimensionsOf = (x: Spec): Dimensions => x.shape as unknown as Dimensions;

const flag = (value: boolean): 0 | 1 => (value ? 1 : 0);

/** The element type and sizes that the kernels walk with. */
function walkOf(device: Device, x: Spec) {
  const [batches, depth, channels, inner] = dimensionsOf(x);
  const wide = inner % 4 === 0;
  const lanes = wide ? 4 : 1;
  const { team, grid } = planRows(device, batches * channels, depth * inner);
  const types = { V: wide ? ("vec4f" as const) : ("f32" as const) };
  const sizes = { depth, channels, inner: inner / lanes };
  const count = sizeOf(x.shape) / lanes;
  return {
    teams: {
      params: { ...sizes, rows: batches * channels },
      grid,
      types,
      constants: { TEAM: team },
    },
    elements: { params: { ...sizes, count }, grid: gridFor(device, count, 64), types },
  };
}

const overChannel = { dim: [1, 3], keepdim: true };

/** Deviations from the channel's mean over their spread, in plain operations. */
function plainNormalized(x: Tensor, { eps }: ChannelAttrs) {
  const deviation = sub(x, mean(x, overChannel));
  const rstd = rsqrt(add(mean(mul(deviation, deviation), overChannel), eps));
  return { rstd, normalized: mul(deviation, rstd) };
}

/** One value for each channel, against [batches, depth, channels, inner]. */
const column = (parameter: Tensor): Tensor => reshape(parameter, [parameter.size, 1]);
/** The same with lanes first, against [lanes, batches, depth, channels, inner]. */
const columns = (parameter: Tensor): Tensor => {
  const [lanes, channels] = parameter.shape as [number, number];
  return reshape(parameter, [lanes, 1, 1, channels, 1]);
};

/** What the backward primitive computes, for its own derivatives. */
function plainBackward(
  [g, x, weight]: readonly [Tensor, Tensor, (Tensor | undefined)?],
  attrs: ChannelAttrs,
): Tensor[] {
  const { rstd, normalized } = plainNormalized(x, attrs);
  const product = mul(g, normalized);
  const slope = sub(sub(g, mean(g, overChannel)), mul(normalized, mean(product, overChannel)));
  const dx = mul(slope, rstd);
  const over = { dim: [1, 3] };
  return [weight ? mul(dx, column(weight)) : dx, sum(product, over), sum(g, over)];
}

/**
 * Inputs: the cotangent of y, x, mean, rstd, and weight where there is one. Outputs: the cotangent of x, and
 * Σ g n and Σ g of each channel of each batch.
 */
const backwardPrimitive: Primitive<ChannelAttrs> = {
  name: "batchNormBackward",
  formula:
    "rstd · weight · (g - mean g - n · mean g n), Σ g n, Σ g, n = (x - mean) · rstd, by channels",
  derivative: "of the formula in plain operations",
  saves: { inputs: [0, 1, 4] },
  outputs: ([, x, mean]) => [x!, mean!, mean!].map(({ shape, dtype }) => ({ shape, dtype })),
  run: ([g, x, mean, rstd, weight], { hasWeight }, outputs) => {
    const { device } = x!;
    const [dx, along, plain] = outputs.map((o) => DeviceTensor.empty(device, o.shape, o.dtype));
    const held = [g!, x!, mean!, rstd!, ...(weight ? [weight] : [])].map(dense);
    const [from, own, center, spread, factor] = held;
    const { teams, elements } = walkOf(device, x!);
    const read = {
      x: own!.binding,
      mean: center!.binding,
      rstd: spread!.binding,
      g: from!.binding,
    };
    launch(
      device,
      normChannelSums,
      { ...read, along: along!.binding, plain: plain!.binding },
      teams.params,
      teams.grid,
      { types: teams.types, constants: teams.constants },
    );
    const [, depth, , inner] = dimensionsOf(x!);
    launch(
      device,
      normChannelBackward,
      {
        ...read,
        along: along!.binding,
        plain: plain!.binding,
        weight: (factor ?? own!).binding,
        dx: dx!.binding,
      },
      { ...elements.params, share: 1 / (depth * inner) },
      elements.grid,
      { types: elements.types, overrides: { HAS_WEIGHT: flag(hasWeight) } },
    );
    for (const t of held) t.dispose();
    return [dx!, along!, plain!];
  },
  // The mean and the spread belong to x: what flows through them flows within the plain formula.
  vjp: (cotangents, { inputs: [g, x, , , weight], attrs, pullback }) => {
    const [dg, dx, dweight] = pullback(
      (...of) => plainBackward([of[0]!, of[1]!, of[2]], attrs),
      weight ? [g!, x!, weight] : [g!, x!],
      cotangents,
    );
    return [dg!, dx!, null, null, ...(weight ? [dweight!] : [])];
  },
  jvp: ([dg, dx, , , dweight], { inputs: [g, x, , , weight], attrs, pushforward }) =>
    pushforward(
      (...of) => plainBackward([of[0]!, of[1]!, of[2]], attrs),
      weight ? [g!, x!, weight] : [g!, x!],
      weight ? [dg!, dx!, dweight!] : [dg!, dx!],
    ),
  batch: (inputs, context) => {
    const { attrs, size, batched } = context;
    const all = withLanes(inputs.slice(0, 4), context).map(foldLanes);
    const ownWeight = batched[4] === true;
    const [dx, along, plain] = bind(
      backwardPrimitive,
      [...all, ...(ownWeight ? [] : inputs.slice(4))],
      ownWeight ? bare(attrs) : attrs,
    ).map((t) => unfoldLanes(t, size));
    return [ownWeight ? mul(dx!, columns(inputs[4]!)) : dx!, along!, plain!];
  },
};

const bare = (attrs: ChannelAttrs): ChannelAttrs => ({
  ...attrs,
  hasWeight: false,
  hasBias: false,
});

/** Lanes of batches are more batches, and back. */
function foldLanes(x: Tensor): Tensor {
  const [lanes, batches, ...rest] = x.shape as [number, number, ...number[]];
  return reshape(x, [lanes * batches, ...rest]);
}
const unfoldLanes = (x: Tensor, size: number): Tensor =>
  reshape(x, [size, x.shape[0]! / size, ...x.shape.slice(1)]);

/**
 * Inputs: x [batches, depth, channels, inner], then weight and bias [channels] where they are there. Outputs:
 * y; mean, rstd and variance of each channel of each batch. Only y has derivatives: the mean and rstd go to
 * the backward primitive, whose rules take them from x, and running statistics are no part of the gradient.
 */
const batchNormPrimitive: Primitive<ChannelAttrs> = {
  name: "batchNorm",
  formula: "(x - mean) / √(var + eps) · weight + bias, by channels of batches",
  derivative: "batchNormBackward",
  // x and the weight; a bias has a shape.
  saves: { inputs: [0, 1], outputs: [1, 2] },
  outputs: (inputs) => {
    const [x] = inputs;
    for (const [i, t] of inputs.entries())
      requireDType("batchNorm", i === 0 ? "x" : "a parameter", t.dtype, ["f32"]);
    const [batches, , channels] = dimensionsOf(x!);
    const each = { shape: [batches, channels], dtype: x!.dtype };
    return [{ shape: x!.shape, dtype: x!.dtype }, each, each, each];
  },
  run: (inputs, { eps, hasWeight, hasBias }, outputs) => {
    const { device } = inputs[0]!;
    const made = outputs.map((o) => DeviceTensor.empty(device, o.shape, o.dtype));
    const [y, mean, rstd, variance] = made;
    const held = inputs.map(dense);
    const [x] = held;
    const { teams, elements } = walkOf(device, x!);
    const statistics = { mean: mean!.binding, rstd: rstd!.binding };
    launch(
      device,
      normChannelStatistics,
      { x: x!.binding, ...statistics, variance: variance!.binding },
      { ...teams.params, eps },
      teams.grid,
      { types: teams.types, constants: teams.constants },
    );
    launch(
      device,
      normChannelForward,
      {
        x: x!.binding,
        ...statistics,
        weight: (hasWeight ? held[1]! : x!).binding,
        bias: (hasBias ? held.at(-1)! : x!).binding,
        y: y!.binding,
      },
      elements.params,
      elements.grid,
      {
        types: elements.types,
        overrides: { HAS_WEIGHT: flag(hasWeight), HAS_BIAS: flag(hasBias) },
      },
    );
    for (const t of held) t.dispose();
    return made;
  },
  vjp: ([g], { inputs, outputs: [, mean, rstd], attrs }) => {
    if (!g) return inputs.map(() => null);
    const [x] = inputs;
    const weight = attrs.hasWeight ? [inputs[1]!] : [];
    const [dx, along, plain] = bind(backwardPrimitive, [g, x!, mean!, rstd!, ...weight], attrs);
    return [
      dx!,
      ...(attrs.hasWeight ? [sum(along!, { dim: 0 })] : []),
      ...(attrs.hasBias ? [sum(plain!, { dim: 0 })] : []),
    ];
  },
  // The Jacobian of x's part is symmetric, so the backward kernels carry tangents as well.
  jvp: (tangents, { inputs, outputs: [y, mean, rstd], attrs }) => {
    const [x] = inputs;
    const [dx] = tangents;
    const dweight = attrs.hasWeight ? tangents[1] : null;
    const dbias = attrs.hasBias ? tangents.at(-1) : null;
    const terms: Tensor[] = [];
    if (dx) {
      const [moved] = bind(backwardPrimitive, [dx, x!, mean!, rstd!], bare(attrs));
      terms.push(attrs.hasWeight ? mul(moved!, column(inputs[1]!)) : moved!);
    }
    if (dweight) terms.push(mul(bind(batchNormPrimitive, [x!], bare(attrs))[0]!, column(dweight)));
    if (dbias) terms.push(expand(column(dbias), y!.shape));
    return [terms.reduce((a, b) => add(a, b)), null, null, null];
  },
  batch: (inputs, context) => {
    const { attrs, size, batched } = context;
    const [x] = withLanes(inputs.slice(0, 1), context).map(foldLanes);
    const own = batched.slice(1).includes(true);
    const [y, ...statistics] = bind(
      batchNormPrimitive,
      [x!, ...(own ? [] : inputs.slice(1))],
      own ? bare(attrs) : attrs,
    ).map((t) => unfoldLanes(t, size));
    const parameters = inputs.slice(1).map((p, i) => (batched[i + 1] ? columns(p) : column(p)));
    const weighted = own && attrs.hasWeight ? mul(y!, parameters[0]!) : y!;
    const shifted = own && attrs.hasBias ? add(weighted, parameters.at(-1)!) : weighted;
    return [shifted, ...statistics];
  },
};

export interface BatchNormOptions {
  /** Mean and variance to normalise by outside of training, and to move in training; [C] each. */
  runningMean?: Tensor | null;
  runningVar?: Tensor | null;
  /** Factor and summand of each channel, [C]. Default: none. */
  weight?: Tensor | null;
  bias?: Tensor | null;
  /** True: normalise by the batch's own statistics. Default false. */
  training?: boolean;
  /** Share of the batch in the new running statistics; one element may be in a tensor. Default 0.1. */
  momentum?: number | Tensor;
  /** Added to the variance. Default 1e-5. */
  eps?: number;
  /** In training, normalise every so many samples by themselves. Default: all samples together. */
  virtualBatchSize?: number;
}

export interface BatchNormResult {
  readonly output: Tensor;
  /** The running statistics after this batch; as given outside of training; null where none were given. */
  readonly runningMean: Tensor | null;
  readonly runningVar: Tensor | null;
}

/**
 * Batch normalisation (Ioffe and Szegedy 2015): (x - mean) / √(var + eps) · weight + bias for each channel.
 * In training mean and population variance are those of the batch, over all dimensions but the second, and
 * the running statistics move towards them: new = (1 - momentum) · old + momentum · batch, with the unbiased
 * variance. Otherwise the running statistics are what is normalised by.
 *
 * With `virtualBatchSize` (ghost batches, Hoffer, Hubara and Soudry 2017) each run of so many samples has
 * statistics of its own; the running ones move towards their average.
 *
 * Nothing is changed in place, and no gradient flows into the running statistics.
 *
 * @param x [N, C] or [N, C, ...]; f16 is computed in f32
 * @throws ShapeError where the shapes do not fit, or a channel has one value to train on; ArgumentError for a
 * negative eps, a momentum outside of 0 to 1, or no running statistics to evaluate with
 * @example
 * const { output, runningMean, runningVar } = batchNorm(x, { training: true, runningMean: m, runningVar: v });
 */
export function batchNorm(x: Tensor, options: BatchNormOptions = {}): BatchNormResult {
  const {
    training = false,
    eps = 1e-5,
    momentum = 0.1,
  } = requireOptions("batchNorm", options, "runningMean");
  const [samples, channels] = check(x, options);
  const pick = (t: Tensor | null | undefined): Tensor | null => (t ? to(t, "f32") : null);
  return scope(() => {
    const wide = to(x, "f32");
    const [weight, bias] = [pick(options.weight), pick(options.bias)];
    const [oldMean, oldVar] = [pick(options.runningMean), pick(options.runningVar)];
    const finish = (y: Tensor): Tensor => likeOperand(y, x);
    const same = (t: Tensor | null): Tensor | null => t && reshape(t, t.shape);
    if (!training) {
      const along = [channels, ...x.shape.slice(2).map(() => 1)];
      const spread = rsqrt(add(oldVar!, eps));
      const scale = reshape(weight ? mul(weight, spread) : spread, along);
      const deviation = sub(wide, reshape(oldMean!, along));
      const output = affine(deviation, scale, bias && reshape(bias, along));
      return { output: finish(output), runningMean: same(oldMean), runningVar: same(oldVar) };
    }
    const depth = options.virtualBatchSize ?? samples;
    const inner = sizeOf(x.shape.slice(2));
    const rows = reshape(wide, [samples / depth, depth, channels, inner]);
    const parameters = [weight, bias].filter((p) => p !== null);
    const attrs = { eps, hasWeight: weight !== null, hasBias: bias !== null };
    const [y, center, , variance] = bind(batchNormPrimitive, [rows, ...parameters], attrs);
    const count = depth * inner;
    const moved = (old: Tensor | null, batch: Tensor): Tensor | null =>
      old && lerp(stopGradient(old), stopGradient(mean(batch, { dim: 0 })), momentum);
    return {
      output: finish(reshape(y!, x.shape)),
      runningMean: moved(oldMean, center!),
      runningVar: moved(oldVar, mul(variance!, count / (count - 1))),
    };
  });
}

function check(x: Tensor, options: BatchNormOptions): [samples: number, channels: number] {
  const { training = false, eps = 1e-5, momentum = 0.1, virtualBatchSize } = options;
  if (x.rank < 2)
    throw new ShapeError(
      `batchNorm: x has shape ${show(x.shape)}; it needs samples and channels, [N, C, ...].`,
    );
  const [samples, channels] = x.shape as [number, number];
  for (const name of ["runningMean", "runningVar", "weight", "bias"] as const) {
    const t = options[name];
    if (t && (t.rank !== 1 || t.shape[0] !== channels))
      throw new ShapeError(
        `batchNorm: ${name} has shape ${show(t.shape)}; x has ${channels} channels, so it must be [${channels}].`,
      );
  }
  if (!(eps >= 0)) throw new ArgumentError(`batchNorm: eps ${eps} must be a number >= 0.`);
  if (typeof momentum === "number" && !(momentum >= 0 && momentum <= 1))
    throw new ArgumentError(`batchNorm: momentum ${momentum} must be a number from 0 to 1.`);
  if (!training) {
    if (!options.runningMean || !options.runningVar)
      throw new ArgumentError(
        "batchNorm: without training it normalises by runningMean and runningVar. Pass them, or training: true.",
      );
    return [samples, channels];
  }
  const depth = virtualBatchSize ?? samples;
  if (!Number.isInteger(depth) || depth < 1 || samples % depth !== 0)
    throw new ShapeError(
      `batchNorm: virtualBatchSize ${depth} must be a whole number >= 1 that divides the ${samples} samples of x.`,
    );
  const each = depth * sizeOf(x.shape.slice(2));
  if (each < 2 && sizeOf(x.shape) > 0)
    throw new ShapeError(
      `batchNorm: x of shape ${show(x.shape)} has ${each} value per channel to train on; it needs at least two. Use eval(), or more samples.`,
    );
  return [samples, channels];
}

export const batchNormPrimitives = [batchNormPrimitive, backwardPrimitive];
