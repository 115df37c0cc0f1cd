/**
 * Orthonormal columns that span what the columns of A span, in one of two ways.
 *
 * By matrix products: CholeskyQR. With Aᵀ A = L Lᵀ, Q = A L⁻ᵀ is orthonormal up to ε cond(A)², and the
 * factorisation fails where that is above 1; so it is repeated, on columns scaled to length 1 (Yamamoto et al.,
 * Roundoff error analysis of the CholeskyQR2 algorithm, 2015), and at first with a shift, Aᵀ A + s I, which always
 * has a factor and takes singular values σ to σ / √(σ² + s) (Fukaya et al., Shifted Cholesky QR, 2020):
 *
 *     shifted pass, repair, shifted pass, pass, pass
 *
 * Whether columns of A depend on each other is only known on the device, where work cannot be chosen: a second
 * method as the fallback would have to run always. So columns of which the first pass left next to nothing are
 * replaced by random ones, which the later passes treat like all others.
 *
 * By Householder's reflections (`qr`), whatever the columns. Their panels are serial: cheap where one invocation
 * does a panel, and slow where a workgroup has to meet at a barrier for each column.
 */
import type { AdapterClass } from "../device/executor";
import { ArgumentError, ShapeError } from "../errors";
import { abs, add, div, eq, lt, mul, square, sub, where } from "../ops/arithmetic";
import { diagonal } from "../ops/diagonal";
import { matmul } from "../ops/matmul";
import { max, sum } from "../ops/reduce";
import { rootOrZero } from "../ops/root";
import { expand, reshape, unsqueeze } from "../ops/shape";
import { requireOptions } from "../options";
import { normal } from "../random/continuous";
import { key as keyOf } from "../random/random";
import { scope } from "../tensor/scope";
import { show } from "../tensor/shape";
import type { Tensor } from "../tensor/tensor";
import { requireMatrices } from "./batches";
import { choleskyEx } from "./cholesky";
import { qr } from "./qr";
import { turn } from "./symmetric";
import { identities, triangular } from "./triangular";

const op = "linalg.orthonormalize";

/**
 * What the first pass leaves of a column of length 1 that depends on those before it, at most: less than this is
 * rounding. With the shift below it stands for a part of 2e-4 of the column at 1024 x 128.
 */
const nothingLeft = 0.02;

/** Of the Gram matrix of m rows and n columns of length 1: above the rounding of its eigenvalues. */
const shiftOf = (m: number, n: number): number => 4 * Math.sqrt(m * n) * 2 ** -24;

const lengths = (x: Tensor): Tensor => rootOrZero(sum(square(x), { dim: -2, keepdim: true }));

/** x with columns of length 1; those of zeros stay. */
function scaled(x: Tensor): Tensor {
  const size = lengths(x);
  return div(x, where(eq(size, 0), 1, size));
}

/** x L⁻ᵀ for xᵀ x + shift I = L Lᵀ, from columns scaled to length 1. */
function pass(x: Tensor, shift: number): Tensor {
  const unit = scaled(x);
  const n = x.shape.at(-1)!;
  const gram = matmul(turn(unit), unit);
  const one = identities(x, n);
  const { L, info } = choleskyEx(shift === 0 ? gram : add(gram, mul(one, shift)));
  // Only of elements that are not finite: no fault is to be reported of a basis that nobody will use.
  const known = eq(reshape(info, [...info.shape, 1, 1]), 0);
  const factor = where(known, L, one);
  return turn(triangular(factor, turn(unit), { upper: false, unitriangular: false, op }));
}

/**
 * Q of A = Q R with a diagonal of R that is not negative. What the rounding of a hundred reflections leaves, around
 * 1e-5, is squared by a step of Newton's iteration, Q (3 I - Qᵀ Q) / 2.
 */
function householder(A: Tensor): Tensor {
  const { Q, R } = qr(A);
  const signs = where(lt(diagonal(R, 0, -2, -1), 0), -1, 1);
  const near = mul(Q, unsqueeze(signs, -2));
  const gram = matmul(turn(near), near);
  return matmul(near, sub(mul(identities(near, gram.shape.at(-1)!), 1.5), mul(gram, 0.5)));
}

function choleskyQr(A: Tensor, key: Tensor): Tensor {
  const [m, n] = A.shape.slice(-2) as [number, number];
  const shift = shiftOf(m, n);
  const largest = max(abs(A), { dim: -2, keepdim: true });
  const first = pass(div(A, where(eq(largest, 0), 1, largest)), shift);
  const random = normal(key, [m, n], { std: 1 / Math.sqrt(m) });
  const repaired = where(lt(lengths(first), nothingLeft), expand(random, A.shape), first);
  return pass(pass(pass(repaired, shift), 0), 0);
}

const methods = ["cholesky", "householder"] as const;

/** The faster one: see above. */
export function methodFor(adapter: AdapterClass): (typeof methods)[number] {
  return adapter === "hardware" ? "cholesky" : "householder";
}

export interface OrthonormalizeOptions {
  /**
   * `cholesky`: products and triangular solves. `householder`: reflections. Default: the faster one on the
   * device, which is `cholesky` on a GPU.
   */
  method?: (typeof methods)[number];
  /** Of the random columns in place of dependent ones (`cholesky`): u32 [2]. Default: that of seed 0. */
  key?: Tensor;
}

/**
 * Q with orthonormal columns, the first k of which span what the first k columns of A span, for every k: the Q of
 * A = Q R with a diagonal of R that is not negative. Where a column depends on those before it, Q goes on with
 * another direction: for `cholesky` that is where less than about 2e-4 of its length is its own.
 *
 * The elements of Qᵀ Q - I are within 1e-5 for every finite A, whatever its condition.
 *
 * @param A f32 [..., m, n] with m >= n
 * @returns the shape of A
 * @throws ShapeError, DTypeError; ArgumentError for another method. Elements that are not finite give NaN
 * @example const Q = linalg.orthonormalize(random.normal(random.key(1), [512, 64]));
 */
export function orthonormalize(A: Tensor, options: OrthonormalizeOptions = {}): Tensor {
  requireOptions("linalg.orthonormalize", options, "method");
  requireMatrices(op, "A", A);
  const { method = methodFor(A.device.executor.adapter.class) } = options;
  const [m, n] = A.shape.slice(-2) as [number, number];
  if (m < n)
    throw new ShapeError(
      `${op}: A has shape ${show(A.shape)}; ${n} columns of ${m} elements cannot be orthonormal. Pass the transpose, or fewer columns.`,
    );
  if (!methods.includes(method))
    throw new ArgumentError(`${op}: method ${method} must be "cholesky" or "householder".`);
  return scope(() => {
    if (A.size === 0) return A.alias();
    if (method === "householder") return householder(A);
    return choleskyQr(A, options.key ?? keyOf(0, { device: A.device }));
  });
}
