/**
 * Triangular systems, by blocks: X_i = T_ii^-1 (B_i - Σ_k<i T_ik X_k), where the sum is one matrix product and
 * the small triangle on the diagonal is solved by substitution, column by column of B.
 *
 * Substitution is backward stable for every triangle: (T + E) x = b with |E| <= n ε |T| (Higham, Accuracy and
 * Stability of Numerical Algorithms, theorem 8.5).
 */
import { ShapeError } from "../errors";
import { gridFor, launch, linalgSolveBlock } from "../kernels";
import { mul, neg, sub } from "../ops/arithmetic";
import { eye, tril, triu } from "../ops/creation";
import { matmul } from "../ops/matmul";
import type { Primitive } from "../ops/primitive";
import { batchOfRows } from "../ops/rules";
import { expand, transpose } from "../ops/shape";
import { bind } from "../ops/trace";
import { requireOptions } from "../options";
import type { DeviceTensor } from "../tensor/deviceTensor";
import { scope } from "../tensor/scope";
import { broadcastShapes, denseStrides, sameShape, show } from "../tensor/shape";
import type { Tensor } from "../tensor/tensor";
import {
  block,
  blockSize,
  copyOf,
  flat,
  place,
  product,
  requireMatrices,
  requireSquare,
} from "./batches";
import { flawSite, zeroOnDiagonal } from "./faults";

export interface Substitution {
  /** [batch, n, n]; only the triangle is read. */
  readonly t: DeviceTensor;
  /** [batch, n, m]; becomes t^-1 x. */
  readonly x: DeviceTensor;
  readonly upper: boolean;
  /** Of t: taken as 1, as it is, or half of it, and 1 where that is 0 (see qr). */
  readonly diagonal: "unit" | "given" | "half";
  /** Where a 0 on the diagonal is reported; default: it is not. */
  readonly site?: number;
}

const diagonals = { unit: 0, given: 1, half: 2 } as const;

/** x = t^-1 x, in place. */
export function substitute({ t, x, upper, diagonal, site }: Substitution): void {
  const [, n, m] = x.shape as [number, number, number];
  for (let done = 0; done < n; done += blockSize) {
    const size = Math.min(blockSize, n - done);
    const start = upper ? n - done - size : done;
    const known = upper ? start + size : 0;
    scope(() => {
      const sum =
        done > 0
          ? product(block(t, start, size, known, done), block(x, known, done, 0, m))
          : undefined;
      substituteBlock({
        t: block(t, start, size, start, size),
        x: block(x, start, size, 0, m),
        less: sum,
        upper,
        diagonal,
        first: start,
        site: site ?? 0,
      });
    });
  }
}

interface BlockSubstitution extends Substitution {
  /** What is subtracted from x before. */
  readonly less?: DeviceTensor | undefined;
  /** Rows of the whole matrix before t. */
  readonly first?: number;
}

/** `substitute` for a t of at most `blockSize` rows: one dispatch. */
export function substituteBlock(work: BlockSubstitution): void {
  const { t, x, less, upper, diagonal, site = 0, first = 0 } = work;
  const [batch, size, cols] = x.shape as [number, number, number];
  if (x.size === 0) return;
  const backwards = <P extends { offset: number; row: number }>(p: P, along: number): P =>
    upper ? { ...p, offset: p.offset + (size - 1) * along } : p;
  const sign = upper ? -1 : 1;
  const [at, to, by] = [place(t), place(x), place(less ?? t)];
  const from = backwards(at, at.row + at.col);
  const items = batch * Math.ceil(cols / 4);
  const { device } = x;
  launch(
    device,
    linalgSolveBlock,
    { t: t.binding, p: (less ?? t).binding, x: x.binding, faults: device.faults },
    {
      items,
      size,
      cols,
      diagonal: diagonals[diagonal],
      subtract: less ? 1 : 0,
      t_offset: from.offset,
      t_batch: at.batch,
      t_row: sign * at.row,
      t_col: sign * at.col,
      x_offset: backwards(to, to.row).offset,
      x_batch: to.batch,
      x_row: sign * to.row,
      x_col: to.col,
      p_offset: backwards(by, by.row).offset,
      p_batch: by.batch,
      p_row: sign * by.row,
      p_col: by.col,
      site,
      first: upper ? first + size - 1 : first,
      step: sign,
    },
    gridFor(device, items, 64),
  );
}

interface TriangularAttrs {
  readonly upper: boolean;
  readonly unitriangular: boolean;
  /** The operation that errors name. */
  readonly op: string;
}

/** The triangle that is read: nothing else of A moves the result. */
const read = (x: Tensor, { upper, unitriangular }: TriangularAttrs): Tensor =>
  upper ? triu(x, unitriangular ? 1 : 0) : tril(x, unitriangular ? -1 : 0);

