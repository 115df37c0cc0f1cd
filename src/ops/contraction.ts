/**
 * Products of tensors whose dimensions have labels: dimensions that share a label are multiplied with each
 * other, and those whose label is not kept are summed. What `einsum`, `tensordot` and their relatives are
 * made of: rearrangement, one matrix product, and rearrangement back.
 */
import { isFloat } from "../tensor/dtype";
import { sizeOf } from "../tensor/shape";
import type { Tensor } from "../tensor/tensor";
import { mul } from "./arithmetic";
import { matmul } from "./matmul";
import { sum } from "./reduce";
import { permute, reshape, unsqueeze } from "./shape";

/** A tensor with one label per dimension, each once. */
export interface Labelled {
  readonly labels: readonly string[];
  readonly value: Tensor;
}

/** The dimensions in the order of `labels`, which may leave out none. */
export function arranged({ labels: own, value }: Labelled, labels: readonly string[]): Tensor {
  const order = labels.map((label) => own.indexOf(label));
  return order.every((d, i) => d === i) ? value : permute(value, order);
}

/** Without the dimensions whose labels are not in `kept`, which are summed. */
export function summedTo({ labels, value }: Labelled, kept: ReadonlySet<string>): Labelled {
  const dim = labels.flatMap((label, i) => (kept.has(label) ? [] : [i]));
  if (dim.length === 0) return { labels, value };
  return { labels: labels.filter((label) => kept.has(label)), value: sum(value, { dim }) };
}

/**
 * The product of two labelled tensors of one dtype, summed over what is not kept. Labels that both have
 * come first, then those of a, then those of b.
 */
export function contract(first: Labelled, second: Labelled, kept: ReadonlySet<string>): Labelled {
  const shared = (label: string): boolean =>
    first.labels.includes(label) && second.labels.includes(label);
  const within = new Set([...kept, ...first.labels.filter(shared)]);
  const [a, b] = [summedTo(first, within), summedTo(second, within)];
  const both = a.labels.filter(shared);
  const batch = both.filter((label) => kept.has(label));
  const inner = both.filter((label) => !kept.has(label));
  const rows = a.labels.filter((label) => !shared(label));
  const columns = b.labels.filter((label) => !shared(label));
  const sizes = (x: Labelled, labels: readonly string[]): number[] =>
    labels.map((label) => x.value.shape[x.labels.indexOf(label)]!);
  const outer = sizes(a, batch);
  const [m, k, n] = [sizes(a, rows), sizes(a, inner), sizes(b, columns)];
  const grouped = (x: Labelled, labels: readonly string[], ...groups: number[][]): Tensor =>
    reshape(arranged(x, [...batch, ...labels]), [...outer, ...groups.map(sizeOf)]);
  const left = grouped(a, [...rows, ...inner], m, k);
  const elementwise = inner.length === 0 && (rows.length === 0 || columns.length === 0);
  const product = (): Tensor => {
    if (isFloat(left.dtype) && !elementwise)
      return matmul(left, grouped(b, [...inner, ...columns], k, n));
    const right = grouped(b, [...columns, ...inner], n, k);
    const at = outer.length;
    return sum(mul(unsqueeze(left, at + 1), unsqueeze(right, at)), { dim: at + 2 });
  };
  const value = elementwise ? mul(grouped(a, rows, m, []), grouped(b, columns, [], n)) : product();
  return {
    labels: [...batch, ...rows, ...columns],
    value: reshape(value, [...outer, ...m, ...n]),
  };
}
