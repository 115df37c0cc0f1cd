/**
 * Derivatives of a fixed point s = F(s, p) from F alone, by iterating what its derivative says: cotangents of the state
 * λ ← g + (∂F/∂s)ᵀ λ, of which p gets (∂F/∂p)ᵀ λ (Christianson, Reverse accumulation and attractive fixed points, 1994).
 * That converges as fast as the iteration itself does.
 */
import { add } from "../ops/arithmetic";
import { zerosLike } from "../ops/creation";
import type { Tensor } from "../tensor/tensor";
import { vjp } from "../transforms/vjp";

/** One step, from a state and parameters. */
export type Step = (state: readonly Tensor[], parameters: readonly Tensor[]) => readonly Tensor[];

/** What flows back to the parameters from a state that `step` leaves as it is. */
export function fixedPointCotangents(
  step: Step,
  state: readonly Tensor[],
  parameters: readonly Tensor[],
  cotangents: readonly (Tensor | null)[],
  iterations: number,
): readonly Tensor[] {
  const given = state.map((s, i) => cotangents[i] ?? zerosLike(s));
  const { pullback } = vjp(
    (s: readonly Tensor[], p: readonly Tensor[]) => step(s, p),
    state,
    parameters,
  );
  let back = pullback(given);
  for (let t = 1; t < iterations; t++) back = pullback(given.map((g, i) => add(g, back[0][i]!)));
  return back[1];
}

/** How the state moves with the parameters: t ← ∂F/∂s t + ∂F/∂p dp. */
export function fixedPointTangents(
  push: (tangents: readonly (Tensor | null)[]) => readonly (Tensor | null)[],
  parameterTangents: readonly (Tensor | null)[],
  states: number,
  iterations: number,
): readonly (Tensor | null)[] {
  let moved: readonly (Tensor | null)[] = new Array<null>(states).fill(null);
  for (let t = 0; t < iterations; t++) moved = push([...moved, ...parameterTangents]);
  return moved;
}
