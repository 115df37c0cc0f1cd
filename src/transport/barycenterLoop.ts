/**
 * Iterative Bregman projections for a barycentre, on the device: for each histogram a half-iteration of Sinkhorn for its
 * columns and one for its rows, and a dispatch that takes from all of them what their rows have in common. See
 * shaders/transport/barycenter.wgsl for the formulas.
 */
import { gridFor, launch, transportBarycenter } from "../kernels";
import { add, mul, sub } from "../ops/arithmetic";
import { zerosLike } from "../ops/creation";
import type { Primitive } from "../ops/primitive";
import { sum } from "../ops/reduce";
import { expand, reshape, rowMajor, select, unsqueeze } from "../ops/shape";
import { bind } from "../ops/trace";
import type { DeviceTensor } from "../tensor/deviceTensor";
import { scope } from "../tensor/scope";
import type { Tensor } from "../tensor/tensor";
import { turnedInputs } from "./apply";
import { fixedPointCotangents, fixedPointTangents, type Step } from "./fixedPoint";
import { blank, paddedSize, pairsOf, scaleOf, unbounded } from "./pairs";
import { lanesAsProblems, swapped } from "./pull";
import { check, requireDone, type SinkhornAttrs } from "./sinkhornLoop";
import { halfStep, sideOf, softmin, withoutPadding } from "./softmin";

export interface BarycenterAttrs
  extends Pick<
    SinkhornAttrs,
    "cost" | "epsilon" | "tolerance" | "maxIterations" | "checkEvery" | "strict"
  > {
  /** Histograms per problem. */
  readonly count: number;
  readonly debiased: boolean;
  /** Of the iteration behind derivatives. */
  readonly backward: number;
}

/**
 * Inputs: log2 of the histograms [B count, m], shares [B, count], cost of [B count] problems. Outputs: the potentials f of
 * the barycentre's points [B count, n], without their tails; log2 d [B, n]; control [B count, 4]; the levels of f, and log2
 * of the barycentre, for each of its potentials, which pass no derivatives.
 */
const barycenterPrimitive: Primitive<BarycenterAttrs> = {
  name: "transportBarycenter",
  formula: "f_k, the potentials to histogram k of q = d exp(−Σ_k w_k f_k / ε)",
  derivative: "of one iteration, at its fixed point, iterated",
  saves: "everything",
  outputs: ([p, , c], { count }) => {
    const [problems, rows] = [p!.shape[0]!, c!.shape[1]!];
    const potentials = [problems, rows];
    return [potentials, [problems / count, rows], [problems, 4], potentials, potentials].map(
      (shape) => ({ shape, dtype: "f32" }),
    );
  },
  run: (inputs, attrs) => scope(() => iterate(inputs, attrs)),
  vjp: ([df, dd], { inputs, outputs, attrs }) =>
    fixedPointCotangents(
      stepOf(attrs),
      stateOf(outputs, attrs),
      inputs,
      [df ?? null, dd ?? null],
      attrs.backward,
    ),
  jvp: (tangents, { inputs, outputs, attrs, pushforward }) => {
    const step = stepOf(attrs);
    const moved = fixedPointTangents(
      (all) =>
        pushforward(
          (a, b, ...parameters) => step([a!, b!], parameters),
          [...stateOf(outputs, attrs), ...inputs],
          all,
        ),
      tangents,
      2,
      attrs.backward,
    );
    return [...moved, null, null, null];
  },
  batch: lanesAsProblems(() => barycenterPrimitive),
};

/** f, with the tails, and log2 d. */
const stateOf = (
  [f, d, , level, log2Q]: readonly Tensor[],
  { epsilon }: BarycenterAttrs,
): [Tensor, Tensor] => [add(f!, mul(sub(level!, log2Q!), 1 / scaleOf(epsilon))), d!];

const caller = "transport.barycenter";

