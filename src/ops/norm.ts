/** Normalisation of rows: layer normalisation and root-mean-square normalisation. */
import { ArgumentError, ShapeError } from "../errors";
import { normBackward, normForward } from "../kernels";
import { DeviceTensor } from "../tensor/deviceTensor";
import { requireDType } from "../tensor/dtype";
import { scope } from "../tensor/scope";
import { type Shape, sameShape, show, sizeOf } from "../tensor/shape";
import type { Tensor } from "../tensor/tensor";
import { add, mul, sub } from "./arithmetic";
import { likeOperand } from "./autocast";
import { type Epilogue, infinity, launchWith, primitiveWithEpilogue } from "./epilogue";
import { rsqrt } from "./functions";
import { sumParameters } from "./normParameters";
import type { BatchContext, Primitive, Spec } from "./primitive";
import { mean, sum } from "./reduce";
import { planRows } from "./rowTeam";
import { withLanes } from "./rules";
import { dense, expand, reshape, to } from "./shape";
import { bind } from "./trace";

interface NormAttrs {
  /** Elements per row. */
  readonly cols: number;
  readonly eps: number;
  /** True: subtract the mean (layer normalisation). */
  readonly centered: boolean;
  readonly hasWeight: boolean;
  readonly hasBias: boolean;
}

const flag = (value: boolean): 0 | 1 => (value ? 1 : 0);
const columnsOfRows = (_: readonly Spec[], { cols }: NormAttrs): number => cols;
const rowCount = (x: Spec, { cols }: NormAttrs): number => sizeOf(x.shape) / cols;

/** A parameter of each lane [lanes, *normalizedShape], so that it meets x with lanes before its rows. */
function facing(parameter: Tensor, x: Tensor): Tensor {
  const [lanes, ...own] = parameter.shape;
  const missing = x.rank - parameter.rank;
  return reshape(parameter, [lanes!, ...new Array<number>(missing).fill(1), ...own]);
}

/** The mean or the spread of all rows in one dimension, and back to [lanes, rows]. */
const merged = (rows: Tensor): Tensor => reshape(rows, [rows.size]);
const perLane = (rows: Tensor, { size }: BatchContext<NormAttrs>): Tensor =>
  reshape(rows, [size, rows.size / size]);

/** x by its mean and spread alone: (x - mean) · rstd, which is differentiable like the rest. */
const normalizedAlone = (x: Tensor, attrs: NormAttrs): Tensor[] =>
  bind(attrs.centered ? layerNormPrimitive : rmsNormPrimitive, [x], bare(attrs));

const bare = (attrs: NormAttrs): NormAttrs => ({ ...attrs, hasWeight: false, hasBias: false });

/** The rows and the deviations from their mean over their spread, in plain operations. */
function plainNormalized(x: Tensor, { cols, eps, centered }: NormAttrs) {
  const rows = reshape(x, [-1, cols]);
  const along = { dim: -1, keepdim: true };
  const deviation = centered ? sub(rows, mean(rows, along)) : rows;
  const rstd = rsqrt(add(mean(mul(deviation, deviation), along), eps));
  return { rstd, normalized: mul(deviation, rstd) };
}

/** norm/backward in plain operations, for its own derivatives. */
function plainBackward(
  [g, x, weight]: readonly [Tensor, Tensor, (Tensor | undefined)?],
  attrs: NormAttrs,
): Tensor {
  const { rstd, normalized } = plainNormalized(x, attrs);
  const along = { dim: -1, keepdim: true };
  const rows = reshape(g, [-1, attrs.cols]);
  const h = weight ? mul(rows, reshape(weight, [attrs.cols])) : rows;
  const centered = attrs.centered ? sub(h, mean(h, along)) : h;
  const dx = mul(rstd, sub(centered, mul(normalized, mean(mul(h, normalized), along))));
  return reshape(dx, x.shape);
}

/** norm/parameter_partials and norm/parameter_sums in plain operations. */
function plainParameters([g, x]: readonly Tensor[], attrs: NormAttrs): Tensor[] {
  const rows = reshape(g!, [-1, attrs.cols]);
  const weight = sum(mul(rows, plainNormalized(x!, attrs).normalized), { dim: 0 });
  return attrs.hasBias ? [weight, sum(rows, { dim: 0 })] : [weight];
}

