/** Tensors from host values. */
import { currentDevice, type Device } from "../device/device";
import { ArgumentError, DTypeError, ShapeError } from "../errors";
import { requireOptions } from "../options";
import { ConstantCache } from "./constantCache";
import { DeviceTensor } from "./deviceTensor";
import { type DType, encodeHost, requireKnown, storedBytes } from "./dtype";
import { flatten, type Nested } from "./nested";
import { checkShape, type Shape, show, sizeOf } from "./shape";
import { Storage } from "./storage";
import type { Tensor } from "./tensor";
import { noteUniform } from "./uniformValue";

export interface TensorOptions {
  /** Default: f32 for numbers, bool for booleans, the array's own type for typed arrays. */
  dtype?: DType;
  /** Default: the device of `init`. */
  device?: Device;
}

export type TypedArray = Float32Array | Int32Array | Uint32Array | Uint8Array | Int8Array;
export type TensorLike = Nested<number> | Nested<boolean> | TypedArray;

/** @throws DTypeError for what is no element type, or where the device has no f16. */
export function requireOffered(device: Device, dtype: DType): void {
  requireKnown(dtype, "dtype");
  if (dtype === "f16" && !device.executor.adapter.features.includes("shader-f16"))
    throw new DTypeError(
      `f16 needs the adapter feature shader-f16, which "${device.executor.adapter.description}" does not offer. Use f32.`,
    );
}

function inferDType(values: ArrayLike<number | boolean>): DType {
  if (values instanceof Int32Array) return "i32";
  if (values instanceof Uint32Array) return "u32";
  if (values instanceof Uint8Array) return "u32";
  if (values instanceof Int8Array) return "i8";
  return typeof values[0] === "boolean" ? "bool" : "f32";
}

/** Writes flat host values to a new tensor. */
export function upload(
  values: ArrayLike<number | boolean>,
  shape: Shape,
  options: TensorOptions = {},
): DeviceTensor {
  requireOptions("tensor", options, "shape");
  const device = options.device ?? currentDevice();
  const dtype = options.dtype ?? inferDType(values);
  requireOffered(device, dtype);
  checkShape("tensor", shape);
  if (values.length !== sizeOf(shape))
    throw new ShapeError(
      `tensor: ${values.length} values do not fill shape ${show(shape)}, which has ${sizeOf(shape)} elements.`,
    );
  const bytes = Math.max(storedBytes(dtype, values.length), 4);
  const storage = Storage.allocate(device, bytes, `tensor ${show(shape)}`, "tensor", true);
  const result = new DeviceTensor(storage, shape, dtype);
  if (values.length) device.executor.write(storage.buffer, 0, encodeHost(values, dtype));
  return result;
}

/**
 * A tensor from a number, nested arrays, or a typed array.
 *
 * @param options.shape only with a typed or flat array: the shape to give it. Default: its own nesting.
 * @throws ShapeError for ragged arrays or a shape of another size; DTypeError for f16 where not offered.
 * @example tensor([[1, 2], [3, 4]]).shape // [2, 2]
 */
export function tensor(data: TensorLike, options?: TensorOptions & { shape?: Shape }): Tensor {
  if (data === undefined || data === null)
    throw new ArgumentError(
      "tensor: data is missing. Pass a number, nested arrays, or a typed array.",
    );
  if (ArrayBuffer.isView(data))
    return upload(data as TypedArray, options?.shape ?? [data.length], options);
  const { values, shape } = flatten<number | boolean>(data as Nested<number | boolean>);
  return upload(values, options?.shape ?? shape, options);
}

/** Scalars in use at once by a program are few; beyond this the oldest go. */
const scalars = new ConstantCache(512);

/** A scalar that never changes, written once per device and value; each call gives a view of it. */
export function constant(device: Device, value: number, dtype: DType): DeviceTensor {
  const scalar = scalars.get(device, `${dtype} ${Object.is(value, -0) ? "-0" : value}`, () => {
    requireOffered(device, dtype);
    return { shape: [], dtype, data: encodeHost([value, value], dtype) };
  });
  return noteUniform(scalar, value);
}
