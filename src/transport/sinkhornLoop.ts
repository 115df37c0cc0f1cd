/**
 * Sinkhorn's iteration in the log domain, all of it on the device: potentials of rows and columns in turn, one dispatch
 * each, and every few iterations one that decides which problems are done. Those change nothing any more.
 *
 * The error that is checked is that of the potentials before the last half-iteration. What that leaves, with rows that
 * are exact, has columns that are off by no more: ‖Pᵀ1 − b‖₁ <= ‖P'1 − a‖₁, since each row passes on at most what it
 * had too much or too little.
 *
 * With Anderson's mixing of the column potentials neither side is exact after a mixing, so the sides change places: the
 * error is what the half step of the columns changes, after one of the rows, which makes these exact. Mixing comes
 * last, and leaves problems alone that are done; after the last iteration there is none. So what is left has exact
 * columns, and rows that are off by no more than the error.
 */
import { ArgumentError, ConvergenceError, TilegradError } from "../errors";
import { gridFor, launch, transportCheck, transportVerdict } from "../kernels";
import { add, mul, sub } from "../ops/arithmetic";
import type { Primitive } from "../ops/primitive";
import { planRows } from "../ops/rowTeam";
import { stopGradient } from "../ops/shape";
import { bind } from "../ops/trace";
import type { DeviceTensor } from "../tensor/deviceTensor";
import { scope } from "../tensor/scope";
import type { Tensor } from "../tensor/tensor";
import { type Mixing, mixer } from "./anderson";
import { type FixedPoint, implicitCotangents, implicitTangents } from "./implicit";
import { blank, type PairAttrs, paddedSize, pairsOf, scaleOf } from "./pairs";
import { lanesAsProblems } from "./pull";
import { halfStep, type Side, sideOf, withoutPadding } from "./softmin";

/** How the mass of one side may differ from its weights: see shaders/transport/softmin.wgsl. */
export interface SideRule {
  readonly damping: number;
  readonly bound: number;
  /** The potential of a point that no mass can reach: where the penalty has taken all of its own; 0 without a penalty. */
  readonly limit: number;
}

export interface SinkhornAttrs extends PairAttrs {
  readonly a: SideRule;
  readonly b: SideRule;
  readonly relaxation: number;
  /** The epsilons of the first iterations, before `epsilon`. */
  readonly scaling: readonly number[];
  readonly tolerance: number;
  readonly maxIterations: number;
  readonly checkEvery: number;
  readonly strict: boolean;
  /** What errors name. Default "transport.sinkhorn". */
  readonly caller?: string;
  /** Without over-relaxation. */
  readonly anderson?: Mixing;
  /** Of the conjugate gradients behind derivatives. */
  readonly implicit: { readonly maxIterations: number; readonly tolerance: number };
}

const op = "transport.sinkhorn";

/**
 * Inputs: f and g to start from [B, n] and [B, m], log2 a, log2 b, cost. Outputs: f and g, which lack their tails; control
 * [B, 4]; the levels, log2 of the weights plus the tails: see shaders/transport/softmin.wgsl. Levels pass no derivatives.
 */
const sinkhornPrimitive: Primitive<SinkhornAttrs> = {
  name: "transportSinkhorn",
  formula:
    "f = −ε log Σ_j b_j exp((g_j − c_ij) / ε), and g likewise, until both hold; with the verdict",
  derivative:
    "of both equations, which define f and g: conjugate gradients on [[diag P1, P], [Pᵀ, diag Pᵀ1]]",
  saves: "everything",
  outputs: ([f, g]) =>
    [f!.shape, g!.shape, [f!.shape[0]!, 4], f!.shape, g!.shape].map((shape) => ({
      shape,
      dtype: "f32",
    })),
  run: (inputs, attrs) => scope(() => iterate(inputs, attrs)),
  vjp: ([df, dg], { inputs, outputs, attrs, needs }) => [
    null,
    null,
    ...implicitCotangents([df!, dg!], foundAt(inputs, outputs, attrs), attrs, needs.slice(2)),
  ],
  jvp: (tangents, { inputs, outputs, attrs, pushforward }) => [
    ...implicitTangents(tangents.slice(2), foundAt(inputs, outputs, attrs), attrs, pushforward),
    ...[null, null, null],
  ],
  batch: lanesAsProblems(() => sinkhornPrimitive),
};

/**
 * A potential whole, and the log weights that its plan has: with the tail, which stands still where weights move.
 */
export function withTail(
  potential: Tensor,
  level: Tensor,
  log2: Tensor,
  epsilon: number,
): { readonly whole: Tensor; readonly weights: Tensor } {
  const tail = stopGradient(sub(level, log2));
  return { whole: add(potential, mul(tail, 1 / scaleOf(epsilon))), weights: add(log2, tail) };
}

/** What the derivatives are found at. */
function foundAt(
  [, , log2A, log2B, ...cost]: readonly Tensor[],
  [f, g, , levelA, levelB]: readonly Tensor[],
  { epsilon }: SinkhornAttrs,
): FixedPoint {
  const a = withTail(f!, levelA!, log2A!, epsilon);
  const b = withTail(g!, levelB!, log2B!, epsilon);
  return { plan: [f!, g!, a.weights, b.weights, ...cost], f: a.whole, g: b.whole };
}

