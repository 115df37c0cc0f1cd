/** Sinkhorn's iteration written with operations, so that derivatives flow through every step of it. */
import { abs, add, clamp, div, le, mul, sub } from "../ops/arithmetic";
import { zerosLike } from "../ops/creation";
import { exp2 } from "../ops/exponential";
import { expm1 } from "../ops/functions";
import { sum } from "../ops/reduce";
import { select, stack, stopGradient, to } from "../ops/shape";
import { scope } from "../tensor/scope";
import type { Tensor } from "../tensor/tensor";
import { turnedInputs } from "./apply";
import type { PairAttrs } from "./pairs";
import { swapped } from "./pull";
import { type SideRule, type SinkhornAttrs, sinkhornLoop } from "./sinkhornLoop";
import { softmin } from "./softmin";

/** As `sinkhornLoop`, with all of `maxIterations` run. */
export function unrolled(
  [f0, g0, log2A, log2B, ...cost]: readonly Tensor[],
  attrs: SinkhornAttrs,
): readonly Tensor[] {
  const { relaxation, maxIterations, scaling, tolerance } = attrs;
  const turned = turnedInputs([f0!, g0!, log2A!, log2B!, f0!, ...cost], attrs).slice(5);
  const update = (old: Tensor, candidate: Tensor, { damping, bound }: SideRule): Tensor => {
    const damped = damping === 1 ? candidate : mul(candidate, damping);
    const bounded = bound < 1e30 ? clamp(damped, -bound, bound) : damped;
    return relaxation === 1 ? bounded : add(old, mul(sub(bounded, old), relaxation));
  };
  let [f, g] = [f0!, g0!];
  for (let t = 0; t < maxIterations; t++)
    [f, g] = scope(() => {
      const pair: PairAttrs = { cost: attrs.cost, epsilon: scaling[t] ?? attrs.epsilon };
      const back: PairAttrs = { ...pair, cost: pair.cost && swapped(pair.cost) };
      const next = update(f, softmin([f, g, log2B!, ...cost], pair), attrs.a);
      return [next, update(g, softmin([g, next, log2A!, ...turned], back), attrs.b)];
    });
  const pair: PairAttrs = { cost: attrs.cost, epsilon: attrs.epsilon };
  const next = update(f, softmin([f, g, log2B!, ...cost], pair), attrs.a);
  const weights = exp2(log2A!);
  // Two iterations of the device's find the points that nothing can reach.
  const looked = sinkhornLoop([f0!, g0!, log2A!, log2B!, ...cost].map(stopGradient), {
    ...attrs,
    ...{ scaling: [], maxIterations: 2, strict: false },
  });
  const mass = select(looked[2]!, -1, 3);
  const change = mul(weights, abs(expm1(div(sub(f, next), attrs.epsilon))));
  const error = div(sum(change, { dim: -1 }), mass);
  const done = to(le(error, tolerance), "f32");
  const count = add(zerosLike(mass), maxIterations);
  return [f, g, stack([done, count, error, mass], -1)];
}