/** dx, or what an epilogue makes of it. */
function backwardInto(
  [g, x, mean, rstd, weight]: readonly DeviceTensor[],
  attrs: NormAttrs,
  dx: DeviceTensor,
  epilogue: Epilogue | null,
): void {
  const rows = rowCount(x!, attrs);
  const { team, V, cols, grid } = planRows(dx.device, rows, attrs.cols);
  const held = [dense(g!), dense(x!), dense(weight ?? x!)] as const;
  launchWith(
    dx.device,
    normBackward,
    {
      g: held[0].binding,
      x: held[1].binding,
      weight: held[2].binding,
      mean: mean!.binding,
      rstd: rstd!.binding,
      dx: dx.binding,
    },
    { rows, cols, infinity },
    grid,
    {
      types: { V },
      constants: { TEAM: team },
      overrides: { CENTERED: flag(attrs.centered), HAS_WEIGHT: flag(attrs.hasWeight) },
    },
    V === "vec4f" ? 4 : 1,
    epilogue,
  );
  for (const t of held) t.dispose();
}

const cotangentEpilogue = primitiveWithEpilogue<NormAttrs>(
  { name: "normBackward", formula: "the cotangent of what is normalised" },
  {
    columns: columnsOfRows,
    others: () => [],
    run: (inputs, attrs, epilogue) => backwardInto(inputs, attrs, epilogue.outputs[0]!, epilogue),
  },
);

/** Inputs: the cotangent of y, x, mean, rstd, and weight where there is one. Output: that of x. */
const inputCotangent: Primitive<NormAttrs> = {
  name: "normBackward",
  formula: "rstd · (h - mean h - n · mean h n), h = g · weight, n = (x - mean) · rstd",
  derivative: "of the formula in plain operations",
  saves: { inputs: [0, 1, 4] },
  outputs: ([, x]) => [{ shape: x!.shape, dtype: x!.dtype }],
  run: (inputs, attrs, [out]) => {
    const dx = DeviceTensor.empty(inputs[0]!.device, out!.shape, out!.dtype);
    backwardInto(inputs, attrs, dx, null);
    return [dx];
  },
  epilogue: { primitive: cotangentEpilogue, columns: columnsOfRows },
  // The mean and the spread belong to x: what flows through them flows within the plain formula.
  vjp: ([ct], { inputs: [g, x, , , weight], attrs, pullback }) => {
    const [dg, dx, dweight] = pullback(
      (...of) => [plainBackward([of[0]!, of[1]!, of[2]], attrs)],
      weight ? [g!, x!, weight] : [g!, x!],
      [ct!],
    );
    return [dg!, dx!, null, null, ...(weight ? [dweight!] : [])];
  },
  jvp: ([dg, dx, , , dweight], { inputs: [g, x, , , weight], attrs, pushforward }) =>
    pushforward(
      (...of) => [plainBackward([of[0]!, of[1]!, of[2]], attrs)],
      weight ? [g!, x!, weight] : [g!, x!],
      weight ? [dg!, dx!, dweight!] : [dg!, dx!],
    ),
  batch: (inputs, context) => {
    const { attrs, batched } = context;
    const [g, x, mean, rstd] = withLanes(inputs.slice(0, 4), context);
    const rows = [x!, merged(mean!), merged(rstd!)];
    if (!batched[4]) return bind(inputCotangent, [g!, ...rows, ...inputs.slice(4)], attrs);
    return bind(inputCotangent, [mul(g!, facing(inputs[4]!, x!)), ...rows], {
      ...attrs,
      hasWeight: false,
    });
  },
};

/** Inputs: the cotangent of y, x, mean, rstd. Outputs: the cotangents of weight, and of bias if it is there. */
const parameterCotangents: Primitive<NormAttrs> = {
  name: "normParametersBackward",
  formula: "Σ_rows g · (x - mean) · rstd, and Σ_rows g",
  derivative: "of the formula in plain operations",
  saves: { inputs: [0, 1] },
  outputs: ([, x], { cols, hasBias }) => {
    const row = { shape: [cols], dtype: x!.dtype };
    return hasBias ? [row, row] : [row];
  },
  run: (inputs, attrs, outputs) =>
    sumParameters(inputs, rowCount(inputs[1]!, attrs), attrs.cols, outputs),
  vjp: (cotangents, { inputs: [g, x], attrs, pullback }) => [
    ...pullback((...of) => plainParameters(of, attrs), [g!, x!], cotangents),
    null,
    null,
  ],
  jvp: ([dg, dx], { inputs: [g, x], attrs, pushforward }) =>
    pushforward((...of) => plainParameters(of, attrs), [g!, x!], [dg!, dx!]),
  batch: (inputs, context) => {
    const { attrs, size } = context;
    const [g, x] = withLanes(inputs.slice(0, 2), context);
    const rows = (t: Tensor): Tensor => reshape(t, [size, t.size / size / attrs.cols, attrs.cols]);
    const weight = sum(mul(rows(g!), rows(normalizedAlone(x!, attrs)[0]!)), { dim: 1 });
    return attrs.hasBias ? [weight, sum(rows(g!), { dim: 1 })] : [weight];
  },
};

