/** The arguments of a function that a transform differentiates with respect to. */
import { ArgumentError, DTypeError } from "../errors";
import { isFloat } from "../tensor/dtype";
import type { Tensor } from "../tensor/tensor";
import { tensorsOf, withTensors } from "../tensor/tree";

/** One position, or several. */
export type Argnums = number | readonly number[];

export interface ChosenArguments {
  /** Their tensors, in order. */
  readonly tensors: readonly Tensor[];
  /** All arguments, with `values` in place of these tensors. */
  replaced(values: readonly Tensor[]): unknown[];
  /** `values` in the structure of the chosen argument, or in a list of structures. */
  like(values: readonly unknown[]): unknown;
}

/** @throws ArgumentError for a position without argument or tensors; DTypeError for integer tensors */
export function chosenArguments(
  op: string,
  args: readonly unknown[],
  argnums: Argnums,
): ChosenArguments {
  const positions = typeof argnums === "number" ? [argnums] : argnums;
  for (const i of positions)
    if (!(i in args))
      throw new ArgumentError(
        `${op}: argument ${i} was asked for in argnums, but the function got ${args.length} arguments.`,
      );
  const trees = positions.map((i) => args[i]);
  for (const [k, tree] of trees.entries()) requireFloats(op, `argument ${positions[k]}`, tree);
  const tensors = tensorsOf(trees);
  return {
    tensors,
    replaced(values) {
      const changed = withTensors(trees, values);
      const all = [...args];
      positions.forEach((i, k) => {
        all[i] = changed[k];
      });
      return all;
    },
    like(values) {
      const changed = withTensors(trees, values);
      return typeof argnums === "number" ? changed[0] : changed;
    },
  };
}

/** @throws ArgumentError for a tree without tensors; DTypeError for one with integer tensors */
export function requireFloats(op: string, what: string, tree: unknown): readonly Tensor[] {
  const tensors = tensorsOf(tree);
  if (tensors.length === 0)
    throw new ArgumentError(`${op}: ${what} holds no tensor to differentiate with respect to.`);
  for (const t of tensors)
    if (!isFloat(t.dtype))
      throw new DTypeError(
        `${op}: ${what} holds a ${t.dtype} tensor; only floating-point values have derivatives. Convert it with .to("f32").`,
      );
  return tensors;
}
