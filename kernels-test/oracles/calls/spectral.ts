/** Fourier, cosine and Walsh-Hadamard transforms. */
import * as tg from "../../../src/node";
import type { Attrs, Operation, Operations } from "./forms";

type Complex = tg.fft.Complex;
type Tensor = tg.Tensor;

const given = ([real, imag]: readonly Tensor[]): Tensor | Complex =>
  imag ? { real: real!, imag } : real!;
const complex =
  (fn: (x: Tensor | Complex, attrs: Attrs) => Complex): Operation =>
  (inputs, attrs) => {
    const { real, imag } = fn(given(inputs), attrs);
    return [real, imag];
  };

export const spectralOperations: Operations = {
  dct: ([x], attrs) => tg.fft.dct(x!, attrs),
  fft: complex(tg.fft.fft),
  fft2: complex(tg.fft.fft2),
  fftn: complex(tg.fft.fftn),
  fftshift: ([x], { dim }) => tg.fft.fftshift(x!, dim),
  hadamardTransform: ([x], attrs) => tg.fft.hadamardTransform(x!, attrs),
  ifft: complex(tg.fft.ifft),
  ifft2: complex(tg.fft.ifft2),
  ifftn: complex(tg.fft.ifftn),
  ifftshift: ([x], { dim }) => tg.fft.ifftshift(x!, dim),
  irfft: (inputs, attrs) => tg.fft.irfft(given(inputs), attrs),
  rfft: complex((x, attrs) => tg.fft.rfft(x as Tensor, attrs)),
};
