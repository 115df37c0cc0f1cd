/**
 * What a compiled function was compiled for: the shapes and dtypes of the tensors among its arguments, and
 * everything else as it was.
 */

import type { DType } from "../tensor/dtype";
import { type Shape, sameShape, show } from "../tensor/shape";
import { Tensor } from "../tensor/tensor";
import { isPlain } from "../tensor/tree";

/** A tensor's shape and dtype, a value that is part of the compiled function, or what holds others. */
export type Leaf =
  | { readonly path: string; readonly shape: Shape; readonly dtype: DType }
  | { readonly path: string; readonly value: unknown }
  | { readonly path: string; readonly holds: string };

export interface Arguments {
  readonly leaves: readonly Leaf[];
  /** The tensors among the leaves, in order. */
  readonly tensors: readonly Tensor[];
}

/** Walks arrays and plain objects, as `forEachTensor` does; everything else is a leaf. */
export function readArguments(args: readonly unknown[]): Arguments {
  const leaves: Leaf[] = [];
  const tensors: Tensor[] = [];
  const walk = (value: unknown, path: string): void => {
    if (value instanceof Tensor) {
      tensors.push(value);
      leaves.push({ path, shape: value.shape, dtype: value.dtype });
    } else if (Array.isArray(value)) {
      leaves.push({ path, holds: `a list of ${value.length}` });
      value.forEach((item, i) => {
        walk(item, `${path}[${i}]`);
      });
    } else if (isPlain(value)) {
      const keys = Object.keys(value);
      leaves.push({ path, holds: `an object of ${JSON.stringify(keys)}` });
      for (const key of keys) walk(value[key], `${path}.${key}`);
    } else leaves.push({ path, value });
  };
  args.forEach((arg, i) => {
    walk(arg, `argument ${i}`);
  });
  return { leaves, tensors };
}

/** The leaves to compare later ones with: a typed array may be filled with other elements until then. */
export function kept(leaves: readonly Leaf[]): Leaf[] {
  return leaves.map((leaf) =>
    "value" in leaf && ArrayBuffer.isView(leaf.value)
      ? { ...leaf, value: copyOf(leaf.value) }
      : leaf,
  );
}

const bytesOf = (view: ArrayBufferView): Uint8Array =>
  new Uint8Array(view.buffer, view.byteOffset, view.byteLength);

function copyOf(view: ArrayBufferView): ArrayBufferView {
  const { buffer } = bytesOf(view).slice();
  return new (view.constructor as new (buffer: ArrayBufferLike) => ArrayBufferView)(buffer);
}

/** Typed arrays are the same by their elements, everything else by identity. */
function isSame(a: unknown, b: unknown): boolean {
  if (!ArrayBuffer.isView(a) || !ArrayBuffer.isView(b)) return Object.is(a, b);
  if (a.constructor !== b.constructor || a.byteLength !== b.byteLength) return false;
  const [x, y] = [bytesOf(a), bytesOf(b)];
  return x.every((byte, i) => byte === y[i]);
}

/** The first difference in words, or null where there is none. */
export function difference(before: readonly Leaf[], now: readonly Leaf[]): string | null {
  for (let i = 0; i < Math.max(before.length, now.length); i++) {
    const [a, b] = [before[i], now[i]];
    if (!a || !b || a.path !== b.path)
      return `the structure of the arguments changed at ${(b ?? a)!.path}`;
    if (agree(a, b)) continue;
    const [was, is] = [describe(a), describe(b)];
    return is === was ? `${b.path} is ${is}` : `${b.path} is ${is} instead of ${was}`;
  }
  return null;
}

function agree(a: Leaf, b: Leaf): boolean {
  if ("value" in a) return "value" in b && isSame(a.value, b.value);
  if ("holds" in a) return "holds" in b && a.holds === b.holds;
  return "shape" in b && a.dtype === b.dtype && sameShape(a.shape, b.shape);
}

/** Says which value it is, so that two that differ read differently; of things, only what they are. */
function text(value: unknown): string {
  if (typeof value === "function") return "another function";
  if (typeof value === "object" && value)
    return `another ${(value.constructor as { name?: string } | undefined)?.name || "object"}`;
  if (typeof value === "string") return JSON.stringify(value);
  return Object.is(value, -0) ? "-0" : String(value);
}

function describe(leaf: Leaf): string {
  if ("value" in leaf) return text(leaf.value);
  return "holds" in leaf ? leaf.holds : `${leaf.dtype} ${show(leaf.shape)}`;
}
