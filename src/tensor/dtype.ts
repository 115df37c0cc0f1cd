/** Element types. `bool` is stored as one u32 per element, 0 or 1; `f16` needs the adapter's shader-f16. */
import { DTypeError } from "../errors";

export type DType = "f32" | "f16" | "i32" | "u32" | "bool";

/** What `data()` gives: booleans as bytes 0 or 1, f16 widened to f32. */
export interface HostArrays {
  f32: Float32Array<ArrayBuffer>;
  f16: Float32Array<ArrayBuffer>;
  i32: Int32Array<ArrayBuffer>;
  u32: Uint32Array<ArrayBuffer>;
  bool: Uint8Array<ArrayBuffer>;
}
export type HostArray = HostArrays[DType];

const bytes: Record<DType, number> = { f32: 4, f16: 2, i32: 4, u32: 4, bool: 4 };

/** Bytes of one element on the device. */
export function byteSize(dtype: DType): number {
  return bytes[dtype];
}

export function isFloat(dtype: DType): boolean {
  return dtype === "f32" || dtype === "f16";
}

/** The WGSL type an element is stored as. */
export function storageType(dtype: DType): "f32" | "f16" | "i32" | "u32" {
  return dtype === "bool" ? "u32" : dtype;
}

const order: readonly DType[] = ["bool", "u32", "i32", "f16", "f32"];

/** The type of `a op b`: the wider of the two in the order bool, u32, i32, f16, f32. */
export function promote(a: DType, b: DType): DType {
  return order.indexOf(a) >= order.indexOf(b) ? a : b;
}

export function requireDType(
  op: string,
  argument: string,
  got: DType,
  allowed: readonly DType[],
): void {
  if (!allowed.includes(got))
    throw new DTypeError(
      `${op}: ${argument} has dtype ${got}; it takes ${allowed.join(" or ")}. Convert it with .to("${allowed[0]}").`,
    );
}

const halfScratch = new Float32Array(1);
const halfBits = new Uint32Array(halfScratch.buffer);

/** The nearest f16, ties to even, as its 16 bits. */
export function toHalfBits(value: number): number {
  halfScratch[0] = value;
  const x = halfBits[0]!;
  const sign = (x >>> 16) & 0x8000;
  const magnitude = x & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  if (magnitude < 0x33000001) return sign;
  const exponent = (magnitude >>> 23) - 127;
  const mantissa = (magnitude & 0x7fffff) | 0x800000;
  const shift = exponent < -14 ? -exponent - 1 : 13;
  const base = exponent < -14 ? 0 : (exponent + 14) << 10;
  const kept = mantissa >>> shift;
  const rest = mantissa & ((1 << shift) - 1);
  const half = 1 << (shift - 1);
  const rounded = kept + (rest > half || (rest === half && kept & 1) ? 1 : 0);
  return sign | (base + rounded);
}

/** The value of an f16 given as its 16 bits. */
export function fromHalfBits(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 31;
  const mantissa = bits & 1023;
  if (exponent === 31) return mantissa ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return exponent === 0
    ? sign * mantissa * 2 ** -24
    : sign * (1 + mantissa / 1024) * 2 ** (exponent - 15);
}

/** Host values as the device stores them; the length in bytes is a multiple of 4. */
export function encodeHost(values: ArrayLike<number | boolean>, dtype: DType): ArrayBufferView {
  if (dtype === "f32") return Float32Array.from(values as ArrayLike<number>);
  if (dtype === "i32") return Int32Array.from(values as ArrayLike<number>);
  if (dtype === "f16") {
    const packed = new Uint16Array(Math.ceil(values.length / 2) * 2);
    for (let i = 0; i < values.length; i++) packed[i] = toHalfBits(Number(values[i]));
    return packed;
  }
  if (dtype === "bool") {
    const words = new Uint32Array(values.length);
    for (let i = 0; i < values.length; i++) words[i] = values[i] ? 1 : 0;
    return words;
  }
  return Uint32Array.from(values as ArrayLike<number>);
}

/** Device bytes as host values; `length` elements. */
export function decodeHost<D extends DType>(
  buffer: ArrayBuffer,
  dtype: D,
  length: number,
): HostArrays[D] {
  const decoded: Record<DType, () => HostArray> = {
    f32: () => new Float32Array(buffer, 0, length),
    i32: () => new Int32Array(buffer, 0, length),
    u32: () => new Uint32Array(buffer, 0, length),
    bool: () => Uint8Array.from(new Uint32Array(buffer, 0, length)),
    f16: () => Float32Array.from(new Uint16Array(buffer, 0, length), fromHalfBits),
  };
  return decoded[dtype]() as HostArrays[D];
}
