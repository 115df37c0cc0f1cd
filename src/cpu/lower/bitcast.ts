/** bitcast between types of the same number of bits. f16 is two bytes there, and an f32 in registers. */
import type { Value } from "../ir/ir";
import { fromHalfBits, halfBits } from "../math/half";
import type { Type } from "../wgsl/types";
import type { Lowering } from "./lowering";
import { elementOf, isFloat } from "./representation";

const bytesOf = (type: Type): number => (elementOf(type).name === "f16" ? 2 : 4);
const widthOf = (type: Type): number => (type.kind === "vector" ? type.width : 1);

/** 16 bytes as they would lie in memory, from the lanes in use. */
function memoryBytes(cx: Lowering, type: Type, x: Value): Value {
  const { b } = cx;
  const lanes =
    type.kind === "vector" ? x : b.pure(`${isFloat(elementOf(type)) ? "f32" : "i32"}x4.splat`, [x]);
  if (bytesOf(type) === 4) return lanes;
  const bits = halfBits(b, lanes);
  return b.pure("i16x8.narrow_i32x4_u", [bits, bits]);
}

export function bitcast(cx: Lowering, from: Type, to: Type, x: Value): Value {
  const { b } = cx;
  const [source, target] = [isFloat(elementOf(from)), isFloat(elementOf(to))];
  if (bytesOf(from) === 4 && bytesOf(to) === 4 && widthOf(from) === widthOf(to)) {
    // Lanes of a v128 have no type.
    if (source === target || from.kind === "vector" || cx.wide) return x;
    return b.pure(source ? "i32.reinterpret_f32" : "f32.reinterpret_i32", [x]);
  }
  if (elementOf(from) === elementOf(to)) return x;
  const bytes = memoryBytes(cx, from, x);
  if (bytesOf(to) === 2) {
    const value = fromHalfBits(b, b.pure("i32x4.extend_low_i16x8_u", [bytes]));
    return to.kind === "vector" ? value : b.pure("f32x4.extract_lane", [value], 0);
  }
  if (to.kind === "vector") return bytes;
  return b.pure(`${target ? "f32" : "i32"}x4.extract_lane`, [bytes], 0);
}
