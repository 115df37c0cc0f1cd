/** Products with matrices, whose values are their columns. Sums run over the columns in order. */
import type { Builder } from "../ir/builder";
import type { Value } from "../ir/ir";
import type { Type } from "../wgsl/types";
import { binary, fromScalars, rounded, shuffle, splat } from "./arithmetic";
import { elementOf, flatten, type Representation } from "./representation";

/** x0 y0 + x1 y1 (+ x2 y2 (+ x3 y3)), the last two of four added first. */
export function dotProduct(b: Builder, type: Type, width: number, x: Value, y: Value): Value {
  const element = elementOf(type);
  const products = binary(b, "*", element, true, x, y);
  const shape = element.name === "f32" || element.name === "f16" ? "f32" : "i32";
  const lane = (i: number, of = products) => b.pure(`${shape}x4.extract_lane`, [of], i);
  const add = (p: Value, q: Value) => binary(b, "+", element, false, p, q);
  if (width === 2) return add(lane(0), lane(1));
  if (width === 3) return add(add(lane(0), lane(1)), lane(2));
  const swapped = shuffle(b, products, products, [1, 0, 3, 2]);
  const pairs = binary(b, "+", element, true, products, swapped);
  return add(lane(0, pairs), lane(2, pairs));
}

/** All lanes of the result hold lane `lane` of x. */
function broadcast(b: Builder, x: Value, lane: number): Value {
  return shuffle(b, x, x, [lane, lane, lane, lane]);
}

export function matrixTimesVector(
  b: Builder,
  type: Extract<Type, { kind: "matrix" }>,
  columns: readonly Value[],
  vector: Value,
): Value {
  const { element } = type;
  const term = (i: number) => binary(b, "*", element, true, columns[i]!, broadcast(b, vector, i));
  let sum = term(0);
  for (let i = 1; i < type.columns; i++) sum = binary(b, "+", element, true, sum, term(i));
  return sum;
}

/** matrix * matrix, matrix * vector, vector * matrix, matrix * scalar, scalar * matrix. */
export function matrixProduct(
  b: Builder,
  left: Type,
  right: Type,
  x: Representation,
  y: Representation,
): Representation {
  const element = elementOf(left);
  const xs = flatten(x);
  const ys = flatten(y);
  if (left.kind === "matrix" && right.kind === "matrix")
    return ys.map((column) => matrixTimesVector(b, left, xs, column));
  if (left.kind === "matrix" && right.kind === "vector")
    return matrixTimesVector(b, left, xs, ys[0]!);
  if (left.kind === "vector" && right.kind === "matrix")
    return fromScalars(
      b,
      element,
      ys.map((column) => dotProduct(b, left, left.width, xs[0]!, column)),
    );
  const [columns, scalar] = left.kind === "matrix" ? [xs, ys[0]!] : [ys, xs[0]!];
  const factor = splat(b, element, scalar);
  return columns.map((column) => rounded(b, element, true, b.pure("f32x4.mul", [column, factor])));
}

/** Row i of the result is column i. */
export function transpose(
  b: Builder,
  type: Extract<Type, { kind: "matrix" }>,
  columns: readonly Value[],
): Value[] {
  const pad = (i: number) => columns[Math.min(i, columns.length - 1)]!;
  // 4x4 by two rounds of interleaving.
  const low = (p: Value, q: Value) => shuffle(b, p, q, [0, 4, 1, 5]);
  const high = (p: Value, q: Value) => shuffle(b, p, q, [2, 6, 3, 7]);
  const [a0, a1] = [low(pad(0), pad(2)), low(pad(1), pad(3))];
  const [a2, a3] = [high(pad(0), pad(2)), high(pad(1), pad(3))];
  const rows = [low(a0, a1), high(a0, a1), low(a2, a3), high(a2, a3)];
  return rows.slice(0, type.rows);
}
