/** How the fixtures' operations are called here: operands and attributes as PyTorch's function has them. */
import type { Tensor } from "../../../src/node";

// biome-ignore lint/suspicious/noExplicitAny: each operation knows the attributes its cases have
export type Attrs = any;
export type Operation = (inputs: readonly Tensor[], attrs: Attrs) => Tensor | readonly Tensor[];

/** By the name the fixtures give the operation. */
export type Operations = Readonly<Record<string, Operation>>;

export const unary =
  (fn: (x: Tensor) => Tensor): Operation =>
  ([x]) =>
    fn(x!);
export const binary =
  (fn: (a: Tensor, b: Tensor | number) => Tensor, scalar = "other"): Operation =>
  ([a, b], attrs) =>
    fn(a!, b ?? (attrs[scalar] as number));
export const reduction =
  (fn: (x: Tensor, options: { dim?: number[]; keepdim?: boolean }) => Tensor): Operation =>
  ([x], attrs) =>
    fn(x!, attrs);
export const along =
  (fn: (x: Tensor, dim: number) => Tensor): Operation =>
  ([x], { dim }) =>
    fn(x!, dim);
