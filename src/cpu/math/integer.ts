/**
 * Functions of i32 and u32 that are not one instruction of WebAssembly: on one number, and on four lanes.
 * `signed` is false for u32. (H. Warren, "Hacker's delight", 2nd edition: sections 2-4, 5-1, 7-1.)
 */
import type { Builder } from "../ir/builder";
import type { Value } from "../ir/ir";
import { Lanes } from "./lanes";

export type IntegerFunction = (b: Builder, signed: boolean, ...args: Value[]) => Value;

/** An instruction of i32; numbers are constants. */
const apply = (b: Builder, name: string, ...args: readonly (Value | number)[]): Value =>
  b.pure(
    `i32.${name}`,
    args.map((x) => (typeof x === "number" ? b.i32(x) : x)),
  );

const suffix = (signed: boolean): string => (signed ? "_s" : "_u");

const min: IntegerFunction = (b, signed, x, y) =>
  b.pure("select", [x!, y!, apply(b, `lt${suffix(signed)}`, x!, y!)]);
const max: IntegerFunction = (b, signed, x, y) =>
  b.pure("select", [y!, x!, apply(b, `lt${suffix(signed)}`, x!, y!)]);

/** Swaps neighbouring groups of `width` bits, which `mask` selects the lower ones of. */
const swapGroups = (b: Builder, x: Value, mask: number, width: number): Value =>
  apply(
    b,
    "or",
    apply(b, "and", apply(b, "shr_u", x, width), mask),
    apply(b, "shl", apply(b, "and", x, mask), width),
  );

/** The field of `count` bits from `offset` on, with what goes over the word cut off. */
function field(b: Builder, offset: Value, count: Value) {
  const start = min(b, false, offset, b.i32(32));
  const bits = min(b, false, count, apply(b, "sub", 32, start));
  return { start, bits, unused: apply(b, "sub", 32, bits) };
}

/** Shifts are modulo 32, so a field without bits is a case of its own. */
const unlessEmpty = (b: Builder, bits: Value, x: Value): Value =>
  b.pure("select", [x, b.i32(0), bits]);

/** By the name of the WGSL function; arguments and results are i32. */
export const integerFunctions: Readonly<Record<string, IntegerFunction>> = {
  abs(b, signed, x) {
    if (!signed) return x!;
    const mask = apply(b, "shr_s", x!, 31);
    return apply(b, "sub", apply(b, "xor", x!, mask), mask);
  },
  sign: (b, _, x) => apply(b, "or", apply(b, "shr_s", x!, 31), apply(b, "gt_s", x!, 0)),
  min,
  max,
  clamp: (b, signed, x, low, high) => min(b, signed, max(b, signed, x!, low!), high!),
  countOneBits: (b, _, x) => apply(b, "popcnt", x!),
  countLeadingZeros: (b, _, x) => apply(b, "clz", x!),
  countTrailingZeros: (b, _, x) => apply(b, "ctz", x!),
  /** Of a negative i32, the highest 0. Of a number without such a bit, -1. */
  firstLeadingBit(b, signed, x) {
    const bits = signed ? apply(b, "xor", x!, apply(b, "shr_s", x!, 31)) : x!;
    return apply(b, "sub", 31, apply(b, "clz", bits));
  },
  /** The lowest 1 is the only bit of x & -x. */
  firstTrailingBit: (b, _, x) =>
    apply(b, "sub", 31, apply(b, "clz", apply(b, "and", x!, apply(b, "sub", 0, x!)))),
  reverseBits(b, _, x) {
    const pairs = swapGroups(b, x!, 0x55555555, 1);
    const nibbles = swapGroups(b, pairs, 0x33333333, 2);
    const bytes = swapGroups(b, nibbles, 0x0f0f0f0f, 4);
    return apply(b, "rotl", swapGroups(b, bytes, 0x00ff00ff, 8), 16);
  },
  extractBits(b, signed, x, offset, count) {
    const { start, bits, unused } = field(b, offset!, count!);
    const top = apply(b, "shl", x!, apply(b, "sub", unused, start));
    return unlessEmpty(b, bits, apply(b, `shr${suffix(signed)}`, top, unused));
  },
  insertBits(b, _, x, inserted, offset, count) {
    const { start, bits, unused } = field(b, offset!, count!);
    const mask = unlessEmpty(b, bits, apply(b, "shl", apply(b, "shr_u", -1, unused), start));
    const changed = apply(b, "xor", apply(b, "shl", inserted!, start), x!);
    return apply(b, "xor", x!, apply(b, "and", changed, mask));
  },
};

/** A function of one number on each lane; an argument that is an i32 is the same for all lanes. */
const laneByLane =
  (f: IntegerFunction): IntegerFunction =>
  (b, signed, ...args) => {
    const lane = (i: number): Value =>
      f(
        b,
        signed,
        ...args.map((x) => (x.type === "i32" ? x : b.pure("i32x4.extract_lane", [x], i))),
      );
    return [1, 2, 3].reduce(
      (result, i) => b.pure("i32x4.replace_lane", [result, lane(i)], i),
      b.pure("i32x4.splat", [lane(0)]),
    );
  };

const lanes =
  (f: (i: Lanes, suffix: string, ...args: Value[]) => Value): IntegerFunction =>
  (b, signed, ...args) =>
    f(new Lanes(b, "i32x4"), suffix(signed), ...args);

/** By the name of the WGSL function; arguments and results are i32x4. */
export const integerLaneFunctions: Readonly<Record<string, IntegerFunction>> = {
  ...Object.fromEntries(
    Object.entries(integerFunctions).map(([name, f]) => [name, laneByLane(f)] as const),
  ),
  abs: (b, signed, x) => (signed ? b.pure("i32x4.abs", [x!]) : x!),
  sign: lanes((i, _, x) => i.sub(i.shr(x!, 31), i.op("gt_s", x!, 0))),
  min: lanes((i, suffix, x, y) => i.op(`min${suffix}`, x!, y!)),
  max: lanes((i, suffix, x, y) => i.op(`max${suffix}`, x!, y!)),
  clamp: lanes((i, suffix, x, low, high) =>
    i.op(`min${suffix}`, i.op(`max${suffix}`, x!, low!), high!),
  ),
  countOneBits: (b, _, x) =>
    b.pure("i32x4.extadd_pairwise_i16x8_u", [
      b.pure("i16x8.extadd_pairwise_i8x16_u", [b.pure("i8x16.popcnt", [x!])]),
    ]),
};
