/** Fourier, cosine and Walsh-Hadamard transforms (`tg.fft`). */
export type { Complex } from "./complex";
export { type DctOptions, dct, idct } from "./dct";
export {
  type FftnOptions,
  type FftOptions,
  fft,
  fft2,
  fftfreq,
  fftn,
  fftshift,
  ifft,
  ifft2,
  ifftn,
  ifftshift,
  irfft,
  type Norm,
  rfft,
  rfftfreq,
} from "./fft";
export { type HadamardOptions, hadamardTransform } from "./hadamard";
