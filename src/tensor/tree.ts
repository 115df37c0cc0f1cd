/** Pytrees: tensors, and arrays, plain objects and structs of pytrees. Everything else is a leaf without tensors. */
import { Tensor } from "./tensor";

export type Tree = unknown;

/** An object with methods that is a tree by its fields: what a scope frees or keeps as it does an object's. */
export abstract class Struct {}

export const isPlain = (value: unknown): value is Record<string, unknown> => {
  if (typeof value !== "object" || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null || value instanceof Struct;
};

/** Calls `visit` on each tensor, depth first, arrays by index and objects by key in insertion order. */
export function forEachTensor(tree: Tree, visit: (tensor: Tensor) => void): void {
  if (tree instanceof Tensor) visit(tree);
  else if (Array.isArray(tree)) for (const item of tree) forEachTensor(item, visit);
  else if (isPlain(tree)) for (const key in tree) forEachTensor(tree[key], visit);
}

/** The same structure with each tensor replaced. */
export function mapTensors<T>(tree: T, replace: (tensor: Tensor) => unknown): T {
  if (tree instanceof Tensor) return replace(tree) as T;
  if (Array.isArray(tree)) return tree.map((item) => mapTensors(item, replace)) as T;
  if (isPlain(tree)) {
    const out: Record<string, unknown> =
      tree instanceof Struct ? Object.create(Object.getPrototypeOf(tree)) : {};
    for (const key in tree) out[key] = mapTensors(tree[key], replace);
    return out as T;
  }
  return tree;
}

/** The tensors of a tree, in `forEachTensor` order. */
export function tensorsOf(tree: Tree): Tensor[] {
  const found: Tensor[] = [];
  forEachTensor(tree, (tensor) => found.push(tensor));
  return found;
}

/** The structure of `tree` with its tensors, in `forEachTensor` order, replaced by `values`. */
export function withTensors<T>(tree: T, values: readonly unknown[]): T {
  let next = 0;
  return mapTensors(tree, () => values[next++]);
}
