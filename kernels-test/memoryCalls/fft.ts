/** Transforms to other bases (`tg.fft`). */
import type { Calls } from "./operands";

export const fftCalls: Calls = {
  dct: [(tg, { x }) => tg.fft.dct(x), (tg, { x }) => tg.fft.dct(x, { type: 3, norm: "ortho" })],
  fft: [
    (tg, { x }) => tg.fft.fft(x),
    (tg, { x, y }) => tg.fft.fft({ real: x, imag: y }, { n: 5, dim: 0, norm: "forward" }),
  ],
  fft2: [(tg, { x }) => tg.fft.fft2(x)],
  fftfreq: [(tg) => tg.fft.fftfreq(5, 0.5)],
  fftn: [(tg, { packed }) => tg.fft.fftn(packed, { s: [2, 3], dim: [1, 2] })],
  fftshift: [(tg, { x }) => tg.fft.fftshift(x, [1])],
  hadamardTransform: [
    (tg, { x }) => tg.fft.hadamardTransform(x),
    (tg, { x }) => tg.fft.hadamardTransform(x, { dim: 1, order: "sequency" }),
  ],
  idct: [(tg, { x }) => tg.fft.idct(x, { dim: 0 })],
  ifft: [(tg, { x, y }) => tg.fft.ifft({ real: x, imag: y })],
  ifft2: [(tg, { x, y }) => tg.fft.ifft2({ real: x, imag: y })],
  ifftn: [(tg, { x }) => tg.fft.ifftn(x, { dim: [0] })],
  ifftshift: [(tg, { turned }) => tg.fft.ifftshift(turned)],
  irfft: [(tg, { x, y }) => tg.fft.irfft({ real: x, imag: y }, { n: 6 })],
  rfft: [(tg, { x }) => tg.fft.rfft(x), (tg, { x }) => tg.fft.rfft(x, { n: 7 })],
  rfftfreq: [(tg) => tg.fft.rfftfreq(6)],
};
