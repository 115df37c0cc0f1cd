/**
 * Loads and stores of WGSL values at addresses, in the layout of types.ts. f16 is stored as two bytes and
 * computed with as f32; a bool is stored as 0 or 1, in vectors too.
 */
import type { Builder } from "../ir/builder";
import type { Value } from "../ir/ir";
import { fromHalfBits, halfBits } from "../math/half";
import {
  type ArrayType,
  alignOf,
  sizeOf,
  strideOf,
  type Type,
  type VectorType,
  vectorOf,
} from "../wgsl/types";
import {
  elementOf,
  isFloat,
  isLeaf,
  isValue,
  partTypes,
  type Representation,
} from "./representation";

/** An address and what is known of the memory there. */
export interface MemoryPlace {
  /** Bytes: `base` + `offset`. */
  readonly base: Value;
  readonly offset: number;
  readonly type: Type;
  /** Nothing writes it while the kernel runs: loads may move. */
  readonly constant: boolean;
  /** Other threads may use it at the same time: atomics must be atomic. */
  readonly shared: boolean;
  /** Bytes of the binding from `base` on, where the type ends in a runtime-sized array. */
  readonly bytes: Value | null;
}

/** Bytes from the start of a composite to its part. */
export function partOffset(type: Type, index: number): number {
  switch (type.kind) {
    case "struct":
      return type.members[index]!.offset;
    case "array":
      return index * strideOf(type);
    case "matrix":
      return index * alignOf(type);
    case "vector":
      return index * sizeOf(type.element);
    default:
      throw new Error(`${type.kind} has no parts`);
  }
}

/** The type of the components of a vector, the columns of a matrix, the elements of an array. */
export function componentType(type: Type): Type {
  if (type.kind === "vector" || type.kind === "array") return type.element;
  if (type.kind === "matrix") return vectorOf(type.element, type.rows);
  throw new Error(`${type.kind} has no components`);
}

export function partPlace(place: MemoryPlace, index: number): MemoryPlace {
  const { type } = place;
  const part = type.kind === "struct" ? type.members[index]!.type : componentType(type);
  return { ...place, offset: place.offset + partOffset(type, index), type: part };
}

/** Elements that a runtime-sized array at `place` has, at least one. */
export function runtimeLength(b: Builder, place: MemoryPlace): Value {
  const stride = strideOf(place.type as ArrayType);
  const bytes = b.pure("i32.sub", [place.bytes!, b.i32(place.offset)]);
  return b.pure("i32.div_u", [bytes, b.i32(stride)]);
}

/** Element of an array, column of a matrix, component of a vector; the index is kept inside. */
export function elementPlace(b: Builder, place: MemoryPlace, index: Value): MemoryPlace {
  const { type } = place;
  if (type.kind !== "array" && type.kind !== "matrix" && type.kind !== "vector")
    throw new Error(`${type.kind} has no elements`);
  const fixed =
    type.kind === "array" ? type.count : type.kind === "matrix" ? type.columns : type.width;
  if (fixed !== null && index.op === "i32.const")
    return partPlace(place, Math.min((index.immediate as number) >>> 0, fixed - 1));
  const last =
    fixed === null ? b.pure("i32.sub", [runtimeLength(b, place), b.i32(1)]) : b.i32(fixed - 1);
  const inside = b.pure("index.clamp", [index, last]);
  const first = partPlace(place, 0);
  const stride = partOffset(type, 1);
  const base = b.pure("i32.add", [place.base, b.pure("i32.mul", [inside, b.i32(stride)])]);
  return { ...first, base };
}

const load = (b: Builder, place: MemoryPlace, op: string, offset = 0): Value =>
  place.constant
    ? b.loadConstant(op, place.base, place.offset + offset)
    : b.load(op, place.base, place.offset + offset);

function loadHalves(b: Builder, place: MemoryPlace, width: number): Value {
  // One to four halves, as the low halves of four lanes.
  const bits =
    width === 1
      ? b.pure("i32x4.splat", [load(b, place, "i32.load16_u")])
      : b.pure("i32x4.extend_low_i16x8_u", [
          load(b, place, width === 2 ? "v128.load32_zero" : "v128.load64_zero"),
        ]);
  const value = fromHalfBits(b, bits);
  return width === 1 ? b.pure("f32x4.extract_lane", [value], 0) : value;
}

