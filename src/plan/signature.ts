/**
 * What a compiled function was compiled for: the shapes and dtypes of the tensors among its arguments, and
 * everything else as it was.
 */

import type { DType } from "../tensor/dtype";
import { type Shape, sameShape, show } from "../tensor/shape";
import { Tensor } from "../tensor/tensor";

/** A leaf of the arguments: a tensor's shape and dtype, or a value that is part of the compiled function. */
export type Leaf =
  | { readonly path: string; readonly shape: Shape; readonly dtype: DType }
  | { readonly path: string; readonly value: unknown };

export interface Arguments {
  readonly leaves: readonly Leaf[];
  /** The tensors among the leaves, in order. */
  readonly tensors: readonly Tensor[];
}

/** Walks arrays and plain objects; everything else is a leaf. */
export function readArguments(args: readonly unknown[]): Arguments {
  const leaves: Leaf[] = [];
  const tensors: Tensor[] = [];
  const walk = (value: unknown, path: string): void => {
    if (value instanceof Tensor) {
      tensors.push(value);
      leaves.push({ path, shape: value.shape, dtype: value.dtype });
    } else if (Array.isArray(value)) {
      leaves.push({ path, value: `a list of ${value.length}` });
      value.forEach((item, i) => {
        walk(item, `${path}[${i}]`);
      });
    } else if (
      typeof value === "object" &&
      value &&
      Object.getPrototypeOf(value) === Object.prototype
    )
      for (const [key, item] of Object.entries(value)) walk(item, `${path}.${key}`);
    else leaves.push({ path, value });
  };
  args.forEach((arg, i) => {
    walk(arg, `argument ${i}`);
  });
  return { leaves, tensors };
}

/** The first difference in words, or null where there is none. */
export function difference(before: readonly Leaf[], now: readonly Leaf[]): string | null {
  for (let i = 0; i < Math.max(before.length, now.length); i++) {
    const [a, b] = [before[i], now[i]];
    if (!a || !b || a.path !== b.path)
      return `the structure of the arguments changed at ${(b ?? a)!.path}`;
    if ("value" in a && "value" in b) {
      if (!Object.is(a.value, b.value))
        return `${b.path} is ${text(b.value)} instead of ${text(a.value)}`;
    } else if ("value" in a || "value" in b)
      return `${b.path} is ${describe(b)} instead of ${describe(a)}`;
    else if (a.dtype !== b.dtype || !sameShape(a.shape, b.shape))
      return `${b.path} is ${describe(b)} instead of ${describe(a)}`;
  }
  return null;
}

const text = (value: unknown): string =>
  typeof value === "function" || (typeof value === "object" && value)
    ? `another ${typeof value}`
    : String(value);

const describe = (leaf: Leaf): string =>
  "value" in leaf ? text(leaf.value) : `${leaf.dtype} ${show(leaf.shape)}`;
