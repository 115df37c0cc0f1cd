/** Whole matrices of derivatives: one pass over a basis, all its vectors at once. */
import { eye, zerosLike } from "../ops/creation";
import { cat, narrow, permute, reshape } from "../ops/shape";
import { requireOptions } from "../options";
import { scope } from "../tensor/scope";
import type { Tensor } from "../tensor/tensor";
import { mapTensors, tensorsOf, withTensors } from "../tensor/tree";
import { type Argnums, chosenArguments } from "./arguments";
import { pushforward } from "./forward";
import type { GradOf } from "./grad";
import { record } from "./tape";
import { vectorise } from "./vectorise";

type Arguments = readonly unknown[];

export interface JacobianOptions<N extends Argnums = Argnums> {
  /** Which argument, or arguments, to differentiate with respect to. Default 0. */
  argnums?: N;
  /** At most so many rows (jacrev) or columns (jacfwd) at once, for less memory. Default: all. */
  chunkSize?: number;
}

/** Each tensor of the value, replaced by the structure of the argument. */
export type JacobianOf<T, J> = T extends Tensor
  ? J
  : T extends readonly (infer E)[]
    ? JacobianOf<E, J>[]
    : { [K in keyof T]: JacobianOf<T[K], J> };

/** One unit vector per element of `like`, [size, ...shape], a chunk at a time. */
function overBasis(
  like: Tensor,
  chunkSize: number | undefined,
  run: (basis: Tensor, count: number) => readonly Tensor[],
): Tensor[] {
  const { size, shape, dtype, device } = like;
  const step = chunkSize ?? Math.max(size, 1);
  const unit = eye(size, size, { dtype, device });
  const parts: (readonly Tensor[])[] = [];
  for (let start = 0; start < size; start += step) {
    const count = Math.min(step, size - start);
    parts.push(run(reshape(narrow(unit, 0, start, count), [count, ...shape]), count));
  }
  return parts.length === 1
    ? [...parts[0]!]
    : parts[0]!.map((_, i) => cat(parts.map((part) => part[i]!)));
}

/**
 * The Jacobian of a function, row by row in reverse mode (`torch.func.jacrev`): for functions with fewer
 * results than arguments.
 *
 * @param f returns a tree of floating-point tensors
 * @returns a function giving, for each tensor of shape S in the value and each of shape X in the argument,
 * a tensor of shape [...S, ...X]: the structure of the value, with that of the argument in it
 * @throws as `vjp`
 * @example jacrev((x) => x.mul(x))(tensor([1, 2])) // [[2, 0], [0, 4]]
 */
export function jacrev<A extends Arguments, T, const N extends Argnums = 0>(
  f: (...args: A) => T,
  options: JacobianOptions<N> = {},
): (...args: A) => JacobianOf<T, GradOf<A, N>> {
  requireOptions("jacrev", options, "argnums");
  return (...args) => {
    const chosen = chosenArguments("jacrev", args, options.argnums ?? 0);
    return scope(() => {
      const recorded = record(
        chosen.tensors,
        (followed) => f(...(chosen.replaced(followed) as unknown as A)),
        tensorsOf,
        mapTensors,
      );
      const outputs = tensorsOf(recorded.result);
      try {
        const rows = outputs.map((output, k) => {
          const jacobians = overBasis(output, options.chunkSize, (basis, count) =>
            vectorise(
              (cotangent) => {
                const seeds = outputs.map((_, i) => (i === k ? cotangent! : null));
                return recorded.pull(seeds, true).map((g, i) => g ?? zerosLike(chosen.tensors[i]!));
              },
              [basis],
              [true],
              count,
            ),
          );
          return chosen.like(
            jacobians.map((j, i) => reshape(j, [...output.shape, ...chosen.tensors[i]!.shape])),
          );
        });
        return withTensors(recorded.result, rows) as JacobianOf<T, GradOf<A, N>>;
      } finally {
        recorded.release();
      }
    });
  };
}

/**
 * The Jacobian of a function, column by column in forward mode (`torch.func.jacfwd`): for functions with
 * fewer arguments than results. The same result as `jacrev`.
 *
 * @throws as `jvp`
 */
export function jacfwd<A extends Arguments, T, const N extends Argnums = 0>(
  f: (...args: A) => T,
  options: JacobianOptions<N> = {},
): (...args: A) => JacobianOf<T, GradOf<A, N>> {
  requireOptions("jacfwd", options, "argnums");
  return (...args) => {
    const chosen = chosenArguments("jacfwd", args, options.argnums ?? 0);
    return scope(() => {
      let tree: T | undefined;
      const values = (followed: readonly Tensor[]): Tensor[] => {
        tree = f(...(chosen.replaced(followed) as unknown as A));
        return tensorsOf(tree);
      };
      // One entry per argument tensor: the columns of every output, [X.size, ...S].
      const columns = chosen.tensors.map((input, k) =>
        overBasis(input, options.chunkSize, (basis, count) =>
          vectorise(
            (tangent) => {
              let specs: readonly Tensor[] = [];
              const tangents = pushforward(
                (...followed) => {
                  specs = values(followed);
                  return specs;
                },
                chosen.tensors,
                chosen.tensors.map((_, i) => (i === k ? tangent! : null)),
              );
              return tangents.map((t, i) => t ?? zerosLike(specs[i]!));
            },
            [basis],
            [true],
            count,
          ),
        ),
      );
      const jacobians = columns[0]!.map((_, o) =>
        chosen.like(
          columns.map((of, k) => {
            const all = of[o]!;
            const shape = all.shape.slice(1);
            const last = permute(all, [...shape.map((_d, i) => i + 1), 0]);
            return reshape(last, [...shape, ...chosen.tensors[k]!.shape]);
          }),
        ),
      );
      return withTensors(tree as T, jacobians) as JacobianOf<T, GradOf<A, N>>;
    });
  };
}

/**
 * The matrix of second derivatives of a scalar function: forward over reverse mode (`torch.func.hessian`).
 * For products with vectors use `hvp`, which never builds it.
 *
 * @returns for an argument of shape X a tensor of shape [...X, ...X]; trees nest
 * @example hessian((x) => x.pow(3).sum())(tensor([1, 2])) // [[6, 0], [0, 12]]
 */
export function hessian<A extends Arguments, T, const N extends Argnums = 0>(
  f: (...args: A) => T,
  options: JacobianOptions<N> = {},
): (...args: A) => JacobianOf<JacobianOf<T, GradOf<A, N>>, GradOf<A, N>> {
  requireOptions("hessian", options, "argnums");
  return jacfwd(jacrev(f, options), options);
}
