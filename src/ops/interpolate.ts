/**
 * Resizing of signals, images and volumes. Every kind of interpolation is separable: along each dimension the
 * result is a sparse matrix times the input, whose rows the host works out. The way back is the transposed
 * matrix, so that nothing needs atomics, and derivatives of any order are the same primitive.
 *
 * Where a result lies in the input follows PyTorch: without alignCorners pixels are areas, whose outer edges
 * coincide; with alignCorners they are points, of which the outermost coincide.
 */
import { ArgumentError, DTypeError, ShapeError } from "../errors";
import { gridFor, interpolateAlong, launch } from "../kernels";
import { requireOptions } from "../options";
import { upload } from "../tensor/creation";
import { DeviceTensor } from "../tensor/deviceTensor";
import { isFloat, storedBytes } from "../tensor/dtype";
import { scope } from "../tensor/scope";
import { type Shape, show, sizeOf } from "../tensor/shape";
import type { Tensor } from "../tensor/tensor";
import { type PerDim, perDim } from "./convolution";
import { adaptiveAvgPool1d, adaptiveAvgPool2d, adaptiveAvgPool3d } from "./pooling";
import type { Primitive } from "./primitive";
import { withLanes } from "./rules";
import { dense, permute, reshape } from "./shape";
import { bind } from "./trace";

interface ResizeAttrs {
  /** Which dimension, counted from the end (-1 is the last), and its sizes before and after. */
  readonly dim: number;
  readonly size: number;
  readonly pixels: number;
}

/**
 * Operands: x; the matrix; its transpose, for the way back. A matrix in compressed rows is one i32 tensor:
 * where each row begins, and where the last one ends; the columns; the bits of the weights.
 */
const resizePrimitive: Primitive<ResizeAttrs> = {
  name: "resize",
  formula: "y[.., q, ..] = Σ_s matrix_qs x[.., s, ..]",
  derivative: "to x: the transposed matrix times g",
  saves: { inputs: [1, 2] },
  outputs: ([x], { dim, pixels }) => {
    const at = x!.shape.length + dim;
    return [{ shape: x!.shape.map((d, i) => (i === at ? pixels : d)), dtype: x!.dtype }];
  },
  run: ([x, matrix], { dim, size, pixels }, [out]) => {
    const source = dense(x!);
    const y = DeviceTensor.empty(x!.device, out!.shape, out!.dtype);
    const inner = sizeOf(out!.shape.slice(x!.rank + dim + 1));
    const lanes = inner % 4 === 0 ? 4 : 1;
    launch(
      x!.device,
      interpolateAlong,
      { x: source.binding, table: matrix!.binding, y: y.binding },
      {
        count: y.size / lanes,
        size,
        pixels,
        inner,
        entries: (matrix!.size - pixels - 1) / 2,
        table_offset: matrix!.bindingOffset,
      },
      gridFor(x!.device, y.size / lanes, 64),
      { types: { T: y.dtype === "f16" ? "f16" : "f32" }, overrides: { LANES: lanes } },
    );
    source.dispose();
    return [y];
  },
  vjp: ([g], { inputs: [, matrix, transposed], attrs: { dim, size, pixels } }) => [
    resized(g!, transposed!, matrix!, { dim, size: pixels, pixels: size }),
    null,
    null,
  ],
  jvp: ([dx], { inputs: [, matrix, transposed], attrs }) => [
    dx ? resized(dx, matrix!, transposed!, attrs) : null,
  ],
  // The host makes the matrices, the same for all lanes.
  batch: (inputs, context) => {
    const [x] = withLanes(inputs.slice(0, 1), context);
    return bind(resizePrimitive, [x!, inputs[1]!, inputs[2]!], context.attrs);
  },
};

const resized = (x: Tensor, matrix: Tensor, transposed: Tensor, attrs: ResizeAttrs): Tensor =>
  bind(resizePrimitive, [x, matrix, transposed], attrs)[0]!;

/** A row of a sparse matrix: columns and their weights. */
export type SparseRow = readonly (readonly [column: number, weight: number])[];

