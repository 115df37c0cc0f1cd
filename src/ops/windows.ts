/**
 * Sliding windows along one dimension as a strided view, which takes no memory, and the sum of
 * overlapping windows, which is their gradient.
 */
import { ArgumentError, DTypeError, ShapeError } from "../errors";
import { gridFor, launch, shapeOverlapAdd } from "../kernels";
import { DeviceTensor } from "../tensor/deviceTensor";
import { storageType } from "../tensor/dtype";
import { show } from "../tensor/shape";
import type { Tensor } from "../tensor/tensor";
import { computeType } from "./pointwise";
import type { Primitive } from "./primitive";
import { jvpOfLinear } from "./rules";
import { dimensionOf } from "./shape";
import { bind } from "./trace";
import { walkTogether } from "./walk";

interface WindowAttrs {
  readonly dim: number;
  /** Places in a window, `dilation` apart. */
  readonly size: number;
  /** From one window to the next. */
  readonly step: number;
  readonly dilation: number;
}

const inLanes = <A extends WindowAttrs>(attrs: A): A => ({ ...attrs, dim: attrs.dim + 1 });

/** How many windows fit into `length`. */
export const windowCount = (
  length: number,
  { size, step, dilation }: Omit<WindowAttrs, "dim">,
): number => Math.max(Math.floor((length - (size - 1) * dilation - 1) / step) + 1, 0);

const windowsPrimitive: Primitive<WindowAttrs> = {
  name: "windows",
  formula: "y[.., w, .., k] = x[.., w · step + k · dilation, ..]",
  derivative: "the windows of g added up where they overlap",
  saves: "nothing",
  outputs: ([x], attrs) => [
    {
      shape: [...x!.shape.map((d, i) => (i === attrs.dim ? windowCount(d, attrs) : d)), attrs.size],
      dtype: x!.dtype,
    },
  ],
  run: ([x], { dim, step, dilation }, [out]) => [
    x!.view(out!.shape, [
      ...x!.strides.map((s, i) => (i === dim ? s * step : s)),
      x!.strides[dim]! * dilation,
    ]),
  ],
  vjp: ([g], { inputs: [x], attrs }) =>
    bind(overlapAddPrimitive, [g!], { ...attrs, length: x!.shape[attrs.dim]! }),
  jvp: jvpOfLinear(() => windowsPrimitive),
  batch: (inputs, { attrs }) => bind(windowsPrimitive, inputs, inLanes(attrs)),
};

const overlapAddPrimitive: Primitive<WindowAttrs & { readonly length: number }> = {
  name: "overlapAdd",
  formula: "y = 0, y[.., w · step + k · dilation, ..] += x[.., w, .., k]",
  derivative: "the windows of g",
  saves: "nothing",
  outputs: ([x], { dim, length }) => {
    if (x!.dtype === "bool")
      throw new DTypeError('overlapAdd: bool values cannot be added up; convert with .to("i32").');
    return [
      { shape: x!.shape.slice(0, -1).map((d, i) => (i === dim ? length : d)), dtype: x!.dtype },
    ];
  },
  run: ([x], { dim, size, step, dilation }, [out]) => {
    const y = DeviceTensor.empty(x!.device, out!.shape, out!.dtype);
    const { rank, shape, strides } = walkTogether(out!.shape, [
      out!.shape.map((_, i) => (i === dim ? 0 : x!.strides[i]!)),
      out!.shape.map((_, i) => (i === dim ? 1 : 0)),
    ]);
    launch(
      x!.device,
      shapeOverlapAdd,
      { x: x!.binding, y: y.binding },
      {
        shape,
        x_strides: strides[0]!,
        j_strides: strides[1]!,
        count: y.size,
        x_offset: x!.bindingOffset,
        windows: x!.size === 0 ? 0 : x!.shape[dim]!,
        window_stride: x!.strides[dim]!,
        size,
        place_stride: x!.strides.at(-1)!,
        step,
        dilation,
      },
      gridFor(x!.device, y.size, 64),
      {
        types: { T: storageType(x!.dtype), C: computeType(x!.dtype) },
        overrides: { RANK: rank },
      },
    );
    return [y];
  },
  vjp: ([g], { attrs: { dim, size, step, dilation } }) =>
    bind(windowsPrimitive, [g!], { dim, size, step, dilation }),
  jvp: jvpOfLinear(() => overlapAddPrimitive),
  batch: (inputs, { attrs }) => bind(overlapAddPrimitive, inputs, inLanes(attrs)),
};

/** The windows along `dim` as a new last dimension. The caller has checked that one fits. */
export function windows(x: Tensor, attrs: WindowAttrs): Tensor {
  return bind(windowsPrimitive, [x], attrs)[0]!;
}

/** Windows (the last dimension) put back along `dim` of `length`, added up where they overlap. */
export function overlapAdd(x: Tensor, attrs: WindowAttrs & { readonly length: number }): Tensor {
  return bind(overlapAddPrimitive, [x], attrs)[0]!;
}

/**
 * Windows of `size` elements along `dim`, one every `step`, as a new last dimension (PyTorch
 * `Tensor.unfold`). A view: windows that overlap share memory.
 *
 * @returns x's shape with the number of windows at `dim`, and size after the last; differentiable
 * @throws ShapeError for a dim out of range or a size beyond it; ArgumentError unless size and step are
 * whole numbers >= 1
 * @example unfold(tensor([1, 2, 3]), 0, 2, 1) // [[1, 2], [2, 3]]
 */
export function unfold(x: Tensor, dim: number, size: number, step: number): Tensor {
  const { at, size: length } = dimensionOf("unfold", x, dim);
  if (!Number.isInteger(size) || size < 1 || !Number.isInteger(step) || step < 1)
    throw new ArgumentError(`unfold: size ${size} and step ${step} must be whole numbers >= 1.`);
  if (size > length)
    throw new ShapeError(
      `unfold: windows of ${size} do not fit into dimension ${dim} of ${show(x.shape)}, which has ${length} elements.`,
    );
  return windows(x, { dim: at, size, step, dilation: 1 });
}

export const windowPrimitives = [windowsPrimitive, overlapAddPrimitive];
