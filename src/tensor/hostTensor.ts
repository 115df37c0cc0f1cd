/** Values still on the host, with their shape: what loaders give and `toDevice` uploads. */
import type { Device } from "../device/device";
import { ArgumentError } from "../errors";
import { type TypedArray, upload } from "./creation";
import { DeviceTensor } from "./deviceTensor";
import { byteSize, decodeHost, type HostArray } from "./dtype";
import { isDense, type Shape, show } from "./shape";
import type { Tensor } from "./tensor";
import { isPlain } from "./tree";

export interface HostTensor<V extends TypedArray = TypedArray> {
  readonly values: V;
  readonly shape: Shape;
}

/** The structure of a batch with its host tensors as tensors. */
export type OnDevice<T> = T extends HostTensor
  ? Tensor
  : T extends Tensor
    ? T
    : T extends readonly (infer Item)[]
      ? OnDevice<Item>[]
      : T extends object
        ? { [K in keyof T]: OnDevice<T[K]> }
        : T;

export function isHostTensor(value: unknown): value is HostTensor {
  return (
    typeof value === "object" &&
    value !== null &&
    "values" in value &&
    "shape" in value &&
    ArrayBuffer.isView(value.values)
  );
}

/** Uploads every host tensor in arrays and plain objects; everything else passes through. */
export function toDevice<T>(tree: T, device?: Device): OnDevice<T> {
  const walk = (value: unknown): unknown => {
    if (typeof value !== "object" || value === null) return value;
    if (isHostTensor(value)) return upload(value.values, value.shape, device ? { device } : {});
    if (Array.isArray(value)) return value.map(walk);
    if (!isPlain(value)) return value;
    if ("shape" in value && Array.isArray(value.values))
      throw new ArgumentError(
        "The values of a host tensor are a plain array; make it a typed one, such as Float32Array.from(values).",
      );
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, walk(item)]));
  };
  return walk(tree) as OnDevice<T>;
}

/**
 * The elements of several tensors of one device in one wait.
 * @throws ArgumentError for a tensor that is not contiguous
 */
export async function readAll(tensors: readonly Tensor[]): Promise<HostArray[]> {
  const parts = await readStored(tensors);
  return parts.map((part, i) => decodeHost(part, tensors[i]!.dtype, tensors[i]!.size));
}

/** As `readAll`, but the bytes as the device stores them, in whole words. */
export async function readStored(tensors: readonly Tensor[]): Promise<ArrayBuffer[]> {
  if (tensors.length === 0) return [];
  const ranges = tensors.map((t) => {
    if (!(t instanceof DeviceTensor) || !isDense(t.shape, t.strides))
      throw new ArgumentError(
        `readAll: ${t} of strides ${show((t as DeviceTensor).strides ?? [])} is not contiguous; use contiguous().`,
      );
    t.check();
    const bytes = Math.ceil((t.size * byteSize(t.dtype)) / 4) * 4;
    return { buffer: t.storage.buffer, offset: t.offset * byteSize(t.dtype), bytes };
  });
  return tensors[0]!.device.read(ranges);
}