/** Compressed rows in one list of 32-bit words. */
export function compressed(rows: readonly SparseRow[]): Int32Array {
  const entries = rows.reduce((sum, row) => sum + row.length, 0);
  const words = new Int32Array(rows.length + 1 + 2 * entries);
  const weights = new Float32Array(words.buffer);
  let at = 0;
  rows.forEach((row, q) => {
    for (const [column, weight] of row) {
      words[rows.length + 1 + at] = column;
      weights[rows.length + 1 + entries + at] = weight;
      at++;
    }
    words[q + 1] = at;
  });
  return words;
}

function transposedRows(rows: readonly SparseRow[], columns: number): SparseRow[] {
  const turned = Array.from({ length: columns }, (): [number, number][] => []);
  rows.forEach((row, q) => {
    for (const [column, weight] of row) turned[column]!.push([q, weight]);
  });
  return turned;
}

function applyRows(x: Tensor, rows: readonly SparseRow[], dim: number): Tensor {
  const size = x.shape.at(dim)!;
  const table = (of: readonly SparseRow[]): Tensor => {
    const words = compressed(of);
    return upload(words, [words.length], { dtype: "i32", device: x.device });
  };
  const attrs = { dim, size, pixels: rows.length };
  return resized(x, table(rows), table(transposedRows(rows, size)), attrs);
}

export type InterpolateMode =
  | "nearest"
  | "nearest-exact"
  | "linear"
  | "bilinear"
  | "trilinear"
  | "bicubic"
  | "area";

export interface InterpolateOptions {
  /** Sizes of the result: one for all spatial dimensions, or one for each. */
  size?: PerDim;
  /** Instead of a size: what the sizes are multiplied by, rounded down. */
  scaleFactor?: PerDim;
  /** Default "nearest". */
  mode?: InterpolateMode;
  /** Whether the outermost pixels coincide, instead of the outer edges. Default false. */
  alignCorners?: boolean;
  /** With scaleFactor: place pixels by the ratio of the sizes instead of the factor itself. Default false. */
  recomputeScaleFactor?: boolean;
}

/** Dimensions that a mode is for. */
const dimensions: Readonly<Record<InterpolateMode, readonly number[]>> = {
  nearest: [1, 2, 3],
  "nearest-exact": [1, 2, 3],
  linear: [1],
  bilinear: [2],
  trilinear: [3],
  bicubic: [2],
  area: [1, 2, 3],
};

const clamp = (i: number, size: number): number => Math.min(Math.max(i, 0), size - 1);

/** Keys' cubic convolution with a = -3/4, as PyTorch and OpenCV have it. */
const cubicSlope = -0.75;
const cubicNear = (t: number): number => ((cubicSlope + 2) * t - (cubicSlope + 3)) * t * t + 1;
const cubicFar = (t: number): number =>
  ((cubicSlope * t - 5 * cubicSlope) * t + 8 * cubicSlope) * t - 4 * cubicSlope;

interface Along {
  readonly size: number;
  readonly pixels: number;
  /** Distance in the input of neighbouring pixels of the result. */
  readonly step: number;
  readonly alignCorners: boolean;
}

/** The row of pixel q: which elements of the input it is made of. */
function rowOf(
  mode: Exclude<InterpolateMode, "area">,
  { size, step, alignCorners }: Along,
  q: number,
): SparseRow {
  // PyTorch works out which neighbour is nearest in f32.
  if (mode === "nearest") {
    const place = Math.fround(q * Math.fround(step));
    return [[clamp(Math.floor(place), size), 1]];
  }
  if (mode === "nearest-exact") {
    const place = Math.fround((q + 0.5) * Math.fround(step));
    return [[clamp(Math.floor(place), size), 1]];
  }
  const place = alignCorners ? q * step : (q + 0.5) * step - 0.5;
  if (mode === "bicubic") {
    const first = Math.floor(place);
    const t = place - first;
    return merged([
      [clamp(first - 1, size), cubicFar(t + 1)],
      [clamp(first, size), cubicNear(t)],
      [clamp(first + 1, size), cubicNear(1 - t)],
      [clamp(first + 2, size), cubicFar(2 - t)],
    ]);
  }
  const inside = Math.max(place, 0);
  const first = clamp(Math.floor(inside), size);
  const t = inside - Math.floor(inside);
  return first + 1 < size && t > 0
    ? [
        [first, 1 - t],
        [first + 1, t],
      ]
    : [[first, 1]];
}