/** y, or what an epilogue makes of it, and mean and rstd of each row. */
function forwardInto(
  inputs: readonly DeviceTensor[],
  attrs: NormAttrs,
  [y, mean, rstd]: readonly [DeviceTensor, DeviceTensor, DeviceTensor],
  epilogue: Epilogue | null,
): void {
  const held = inputs.map(dense);
  const [x] = held;
  const weight = attrs.hasWeight ? held[1] : x;
  const bias = attrs.hasBias ? held.at(-1) : x;
  const rows = rowCount(x!, attrs);
  const { team, V, cols, grid } = planRows(y.device, rows, attrs.cols);
  launchWith(
    y.device,
    normForward,
    {
      x: x!.binding,
      weight: weight!.binding,
      bias: bias!.binding,
      y: y.binding,
      mean: mean.binding,
      rstd: rstd.binding,
    },
    { rows, cols, eps: attrs.eps, infinity },
    grid,
    {
      types: { V },
      constants: { TEAM: team },
      overrides: {
        CENTERED: flag(attrs.centered),
        HAS_WEIGHT: flag(attrs.hasWeight),
        HAS_BIAS: flag(attrs.hasBias),
      },
    },
    V === "vec4f" ? 4 : 1,
    epilogue,
  );
  for (const t of held) t.dispose();
}

const normEpilogue = primitiveWithEpilogue<NormAttrs>(
  { name: "norm", formula: "a normalisation of rows" },
  {
    columns: columnsOfRows,
    others: ([x], attrs) => {
      const row = { shape: [rowCount(x!, attrs)], dtype: x!.dtype };
      return [row, row];
    },
    run: (inputs, attrs, epilogue, [mean, rstd]) =>
      forwardInto(inputs, attrs, [epilogue.outputs[0]!, mean!, rstd!], epilogue),
  },
);

/** Inputs: x, then weight and bias where they are there. Outputs: y, and mean and rstd of each row. */
// @__NO_SIDE_EFFECTS__
function normPrimitive(name: string, formula: string): Primitive<NormAttrs> {
  const primitive: Primitive<NormAttrs> = {
    name,
    formula,
    derivative: "normBackward to x; normParametersBackward to weight and bias",
    // x and the weight; a bias has a shape.
    saves: { inputs: [0, 1], outputs: [1, 2] },
    outputs: (inputs, attrs) => {
      const [x] = inputs;
      requireDType(name, "x", x!.dtype, ["f32"]);
      for (const parameter of inputs.slice(1))
        requireDType(name, "a parameter", parameter.dtype, ["f32"]);
      const row = { shape: [rowCount(x!, attrs)], dtype: x!.dtype };
      return [{ shape: x!.shape, dtype: x!.dtype }, row, row];
    },
    run: (inputs, attrs, outputs) => {
      const { device } = inputs[0]!;
      const made = outputs.map((o) => DeviceTensor.empty(device, o.shape, o.dtype));
      forwardInto(inputs, attrs, made as [DeviceTensor, DeviceTensor, DeviceTensor], null);
      return made;
    },
    epilogue: { primitive: normEpilogue, columns: columnsOfRows },
    vjp: ([g], { inputs, outputs: [, mean, rstd], attrs, needs }) => {
      const [x] = inputs;
      const weight = attrs.hasWeight ? [inputs[1]!] : [];
      const parameters = inputs.slice(1);
      const dx = needs[0]
        ? bind(inputCotangent, [g!, x!, mean!, rstd!, ...weight], attrs)[0]!
        : null;
      if (!needs.slice(1).includes(true)) return [dx, ...parameters.map(() => null)];
      const sums = bind(parameterCotangents, [g!, x!, mean!, rstd!], attrs);
      const own = attrs.hasWeight ? sums : sums.slice(1);
      return [dx, ...parameters.map((p, i) => reshape(own[i]!, p.shape))];
    },
    // The Jacobian of x's part is symmetric, so the backward kernel carries tangents as well. The mean and
    // the spread only go to the backward operations, whose rules take them from x: no tangents, as above.
    jvp: (tangents, { inputs, outputs: [y, mean, rstd], attrs }) => {
      const [x] = inputs;
      const [dx] = tangents;
      const dweight = attrs.hasWeight ? tangents[1] : null;
      const dbias = attrs.hasBias ? tangents.at(-1) : null;
      const terms: Tensor[] = [];
      if (dx) {
        const [moved] = bind(inputCotangent, [dx, x!, mean!, rstd!], bare(attrs));
        terms.push(attrs.hasWeight ? mul(moved!, inputs[1]!) : moved!);
      }
      if (dweight) terms.push(mul(normalizedAlone(x!, attrs)[0]!, dweight));
      if (dbias) terms.push(expand(dbias, y!.shape));
      return [terms.reduce((a, b) => add(a, b)), null, null];
    },
    batch: (inputs, context) => {
      const { attrs, batched } = context;
      const [x] = withLanes(inputs.slice(0, 1), context);
      const own = batched.slice(1).includes(true);
      const [y, mean, rstd] = own
        ? normalizedAlone(x!, attrs)
        : bind(primitive, [x!, ...inputs.slice(1)], attrs);
      const parameters = inputs.slice(1).map((p, i) => (own && batched[i + 1] ? facing(p, x!) : p));
      const weighted = own && attrs.hasWeight ? mul(y!, parameters[0]!) : y!;
      const shifted = own && attrs.hasBias ? add(weighted, parameters.at(-1)!) : weighted;
      return [shifted, perLane(mean!, context), perLane(rstd!, context)];
    },
  };
  return primitive;
}