/** A [..., n, n], B [..., n, m], of one batch. */
const solveTriangularPrimitive: Primitive<TriangularAttrs> = {
  name: "solveTriangular",
  formula: "X = A⁻¹ B, of A only a triangle is read",
  derivative: "dB = A⁻ᵀ g, dA = the triangle of -dB Xᵀ",
  saves: { inputs: [0], outputs: [0] },
  outputs: ([a, b], { op }) => {
    requireSquare(op, "A", a!);
    requireMatrices(op, "B", b!);
    const batch = a!.shape.slice(0, -2);
    if (!sameShape(batch, b!.shape.slice(0, -2)) || a!.shape.at(-1) !== b!.shape.at(-2))
      throw new ShapeError(
        `${op}: A ${show(a!.shape)} and B ${show(b!.shape)} do not fit; they are [..., n, n] and [..., n, m].`,
      );
    return [{ shape: b!.shape, dtype: "f32" }];
  },
  run: ([a, b], { upper, unitriangular, op }) => {
    const t = flat(a!);
    const from = flat(b!);
    const x = copyOf(from);
    const diagonal = unitriangular ? "unit" : "given";
    substitute({ t, x, upper, diagonal, site: flawSite(t, op, a!.shape, zeroOnDiagonal) });
    const y = x.view(b!.shape, denseStrides(b!.shape));
    for (const made of [t, from, x]) made.dispose();
    return [y];
  },
  vjp: ([g], { inputs: [a], outputs: [x], attrs, needs }) => {
    const flipped = { ...attrs, upper: !attrs.upper };
    const back = bind(solveTriangularPrimitive, [transpose(a!, -1, -2), g!], flipped)[0]!;
    return [
      needs[0] ? read(neg(matmul(back, transpose(x!, -1, -2))), attrs) : null,
      needs[1] ? back : null,
    ];
  },
  jvp: ([ta, tb], { inputs: [a], outputs: [x], attrs }) => {
    const moved = ta ? matmul(read(ta, attrs), x!) : null;
    const right = tb ? (moved ? sub(tb, moved) : tb) : neg(moved!);
    return [bind(solveTriangularPrimitive, [a!, right], attrs)[0]!];
  },
  batch: batchOfRows(() => solveTriangularPrimitive),
};

export interface TriangularOptions {
  /** Which triangle of A is read. */
  upper: boolean;
  /** False: solve X A = B. Default true. */
  left?: boolean;
  /** Take the diagonal as ones, and do not read it. Default false. */
  unitriangular?: boolean;
  /** Solve with Aᵀ in place of A; `upper` still says which triangle of A is read. Default false. */
  transpose?: boolean;
}

/**
 * X with A X = B, for a triangular A (PyTorch `torch.linalg.solve_triangular`).
 *
 * @param A f32 [..., n, n]; the other triangle is not read
 * @param B f32 [..., n, m] (`left: false`: [..., m, n]); batches broadcast
 * @returns the broadcast shape of B; differentiable in both
 * @throws ShapeError, DTypeError; at the next read, LinAlgError for a 0 on the diagonal
 * @example linalg.solveTriangular(tensor([[2, 0], [1, 4]]), tensor([[2], [9]]), { upper: false }) // 1, 2
 */
export function solveTriangular(A: Tensor, B: Tensor, options: TriangularOptions): Tensor {
  const op = "linalg.solveTriangular";
  const {
    upper,
    left = true,
    unitriangular = false,
    transpose: flipped = false,
  } = requireOptions(op, options, "upper");
  requireSquare(op, "A", A);
  requireMatrices(op, "B", B);
  if (A.shape.at(-1) !== B.shape.at(left ? -2 : -1))
    throw new ShapeError(
      `${op}: A ${show(A.shape)} and B ${show(B.shape)} do not fit; B needs ${A.shape.at(-1)} ${left ? "rows" : "columns"}.`,
    );
  return scope(() => {
    // X A = B is Aᵀ Xᵀ = Bᵀ.
    const turns = left === flipped;
    const solved = triangular(turns ? transpose(A, -1, -2) : A, left ? B : transpose(B, -1, -2), {
      upper: upper !== turns,
      unitriangular,
      op,
    });
    return left ? solved : transpose(solved, -1, -2);
  });
}

/** The same for operations that name themselves in errors; batches broadcast. */
export function triangular(A: Tensor, B: Tensor, attrs: TriangularAttrs): Tensor {
  const batch = broadcastShapes(attrs.op, A.shape.slice(0, -2), B.shape.slice(0, -2));
  const [a, b] = [A, B].map((x) => {
    const shape = [...batch, ...x.shape.slice(-2)];
    return sameShape(shape, x.shape) ? x : expand(x, shape);
  });
  return bind(solveTriangularPrimitive, [a!, b!], attrs)[0]!;
}

/** Identities of n rows, as many as x has matrices, without a copy. */
export function identities(x: Tensor, n: number): Tensor {
  return expand(eye(n, n, { device: x.device }), [...x.shape.slice(0, -2), n, n]);
}

/** x with the diagonal halved: of the triangle that a symmetric matrix is split into. */
export function halfDiagonal(x: Tensor): Tensor {
  return sub(x, mul(mul(x, identities(x, x.shape.at(-1)!)), 0.5));
}

export const triangularPrimitives = [solveTriangularPrimitive];
