/** The discrete Fourier transform of lengths whose prime factors are small: the primitive behind `fft`. */
import { DTypeError, ShapeError } from "../errors";
import { fftPass, gridFor, launch } from "../kernels";
import { zerosLike } from "../ops/creation";
import type { Primitive, Spec } from "../ops/primitive";
import { jvpOfLinear, withLanes } from "../ops/rules";
import { dense } from "../ops/shape";
import { bind } from "../ops/trace";
import { walkRows } from "../ops/walk";
import { DeviceTensor } from "../tensor/deviceTensor";
import { sameShape, show } from "../tensor/shape";
import type { Tensor } from "../tensor/tensor";
import { rootsOfUnity } from "./roots";

interface DftAttrs {
  readonly dim: number;
  /** Conjugate roots. */
  readonly inverse: boolean;
  readonly scale: number;
}

const radices = [4, 2, 3, 5, 7, 11, 13] as const;

/** The radices of the passes for a length, or null where a prime factor above 13 remains. */
export function passesFor(n: number): number[] | null {
  const passes: number[] = [];
  let rest = n;
  for (const radix of radices)
    while (rest % radix === 0) {
      passes.push(radix);
      rest /= radix;
    }
  if (rest !== 1) return null;
  return passes.length ? passes : [1];
}

/** @param imag absent for real input */
function runDft(
  real: DeviceTensor,
  imag: DeviceTensor | null,
  { dim, inverse, scale }: DftAttrs,
): [DeviceTensor, DeviceTensor] {
  const { device, shape } = real;
  const n = shape[dim]!;
  const alike = !imag || sameShape(real.strides, imag.strides);
  const first = alike ? [real.alias(), imag?.alias()] : [dense(real), dense(imag)];
  let [re, im] = first as [DeviceTensor, DeviceTensor | undefined];
  const table = rootsOfUnity(device, n);
  const passes = passesFor(n)!;
  let before = 1;
  passes.forEach((radix, pass) => {
    const outRe = DeviceTensor.empty(device, shape, "f32");
    const outIm = DeviceTensor.empty(device, shape, "f32");
    const { rank, rows, shape: outer, strides } = walkRows(dim, [re, outRe]);
    const quotient = n / radix;
    const count = rows * quotient;
    launch(
      device,
      fftPass,
      {
        x_re: re.binding,
        x_im: (im ?? re).binding,
        table: table.binding,
        y_re: outRe.binding,
        y_im: outIm.binding,
      },
      {
        outer_shape: outer,
        x_strides: strides[0]!,
        y_strides: strides[1]!,
        count,
        quotient,
        before,
        x_re_offset: re.bindingOffset,
        x_im_offset: im?.bindingOffset ?? 0,
        x_step: re.strides[dim]!,
        y_offset: 0,
        y_step: outRe.strides[dim]!,
        sign: inverse ? -1 : 1,
        scale: pass === passes.length - 1 ? scale : 1,
      },
      gridFor(device, count, 64),
      { overrides: { RANK: rank, RADIX: radix, REAL: im ? 0 : 1 } },
    );
    re.dispose();
    im?.dispose();
    [re, im] = [outRe, outIm];
    before *= radix;
  });
  table.dispose();
  return [re, im!];
}

function check(inputs: readonly Spec[]): readonly Spec[] {
  for (const { dtype } of inputs)
    if (dtype !== "f32")
      throw new DTypeError(`fft: not defined for ${dtype}; it takes f32. Convert with .to("f32").`);
  const [re, im] = inputs;
  if (im && !sameShape(re!.shape, im.shape))
    throw new ShapeError(
      `fft: real has shape ${show(re!.shape)} and imag ${show(im.shape)}; they must agree.`,
    );
  return [re!, re!].map(({ shape, dtype }) => ({ shape, dtype }));
}

/** Inputs: the real parts, and the imaginary parts unless they are zero. Outputs: both. */
const dftPrimitive: Primitive<DftAttrs> = {
  name: "dft",
  formula: "y_k = s Σ_j x_j e^(∓2πi jk / n)",
  derivative: "the conjugate transform of the cotangent (its real part for real x)",
  saves: "nothing",
  outputs: check,
  run: ([re, im], attrs) => runDft(re!, im ?? null, attrs),
  vjp: (cotangents, { inputs, attrs }) => {
    const [re, im] = cotangents.map((c) => c ?? zerosLike(inputs[0]!)) as [Tensor, Tensor];
    const back = dft(re, im, { ...attrs, inverse: !attrs.inverse });
    return inputs.map((_, i) => back[i]!);
  },
  jvp: jvpOfLinear(() => dftPrimitive),
  batch: (inputs, context) =>
    bind(dftPrimitive, withLanes(inputs, context), {
      ...context.attrs,
      dim: context.attrs.dim + 1,
    }),
};

/** `scale` times the sum with e^(-2πi jk / n), or with its conjugate if `inverse`. */
export function dft(real: Tensor, imag: Tensor | null, attrs: DftAttrs): [Tensor, Tensor] {
  return bind(dftPrimitive, imag ? [real, imag] : [real], attrs) as [Tensor, Tensor];
}

export const dftPrimitives = [dftPrimitive];
