/** The Walsh-Hadamard transform: sums with signs, in n log n additions. */
import { ArgumentError, DTypeError, ShapeError } from "../errors";
import { fftHadamard, gridFor, launch } from "../kernels";
import { gatherUnique } from "../ops/indexing";
import type { Primitive } from "../ops/primitive";
import { jvpOfLinear, withLanes } from "../ops/rules";
import { expand, reshape } from "../ops/shape";
import { bind } from "../ops/trace";
import { walkRows } from "../ops/walk";
import { requireOptions } from "../options";
import { tensor } from "../tensor/creation";
import { DeviceTensor } from "../tensor/deviceTensor";
import { isFloat } from "../tensor/dtype";
import { scope } from "../tensor/scope";
import { normalizeDim, show } from "../tensor/shape";
import type { Tensor } from "../tensor/tensor";

interface HadamardAttrs {
  readonly dim: number;
  readonly scale: number;
}

function runHadamard(x: DeviceTensor, { dim, scale }: HadamardAttrs): DeviceTensor {
  const { device, shape, dtype } = x;
  const n = shape[dim]!;
  const bits = Math.log2(n);
  const passes = Math.max(Math.ceil(bits / 3), 1);
  let given = x.alias();
  let gap = 1;
  for (let pass = 0; pass < passes; pass++) {
    const left = Math.log2(n / gap);
    const radix = 2 ** Math.min(left, 3);
    const y = DeviceTensor.empty(device, shape, dtype);
    const { rank, rows, shape: outer, strides } = walkRows(dim, [given, y]);
    const quotient = n / radix;
    launch(
      device,
      fftHadamard,
      { x: given.binding, y: y.binding },
      {
        outer_shape: outer,
        x_strides: strides[0]!,
        y_strides: strides[1]!,
        count: rows * quotient,
        quotient,
        gap,
        x_offset: given.bindingOffset,
        x_step: given.strides[dim]!,
        y_offset: 0,
        y_step: y.strides[dim]!,
        scale: pass === passes - 1 ? scale : 1,
      },
      gridFor(device, rows * quotient, 64),
      { types: { T: dtype as "f32" | "f16" }, overrides: { RANK: rank, RADIX: radix } },
    );
    given.dispose();
    given = y;
    gap *= radix;
  }
  return given;
}

const hadamardPrimitive: Primitive<HadamardAttrs> = {
  name: "hadamard",
  formula: "y_i = s Σ_j (-1)^popcount(i & j) x_j",
  derivative: "the same transform of the cotangent",
  saves: "nothing",
  outputs: ([x], { dim }) => {
    if (!isFloat(x!.dtype))
      throw new DTypeError(
        `fft.hadamardTransform: not defined for ${x!.dtype}; convert with .to("f32").`,
      );
    const n = x!.shape[dim]!;
    if (n < 1 || !Number.isInteger(Math.log2(n)))
      throw new ShapeError(
        `fft.hadamardTransform: dimension ${dim} of ${show(x!.shape)} must be a power of two. Pad it with zeros.`,
      );
    return [{ shape: x!.shape, dtype: x!.dtype }];
  },
  run: ([x], attrs) => [runHadamard(x!, attrs)],
  vjp: ([g], { attrs }) => [bind(hadamardPrimitive, [g!], attrs)[0]!],
  jvp: jvpOfLinear(() => hadamardPrimitive),
  batch: (inputs, context) =>
    bind(hadamardPrimitive, withLanes(inputs, context), {
      ...context.attrs,
      dim: context.attrs.dim + 1,
    }),
};

export interface HadamardOptions {
  /** Default -1. */
  dim?: number;
  /** "ortho" divides by √n, so that the transform is its own inverse. Default "backward": no division. */
  norm?: "backward" | "ortho";
  /**
   * "natural" (Sylvester's matrix, the default), or "sequency": Walsh's order, in which the number of sign
   * changes of the rows rises from 0.
   */
  order?: "natural" | "sequency";
}

/** The row of Sylvester's matrix with k sign changes: the bits of k's Gray code, reversed. */
function natural(k: number, bits: number): number {
  const gray = k ^ (k >>> 1);
  let row = 0;
  for (let b = 0; b < bits; b++) row |= ((gray >>> b) & 1) << (bits - 1 - b);
  return row;
}

/**
 * The Walsh-Hadamard transform along one dimension, whose size is a power of two.
 *
 * @param x f32 or f16
 * @returns the shape and dtype of x; differentiable (the transform is linear and symmetric)
 * @throws ShapeError for a size that is no power of two, or a dim out of range; DTypeError for integers;
 * ArgumentError for an unknown norm or order
 * @example fft.hadamardTransform(tensor([1, 0, 1, 0])) // 2, 2, 0, 0
 */
export function hadamardTransform(x: Tensor, options: HadamardOptions = {}): Tensor {
  const {
    dim = -1,
    norm = "backward",
    order = "natural",
  } = requireOptions("fft.hadamardTransform", options, "dim");
  if (norm !== "backward" && norm !== "ortho")
    throw new ArgumentError(`fft.hadamardTransform: norm "${norm}" must be "backward" or "ortho".`);
  if (order !== "natural" && order !== "sequency")
    throw new ArgumentError(
      `fft.hadamardTransform: order "${order}" must be "natural" or "sequency".`,
    );
  if (x.rank === 0)
    throw new ShapeError(
      "fft.hadamardTransform: a scalar has no dimension to transform. Use reshape(x, [1]).",
    );
  const at = normalizeDim("fft.hadamardTransform", dim, x.rank);
  const n = x.shape[at]!;
  return scope(() => {
    const scale = norm === "ortho" ? 1 / Math.sqrt(n) : 1;
    const y = bind(hadamardPrimitive, [x], { dim: at, scale })[0]!;
    if (order === "natural") return y;
    const rows = Int32Array.from({ length: n }, (_, k) => natural(k, Math.log2(n)));
    const index = reshape(
      tensor(rows, { device: x.device }),
      x.shape.map((_, i) => (i === at ? n : 1)),
    );
    return gatherUnique(y, at, expand(index, x.shape));
  });
}

export const hadamardPrimitives = [hadamardPrimitive];
