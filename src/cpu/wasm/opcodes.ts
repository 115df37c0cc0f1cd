/**
 * How instructions are encoded (WebAssembly Core Specification, section 5.4; the threads and relaxed SIMD
 * proposals). A row is a prefix byte (0: none), the first opcode, the part of the mnemonics before the dot,
 * and the rest of those that follow each other; `-` is an opcode that does not exist or that we do not use.
 */
const compareInteger = "eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u";
const compareFloat = "eq ne lt gt le ge";
const integer =
  "clz ctz popcnt add sub mul div_s div_u rem_s rem_u and or xor shl shr_s shr_u rotl rotr";
const float = "abs neg ceil floor trunc nearest sqrt add sub mul div min max copysign";
const shifts = "shl shr_s shr_u add add_sat_s add_sat_u sub sub_sat_s sub_sat_u";
const shortShifts = "shl shr_s shr_u add - - sub";
const floatLanes = "abs neg - sqrt add sub mul div min max pmin pmax";
const minMax = "min_s min_u max_s max_u";

const halves = (verb: string, from: string): string =>
  ["low_#_s", "high_#_s", "low_#_u", "high_#_u"]
    .map((half) => `${verb}_${half.replace("#", from)}`)
    .join(" ");

const rows: readonly (readonly [number, number, string, string])[] = [
  [0, 0x45, "i32", `eqz ${compareInteger}`],
  [0, 0x50, "i64", `eqz ${compareInteger}`],
  [0, 0x5b, "f32", compareFloat],
  [0, 0x61, "f64", compareFloat],
  [0, 0x67, "i32", integer],
  [0, 0x79, "i64", integer],
  [0, 0x8b, "f32", float],
  [0, 0x99, "f64", float],
  [0, 0xa7, "i32", "wrap_i64"],
  [0, 0xac, "i64", "extend_i32_s extend_i32_u"],
  [0, 0xb2, "f32", "convert_i32_s convert_i32_u convert_i64_s convert_i64_u demote_f64"],
  [0, 0xb7, "f64", "convert_i32_s convert_i32_u convert_i64_s convert_i64_u promote_f32"],
  [0, 0xbc, "i32", "reinterpret_f32"],
  [0, 0xbd, "i64", "reinterpret_f64"],
  [0, 0xbe, "f32", "reinterpret_i32"],
  [0, 0xbf, "f64", "reinterpret_i64"],
  [0, 0xc0, "i32", "extend8_s extend16_s"],
  [0, 0xc2, "i64", "extend8_s extend16_s extend32_s"],
  [0xfc, 0, "i32", "trunc_sat_f32_s trunc_sat_f32_u trunc_sat_f64_s trunc_sat_f64_u"],
  [0xfc, 4, "i64", "trunc_sat_f32_s trunc_sat_f32_u trunc_sat_f64_s trunc_sat_f64_u"],

  [0, 0x28, "i32", "load"],
  [0, 0x29, "i64", "load"],
  [0, 0x2a, "f32", "load"],
  [0, 0x2b, "f64", "load"],
  [0, 0x2c, "i32", "load8_s load8_u load16_s load16_u"],
  [0, 0x30, "i64", "load8_s load8_u load16_s load16_u load32_s load32_u"],
  [0, 0x36, "i32", "store"],
  [0, 0x37, "i64", "store"],
  [0, 0x38, "f32", "store"],
  [0, 0x39, "f64", "store"],
  [0, 0x3a, "i32", "store8 store16"],
  [0, 0x3c, "i64", "store8 store16 store32"],

  [0xfd, 0x00, "v128", "load load8x8_s load8x8_u load16x4_s load16x4_u load32x2_s load32x2_u"],
  [0xfd, 0x07, "v128", "load8_splat load16_splat load32_splat load64_splat store"],
  [0xfd, 0x0d, "i8x16", "shuffle swizzle splat"],
  [0xfd, 0x10, "i16x8", "splat"],
  [0xfd, 0x11, "i32x4", "splat"],
  [0xfd, 0x12, "i64x2", "splat"],
  [0xfd, 0x13, "f32x4", "splat"],
  [0xfd, 0x14, "f64x2", "splat"],
  [0xfd, 0x15, "i8x16", "extract_lane_s extract_lane_u replace_lane"],
  [0xfd, 0x18, "i16x8", "extract_lane_s extract_lane_u replace_lane"],
  [0xfd, 0x1b, "i32x4", "extract_lane replace_lane"],
  [0xfd, 0x1d, "i64x2", "extract_lane replace_lane"],
  [0xfd, 0x1f, "f32x4", "extract_lane replace_lane"],
  [0xfd, 0x21, "f64x2", "extract_lane replace_lane"],
  [0xfd, 0x23, "i8x16", compareInteger],
  [0xfd, 0x2d, "i16x8", compareInteger],
  [0xfd, 0x37, "i32x4", compareInteger],
  [0xfd, 0x41, "f32x4", compareFloat],
  [0xfd, 0x47, "f64x2", compareFloat],
  [0xfd, 0x4d, "v128", "not and andnot or xor bitselect any_true"],
  [
    0xfd,
    0x58,
    "v128",
    "store8_lane store16_lane store32_lane store64_lane load32_zero load64_zero",
  ],
  [0xfd, 0x5e, "f32x4", "demote_f64x2_zero"],
  [0xfd, 0x5f, "f64x2", "promote_low_f32x4"],
  [0xfd, 0x60, "i8x16", "abs neg popcnt all_true bitmask narrow_i16x8_s narrow_i16x8_u"],
  [0xfd, 0x67, "f32x4", "ceil floor trunc nearest"],
  [0xfd, 0x6b, "i8x16", shifts],
  [0xfd, 0x74, "f64x2", "ceil floor"],
  [0xfd, 0x76, "i8x16", minMax],
  [0xfd, 0x7a, "f64x2", "trunc"],
  [0xfd, 0x7b, "i8x16", "avgr_u"],
  [0xfd, 0x7c, "i16x8", "extadd_pairwise_i8x16_s extadd_pairwise_i8x16_u"],
  [0xfd, 0x7e, "i32x4", "extadd_pairwise_i16x8_s extadd_pairwise_i16x8_u"],
  [0xfd, 0x80, "i16x8", "abs neg q15mulr_sat_s all_true bitmask narrow_i32x4_s narrow_i32x4_u"],
  [0xfd, 0x87, "i16x8", halves("extend", "i8x16")],
  [0xfd, 0x8b, "i16x8", shifts],
  [0xfd, 0x94, "f64x2", "nearest"],
  [0xfd, 0x95, "i16x8", `mul ${minMax} - avgr_u ${halves("extmul", "i8x16")}`],
  [0xfd, 0xa0, "i32x4", "abs neg - all_true bitmask"],
  [0xfd, 0xa7, "i32x4", `${halves("extend", "i16x8")} ${shortShifts}`],
  [0xfd, 0xb5, "i32x4", `mul ${minMax} dot_i16x8_s - ${halves("extmul", "i16x8")}`],
  [0xfd, 0xc0, "i64x2", "abs neg - all_true bitmask"],
  [0xfd, 0xc7, "i64x2", `${halves("extend", "i32x4")} ${shortShifts}`],
  [0xfd, 0xd5, "i64x2", `mul eq ne lt_s gt_s le_s ge_s ${halves("extmul", "i32x4")}`],
  [0xfd, 0xe0, "f32x4", floatLanes],
  [0xfd, 0xec, "f64x2", floatLanes],
  [0xfd, 0xf8, "i32x4", "trunc_sat_f32x4_s trunc_sat_f32x4_u"],
  [0xfd, 0xfa, "f32x4", "convert_i32x4_s convert_i32x4_u"],
  [0xfd, 0xfc, "i32x4", "trunc_sat_f64x2_s_zero trunc_sat_f64x2_u_zero"],
  [0xfd, 0xfe, "f64x2", "convert_low_i32x4_s convert_low_i32x4_u"],
  [0xfd, 0x105, "f32x4", "relaxed_madd relaxed_nmadd"],

  [0xfe, 0x10, "i32", "atomic.load"],
  [0xfe, 0x17, "i32", "atomic.store"],
  ...["add", "sub", "and", "or", "xor", "xchg", "cmpxchg"].map(
    (verb, i) => [0xfe, 0x1e + 7 * i, "i32", `atomic.rmw.${verb}`] as const,
  ),
  [0, 0x1b, "", "select"],
];