/** Weights of the same column added up. */
function merged(row: readonly (readonly [number, number])[]): SparseRow {
  const weights = new Map<number, number>();
  for (const [column, weight] of row) weights.set(column, (weights.get(column) ?? 0) + weight);
  return [...weights];
}

/** Sizes of the result, and how far apart its pixels are in the input. */
function targetOf(size: Shape, options: InterpolateOptions): { pixels: number[]; steps: number[] } {
  const dims = size.length;
  const { size: wanted, scaleFactor, alignCorners = false, recomputeScaleFactor = false } = options;
  if ((wanted === undefined) === (scaleFactor === undefined))
    throw new ArgumentError("interpolate: pass either size or scaleFactor.");
  const factors =
    scaleFactor === undefined
      ? null
      : Array.isArray(scaleFactor)
        ? (scaleFactor as readonly number[])
        : new Array<number>(dims).fill(scaleFactor as number);
  if (factors && (factors.length !== dims || factors.some((f) => !(f > 0 && Number.isFinite(f)))))
    throw new ArgumentError(
      `interpolate: scaleFactor ${JSON.stringify(scaleFactor)} must be a number > 0${dims > 1 ? `, or ${dims} of them` : ""}.`,
    );
  const pixels = factors
    ? factors.map((f, i) => Math.floor(size[i]! * f))
    : perDim("interpolate", "size", wanted!, dims, 1);
  if (pixels.includes(0))
    throw new ShapeError(
      `interpolate: scaleFactor ${JSON.stringify(scaleFactor)} leaves nothing of the size ${show(size)}.`,
    );
  const steps = pixels.map((n, i) => {
    if (alignCorners) return n > 1 ? (size[i]! - 1) / (n - 1) : 0;
    return factors && !recomputeScaleFactor ? 1 / factors[i]! : size[i]! / n;
  });
  return { pixels, steps };
}

/**
 * Resizes over one to three spatial dimensions (PyTorch `functional.interpolate`).
 *
 * - nearest: the element at ⌊q · step⌋; nearest-exact: at ⌊(q + ½) · step⌋
 * - linear, bilinear, trilinear: between the two neighbours along each dimension
 * - bicubic: cubic convolution of four neighbours along each dimension; may overshoot
 * - area: the mean of the elements that a pixel covers (adaptive average pooling)
 *
 * @param x [images, channels, ...size], f32 or f16
 * @returns [images, channels, ...sizes]; differentiable
 * @throws ShapeError, DTypeError where x does not fit; ArgumentError for a bad option or combination
 * @example interpolate(x, { scaleFactor: 2, mode: "bilinear" })
 */
