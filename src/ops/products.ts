/** Products of vectors, matrices and batches of them, under PyTorch's names and with its checks of ranks. */
import { ArgumentError, ShapeError } from "../errors";
import { requireOptions } from "../options";
import { promote } from "../tensor/dtype";
import { scope } from "../tensor/scope";
import { broadcastShapes, normalizeDim, type Shape, sameShape, show } from "../tensor/shape";
import { requireTensor, type Tensor } from "../tensor/tensor";
import { add, mul, sub } from "./arithmetic";
import { einsum } from "./einsum";
import { biasedProduct, matmul } from "./matmul";
import { cat, expand, narrow, reshape, to, unsqueeze } from "./shape";

function requireRanks(
  op: string,
  a: Tensor,
  b: Tensor,
  ranks: readonly [number, number],
  said: string,
): void {
  const batches = ranks[0] !== 3 || a.shape[0] === b.shape[0];
  if (a.rank !== ranks[0] || b.rank !== ranks[1] || !batches)
    throw new ShapeError(
      `${op}: takes ${said}, got ${show(a.shape)} and ${show(b.shape)}. For other ranks and broadcasting use matmul.`,
    );
}

/** A matrix [m, k] times a matrix [k, n] (PyTorch `mm`). @throws ShapeError, DTypeError. */
export function mm(a: Tensor, b: Tensor): Tensor {
  requireRanks("mm", a, b, [2, 2], "two matrices");
  return matmul(a, b);
}

/** A matrix [m, k] times a vector [k] (PyTorch `mv`). @throws ShapeError, DTypeError. */
export function mv(a: Tensor, x: Tensor): Tensor {
  requireRanks("mv", a, x, [2, 1], "a matrix and a vector");
  return matmul(a, x);
}

/** Matrices [b, m, k] times matrices [b, k, n], one by one (PyTorch `bmm`). @throws ShapeError, DTypeError. */
export function bmm(a: Tensor, b: Tensor): Tensor {
  requireRanks("bmm", a, b, [3, 3], "two batches of matrices of one size");
  return matmul(a, b);
}

export interface AddmmOptions {
  /** Factor of `input`; 0 leaves it out, whatever it holds. Default 1. */
  beta?: number;
  /** Factor of the product. Default 1. */
  alpha?: number;
}

function added(op: string, input: Tensor, a: Tensor, b: Tensor, options: AddmmOptions): Tensor {
  const { beta = 1, alpha = 1 } = options;
  const shape = [...a.shape.slice(0, -1), b.shape.at(-1)!];
  const fits =
    input.rank <= shape.length && sameShape(broadcastShapes(op, input.shape, shape), shape);
  if (!fits)
    throw new ShapeError(
      `${op}: input ${show(input.shape)} does not broadcast to the product, which is ${show(shape)}.`,
    );
  return scope(() => {
    const dtype = [input, a, b].map((t) => t.dtype).reduce(promote);
    const [x, y, bias] = [to(a, dtype), to(b, dtype), to(input, dtype)];
    if (alpha === 1 && beta === 1 && x.rank === 2 && bias.rank === 1)
      return biasedProduct(x, y, expand(bias, [shape[1]!]));
    const product = matmul(x, y);
    const scaled = alpha === 1 ? product : mul(product, alpha);
    if (beta === 0) return scaled;
    return add(beta === 1 ? bias : mul(bias, beta), scaled);
  });
}

/**
 * beta · input + alpha · a b (PyTorch `addmm`).
 * @param input broadcasts to [m, n]
 * @param a [m, k]
 * @param b [k, n]
 * @throws ShapeError where sizes do not fit, DTypeError for integers
 */
export function addmm(input: Tensor, a: Tensor, b: Tensor, options: AddmmOptions = {}): Tensor {
  requireOptions("addmm", options, "beta");
  requireRanks("addmm", a, b, [2, 2], "two matrices");
  return added("addmm", input, a, b, options);
}

/**
 * beta · input + alpha · a b of batches (PyTorch `baddbmm`).
 * @param input broadcasts to [b, m, n]
 * @param a [b, m, k]
 * @param b [b, k, n]
 * @throws ShapeError where sizes do not fit, DTypeError for integers
 */
export function baddbmm(input: Tensor, a: Tensor, b: Tensor, options: AddmmOptions = {}): Tensor {
  requireOptions("baddbmm", options, "beta");
  requireRanks("baddbmm", a, b, [3, 3], "two batches of matrices of one size");
  return added("baddbmm", input, a, b, options);
}