function loadVector(b: Builder, place: MemoryPlace, type: VectorType): Value {
  if (type.element.name === "f16") return loadHalves(b, place, type.width);
  // A vec3 is followed by padding or by another member: the fourth lane reads it, and nobody uses it.
  const value = load(b, place, type.width === 2 ? "v128.load64_zero" : "v128.load");
  return type.element.name === "bool" ? b.pure("i32x4.neg", [value]) : value;
}

export function loadMemory(b: Builder, place: MemoryPlace): Representation {
  const { type } = place;
  if (type.kind === "vector") return loadVector(b, place, type);
  if (isLeaf(type)) {
    const element = elementOf(type);
    if (element.name === "f16") return loadHalves(b, place, 1);
    return load(b, place, isFloat(element) ? "f32.load" : "i32.load");
  }
  return partTypes(type).map((_, i) => loadMemory(b, partPlace(place, i)));
}

function storeHalves(b: Builder, place: MemoryPlace, value: Value, width: number): void {
  const { base, offset } = place;
  if (width === 1) {
    const bits = halfBits(b, b.pure("f32x4.splat", [value]));
    b.store("i32.store16", base, b.pure("i32x4.extract_lane", [bits], 0), offset);
    return;
  }
  const bits = halfBits(b, value);
  const packed = b.pure("i16x8.narrow_i32x4_u", [bits, bits]);
  if (width === 4) b.store("v128.store64_lane", base, packed, offset, 0);
  else b.store("v128.store32_lane", base, packed, offset, 0);
  if (width === 3) b.store("v128.store16_lane", base, packed, offset + 4, 2);
}

export function storeMemory(b: Builder, place: MemoryPlace, value: Representation): void {
  const { type, base, offset } = place;
  if (!isValue(value)) {
    value.forEach((part, i) => {
      storeMemory(b, partPlace(place, i), part);
    });
    return;
  }
  const element = elementOf(type);
  if (type.kind === "vector") {
    const lanes = element.name === "bool" ? b.pure("i32x4.neg", [value]) : value;
    if (element.name === "f16") storeHalves(b, place, value, type.width);
    else if (type.width === 4) b.store("v128.store", base, lanes, offset);
    else {
      b.store("v128.store64_lane", base, lanes, offset, 0);
      if (type.width === 3) b.store("v128.store32_lane", base, lanes, offset + 8, 2);
    }
  } else if (element.name === "f16") storeHalves(b, place, value, 1);
  else b.store(isFloat(element) ? "f32.store" : "i32.store", base, value, offset);
}

/** Calls `chunk` for `bytes` in pieces of 16, 4 and 2 bytes at `at` + `offset`; in a loop if they are many. */
function inChunks(
  b: Builder,
  bytes: number,
  chunk: (at: Value, offset: number, width: 16 | 4 | 2) => void,
): void {
  const start = b.i32(0);
  const step = 64;
  let offset = 0;
  if (bytes > 4 * step) {
    const looped = bytes - (bytes % step);
    b.loop([start], (again, [at]) => {
      for (let lane = 0; lane < step; lane += 16) chunk(at!, lane, 16);
      const next = b.pure("i32.add", [at!, b.i32(step)]);
      b.branch(again, [next], b.pure("i32.lt_u", [next, b.i32(looped)]));
    });
    offset = looped;
  }
  while (offset < bytes) {
    const width = bytes - offset >= 16 ? 16 : bytes - offset >= 4 ? 4 : 2;
    chunk(start, offset, width);
    offset += width;
  }
}

const storeNames = { 16: "v128.store", 4: "i32.store", 2: "i32.store16" } as const;
const loadNames = { 16: "v128.load", 4: "i32.load", 2: "i32.load16_u" } as const;

/** Zeroes `bytes` from `base` + `offset` on. */
export function clearMemory(b: Builder, base: Value, offset: number, bytes: number): void {
  const [lanes, scalar] = [b.i32x4(0), b.i32(0)];
  inChunks(b, bytes, (at, inside, width) => {
    const value = width === 16 ? lanes : scalar;
    b.store(storeNames[width], b.pure("i32.add", [base, at]), value, offset + inside);
  });
}

/** Copies a value from one place to another of the same type. */
export function copyMemory(b: Builder, to: MemoryPlace, from: MemoryPlace): void {
  inChunks(b, sizeOf(from.type), (at, inside, width) => {
    const source = { ...from, base: b.pure("i32.add", [from.base, at]) };
    const value = load(b, source, loadNames[width], inside);
    b.store(storeNames[width], b.pure("i32.add", [to.base, at]), value, to.offset + inside);
  });
}
