/** Reverse mode as a function of its own: values, and cotangents pulled back through them. */
import { zerosLike } from "../ops/creation";
import { register, scope, unregister } from "../tensor/scope";
import { forEachTensor, mapTensors, tensorsOf, withTensors } from "../tensor/tree";
import { requireFloats } from "./arguments";
import { alikeTensors } from "./structure";
import { record } from "./tape";

type Arguments = readonly unknown[];

/** Turns cotangents of the results into cotangents of the arguments, as often as wanted. */
export interface Pullback<A extends Arguments, T> {
  /**
   * @param cotangent the structure and shapes of the value; null for a part without cotangent
   * @returns the structure of the arguments, zeros where nothing flows back
   */
  (cotangent: T): A;
  /** Frees what it keeps. A scope around the call of `vjp` does so too when it closes. */
  dispose(): void;
  [Symbol.dispose](): void;
}

/**
 * The value of a function, and the map from cotangents of the value to cotangents of the arguments
 * (`torch.func.vjp`, `jax.vjp`): Jᵀ g without J.
 *
 * @param f a function of trees of floating-point tensors that returns a tree of tensors
 * @throws ArgumentError for arguments without tensors or a cotangent of another structure; DTypeError for
 * integer arguments
 * @example
 * const { value, pullback } = vjp((x) => x.mul(x), x);
 * const [dx] = pullback(onesLike(value)); // 2x
 */
export function vjp<A extends Arguments, T>(
  f: (...args: A) => T,
  ...primals: A
): { value: T; pullback: Pullback<A, T> } {
  const inputs = requireFloats("vjp", "the arguments", primals);
  const recorded = record(
    inputs,
    (followed) => f(...(withTensors(primals, followed) as unknown as A)),
    tensorsOf,
    mapTensors,
  );
  const value = recorded.result;
  const specs = mapTensors(value, ({ shape, dtype }) => ({ shape, dtype }));
  let disposed = false;
  const kept = {
    dispose(): void {
      if (!disposed) recorded.release();
      disposed = true;
      unregister(kept);
    },
  };
  register(kept);
  const pullback = (cotangent: T): A =>
    scope(() => {
      const cotangents = alikeTensors("vjp", "the cotangent", cotangent, specs);
      const gradients = recorded.pull(cotangents, true);
      return withTensors(
        primals,
        gradients.map((g, i) => g ?? zerosLike(inputs[i]!)),
      );
    });
  return {
    value,
    pullback: Object.assign(pullback, { dispose: kept.dispose, [Symbol.dispose]: kept.dispose }),
  };
}

/**
 * The value of a function, and its derivative there as a linear function of tangents, which may be called
 * as often as wanted without computing the function again (`jax.linearize`, `torch.func.linearize`).
 *
 * The derivative is the transpose of the transpose: a pullback, pulled back through itself.
 *
 * @returns `value`; `jvp(...tangents)`, which gives the tangents of the value, and is disposed like a
 * pullback
 * @example
 * const { value, jvp } = linearize((x) => x.sin(), x);
 * jvp(v); // cos(x) v
 */
export function linearize<A extends Arguments, T>(
  f: (...args: A) => T,
  ...primals: A
): { value: T; jvp: ((...tangents: A) => T) & Pick<Pullback<A, T>, "dispose"> } {
  const first = vjp<A, T>(f, ...primals);
  const zero = mapTensors(first.value, zerosLike);
  const second = vjp<[T], A>((cotangent: T) => first.pullback(cotangent), zero);
  forEachTensor([zero, second.value], (t) => t.dispose());
  const dispose = (): void => {
    second.pullback.dispose();
    first.pullback.dispose();
  };
  const jvp = (...tangents: A): T => second.pullback([...tangents] as unknown as A)[0];
  return { value: first.value, jvp: Object.assign(jvp, { dispose }) };
}
