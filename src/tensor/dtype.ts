/**
 * Element types. `bool` is stored as one u32 per element, 0 or 1; `f16` needs the adapter's shader-f16.
 *
 * `bf16`, `i8` and `i4` are *packed*: two, four or eight elements to a u32, the first in the lowest bits, always
 * dense and from the start of their storage. They are ways to store, and every device has them; arithmetic is
 * that of the type they widen to, f32 or i32: see ops/packed.
 */
import { DTypeError } from "../errors";

export type PackedDType = "bf16" | "i8" | "i4";
export type DType = "f32" | "f16" | "i32" | "u32" | "bool" | PackedDType;

/** What `data()` gives: booleans as bytes 0 or 1, f16 and bf16 widened to f32, i4 as i8. */
export interface HostArrays {
  f32: Float32Array<ArrayBuffer>;
  f16: Float32Array<ArrayBuffer>;
  i32: Int32Array<ArrayBuffer>;
  u32: Uint32Array<ArrayBuffer>;
  bool: Uint8Array<ArrayBuffer>;
  bf16: Float32Array<ArrayBuffer>;
  i8: Int8Array<ArrayBuffer>;
  i4: Int8Array<ArrayBuffer>;
}
export type HostArray = HostArrays[DType];

const bytes: Record<DType, number> = {
  f32: 4,
  f16: 2,
  i32: 4,
  u32: 4,
  bool: 4,
  bf16: 2,
  i8: 1,
  i4: 0.5,
};

/** @throws DTypeError unless `dtype` is the name of an element type; `what` says whose it is */
export function requireKnown(dtype: DType, what: string): void {
  if (!Object.hasOwn(bytes, dtype))
    throw new DTypeError(
      `${what}: "${dtype}" is no element type. They are ${Object.keys(bytes).join(", ")}.`,
    );
}

/** Bytes of one element on the device. */
export function byteSize(dtype: DType): number {
  return bytes[dtype];
}

/** Bytes of `count` elements on the device: whole words. */
export function storedBytes(dtype: DType, count: number): number {
  return Math.ceil((count * bytes[dtype]) / 4) * 4;
}

export function isFloat(dtype: DType): boolean {
  return dtype === "f32" || dtype === "f16" || dtype === "bf16";
}

export function isPacked(dtype: DType): dtype is PackedDType {
  return dtype === "bf16" || dtype === "i8" || dtype === "i4";
}

/** The type that arithmetic is done in: of packed ones f32 or i32, else itself. */
export function widened(dtype: DType): Exclude<DType, PackedDType> {
  if (dtype === "bf16") return "f32";
  return isPacked(dtype) ? "i32" : dtype;
}

/** The WGSL type of an element as kernels read it; packed ones are widened before. */
export function storageType(dtype: DType): "f32" | "f16" | "i32" | "u32" {
  const wide = widened(dtype);
  return wide === "bool" ? "u32" : wide;
}

const order: readonly DType[] = ["bool", "u32", "i4", "i8", "i32", "bf16", "f16", "f32"];

/**
 * The type of `a op b`: the wider of the two in the order bool, u32, i4, i8, i32, bf16, f16, f32, but f32 for bf16
 * with f16, of which neither holds the other, and i32 for u32 with i8 or i4.
 */
export function promote(a: DType, b: DType): DType {
  if (a === b) return a;
  const pair = [a, b];
  if (pair.includes("bf16") && pair.includes("f16")) return "f32";
  const wide = order.indexOf(a) >= order.indexOf(b) ? a : b;
  return pair.includes("u32") && isPacked(wide) && !isFloat(wide) ? "i32" : wide;
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

const wordScratch = new Float32Array(1);
const wordBits = new Uint32Array(wordScratch.buffer);

/** The nearest f16, ties to even, as its 16 bits. */
export function toHalfBits(value: number): number {
  wordScratch[0] = value;
  const x = wordBits[0]!;
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

/** The nearest bf16, ties to even, as its 16 bits; NaN stays NaN. */
export function toBrainBits(value: number): number {
  wordScratch[0] = value;
  const x = wordBits[0]!;
  if ((x & 0x7fffffff) > 0x7f800000) return (x >>> 16) | 0x40;
  return (x + 0x7fff + ((x >>> 16) & 1)) >>> 16;
}

/** The value of a bf16 given as its 16 bits. */
export function fromBrainBits(bits: number): number {
  wordBits[0] = bits << 16;
  return wordScratch[0]!;
}

/** Towards zero, and no further than what `bits` hold; NaN is 0. */
function saturated(value: number, bits: number): number {
  const limit = 2 ** (bits - 1);
  return Math.min(Math.max(Math.trunc(value) || 0, -limit), limit - 1);
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
  if (dtype === "bf16") {
    const packed = new Uint16Array(storedBytes(dtype, values.length) / 2);
    for (let i = 0; i < values.length; i++) packed[i] = toBrainBits(Number(values[i]));
    return packed;
  }
  if (dtype === "i8") {
    const packed = new Int8Array(storedBytes(dtype, values.length));
    for (let i = 0; i < values.length; i++) packed[i] = saturated(Number(values[i]), 8);
    return packed;
  }
  if (dtype === "i4") {
    const packed = new Uint8Array(storedBytes(dtype, values.length));
    for (let i = 0; i < values.length; i++)
      packed[i >> 1]! |= (saturated(Number(values[i]), 4) & 15) << (4 * (i & 1));
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
    bf16: () => Float32Array.from(new Uint16Array(buffer, 0, length), fromBrainBits),
    i8: () => new Int8Array(buffer, 0, length),
    i4: () => {
      const packed = new Uint8Array(buffer);
      // The sign bit of four becomes that of 32, and comes down again.
      return Int8Array.from({ length }, (_, i) => ((packed[i >> 1]! >> (4 * (i & 1))) << 28) >> 28);
    },
  };
  return decoded[dtype]() as HostArrays[D];
}