function iterate(
  [f0, g0, log2A, log2B, ...of]: readonly DeviceTensor[],
  attrs: SinkhornAttrs,
): DeviceTensor[] {
  const { epsilon, relaxation, scaling, tolerance, maxIterations, checkEvery, caller } = attrs;
  const { forward, swapped } = pairsOf(of, attrs.cost);
  const [a, b] = [sideOf(f0!, log2A!), sideOf(g0!, log2B!)];
  const control = blank(f0!.device, [forward.problems, 4]);
  const { anderson } = attrs;
  const mix = anderson && mixer(b, control, swapped.rows, { memory: anderson.memory, epsilon });
  for (let t = 1; t <= maxIterations; t++) {
    const common = { epsilon: scaling[t - 1] ?? epsilon, relaxation, tail: 1 };
    halfStep(forward, { rows: a, cols: b, control }, { ...common, ...attrs.a });
    const settled = t > scaling.length;
    const judged = t === maxIterations || (settled && t % checkEvery === 0);
    const verdict = { tolerance: settled ? tolerance : -1, iteration: t, caller };
    if (judged && !mix) check([a, b], control, forward.rows, verdict);
    halfStep(swapped, { rows: b, cols: a, control }, { ...common, ...attrs.b });
    if (judged && mix)
      check([b, a], control, swapped.rows, { ...verdict, sides: ["column", "row"] });
    const since = t - scaling.length - (anderson?.start ?? 0);
    if (mix && since > 0 && since % anderson.every === 0 && t < maxIterations) mix();
  }
  if (attrs.strict) requireDone(control, attrs);
  return [
    withoutPadding(a.f, f0!.shape),
    withoutPadding(b.f, g0!.shape),
    control,
    withoutPadding(a.level, f0!.shape),
    withoutPadding(b.level, g0!.shape),
  ];
}

interface Look {
  readonly tolerance: number;
  readonly iteration: number;
  /** What errors name. */
  readonly caller?: string | undefined;
  /** What the sides are called. Default rows first. */
  readonly sides?: readonly [string, string];
}

/** Whether problems are done, by the error of the first side; rows and columns that nothing can reach are an error. */
export function check(
  [{ account }, { account: other }]: readonly [Pick<Side, "account">, Pick<Side, "account">],
  control: DeviceTensor,
  rows: number,
  { tolerance, iteration, caller = op, sides = ["row", "column"] }: Look,
): void {
  const { device } = account;
  const problems = account.shape[0]!;
  const stuck = (side: string): number =>
    device.faultSite(
      `${caller}: ${side} without a way`,
      (_, at, problem) =>
        new ArgumentError(
          `${caller}: ${side} ${at} of problem ${problem} has weight, and no pair to send it by: its costs are Infinity wherever there is weight. Make a cost finite, give it weight 0, or let its mass go with a penalty (sinkhornUnbalanced).`,
        ),
    );
  const { team, grid } = planRows(device, problems, rows);
  launch(
    device,
    transportCheck,
    {
      account: account.binding,
      other: other.binding,
      control: control.binding,
      faults: device.faults,
    },
    {
      problems,
      rows,
      pad: paddedSize(rows),
      iteration,
      tolerance,
      stuck: stuck(sides[0]),
      other_stuck: stuck(sides[1]),
      other_pad: other.shape[1]!,
      site: device.faultSite(
        `${op}: not finite`,
        (_, __, problem) =>
          new TilegradError(
            `${op}: the potentials of problem ${problem} are not finite. Look for NaN or Infinity in its points or initial potentials, or for an epsilon that is too small for its costs.`,
          ),
      ),
    },
    grid,
    { constants: { TEAM: team } },
  );
}

const floatOf = (bits: number): number => new Float32Array(Int32Array.of(bits).buffer)[0]!;

/** At the next read, ConvergenceError for the first problem that is not done. */
export function requireDone(
  control: DeviceTensor,
  { caller = op, ...attrs }: Pick<SinkhornAttrs, "maxIterations" | "tolerance" | "caller">,
  cure = 'use a larger epsilon or what docs/transport.md has under "fewer iterations"',
): void {
  const { device } = control;
  const { maxIterations, tolerance } = attrs;
  launch(
    device,
    transportVerdict,
    { control: control.binding, faults: device.faults },
    {
      problems: control.shape[0]!,
      site: device.faultSite(
        `${caller}: ${maxIterations} iterations to ${tolerance}`,
        (_, error, problem) =>
          new ConvergenceError(
            `${caller}: problem ${problem} has a marginal error of ${floatOf(error).toPrecision(2)} after ${maxIterations} iterations; tolerance is ${tolerance}. Allow more iterations, ${cure}, or leave out strict and read converged.`,
          ),
      ),
    },
    gridFor(device, 1, 1),
  );
}

export function sinkhornLoop(inputs: readonly Tensor[], attrs: SinkhornAttrs): readonly Tensor[] {
  return bind(sinkhornPrimitive, inputs, attrs);
}

export const sinkhornPrimitives = [sinkhornPrimitive];