const layerNormPrimitive = normPrimitive(
  "layerNorm",
  "(x - mean) / √(var + eps) · weight + bias, over the last dimensions",
);
const rmsNormPrimitive = normPrimitive(
  "rmsNorm",
  "x / √(mean(x²) + eps) · weight, over the last dimensions",
);

/** @throws ShapeError, ArgumentError */
function run(
  primitive: Primitive<NormAttrs>,
  x: Tensor,
  normalizedShape: number | Shape,
  centered: boolean,
  eps: number,
  weight?: Tensor | null,
  bias?: Tensor | null,
): Tensor {
  const { name } = primitive;
  const shape: Shape = Array.isArray(normalizedShape) ? normalizedShape : [normalizedShape];
  const cols = sizeOf(shape);
  if (shape.length === 0 || cols === 0 || !sameShape(x.shape.slice(-shape.length), shape))
    throw new ShapeError(
      `${name}: normalizedShape ${show(shape)} must be the last dimensions of x, which has shape ${show(x.shape)}, and hold at least one element.`,
    );
  for (const [parameter, which] of [
    [weight, "weight"],
    [bias, "bias"],
  ] as const)
    if (parameter && !sameShape(parameter.shape, shape))
      throw new ShapeError(
        `${name}: ${which} has shape ${show(parameter.shape)}; it must have normalizedShape, ${show(shape)}.`,
      );
  if (!(eps >= 0)) throw new ArgumentError(`${name}: eps ${eps} must be a number >= 0.`);
  const parameters = [weight, bias].filter((p): p is Tensor => p != null);
  const attrs = { cols, eps, centered, hasWeight: weight != null, hasBias: bias != null };
  return scope(() => {
    const operands = [x, ...parameters].map((t) => to(t, "f32"));
    const [y] = bind(primitive, operands, attrs);
    return likeOperand(y!, x);
  });
}

/**
 * Layer normalisation (Ba, Kiros and Hinton 2016): (x - mean) / √(var + eps) · weight + bias, with mean and
 * population variance over the last dimensions.
 *
 * @param x [..., *normalizedShape]; f16 is computed in f32 and rounded once
 * @param normalizedShape the last dimensions of x, or their size if it is one
 * @param weight normalizedShape. Default: none, a factor of 1
 * @param bias normalizedShape. Default: none
 * @param eps added to the variance. Default 1e-5
 * @throws ShapeError where the shapes do not fit; ArgumentError for a negative eps
 * @example layerNorm(tensor([1, 3]), 2) // -1, 1
 */
export function layerNorm(
  x: Tensor,
  normalizedShape: number | Shape,
  weight?: Tensor | null,
  bias?: Tensor | null,
  eps = 1e-5,
): Tensor {
  return run(layerNormPrimitive, x, normalizedShape, true, eps, weight, bias);
}

/**
 * Root-mean-square normalisation (Zhang and Sennrich 2019): x / √(mean(x²) + eps) · weight over the last
 * dimensions.
 *
 * @param x [..., *normalizedShape]; f16 is computed in f32 and rounded once
 * @param normalizedShape the last dimensions of x, or their size if it is one
 * @param weight normalizedShape. Default: none, a factor of 1
 * @param eps added to the mean square. Default 2^-23, the spacing of f32 at 1, as in PyTorch
 * @throws ShapeError where the shapes do not fit; ArgumentError for a negative eps
 */
export function rmsNorm(
  x: Tensor,
  normalizedShape: number | Shape,
  weight?: Tensor | null,
  eps = 2 ** -23,
): Tensor {
  return run(rmsNormPrimitive, x, normalizedShape, false, eps, weight);
}

export const normPrimitives = [
  layerNormPrimitive,
  rmsNormPrimitive,
  inputCotangent,
  parameterCotangents,
];
