/**
 * Entropic partial transport on the device: each side's potentials in turn at their best, then that of the whole mass. See
 * shaders/transport/partial.wgsl for the formulas.
 */
import { ArgumentError } from "../errors";
import { launch, transportPartial } from "../kernels";
import { add, div, minimum, mul, sub } from "../ops/arithmetic";
import { runUnaryInto } from "../ops/pointwise";
import type { Primitive } from "../ops/primitive";
import { planRows } from "../ops/rowTeam";
import { rowMajor } from "../ops/shape";
import { logSumExp } from "../ops/softmax";
import { bind } from "../ops/trace";
import type { DeviceTensor } from "../tensor/deviceTensor";
import { scope } from "../tensor/scope";
import type { Tensor } from "../tensor/tensor";
import { turnedInputs } from "./apply";
import { fixedPointCotangents, fixedPointTangents, type Step } from "./fixedPoint";
import { blank, negligible, paddedSize, paddedVector, pairsOf, scaleOf, unbounded } from "./pairs";
import { lanesAsProblems, swapped } from "./pull";
import { requireDone, type SinkhornAttrs } from "./sinkhornLoop";
import { halfStep, type Side, sideOf, softmin, withoutPadding } from "./softmin";

export interface PartialAttrs
  extends Pick<
    SinkhornAttrs,
    "cost" | "epsilon" | "tolerance" | "maxIterations" | "checkEvery" | "strict"
  > {
  /** Of the iteration behind derivatives. */
  readonly backward: number;
}

/**
 * Inputs: log2 a [B, n], log2 b [B, m], what is added to log P of rows and columns: 0 or `negligible` [B, n], [B, m], log2
 * of the mass [B, 1], cost. Outputs: f [B, n] and g [B, m], 0 or less, in units of the cost; λ [B, 1], of base 2; control [B, 4].
 */
const partialPrimitive: Primitive<PartialAttrs> = {
  name: "transportPartial",
  formula:
    "f = min(0, ε log a − ε log Σ_j exp((g_j + λ − c_ij) / ε)), g likewise, λ so that all is the mass",
  derivative: "of one iteration, at its fixed point, iterated",
  saves: "everything",
  outputs: ([a, b, , , mass]) =>
    [a!.shape, b!.shape, mass!.shape, [a!.shape[0]!, 4]].map((shape) => ({
      shape,
      dtype: "f32",
    })),
  run: (inputs, attrs) => scope(() => iterate(inputs, attrs)),
  vjp: (cotangents, { inputs, outputs, attrs }) =>
    fixedPointCotangents(
      stepOf(attrs),
      outputs.slice(0, 3),
      inputs,
      cotangents.slice(0, 3),
      attrs.backward,
    ),
  jvp: (tangents, { inputs, outputs, attrs, pushforward }) => {
    const step = stepOf(attrs);
    const moved = fixedPointTangents(
      (all) =>
        pushforward(
          (...of) => step(of.slice(0, 3), of.slice(3)),
          [...outputs.slice(0, 3), ...inputs],
          all,
        ),
      tangents,
      3,
      attrs.backward,
    );
    return [...moved, null];
  },
  batch: lanesAsProblems(() => partialPrimitive),
};

const op = "transport.partialSinkhorn";
const floatOf = (bits: number): number => new Float32Array(Int32Array.of(bits).buffer)[0]!;

