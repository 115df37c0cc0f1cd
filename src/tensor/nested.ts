/** Nested arrays, as deep as a tensor has dimensions, to and from flat values. */
import { ArgumentError, ShapeError } from "../errors";
import { type Shape, show } from "./shape";

export type Nested<T> = T | readonly Nested<T>[];

/** Flat row-major values as nested arrays; the value itself for a scalar shape. */
export function nest(values: ArrayLike<number>, shape: Shape): Nested<number> {
  let at = 0;
  const build = (dim: number): Nested<number> =>
    dim === shape.length
      ? values[at++]!
      : Array.from({ length: shape[dim]! }, () => build(dim + 1));
  return build(0);
}

function requireValue(value: unknown): unknown {
  if (typeof value === "number" || typeof value === "boolean") return value;
  const kind = ArrayBuffer.isView(value) ? "a typed array inside an array" : `${value}`;
  throw new ArgumentError(
    `tensor: found ${kind} where a number or boolean should be. Pass a number, nested arrays of them, or one typed array with { shape }.`,
  );
}

/**
 * @throws ShapeError where rows of one array differ in length; ArgumentError for what is no number or
 * boolean
 */
export function flatten<T>(nested: Nested<T>): { values: T[]; shape: number[] } {
  const shape: number[] = [];
  for (let level: unknown = nested; Array.isArray(level); level = level[0])
    shape.push(level.length);
  const values: T[] = [];
  const walk = (level: Nested<T>, dim: number): void => {
    const length = Array.isArray(level) ? level.length : undefined;
    if (length !== shape[dim])
      throw new ShapeError(
        `tensor: the nested array is ragged at depth ${dim}: found ${length ?? "a number"} where ${show(shape)} has ${shape[dim] ?? "a number"}.`,
      );
    if (length === undefined) values.push(requireValue(level) as T);
    else for (const item of level as readonly Nested<T>[]) walk(item, dim + 1);
  };
  walk(nested, 0);
  return { values, shape };
}
