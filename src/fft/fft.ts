/**
 * Fourier transforms with PyTorch's names and conventions (`torch.fft`). A complex tensor is a pair
 * `{ real, imag }`.
 *
 * Any length: products of the primes up to 13 by mixed radix passes, others by Bluestein's convolution. The
 * error of either grows with the logarithm of the length: about 1e-7 · log2 n of the largest result.
 */
import { ArgumentError, DTypeError, ShapeError } from "../errors";
import { div, mul, neg } from "../ops/arithmetic";
import { arange } from "../ops/creation";
import { pad } from "../ops/padding";
import { flip, roll } from "../ops/rearrange";
import { cat, narrow, to } from "../ops/shape";
import { requireOptions } from "../options";
import type { TensorOptions } from "../tensor/creation";
import { scope } from "../tensor/scope";
import { normalizeDim, show } from "../tensor/shape";
import { Tensor } from "../tensor/tensor";
import { bluestein } from "./bluestein";
import { asComplex, type Complex, onParts } from "./complex";
import { dft, passesFor } from "./dft";

/**
 * Which direction divides by what. "backward": the inverse by n (the default). "forward": the forward one by
 * n. "ortho": both by √n.
 */
export type Norm = "backward" | "forward" | "ortho";

export interface FftOptions {
  /** Length to crop or pad with zeros to before the transform. Default: the size of `dim`. */
  n?: number;
  /** Default -1. */
  dim?: number;
  /** Default "backward". */
  norm?: Norm;
}

export interface FftnOptions {
  /** Lengths, one per dim. Default: the sizes. */
  s?: readonly number[];
  /** Default: all. */
  dim?: readonly number[];
  /** Default "backward". */
  norm?: Norm;
}

function factorOf(op: string, n: number, inverse: boolean, norm: Norm): number {
  if (norm === "ortho") return 1 / Math.sqrt(n);
  if (norm !== "backward" && norm !== "forward")
    throw new ArgumentError(`${op}: norm "${norm}" must be "backward", "forward" or "ortho".`);
  return (norm === "backward") === inverse ? 1 / n : 1;
}

function requireLength(op: string, n: number): number {
  if (!Number.isInteger(n) || n < 1)
    throw new ArgumentError(`${op}: the length n is ${n}; it must be a whole number >= 1.`);
  return n;
}

function dimensionOf(op: string, x: Tensor, dim: number): number {
  if (x.rank === 0)
    throw new ShapeError(`${op}: a scalar has no dimension to transform. Use reshape(x, [1]).`);
  return normalizeDim(op, dim, x.rank);
}

function asReal(op: string, x: Tensor): Tensor {
  if (!(x instanceof Tensor))
    throw new ArgumentError(`${op}: takes a real tensor. For complex input use fft.`);
  if (x.dtype === "bool")
    throw new DTypeError(`${op}: not defined for bool; convert with .to("f32").`);
  return to(x, "f32");
}

/** Both parts as f32. */
function prepared(op: string, x: Tensor | Complex): { real: Tensor; imag: Tensor | null } {
  if (x instanceof Tensor) return { real: asReal(op, x), imag: null };
  if (!(x?.real instanceof Tensor) || !(x.imag instanceof Tensor))
    throw new ArgumentError(`${op}: x must be a tensor, or { real, imag } with two tensors.`);
  const { real, imag } = asComplex(op, x);
  return { real: asReal(op, real), imag: asReal(op, imag) };
}

/** Cropped or padded with zeros at the end. */
function fit(x: Tensor, dim: number, n: number): Tensor {
  const size = x.shape[dim]!;
  if (n === size) return x;
  if (n < size) return narrow(x, dim, 0, n);
  return pad(x, [...new Array<number>(2 * (x.rank - 1 - dim)).fill(0), 0, n - size]);
}