export function interpolate(x: Tensor, options: InterpolateOptions): Tensor {
  const { mode = "nearest", alignCorners = false } = requireOptions("interpolate", options, "size");
  const dims = x.rank - 2;
  if (!(mode in dimensions))
    throw new ArgumentError(
      `interpolate: mode "${mode}" is none of ${Object.keys(dimensions).join(", ")}.`,
    );
  if (!isFloat(x.dtype))
    throw new DTypeError(
      `interpolate: x has dtype ${x.dtype}; it takes f32 or f16. Convert with .to("f32").`,
    );
  if (!dimensions[mode].includes(dims))
    throw new ShapeError(
      `interpolate: x has shape ${show(x.shape)}; mode "${mode}" takes [images, channels, ...size] with ${dimensions[mode].join(", ")} spatial dimensions.`,
    );
  const interpolates = mode.includes("linear") || mode === "bicubic";
  if (alignCorners && !interpolates)
    throw new ArgumentError(
      `interpolate: alignCorners means nothing for mode "${mode}"; it is for linear, bilinear, trilinear and bicubic.`,
    );
  const size = x.shape.slice(2);
  if (size.includes(0))
    throw new ShapeError(
      `interpolate: x ${show(x.shape)} has nothing to resize along a dimension.`,
    );
  const { pixels, steps } = targetOf(size, options);
  if (mode === "area")
    return [adaptiveAvgPool1d, adaptiveAvgPool2d, adaptiveAvgPool3d][dims - 1]!(x, pixels);
  const elements = sizeOf([...x.shape.slice(0, 2), ...pixels]);
  x.device.pool.requireFits(storedBytes(x.dtype, elements), `interpolate to ${show(pixels)}`);
  return scope(() => {
    // What grows least comes first: the other dimensions then have less to do.
    const order = size
      .map((_, i) => i)
      .filter((i) => pixels[i] !== size[i] || steps[i] !== 1)
      .sort((i, j) => pixels[i]! / size[i]! - pixels[j]! / size[j]!);
    const result = order.reduce((y, i) => {
      const along = { size: size[i]!, pixels: pixels[i]!, step: steps[i]!, alignCorners };
      const rows = Array.from({ length: along.pixels }, (_, q) => rowOf(mode, along, q));
      return applyRows(y, rows, i - dims);
    }, x);
    return result === x ? reshape(x, x.shape) : result;
  });
}

function requireShuffle(op: string, x: Tensor, factor: number): void {
  if (!Number.isInteger(factor) || factor < 1)
    throw new ArgumentError(`${op}: factor ${factor} must be a whole number >= 1.`);
  if (x.rank < 3)
    throw new ShapeError(
      `${op}: x has shape ${show(x.shape)}; it must be [..., channels, height, width].`,
    );
}

/**
 * Channels become pixels (PyTorch `functional.pixel_shuffle`): [..., channels · r², height, width] to
 * [..., channels, height · r, width · r].
 * @throws ShapeError where r² does not divide the channels, ArgumentError for a bad factor
 */
export function pixelShuffle(x: Tensor, upscaleFactor: number): Tensor {
  requireShuffle("pixelShuffle", x, upscaleFactor);
  const r = upscaleFactor;
  const [channels, height, width] = x.shape.slice(-3) as [number, number, number];
  if (channels % (r * r) !== 0)
    throw new ShapeError(
      `pixelShuffle: x ${show(x.shape)} has ${channels} channels, which is no multiple of ${r * r}.`,
    );
  const before = x.shape.slice(0, -3);
  const n = before.length;
  return scope(() => {
    const apart = reshape(x, [...before, channels / (r * r), r, r, height, width]);
    const order = [0, 3, 1, 4, 2].map((d) => d + n);
    const moved = permute(apart, [...before.map((_, i) => i), ...order]);
    return reshape(moved, [...before, channels / (r * r), height * r, width * r]);
  });
}

/**
 * Pixels become channels (PyTorch `functional.pixel_unshuffle`): [..., channels, height · r, width · r] to
 * [..., channels · r², height, width].
 * @throws ShapeError where r does not divide height and width, ArgumentError for a bad factor
 */
export function pixelUnshuffle(x: Tensor, downscaleFactor: number): Tensor {
  requireShuffle("pixelUnshuffle", x, downscaleFactor);
  const r = downscaleFactor;
  const [channels, height, width] = x.shape.slice(-3) as [number, number, number];
  if (height % r !== 0 || width % r !== 0)
    throw new ShapeError(
      `pixelUnshuffle: height ${height} and width ${width} of x ${show(x.shape)} must be multiples of ${r}.`,
    );
  const before = x.shape.slice(0, -3);
  const n = before.length;
  return scope(() => {
    const apart = reshape(x, [...before, channels, height / r, r, width / r, r]);
    const order = [0, 2, 4, 1, 3].map((d) => d + n);
    const moved = permute(apart, [...before.map((_, i) => i), ...order]);
    return reshape(moved, [...before, channels * r * r, height / r, width / r]);
  });
}

export const interpolatePrimitives = [resizePrimitive];