function iterate(inputs: readonly DeviceTensor[], attrs: PartialAttrs): DeviceTensor[] {
  const [log2A, log2B, freeA, freeB, mass, ...of] = inputs as [
    ...[DeviceTensor, DeviceTensor, DeviceTensor, DeviceTensor, DeviceTensor],
    ...DeviceTensor[],
  ];
  const { epsilon, tolerance, maxIterations, checkEvery } = attrs;
  const { device } = log2A;
  const { forward, swapped: back } = pairsOf(of, attrs.cost);
  const { problems } = forward;
  const [a, b] = [
    sideOf(blank(device, log2A.shape), freeA),
    sideOf(blank(device, log2B.shape), freeB),
  ];
  const control = blank(device, [problems, 4]);
  const goal = goalOf(mass);
  const limit = (side: Side, log2: DeviceTensor) => {
    const rows = log2.shape[1]!;
    const weights = paddedVector(log2, negligible);
    const before = blank(device, side.f.shape);
    const { team, grid } = planRows(device, problems, rows);
    const site = device.faultSite(
      `${op}: mass`,
      (_, wanted, there) =>
        new ArgumentError(
          `${op}: mass ${floatOf(wanted).toPrecision(6)} is more than a side has, ${floatOf(there | 0).toPrecision(6)}. Give at most the smaller of the sums of a and b.`,
        ),
    );
    return (part: 0 | 1, iteration: number, judged: boolean): void =>
      launch(
        device,
        transportPartial,
        {
          f: side.f.binding,
          level: side.level.binding,
          log_w: weights.binding,
          before: before.binding,
          goal: goal.binding,
          control: control.binding,
          faults: device.faults,
        },
        {
          ...{ problems, rows, pad: paddedSize(rows), part, iteration, tolerance, site },
          judged: judged ? 1 : 0,
          scale: scaleOf(epsilon),
        },
        grid,
        { constants: { TEAM: team } },
      );
  };
  const [limitA, limitB] = [limit(a, log2A), limit(b, log2B)];
  const free = { epsilon, damping: 1, bound: unbounded, relaxation: 1, tail: 1 };
  for (let t = 1; t <= maxIterations; t++) {
    halfStep(forward, { rows: a, cols: b, control }, free);
    limitA(0, t, t === maxIterations || t % checkEvery === 0);
    halfStep(back, { rows: b, cols: a, control }, free);
    limitB(1, t, false);
  }
  if (attrs.strict) requireDone(control, { ...attrs, caller: "transport.partialSinkhorn" });
  return [
    withoutPadding(a.f, log2A.shape),
    withoutPadding(b.f, log2B.shape),
    rowMajor(goal.view([problems, 1], [2, 1])),
    control,
  ];
}

/** λ, which is 0 to begin with, and log2 of the mass: [B, 2]. */
function goalOf(mass: DeviceTensor): DeviceTensor {
  const goal = blank(mass.device, [mass.shape[0]!, 2]);
  runUnaryInto(mass, goal.view(mass.shape, [2, 1], 1), { OP: "op_id" });
  return goal;
}

/** One iteration in operations, from f, g and λ. */
function stepOf({ cost, epsilon }: PartialAttrs): Step {
  const pair = { cost, epsilon };
  const back = { cost: cost && swapped(cost), epsilon };
  const unit = 1 / scaleOf(epsilon);
  return ([f, g, lambda], [log2A, log2B, freeA, freeB, mass, ...of]) => {
    const limited = (log2: Tensor, s: Tensor): Tensor =>
      minimum(add(mul(sub(log2, lambda!), unit), s), 0);
    const turned = turnedInputs([f!, g!, freeA!, freeB!, f!, ...of], pair).slice(5);
    const nextF = limited(log2A!, softmin([f!, g!, freeB!, ...of], pair));
    const s = softmin([g!, nextF, freeA!, ...turned], back);
    const nextG = limited(log2B!, s);
    const masses = add(div(sub(nextG, s), epsilon), mul(freeB!, Math.LN2));
    const all = mul(logSumExp(masses, { dim: -1, keepdim: true }), Math.LOG2E);
    return [nextF, nextG, sub(mass!, all)];
  };
}

export function partialLoop(inputs: readonly Tensor[], attrs: PartialAttrs): readonly Tensor[] {
  return bind(partialPrimitive, inputs, attrs);
}

export const partialPrimitives = [partialPrimitive];
