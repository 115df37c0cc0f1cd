/**
 * WGSL's data packing: vectors of two or four lanes in one 32-bit number, the first in the lowest bits.
 * Vectors are v128, of which a vector of two uses the lanes 0 and 1; packed numbers are i32.
 */
import type { Builder } from "../ir/builder";
import type { Value } from "../ir/ir";
import { fromHalfBits, halfBits } from "./half";
import { Lanes } from "./lanes";

export type PackingFunction = (b: Builder, ...args: Value[]) => Value;

const ops = (b: Builder, x: Value, ...names: readonly string[]): Value =>
  names.reduce((value, name) => b.pure(name, [value]), x);

/** The lowest 8 or 16 bits of each lane. */
function join(b: Builder, x: Value, bytes: 1 | 2): Value {
  const order = bytes === 1 ? [0, 4, 8, 12] : [0, 1, 4, 5];
  const picked = new Uint8Array([...order, ...order, ...order, ...order]);
  return b.pure("i32x4.extract_lane", [b.pure("i8x16.shuffle", [x, x], picked)], 0);
}

/** The reverse; `_s` spreads the sign. */
function spread(b: Builder, packed: Value, bytes: 1 | 2, sign: "_s" | "_u"): Value {
  const lanes = b.pure("i32x4.splat", [packed]);
  const widen = [`i16x8.extend_low_i8x16${sign}`, `i32x4.extend_low_i16x8${sign}`];
  return ops(b, lanes, ...widen.slice(bytes - 1));
}

/** floor(1/2 + scale x), x first bounded to [low, 1]. */
const packNormalized =
  (bytes: 1 | 2, low: 0 | -1, scale: number): PackingFunction =>
  (b, x) => {
    const f = new Lanes(b, "f32x4");
    const bounded = f.min(f.max(x!, low), 1);
    const whole = f.op("floor", f.add(f.mul(bounded, scale), 0.5));
    return join(b, b.pure("i32x4.trunc_sat_f32x4_s", [whole]), bytes);
  };

/** x / scale, and not below -1. */
const unpackNormalized =
  (bytes: 1 | 2, sign: "_s" | "_u", scale: number): PackingFunction =>
  (b, packed) => {
    const f = new Lanes(b, "f32x4");
    const x = f.div(ops(b, spread(b, packed!, bytes, sign), "f32x4.convert_i32x4_s"), scale);
    return sign === "_s" ? f.max(x, -1) : x;
  };

/** Bounds each lane, then packs its lowest byte. */
const packClamped =
  (sign: "_s" | "_u", low: number, high: number): PackingFunction =>
  (b, x) => {
    const i = new Lanes(b, "i32x4");
    return join(b, i.op(`min${sign}`, i.op(`max${sign}`, x!, low), high), 1);
  };

/** The products of four bytes, summed; the sum fits in 32 bits. */
const dotPacked =
  (sign: "_s" | "_u"): PackingFunction =>
  (b, x, y) => {
    const bytes = (packed: Value): Value =>
      ops(b, packed, "i32x4.splat", `i16x8.extend_low_i8x16${sign}`);
    const sums = b.pure("i32x4.dot_i16x8_s", [bytes(x!), bytes(y!)]);
    const sum = (lane: number): Value => b.pure("i32x4.extract_lane", [sums], lane);
    return b.pure("i32.add", [sum(0), sum(1)]);
  };

/** By the name of the WGSL function. */
export const packingFunctions: Readonly<Record<string, PackingFunction>> = {
  pack4x8snorm: packNormalized(1, -1, 127),
  pack4x8unorm: packNormalized(1, 0, 255),
  pack2x16snorm: packNormalized(2, -1, 32767),
  pack2x16unorm: packNormalized(2, 0, 65535),
  pack4xI8: (b, x) => join(b, x!, 1),
  pack4xU8: (b, x) => join(b, x!, 1),
  pack4xI8Clamp: packClamped("_s", -128, 127),
  pack4xU8Clamp: packClamped("_u", 0, 255),
  pack2x16float: (b, x) => join(b, halfBits(b, x!), 2),
  unpack4x8snorm: unpackNormalized(1, "_s", 127),
  unpack4x8unorm: unpackNormalized(1, "_u", 255),
  unpack2x16snorm: unpackNormalized(2, "_s", 32767),
  unpack2x16unorm: unpackNormalized(2, "_u", 65535),
  unpack4xI8: (b, packed) => spread(b, packed!, 1, "_s"),
  unpack4xU8: (b, packed) => spread(b, packed!, 1, "_u"),
  unpack2x16float: (b, packed) => fromHalfBits(b, spread(b, packed!, 2, "_u")),
  dot4I8Packed: dotPacked("_s"),
  dot4U8Packed: dotPacked("_u"),
};