function transform(
  op: string,
  x: Tensor | Complex,
  inverse: boolean,
  options: FftOptions,
): Complex {
  const { n, dim = -1, norm = "backward" } = requireOptions(op, options, "n");
  return scope(() => {
    const { real, imag } = prepared(op, x);
    const at = dimensionOf(op, real, dim);
    const length = requireLength(op, n ?? real.shape[at]!);
    const attrs = { dim: at, inverse, scale: factorOf(op, length, inverse, norm) };
    const re = fit(real, at, length);
    const im = imag && fit(imag, at, length);
    if (!passesFor(length))
      return bluestein(asComplex(op, im ? { real: re, imag: im } : re), attrs);
    const [yRe, yIm] = dft(re, im, attrs);
    return { real: yRe, imag: yIm };
  });
}

/**
 * The discrete Fourier transform along one dimension: y_k = Σ_j x_j e^(-2πi jk / n).
 *
 * @param x real or complex, f32 (other numbers are converted)
 * @returns both parts, f32, the shape of x with n at `dim`; differentiable
 * @throws ShapeError for scalars or a dim out of range; ArgumentError for a length below 1 or an unknown norm
 * @example const { real, imag } = fft.fft(tensor([1, 0, 0, 0])); // 1, 1, 1, 1 and zeros
 */
export function fft(x: Tensor | Complex, options: FftOptions = {}): Complex {
  return transform("fft.fft", x, false, options);
}

/**
 * The inverse of `fft`: x_j = 1/n Σ_k y_k e^(2πi jk / n). Arguments and errors as there.
 * @throws ShapeError for scalars or a dim out of range; ArgumentError for a length below 1 or an unknown
 * norm
 */
export function ifft(x: Tensor | Complex, options: FftOptions = {}): Complex {
  return transform("fft.ifft", x, true, options);
}

/**
 * The first half of `fft` of a real tensor: the n/2 + 1 frequencies from 0 up; the others are their
 * conjugates.
 * @throws ShapeError for scalars or a dim out of range; ArgumentError for a complex x, a length below 1 or
 * an unknown norm
 */
export function rfft(x: Tensor, options: FftOptions = {}): Complex {
  return scope(() => {
    const y = transform("fft.rfft", asReal("fft.rfft", x), false, options);
    const at = dimensionOf("fft.rfft", x, options.dim ?? -1);
    const half = Math.floor(y.real.shape[at]! / 2) + 1;
    return onParts(y, (t) => narrow(t, at, 0, half));
  });
}

/**
 * The inverse of `rfft`: a real tensor from its n/2 + 1 frequencies. The imaginary parts of the first and,
 * for even n, the last are taken as zero.
 * @param options.n length of the result. Default 2 (size - 1), right if the original length was even
 * @throws ShapeError for scalars or a dim out of range; ArgumentError for a length below 1 or an unknown
 * norm
 */
export function irfft(x: Tensor | Complex, options: FftOptions = {}): Tensor {
  const op = "fft.irfft";
  requireOptions(op, options, "n");
  return scope(() => {
    const { real, imag } = asComplex(op, x);
    const at = dimensionOf(op, real, options.dim ?? -1);
    const n = requireLength(op, options.n ?? 2 * (real.shape[at]! - 1));
    const half = Math.floor(n / 2) + 1;
    const given = onParts({ real, imag }, (t) => fit(t, at, half));
    // Frequency n - k is the conjugate of frequency k.
    const mirrored = onParts(given, (t) => flip(narrow(t, at, 1, n - half), [at]));
    const inner = narrow(given.imag, at, 1, n - half);
    const edge = (from: number, count: number): Tensor =>
      mul(narrow(given.imag, at, from, count), 0);
    const whole = {
      real: cat([given.real, mirrored.real], at),
      imag: cat(
        [edge(0, 1), inner, ...(n % 2 === 0 ? [edge(half - 1, 1)] : []), neg(mirrored.imag)],
        at,
      ),
    };
    const { real: y } = transform(op, whole, true, { ...options, n });
    return y;
  });
}

