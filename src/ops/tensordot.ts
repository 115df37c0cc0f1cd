/** Contractions of dimensions that are named by number, and the products of vectors that they generalise. */
import { ArgumentError, ShapeError } from "../errors";
import { scope } from "../tensor/scope";
import { normalizeDim, type Shape, show } from "../tensor/shape";
import type { Tensor } from "../tensor/tensor";
import { mul } from "./arithmetic";
import { contract, type Labelled } from "./contraction";
import { operands } from "./operand";
import { reshape } from "./shape";

function contracted(
  op: string,
  a: Tensor,
  b: Tensor,
  pairs: readonly (readonly [number, number])[],
): Tensor {
  const labelled = (value: Tensor, side: 0 | 1): Labelled => ({
    value,
    labels: value.shape.map((_, d) => {
      const pair = pairs.findIndex((dims) => dims[side] === d);
      return pair < 0 ? `${side}:${d}` : `pair ${pair}`;
    }),
  });
  for (const [i, j] of pairs)
    if (a.shape[i] !== b.shape[j])
      throw new ShapeError(
        `${op}: dimension ${i} of a ${show(a.shape)} has ${a.shape[i]} elements and dimension ${j} of b ${show(b.shape)} has ${b.shape[j]}; they must agree.`,
      );
  return scope(() => {
    const [x, y] = operands(op, a, b);
    const [left, right] = [labelled(x, 0), labelled(y, 1)];
    const kept = [...left.labels, ...right.labels].filter((label) => !label.startsWith("pair"));
    return contract(left, right, new Set(kept)).value;
  });
}

/**
 * Products summed over pairs of dimensions (PyTorch `tensordot`).
 *
 * @param dims the dimensions of a and those of b that go with them; or n: the last n of a with the first n
 * of b, in order. Default 2.
 * @returns the other dimensions of a, then those of b; differentiable in both
 * @throws ArgumentError for lists that do not pair up, ShapeError for sizes that differ
 * @example tensordot(a, b, [[0, 2], [1, 0]]) // Σ_ij a[i, :, j] b[j, i, :]
 */
export function tensordot(
  a: Tensor,
  b: Tensor,
  dims: number | readonly [readonly number[], readonly number[]] = 2,
): Tensor {
  const paired = Array.isArray(dims) && dims.length === 2 && dims.every(Array.isArray);
  if (typeof dims !== "number" && !paired)
    throw new ArgumentError(
      `tensordot: dims ${JSON.stringify(dims)} must be a number, or two lists of dimensions.`,
    );
  const lists = typeof dims === "number" ? null : dims;
  const count = typeof dims === "number" ? dims : dims[0].length;
  const fits =
    Number.isInteger(count) &&
    count >= 0 &&
    (lists ? lists[1].length === count : count <= Math.min(a.rank, b.rank));
  if (!fits)
    throw new ArgumentError(
      `tensordot: dims ${JSON.stringify(dims)} do not pair dimensions of a ${show(a.shape)} with dimensions of b ${show(b.shape)}; give a number up to both ranks, or two lists of one length.`,
    );
  const pairs = Array.from({ length: count }, (_, i): [number, number] =>
    lists
      ? [
          normalizeDim("tensordot", lists[0][i]!, a.rank),
          normalizeDim("tensordot", lists[1][i]!, b.rank),
        ]
      : [a.rank - count + i, i],
  );
  for (const side of [0, 1] as const)
    if (new Set(pairs.map((pair) => pair[side])).size !== count)
      throw new ArgumentError(
        `tensordot: dims ${JSON.stringify(dims)} name a dimension of ${side === 0 ? "a" : "b"} twice.`,
      );
  return contracted("tensordot", a, b, pairs);
}

/**
 * Sums of products over the last dimensions of both (PyTorch `inner`); a number multiplies.
 * @returns the other dimensions of a, then those of b
 * @throws ShapeError where the last sizes differ
 */
export function inner(a: Tensor, b: Tensor): Tensor {
  if (a.rank === 0 || b.rank === 0) return mul(a, b);
  return contracted("inner", a, b, [[a.rank - 1, b.rank - 1]]);
}

function requireVectors(op: string, a: Tensor, b: Tensor): void {
  if (a.rank !== 1 || b.rank !== 1)
    throw new ShapeError(
      `${op}: takes two vectors, got ${show(a.shape)} and ${show(b.shape)}. Reshape them, or use tensordot or einsum.`,
    );
}

/** Σ_i a_i b_i of two vectors (PyTorch `dot`). @throws ShapeError for other ranks or different sizes. */
export function dot(a: Tensor, b: Tensor): Tensor {
  requireVectors("dot", a, b);
  return contracted("dot", a, b, [[0, 0]]);
}

/** All products a_i b_j of two vectors (PyTorch `outer`): [n], [m] to [n, m]. @throws ShapeError. */
export function outer(a: Tensor, b: Tensor): Tensor {
  requireVectors("outer", a, b);
  return contracted("outer", a, b, []);
}

/** Dimensions a Kronecker product may have: each is two while it is made. */
const kronRank = 4;

/**
 * The Kronecker product (PyTorch `kron`): a with each element replaced by its product with b. The operand
 * with fewer dimensions gets leading ones of size 1.
 *
 * @param a up to 4 dimensions, as b
 * @returns the products of the sizes
 * @throws ShapeError for more dimensions
 */
export function kron(a: Tensor, b: Tensor): Tensor {
  const rank = Math.max(a.rank, b.rank);
  if (rank > kronRank)
    throw new ShapeError(
      `kron: shapes ${show(a.shape)} and ${show(b.shape)}; at most ${kronRank} dimensions are supported.`,
    );
  const full = (shape: Shape): number[] => [
    ...new Array<number>(rank - shape.length).fill(1),
    ...shape,
  ];
  const [p, q] = [full(a.shape), full(b.shape)];
  return scope(() => {
    const spread = mul(
      reshape(
        a,
        p.flatMap((d) => [d, 1]),
      ),
      reshape(
        b,
        q.flatMap((d) => [1, d]),
      ),
    );
    return reshape(
      spread,
      p.map((d, i) => d * q[i]!),
    );
  });
}
