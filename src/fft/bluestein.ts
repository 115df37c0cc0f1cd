/**
 * Transforms of any length as a convolution with a chirp, by transforms whose length is a power of two
 * (Bluestein 1970, "A linear filtering approach to the computation of discrete Fourier transform").
 *
 *   y_k = c_k Σ_j (x_j c_j) c̄_(k-j),  c_j = e^(-πi j² / n), since 2 jk = j² + k² - (k - j)²
 */

import type { Device } from "../device/device";
import { pad } from "../ops/padding";
import { narrow, reshape } from "../ops/shape";
import { scope } from "../tensor/scope";
import type { Tensor } from "../tensor/tensor";
import { type Complex, complexMul, conjugate, onParts } from "./complex";
import { dft } from "./dft";
import { constantTable, rootOfUnity } from "./roots";

/** c_j for 0 <= j < n. The exponent j² is reduced modulo 2n in whole numbers, as j² passes 2^53 only beyond n = 9·10^7. */
function chirp(device: Device, n: number): Complex {
  const part = (i: 0 | 1): Tensor =>
    constantTable(device, `chirp ${n} ${i}`, () => ({
      shape: [n],
      values: Float32Array.from({ length: n }, (_, j) => rootOfUnity((j * j) % (2 * n), 2 * n)[i]),
    }));
  return { real: part(0), imag: part(1) };
}

/** c̄_j for -n < j < n, wrapped around a circle of m. */
function filter(device: Device, n: number, m: number): Complex {
  const part = (i: 0 | 1): Tensor =>
    constantTable(device, `chirp filter ${n} ${i}`, () => {
      const values = new Float32Array(m);
      for (let j = 0; j < n; j++) {
        const value = rootOfUnity((j * j) % (2 * n), 2 * n)[i] * (i === 1 ? -1 : 1);
        values[j] = value;
        if (j > 0) values[m - j] = value;
      }
      return { shape: [m], values };
    });
  return { real: part(0), imag: part(1) };
}

/** As `dft`, for any length n >= 1. */
export function bluestein(
  x: Complex,
  { dim, inverse, scale }: { dim: number; inverse: boolean; scale: number },
): Complex {
  const { device, shape, rank } = x.real;
  const n = shape[dim]!;
  const m = 2 ** Math.ceil(Math.log2(2 * n - 1));
  const along = (t: Tensor): Tensor =>
    reshape(
      t,
      shape.map((_, i) => (i === dim ? t.size : 1)),
    );
  return scope(() => {
    // The transform with conjugate roots is the conjugate of the transform of the conjugate.
    const given = inverse ? conjugate(x) : x;
    const c = onParts(chirp(device, n), along);
    const h = filter(device, n, m);
    const [hRe, hIm] = dft(h.real, h.imag, { dim: 0, inverse: false, scale: scale / m });
    const padding = [...new Array<number>(2 * (rank - 1 - dim)).fill(0), 0, m - n];
    const spread = onParts(complexMul(given, c), (t) => pad(t, padding));
    const [re, im] = dft(spread.real, spread.imag, { dim, inverse: false, scale: 1 });
    const filtered = complexMul({ real: re, imag: im }, onParts({ real: hRe, imag: hIm }, along));
    const [yRe, yIm] = dft(filtered.real, filtered.imag, { dim, inverse: true, scale: 1 });
    const kept = onParts({ real: yRe, imag: yIm }, (t) => narrow(t, dim, 0, n));
    const y = complexMul(kept, c);
    return inverse ? conjugate(y) : y;
  });
}