function overDims(
  op: string,
  x: Tensor | Complex,
  options: FftnOptions,
  one: (x: Tensor | Complex, options: FftOptions) => Complex,
): Complex {
  const { s, dim, norm = "backward" } = requireOptions(op, options, "s");
  const { rank, shape } = x instanceof Tensor ? x : x.real;
  const dims = (
    dim ?? Array.from({ length: rank }, (_, i) => i).slice(s ? rank - s.length : 0)
  ).map((d) => normalizeDim(op, d, rank));
  if (new Set(dims).size !== dims.length)
    throw new ShapeError(`${op}: dims ${show(dims)} of shape ${show(shape)} name one twice.`);
  if (dims.length === 0) throw new ShapeError(`${op}: there is no dimension to transform.`);
  if (s && s.length !== dims.length)
    throw new ArgumentError(`${op}: s has ${s.length} lengths for ${dims.length} dims.`);
  return scope(() => {
    let y: Tensor | Complex = x;
    dims.forEach((d, i) => {
      y = one(y, { dim: d, norm, ...(s && { n: s[i]! }) });
    });
    return y as Complex;
  });
}

/**
 * `fft` along several dimensions.
 * @throws ShapeError for dims out of range or named twice; ArgumentError for lengths that do not fit, or an
 * unknown norm
 */
export function fftn(x: Tensor | Complex, options: FftnOptions = {}): Complex {
  return overDims("fft.fftn", x, options, fft);
}

/**
 * `ifft` along several dimensions.
 * @throws ShapeError for dims out of range or named twice; ArgumentError for lengths that do not fit, or an
 * unknown norm
 */
export function ifftn(x: Tensor | Complex, options: FftnOptions = {}): Complex {
  return overDims("fft.ifftn", x, options, ifft);
}

/**
 * `fft` along the last two dimensions, or the two given.
 * @throws ShapeError for dims out of range or named twice; ArgumentError for lengths that do not fit, or an
 * unknown norm
 */
export function fft2(x: Tensor | Complex, options: FftnOptions = {}): Complex {
  requireOptions("fft.fft2", options, "s");
  return fftn(x, { dim: [-2, -1], ...options });
}

/**
 * `ifft` along the last two dimensions, or the two given.
 * @throws ShapeError for dims out of range or named twice; ArgumentError for lengths that do not fit, or an
 * unknown norm
 */
export function ifft2(x: Tensor | Complex, options: FftnOptions = {}): Complex {
  requireOptions("fft.ifft2", options, "s");
  return ifftn(x, { dim: [-2, -1], ...options });
}

/**
 * The frequency of each result of `fft`, in cycles per unit of the sample spacing d. Default d = 1.
 * @throws ArgumentError for a length below 1
 */
export function fftfreq(n: number, d = 1, options: TensorOptions = {}): Tensor {
  requireOptions("fft.fftfreq", options, "dtype");
  requireLength("fft.fftfreq", n);
  return scope(() => {
    const positive = arange(0, Math.ceil(n / 2), 1, { ...options, dtype: "f32" });
    const negative = arange(-Math.floor(n / 2), 0, 1, { ...options, dtype: "f32" });
    return div(cat([positive, negative]), n * d);
  });
}

/** The frequency of each result of `rfft`. @throws ArgumentError for a length below 1 */
export function rfftfreq(n: number, d = 1, options: TensorOptions = {}): Tensor {
  requireOptions("fft.rfftfreq", options, "dtype");
  requireLength("fft.rfftfreq", n);
  return scope(() => div(arange(0, Math.floor(n / 2) + 1, 1, { ...options, dtype: "f32" }), n * d));
}

/**
 * Frequency 0 in the middle: moves the second half of each dim (default: all) before the first.
 * @throws ShapeError for a dim that x does not have
 */
export function fftshift(x: Tensor, dim?: readonly number[]): Tensor {
  const dims = dim ?? x.shape.map((_, i) => i);
  return roll(
    x,
    dims.map((d) => Math.floor(x.shape[normalizeDim("fft.fftshift", d, x.rank)]! / 2)),
    dims,
  );
}

/** The inverse of `fftshift`. @throws ShapeError for a dim that x does not have */
export function ifftshift(x: Tensor, dim?: readonly number[]): Tensor {
  const dims = dim ?? x.shape.map((_, i) => i);
  return roll(
    x,
    dims.map((d) => -Math.floor(x.shape[normalizeDim("fft.ifftshift", d, x.rank)]! / 2)),
    dims,
  );
}
