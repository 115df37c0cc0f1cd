/**
 * Gradients of scalar functions, as functions. They nest: `grad` of a function that calls `grad` gives
 * second derivatives.
 */
import { ArgumentError, DTypeError, ShapeError } from "../errors";
import { ones, zerosLike } from "../ops/creation";
import { requireOptions } from "../options";
import { isFloat } from "../tensor/dtype";
import { scope } from "../tensor/scope";
import { show } from "../tensor/shape";
import { Tensor } from "../tensor/tensor";
import { mapTensors } from "../tensor/tree";
import { type Argnums, chosenArguments } from "./arguments";
import { record } from "./tape";

export interface GradOptions<N extends Argnums = Argnums> {
  /** Which argument, or arguments, to differentiate with respect to. Default 0. */
  argnums?: N;
  /** True if the function returns `[value, aux]`; aux is passed through undifferentiated. */
  hasAux?: boolean;
}

type Arguments = readonly unknown[];

/** The gradient has the structure of the argument; a list of arguments gives a list of gradients. */
export type GradOf<A extends Arguments, N extends Argnums> = number extends N
  ? A[0]
  : N extends number
    ? A[N]
    : N extends readonly number[]
      ? { -readonly [K in keyof N]: N[K] extends number ? A[N[K]] : never }
      : never;

/** The scalar among what the function returned. */
function scalarOf<Aux>(result: Tensor | readonly [Tensor, Aux], hasAux: boolean): Tensor {
  const value = hasAux ? (result as readonly [Tensor, Aux])[0] : result;
  if (!(value instanceof Tensor))
    throw new ArgumentError(
      "grad: the function must return a tensor (with hasAux: [tensor, aux]).",
    );
  if (value.size !== 1)
    throw new ShapeError(
      `grad: the function returned shape ${show(value.shape)}; only a single number has a gradient. Use sum() or mean(), or jacrev for all of them.`,
    );
  if (!isFloat(value.dtype))
    throw new DTypeError(
      `grad: the function returned ${value.dtype}; only floating-point values have gradients. Convert it with .to("f32") before it is rounded or compared.`,
    );
  return value;
}

/**
 * The value of a scalar function together with its gradient, as a function.
 * @returns a function giving `{ value, grad, aux }`: `grad` has the structure of the chosen argument, a
 * tensor or arrays and objects of tensors; for a list of arguments it is a list
 * @throws ShapeError unless the function's value has one element; DTypeError for integer arguments
 * @example const { value, grad } = valueAndGrad((w) => w.mul(w).sum())(w);
 */
export function valueAndGrad<A extends Arguments, Aux = undefined, const N extends Argnums = 0>(
  f: (...args: A) => Tensor | readonly [Tensor, Aux],
  options: GradOptions<N> = {},
): (...args: A) => { value: Tensor; grad: GradOf<A, N>; aux: Aux } {
  const { hasAux = false } = requireOptions("grad", options, "argnums");
  return (...args) => {
    const chosen = chosenArguments("grad", args, options.argnums ?? 0);
    return scope(() => {
      const recorded = record(
        chosen.tensors,
        (followed) => f(...(chosen.replaced(followed) as unknown as A)),
        (result) => [scalarOf(result, hasAux)],
        mapTensors,
      );
      const value = scalarOf(recorded.result, hasAux);
      const gradients = recorded.pull([
        ones(value.shape, { dtype: value.dtype, device: value.device }),
      ]);
      const grad = chosen.like(
        gradients.map((g, i) => g ?? zerosLike(chosen.tensors[i]!)),
      ) as GradOf<A, N>;
      const aux = (hasAux ? (recorded.result as readonly [Tensor, Aux])[1] : undefined) as Aux;
      return { value, grad, aux };
    });
  };
}

/**
 * The gradient of a scalar-valued function with respect to one argument (the first by default), or to
 * several.
 *
 * @example grad((x) => x.mul(x).sum())(tensor([1, 2, 3])) // 2, 4, 6
 */
export function grad<A extends Arguments, const N extends Argnums = 0>(
  f: (...args: A) => Tensor,
  options: Omit<GradOptions<N>, "hasAux"> = {},
): (...args: A) => GradOf<A, N> {
  const both = valueAndGrad<A, undefined, N>(f, options);
  return (...args) => scope(() => both(...args).grad);
}