/** Where to cut the product of the matrices i to j, for all i <= j; matrix i is sizes[i] x sizes[i + 1]. */
function cheapestCuts(sizes: readonly number[]): number[][] {
  const count = sizes.length - 1;
  const cost = sizes.map(() => new Array<number>(count).fill(0));
  const cut = sizes.map(() => new Array<number>(count).fill(0));
  for (let length = 1; length < count; length++)
    for (let i = 0; i + length < count; i++) {
      const j = i + length;
      cost[i]![j] = Number.POSITIVE_INFINITY;
      for (let k = i; k < j; k++) {
        const total = cost[i]![k]! + cost[k + 1]![j]! + sizes[i]! * sizes[k + 1]! * sizes[j + 1]!;
        if (total < cost[i]![j]!) {
          cost[i]![j] = total;
          cut[i]![j] = k;
        }
      }
    }
  return cut;
}

/**
 * The product of several matrices, in the order that needs the fewest multiplications (PyTorch
 * `linalg.multi_dot`; Cormen et al., Introduction to Algorithms, section 15.2).
 *
 * @param tensors two or more; the first and the last may be vectors, a row and a column
 * @throws ArgumentError for fewer than two, ShapeError where ranks or sizes do not fit
 */
export function multiDot(tensors: readonly Tensor[]): Tensor {
  if (tensors.length < 2)
    throw new ArgumentError(`multiDot: got ${tensors.length} tensors; pass two or more.`);
  for (const t of tensors) requireTensor("multiDot", t);
  const last = tensors.length - 1;
  tensors.forEach(({ shape, rank }, i) => {
    if (rank !== 2 && !(rank === 1 && (i === 0 || i === last)))
      throw new ShapeError(
        `multiDot: tensor ${i} has shape ${show(shape)}; all are matrices, but the first and the last may be vectors.`,
      );
  });
  return scope(() => {
    const matrices = tensors.map((t, i) => (t.rank === 2 ? t : unsqueeze(t, i === 0 ? 0 : 1)));
    const cuts = cheapestCuts([matrices[0]!.shape[0]!, ...matrices.map((t) => t.shape[1]!)]);
    const product = (i: number, j: number): Tensor => {
      if (i === j) return matrices[i]!;
      const cut = cuts[i]![j]!;
      return matmul(product(i, cut), product(cut + 1, j));
    };
    const shape: Shape = [
      ...(tensors[0]!.rank === 2 ? [tensors[0]!.shape[0]!] : []),
      ...(tensors[last]!.rank === 2 ? [tensors[last]!.shape[1]!] : []),
    ];
    return reshape(product(0, last), shape);
  });
}

/**
 * y_o = Σ_ij a_i weight_oij b_j + bias_o (PyTorch `nn.functional.bilinear`).
 *
 * @param a [..., in1]
 * @param b [..., in2], the same dimensions before the last
 * @param weight [out, in1, in2]
 * @param bias [out]; default none
 * @returns [..., out]
 * @throws ShapeError where sizes do not fit
 */
export function bilinear(a: Tensor, b: Tensor, weight: Tensor, bias?: Tensor): Tensor {
  const fits =
    weight.rank === 3 &&
    a.rank > 0 &&
    b.rank > 0 &&
    sameShape(a.shape.slice(0, -1), b.shape.slice(0, -1)) &&
    a.shape.at(-1) === weight.shape[1] &&
    b.shape.at(-1) === weight.shape[2] &&
    (!bias || sameShape(bias.shape, [weight.shape[0]!]));
  if (!fits)
    throw new ShapeError(
      `bilinear: a ${show(a.shape)}, b ${show(b.shape)}, weight ${show(weight.shape)}${bias ? ` and bias ${show(bias.shape)}` : ""} do not fit; they are [..., in1], [..., in2], [out, in1, in2]${bias ? " and [out]" : ""}.`,
    );
  return scope(() => {
    const product = einsum("...i,oij,...j->...o", a, weight, b);
    return bias ? add(product, bias) : product;
  });
}

/**
 * The vector product a × b of three elements along `dim` (PyTorch `linalg.cross`); the other dimensions
 * broadcast.
 * @param dim default the last
 * @throws ShapeError unless both have 3 elements there
 */
export function cross(a: Tensor, b: Tensor, dim = -1): Tensor {
  const shape = broadcastShapes("cross", a.shape, b.shape);
  const at = normalizeDim("cross", dim, shape.length) - shape.length;
  if (a.shape.at(at) !== 3 || b.shape.at(at) !== 3)
    throw new ShapeError(
      `cross: dimension ${dim} of a ${show(a.shape)} and b ${show(b.shape)} must have 3 elements.`,
    );
  return scope(() => {
    const [x, y] = [cat([a, a], at), cat([b, b], at)];
    const from = (t: Tensor, start: number): Tensor => narrow(t, at, start, 3);
    return sub(mul(from(x, 1), from(y, 2)), mul(from(x, 2), from(y, 1)));
  });
}
