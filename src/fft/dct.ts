/**
 * Cosine transforms of types II and III with SciPy's conventions (`scipy.fft.dct`), through one Fourier
 * transform of the reordered elements (Makhoul 1980, "A fast cosine transform in one and two dimensions").
 *
 *   II:  y_k = 2 Σ_j x_j cos(π k (2j + 1) / 2n)
 *   III: y_k = x_0 + 2 Σ_(j>0) x_j cos(π j (2k + 1) / 2n), the transpose of II but for the weight of x_0
 */
import type { Device } from "../device/device";
import { ArgumentError, ShapeError } from "../errors";
import { mul, sub } from "../ops/arithmetic";
import { pad } from "../ops/padding";
import { flip } from "../ops/rearrange";
import { cat, narrow, reshape, slice, stack, to, transpose } from "../ops/shape";
import { requireOptions } from "../options";
import { scope } from "../tensor/scope";
import { normalizeDim } from "../tensor/shape";
import type { Tensor } from "../tensor/tensor";
import { fft, ifft, type Norm } from "./fft";
import { constantTable, rootOfUnity } from "./roots";

export interface DctOptions {
  /** 2 (the default) or 3. */
  type?: 2 | 3;
  /** Default -1. */
  dim?: number;
  /** "ortho" makes the matrix orthogonal; "forward" divides by 2n. Default "backward": neither. */
  norm?: Norm;
}

/** 2 cos and 2 sin of π k / 2n, times the weights of the norm: [n] each. */
function twiddles(device: Device, n: number, type: 2 | 3, norm: Norm): [Tensor, Tensor] {
  const weight = (k: number): number => {
    if (norm === "ortho") return Math.sqrt((k === 0 ? 0.25 : 0.5) / n);
    return (type === 3 && k === 0 ? 0.5 : 1) / (norm === "forward" ? 2 * n : 1);
  };
  const part = (i: 0 | 1): Tensor =>
    constantTable(device, `cosine ${n} ${type} ${norm} ${i}`, () => ({
      shape: [n],
      values: Float32Array.from(
        { length: n },
        (_, k) => 2 * weight(k) * rootOfUnity(k, 4 * n)[i] * (i === 1 ? -1 : 1),
      ),
    }));
  return [part(0), part(1)];
}

/** Even positions forwards, then odd positions backwards. */
function reordered(x: Tensor): Tensor {
  const dim = x.rank - 1;
  return cat([slice(x, { dim, step: 2 }), flip(slice(x, { dim, start: 1, step: 2 }), dim)], dim);
}

/** The inverse of `reordered`. */
function restored(v: Tensor): Tensor {
  const dim = v.rank - 1;
  const n = v.shape[dim]!;
  const half = Math.ceil(n / 2);
  const odd = flip(narrow(v, dim, half, n - half), dim);
  const pairs = stack([narrow(v, dim, 0, half), pad(odd, [0, half - odd.shape[dim]!])], v.rank);
  return narrow(reshape(pairs, [...v.shape.slice(0, -1), 2 * half]), dim, 0, n);
}

function typeTwo(x: Tensor, norm: Norm): Tensor {
  const [cos, sin] = twiddles(x.device, x.shape.at(-1)!, 2, norm);
  const { real, imag } = fft(reordered(x));
  // Re((cos - i sin)(real + i imag)) = cos real + sin imag
  return sub(mul(real, cos), mul(imag, mul(sin, -1)));
}

function typeThree(x: Tensor, norm: Norm): Tensor {
  const [cos, sin] = twiddles(x.device, x.shape.at(-1)!, 3, norm);
  const { real } = ifft({ real: mul(x, cos), imag: mul(x, sin) }, { norm: "forward" });
  return restored(real);
}

function along(op: string, x: Tensor, dim: number, run: (last: Tensor) => Tensor): Tensor {
  if (x.rank === 0)
    throw new ShapeError(`${op}: a scalar has no dimension to transform. Use reshape(x, [1]).`);
  const at = normalizeDim(op, dim, x.rank);
  if (x.shape[at] === 0) throw new ShapeError(`${op}: dimension ${dim} of ${x} is empty.`);
  const last = x.rank - 1;
  return scope(() => {
    const given = to(x, "f32");
    return at === last ? run(given) : transpose(run(transpose(given, at, last)), at, last);
  });
}

function requireNorm(op: string, type: number, norm: Norm): void {
  if (type !== 2 && type !== 3) throw new ArgumentError(`${op}: type ${type} must be 2 or 3.`);
  if (norm !== "backward" && norm !== "forward" && norm !== "ortho")
    throw new ArgumentError(`${op}: norm "${norm}" must be "backward", "forward" or "ortho".`);
}

/**
 * The discrete cosine transform of type II or III along one dimension.
 *
 * @param x real numbers, converted to f32; the dimension has at least one element
 * @returns f32, the shape of x; differentiable (the transform is linear)
 * @throws ShapeError for scalars, an empty dimension or a dim out of range; ArgumentError for an unknown type
 * or norm
 * @example fft.dct(tensor([1, 1, 1, 1])) // 8, 0, 0, 0
 */
export function dct(x: Tensor, options: DctOptions = {}): Tensor {
  const { type = 2, dim = -1, norm = "backward" } = requireOptions("fft.dct", options, "type");
  requireNorm("fft.dct", type, norm);
  return along("fft.dct", x, dim, (last) =>
    type === 2 ? typeTwo(last, norm) : typeThree(last, norm),
  );
}

/**
 * The inverse of `dct` with the same type and norm: `idct(dct(x, options), options)` is x.
 * @throws ShapeError for scalars or a dim out of range; ArgumentError for another type or norm
 */
export function idct(x: Tensor, options: DctOptions = {}): Tensor {
  const { type = 2, dim = -1, norm = "backward" } = requireOptions("fft.idct", options, "type");
  requireNorm("fft.idct", type, norm);
  const other = { backward: "forward", forward: "backward", ortho: "ortho" } as const;
  return along("fft.idct", x, dim, (last) =>
    type === 2 ? typeThree(last, other[norm]) : typeTwo(last, other[norm]),
  );
}
