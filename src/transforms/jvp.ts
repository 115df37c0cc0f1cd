/** Forward mode as functions: directional derivatives, and those of gradients. */
import { ArgumentError } from "../errors";
import { zerosLike } from "../ops/creation";
import { scope } from "../tensor/scope";
import type { Tensor } from "../tensor/tensor";
import { mapTensors, withTensors } from "../tensor/tree";
import { requireFloats } from "./arguments";
import { pushThrough } from "./forward";
import { freshHandles } from "./freshHandles";
import { valueAndGrad } from "./grad";
import { alikeTensors } from "./structure";

type Arguments = readonly unknown[];

/**
 * The value of a function and how it moves when its arguments move along `tangents` (`torch.func.jvp`,
 * `jax.jvp`): J v without J, in one pass and without keeping intermediate values.
 *
 * @param primals the arguments, trees of floating-point tensors
 * @param tangents the structure and shapes of `primals`; null for a part that does not move
 * @returns `value`, and `tangent` of the same structure (zeros where nothing moves)
 * @throws ArgumentError, ShapeError, DTypeError where tangents do not fit the arguments
 * @example jvp((x) => x.mul(x), [x], [v]).tangent // 2 x v
 */
export function jvp<A extends Arguments, T>(
  f: (...args: A) => T,
  primals: A,
  tangents: { readonly [K in keyof A]: A[K] | null },
): { value: T; tangent: T } {
  if (!Array.isArray(primals) || !Array.isArray(tangents))
    throw new ArgumentError(
      "jvp: primals and tangents are arrays, with one entry per argument of the function.",
    );
  const inputs = requireFloats("jvp", "primals", primals);
  const moves = alikeTensors("jvp", "tangents", tangents, primals);
  return scope(() => {
    const { value, tangent } = pushThrough(
      inputs,
      moves,
      (followed) => f(...(withTensors(primals, followed) as unknown as A)),
      (result, primalOf, tangentOf) => ({
        value: mapTensors(result, primalOf),
        tangent: mapTensors(result, (t) => tangentOf(t) ?? zerosLike(primalOf(t))),
      }),
    );
    const given = [...inputs, ...moves];
    const fresh = <R>(tree: R): R => mapTensors(tree, (t) => freshHandles([t], given)[0]);
    return { value: fresh(value), tangent: fresh(tangent) };
  });
}

/**
 * The Hessian of a scalar function times vectors, by forward mode over reverse mode: about the cost of two
 * gradients, and no Hessian.
 *
 * @param primals the arguments of f, trees of floating-point tensors
 * @param vectors the structure and shapes of `primals`; null for zero
 * @returns `value`, `grad` and `hvp`, the last two of the structure of `primals`
 * @throws as `grad` and `jvp`
 * @example hvp((x) => x.pow(3).sum(), [x], [v]).hvp[0] // 6 x v
 */
export function hvp<A extends Arguments>(
  f: (...args: A) => Tensor,
  primals: A,
  vectors: { readonly [K in keyof A]: A[K] | null },
): { value: Tensor; grad: A; hvp: A } {
  const argnums = primals.map((_, i) => i);
  const gradient = valueAndGrad(f, { argnums }) as unknown as (...args: A) => {
    value: Tensor;
    grad: A;
  };
  return scope(() => {
    const { value, tangent } = jvp(gradient, primals, vectors);
    return { value: value.value, grad: value.grad, hvp: tangent.grad };
  });
}
