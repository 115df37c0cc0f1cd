/**
 * Particles that flow to a target: x_i ← x_i − rate / a_i ∂S/∂x_i, the explicit steps of the Wasserstein gradient flow of
 * the Sinkhorn divergence S between them and the target (Feydy et al., Interpolating between optimal transport and MMD,
 * 2019, section 4; Jordan, Kinderlehrer, Otto, The variational formulation of the Fokker-Planck equation, 1998, for what
 * they discretise). Divided by its weight, a particle's speed does not depend on how many there are.
 */
import { ArgumentError } from "../errors";
import { div, gt, mul, sub, where } from "../ops/arithmetic";
import { onesLike } from "../ops/creation";
import { requireRounds } from "../ops/rounds";
import { stopGradient, unsqueeze } from "../ops/shape";
import { scope } from "../tensor/scope";
import type { Tensor } from "../tensor/tensor";
import { vjp } from "../transforms/vjp";
import { debiased, type PointDivergenceOptions } from "./divergence";
import { type Weights, weightsOf } from "./operands";

export interface FlowOptions extends PointDivergenceOptions {
  /**
   * Of a step. Of the squared distance, 1/2 takes each particle at once to the mean of its targets, as far as a small
   * epsilon has only one of them; half of that is gentle. Default 0.25.
   */
  rate?: number;
  /** Masses of the particles, [..., n]. Default: 1/n each. */
  a?: Weights;
  /** Masses of the target, [..., m]. */
  b?: Weights;
}

export interface FlowStep {
  /** Where the particles are after it, [..., n, d]. */
  readonly x: Tensor;
  /** How far they were from the target before it, [...]. */
  readonly divergence: Tensor;
  /** Of the transport between both, to start the next step from, as its `initial`. */
  readonly potentials: { readonly f: Tensor; readonly g: Tensor };
  /** How that transport's solver fared, [...]: see `Transport`. */
  readonly iterations: Tensor;
  readonly marginalError: Tensor;
}

const op = "transport.flowStep";

/**
 * Moves particles one step nearer to a target. Nothing waits; the results are new tensors.
 *
 * @param x f32 [..., n, d]
 * @param y f32 [..., m, d]
 * @throws what `sinkhornDivergence` does; ArgumentError for a rate that is no positive number
 * @example
 * const { x: nearer } = flowStep(x, y, { epsilon: 0.01 });
 */
export function flowStep(
  x: Tensor,
  y: Tensor,
  { rate = 0.25, a = null, b = null, ...options }: FlowOptions,
): FlowStep {
  if (!(rate > 0 && Number.isFinite(rate)))
    throw new ArgumentError(`${op}: rate ${rate} must be a number > 0.`);
  return scope(() => {
    const { value, pullback } = vjp((at: Tensor) => {
      const { divergence, across } = debiased(op, a, at, b, y, options);
      const held = [across.f, across.g, across.iterations, across.marginalError];
      return [divergence, ...held.map((t) => stopGradient(t))];
    }, x);
    const [divergence, f, g, iterations, marginalError] = value as [
      Tensor,
      Tensor,
      Tensor,
      Tensor,
      Tensor,
    ];
    const none = null as unknown as Tensor;
    const [slope] = pullback([onesLike(divergence), none, none, none, none]);
    const masses = unsqueeze(weightsOf(op, "a", a, x.shape.at(-2)!, x.device), -1);
    const some = gt(masses, 0);
    const speed = where(some, div(slope, where(some, masses, 1)), 0);
    const moved = sub(x, mul(speed, rate));
    return { x: moved, divergence, potentials: { f, g }, iterations, marginalError };
  });
}

export interface FlowFrame {
  /** From 1. */
  readonly step: number;
  readonly x: Tensor;
  /** Before the step. */
  readonly divergence: Tensor;
}

/**
 * The steps of a flow, one after the other, each from the potentials of the last. Tensors of a frame are the caller's to
 * dispose, `x` not before the next frame is there.
 *
 * @param options.steps default 50
 * @throws what `flowStep` does
 * @example
 * for (const { x, divergence } of gradientFlow(x0, y, { epsilon: 0.01, steps: 20 })) draw(await x.data());
 */
export function* gradientFlow(
  x: Tensor,
  y: Tensor,
  { steps = 50, ...options }: FlowOptions & { steps?: number },
): Generator<FlowFrame, void, void> {
  requireRounds("transport.gradientFlow", "steps", steps, 0);
  let at = x;
  let initial = options.initial;
  for (let step = 1; step <= steps; step++) {
    const next = flowStep(at, y, { ...options, ...(initial && { initial }) });
    next.iterations.dispose();
    next.marginalError.dispose();
    release(initial, options.initial);
    at = next.x;
    initial = next.potentials;
    yield { step, x: next.x, divergence: next.divergence };
  }
  release(initial, options.initial);
}

function release(of: FlowOptions["initial"], given: FlowOptions["initial"]): void {
  if (of === given) return;
  of?.f?.dispose();
  of?.g?.dispose();
}
