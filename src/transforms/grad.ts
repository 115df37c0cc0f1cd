/**
 * Gradients of scalar functions, as functions. They nest: `grad` of a function that calls `grad` gives
 * second derivatives.
 */
import { ArgumentError, DTypeError, ShapeError } from "../errors";
import { ones, zerosLike } from "../ops/creation";
import { isFloat } from "../tensor/dtype";
import { scope } from "../tensor/scope";
import { show } from "../tensor/shape";
import { Tensor } from "../tensor/tensor";
import { mapTensors, tensorsOf } from "../tensor/tree";
import { record } from "./tape";

export interface GradOptions {
  /** Which argument to differentiate with respect to. Default 0. */
  argnum?: number;
  /** True if the function returns `[value, aux]`; aux is passed through undifferentiated. */
  hasAux?: boolean;
}

type Arguments = readonly unknown[];

/**
 * @returns a function giving `{ value, grad, aux }`: `grad` has the structure of the chosen argument, a
 * tensor or arrays and objects of tensors
 * @throws ShapeError unless the function's value has one element; DTypeError for integer arguments
 * @example const { value, grad } = valueAndGrad((w) => w.mul(w).sum())(w);
 */
export function valueAndGrad<A extends Arguments, Aux = undefined>(
  f: (...args: A) => Tensor | readonly [Tensor, Aux],
  options: GradOptions = {},
): (...args: A) => { value: Tensor; grad: A[number]; aux: Aux } {
  const { argnum = 0, hasAux = false } = options;
  return (...args) => {
    if (!(argnum in args))
      throw new ArgumentError(
        `grad: argnum ${argnum} was asked for, but the function got ${args.length} arguments.`,
      );
    const argument = args[argnum];
    const inputs = tensorsOf(argument);
    if (inputs.length === 0)
      throw new ArgumentError(
        `grad: argument ${argnum} holds no tensor to differentiate with respect to.`,
      );
    for (const input of inputs)
      if (!isFloat(input.dtype))
        throw new DTypeError(
          `grad: argument ${argnum} holds a ${input.dtype} tensor; only floating-point values have gradients. Convert it with .to("f32").`,
        );
    const scalarOf = (result: Tensor | readonly [Tensor, Aux]): Tensor => {
      const value = hasAux ? (result as readonly [Tensor, Aux])[0] : result;
      if (!(value instanceof Tensor))
        throw new ArgumentError(
          "grad: the function must return a tensor (with hasAux: [tensor, aux]).",
        );
      if (value.size !== 1)
        throw new ShapeError(
          `grad: the function returned shape ${show(value.shape)}; only a single number has a gradient. Use sum() or mean().`,
        );
      if (!isFloat(value.dtype))
        throw new DTypeError(
          `grad: the function returned ${value.dtype}; only floating-point values have gradients. Convert it with .to("f32") before it is rounded or compared.`,
        );
      return value;
    };
    return scope(() => {
      const recorded = record(
        inputs,
        (followed) => {
          let next = 0;
          const replaced = mapTensors(argument, () => followed[next++]);
          const changed = args.map((a, i) => (i === argnum ? replaced : a)) as unknown as A;
          return f(...changed);
        },
        (result) => [scalarOf(result)],
        mapTensors,
      );
      const value = scalarOf(recorded.result);
      const gradients = recorded.pull([
        ones(value.shape, { dtype: value.dtype, device: value.device }),
      ]);
      let next = 0;
      const grad = mapTensors(argument, (t) => gradients[next++] ?? zerosLike(t)) as A[number];
      const aux = (hasAux ? (recorded.result as readonly [Tensor, Aux])[1] : undefined) as Aux;
      return { value, grad, aux };
    });
  };
}

/**
 * The gradient of a scalar-valued function with respect to one argument (the first by default).
 *
 * @example grad((x) => x.mul(x).sum())(tensor([1, 2, 3])) // 2, 4, 6
 */
export function grad<A extends Arguments>(
  f: (...args: A) => Tensor,
  options: Omit<GradOptions, "hasAux"> = {},
): (...args: A) => A extends readonly [infer First, ...unknown[]] ? First : never {
  const both = valueAndGrad(f, options);
  return (...args) => scope(() => both(...args).grad) as never;
}