/** What follows the opcode. */
export type Immediates = "none" | "memory" | "lane" | "memory lane" | "lanes";

export interface Instruction {
  /** The prefix and the opcode. */
  readonly code: readonly number[];
  readonly immediates: Immediates;
  /** Of memory instructions: the binary logarithm of the bytes accessed. */
  readonly alignment: number;
}

const typeBytes: Readonly<Record<string, number>> = { i32: 4, f32: 4, i64: 8, f64: 8, v128: 16 };

/** `load16x4_s` reads 8 bytes, `load32_splat` 4, `load` those of the type. */
function accessedBytes(type: string, name: string): number {
  const bits = /(\d+)(?:x(\d))?/.exec(name);
  return bits ? (Number(bits[1]) * Number(bits[2] ?? 1)) / 8 : typeBytes[type]!;
}

export const instructions: ReadonlyMap<string, Instruction> = new Map(
  rows.flatMap(([prefix, first, type, names]) =>
    names.split(" ").flatMap((name, i): [string, Instruction][] => {
      if (name === "-") return [];
      const opcode = first + i;
      const code = prefix === 0 ? [opcode] : [prefix, opcode];
      if (prefix !== 0 && opcode > 127) code.splice(1, 1, (opcode & 127) | 128, opcode >> 7);
      const memory = /^(?:load|store|atomic)/.test(name);
      const lane = /_lane/.test(name);
      const immediates = memory
        ? lane
          ? "memory lane"
          : "memory"
        : lane
          ? "lane"
          : name === "shuffle"
            ? "lanes"
            : "none";
      const alignment = memory ? Math.log2(accessedBytes(type, name)) : 0;
      return [[type ? `${type}.${name}` : name, { code, immediates, alignment }]];
    }),
  ),
);

/** Binary codes of the value types. */
export const typeCodes = { i32: 0x7f, i64: 0x7e, f32: 0x7d, f64: 0x7c, v128: 0x7b } as const;