function iterate(inputs: readonly DeviceTensor[], attrs: BarycenterAttrs): DeviceTensor[] {
  const [log2P, shares, ...of] = inputs as [DeviceTensor, DeviceTensor, ...DeviceTensor[]];
  const { count, debiased, epsilon, tolerance, maxIterations, checkEvery } = attrs;
  const { device } = log2P;
  const { forward, swapped: back } = pairsOf(of, attrs.cost);
  const { problems, rows } = forward;
  const zeros = (batch: number, size: number): DeviceTensor => blank(device, [batch, size]);
  const start = zeros(problems, rows);
  const [a, b] = [sideOf(start, start), sideOf(blank(device, log2P.shape), log2P)];
  const control = blank(device, [problems, 4]);
  const dense = rowMajor(shares);
  const one = zeros(problems / count, rows);
  const [d, reached] = [sideOf(one, one), sideOf(one, one)];
  const own = debiased
    ? pairsOf(
        of.map((x) => everyNth(x, count)),
        attrs.cost,
        "forward",
      )
    : null;
  const always = blank(device, [problems / count, 4]);
  const free = { epsilon, damping: 1, bound: unbounded, relaxation: 1 };
  for (let t = 1; t <= maxIterations; t++) {
    halfStep(back, { rows: b, cols: a, control }, { ...free, tail: 1 });
    halfStep(forward, { rows: a, cols: b, control }, { ...free, tail: 1 });
    if (own)
      halfStep(own.forward, { rows: reached, cols: d, control: always }, { ...free, tail: 0 });
    launch(
      device,
      transportBarycenter,
      {
        f: a.f.binding,
        level: a.level.binding,
        account: a.account.binding,
        shares: dense.binding,
        log_d: d.level.binding,
        reach: reached.f.binding,
        control: control.binding,
      },
      {
        problems: problems / count,
        count,
        rows,
        pad: paddedSize(rows),
        scale: scaleOf(epsilon),
        debiased: debiased ? 1 : 0,
      },
      gridFor(device, (problems / count) * rows, 64),
    );
    if (t === maxIterations || t % checkEvery === 0)
      check([a, b], control, rows, { tolerance, iteration: t, caller });
  }
  if (attrs.strict) requireDone(control, { ...attrs, caller });
  const shape = [problems, rows];
  const wide = paddedSize(rows);
  return [
    withoutPadding(a.f, shape),
    withoutPadding(d.level, one.shape),
    control,
    withoutPadding(a.level, shape),
    rowMajor(a.account.view(shape, [2 * wide, 2])),
  ];
}

/** Every count-th of [B count, ...]. */
const everyNth = (x: DeviceTensor, count: number): DeviceTensor =>
  x.view(
    [x.shape[0]! / count, ...x.shape.slice(1)],
    [x.strides[0]! * count, ...x.strides.slice(1)],
  );

/** One iteration in operations, from f and log2 d. */
function stepOf({ cost, epsilon, count, debiased }: BarycenterAttrs): Step {
  const pair = { cost, epsilon };
  const back = { cost: cost && swapped(cost), epsilon };
  return ([f, d], [log2P, shares, ...of]) => {
    const [problems, rows] = f!.shape as [number, number];
    const each = expand(unsqueeze(logHistogram(f!, d!, shares!, epsilon), 1), [
      problems / count,
      count,
      rows,
    ]);
    const log2Q = reshape(each, f!.shape);
    const turned = turnedInputs([f!, log2P!, log2Q, log2P!, f!, ...of], pair).slice(5);
    const g = softmin([zerosLike(log2P!), f!, log2Q, ...turned], back);
    const next = softmin([f!, g, log2P!, ...of], pair);
    if (!debiased) return [next, d!];
    const own = of.map((x) =>
      select(reshape(x, [problems / count, count, ...x.shape.slice(1)]), 1, 0),
    );
    const zero = zerosLike(d!);
    const reached = mul(softmin([zero, zero, d!, ...own], pair), scaleOf(epsilon));
    const logQ = logHistogram(next, d!, shares!, epsilon);
    return [next, mul(add(d!, add(logQ, reached)), 0.5)];
  };
}

/** log2 of the barycentre [B, n]. */
export function logHistogram(f: Tensor, log2D: Tensor, shares: Tensor, epsilon: number): Tensor {
  const [problems, count] = shares.shape as [number, number];
  const potentials = reshape(f, [problems, count, f.shape[1]!]);
  const weighted = sum(mul(potentials, unsqueeze(shares, -1)), { dim: 1 });
  return sub(log2D, mul(weighted, scaleOf(epsilon)));
}

export function barycenterLoop(
  inputs: readonly Tensor[],
  attrs: BarycenterAttrs,
): readonly Tensor[] {
  return bind(barycenterPrimitive, inputs, attrs);
}

export const barycenterPrimitives = [barycenterPrimitive];
