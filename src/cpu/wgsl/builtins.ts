/**
 * The built-in functions of compute shaders (WGSL, "Built-in Functions"): their overloads, and the sets that
 * calls are checked against. Textures and derivatives are named as what they are, but have no overloads.
 */
import { elementOf } from "./constantValue";
import { withElement } from "./conversionRank";
import { matchOverload, type Overload, remembered } from "./signatures";
import { abstractFloat, abstractInt, bool, f16, f32, i32, type Type, u32 } from "./types";

export { conversionRank } from "./conversionRank";
export { resolveBinary, resolveUnary } from "./operators";
export type { Overload } from "./signatures";

/** Names, then the overloads that all of them have. */
const numeric: readonly (readonly [string, ...string[]])[] = [
  ["all any", "b V>b"],
  ["select", "a VVb>V", "a WWB>W"],
  ["abs", "n V>V"],
  ["sign", "g V>V"],
  [
    "acos acosh asin asinh atan atanh ceil cos cosh degrees exp exp2 floor fract inverseSqrt log log2 radians " +
      "round saturate sin sinh sqrt tan tanh trunc",
    "f V>V",
  ],
  ["atan2 pow step", "f VV>V"],
  ["max min", "n VV>V"],
  ["clamp", "n VVV>V"],
  ["fma smoothstep", "f VVV>V"],
  ["mix", "f VVV>V", "f WWT>W"],
  [
    "countLeadingZeros countOneBits countTrailingZeros firstLeadingBit firstTrailingBit reverseBits",
    "k V>V",
  ],
  ["extractBits", "k Vuu>V"],
  ["insertBits", "k VVuu>V"],
  ["cross", "f 33>3"],
  ["determinant", "f Q>T"],
  ["transpose", "f M>m"],
  ["distance", "f VV>T"],
  ["length", "f V>T"],
  ["dot", "n WW>T"],
  ["normalize", "f W>W"],
  ["reflect", "f WW>W"],
  ["faceForward", "f WWW>W"],
  ["refract", "f WWT>W"],
  ["frexp", "f V>X"],
  ["modf", "f V>Y"],
  ["ldexp", "x Vx>V", "f VI>V"],
  ["quantizeToF16", "s V>V"],
  ["dot4U8Packed", "k uu>u"],
  ["dot4I8Packed", "k uu>i"],
  ["pack4x8snorm pack4x8unorm", "k q>u"],
  ["pack4xI8 pack4xI8Clamp", "k s>u"],
  ["pack4xU8 pack4xU8Clamp", "k r>u"],
  ["pack2x16snorm pack2x16unorm pack2x16float", "k p>u"],
  ["unpack4x8snorm unpack4x8unorm", "k u>q"],
  ["unpack4xI8", "k u>s"],
  ["unpack4xU8", "k u>r"],
  ["unpack2x16snorm unpack2x16unorm unpack2x16float", "k u>p"],
];
const atomic: typeof numeric = [
  ["atomicLoad", "k A>T"],
  ["atomicStore", "k AT>-"],
  ["atomicAdd atomicSub atomicMax atomicMin atomicAnd atomicOr atomicXor atomicExchange", "k AT>T"],
  ["atomicCompareExchangeWeak", "k ATT>E"],
];
const synchronising: typeof numeric = [
  ["workgroupBarrier storageBarrier", "k >-"],
  ["workgroupUniformLoad", "k P>P"],
];
const subgroup: typeof numeric = [
  [
    "subgroupAdd subgroupExclusiveAdd subgroupInclusiveAdd subgroupMul subgroupExclusiveMul " +
      "subgroupInclusiveMul subgroupMin subgroupMax subgroupBroadcastFirst quadSwapX quadSwapY quadSwapDiagonal",
    "c V>V",
  ],
  ["subgroupAnd subgroupOr subgroupXor", "k V>V"],
  ["subgroupAll subgroupAny", "k b>b"],
  ["subgroupBallot", "k b>r"],
  ["subgroupElect", "k >b"],
  ["subgroupBroadcast subgroupShuffle quadBroadcast", "c Vj>V"],
  ["subgroupShuffleDown subgroupShuffleUp subgroupShuffleXor", "c Vu>V"],
];

const namesOf = (rows: typeof numeric): string[] => rows.flatMap(([names]) => names.split(" "));

const overloads = new Map<string, readonly string[]>(
  [...numeric, ...atomic, ...synchronising, ...subgroup, ["arrayLength", "k L>u"] as const].flatMap(
    ([names, ...signatures]) => names.split(" ").map((name) => [name, signatures] as const),
  ),
);

/** Calls that a constant expression may hold, given constant arguments. */
export const constantBuiltins: ReadonlySet<string> = new Set([...namesOf(numeric), "bitcast"]);
/** Calls of these write memory. */
export const atomicBuiltins: ReadonlySet<string> = new Set(namesOf(atomic));
/** Calls of these must be reached by all invocations of a workgroup together. */
export const synchronisingBuiltins: ReadonlySet<string> = new Set(namesOf(synchronising));
/** Calls of these need `enable subgroups;`. */
export const subgroupBuiltins: ReadonlySet<string> = new Set(namesOf(subgroup));
/** A call is no statement by itself: its only use is its result. */
export const resultMustBeUsed: ReadonlySet<string> = new Set([
  ...constantBuiltins,
  ...subgroupBuiltins,
  "arrayLength",
  "workgroupUniformLoad",
]);
/** Calls whose second argument must be a constant expression, with the number of values it may take. */
export const constantLane: ReadonlyMap<string, number> = new Map([
  ["subgroupBroadcast", 128],
  ["quadBroadcast", 4],
]);

const derivatives = /^(dpd[xy]|fwidth)(Coarse|Fine)?$/;
const elsewhere = /^(textureBarrier|texture[A-Z]\w*|subgroupMatrix\w+)$/;

/** Functions of WGSL that exist, but that the CPU executor does not run. */
export function isUnsupportedBuiltin(name: string): boolean {
  return derivatives.test(name) || elsewhere.test(name);
}

export function isBuiltinFunction(name: string): boolean {
  return overloads.has(name) || name === "bitcast";
}

/** The bits of a value, 0 where the type has none of its own. */
function bitsOf(type: Type): number {
  if ((type.kind !== "scalar" && type.kind !== "vector") || elementOf(type) === bool) return 0;
  return (type.kind === "vector" ? type.width : 1) * (elementOf(type) === f16 ? 16 : 32);
}

function resolveBitcast(target: Type, arg: Type): Overload | null {
  const element = elementOf(arg);
  const concrete = element === abstractInt ? i32 : element === abstractFloat ? f32 : null;
  const parameter = concrete ? withElement(arg, concrete) : arg;
  const bits = bitsOf(target);
  if (bits === 0 || bits !== bitsOf(parameter)) return null;
  // Both 4294967295 and -1 have bits of u32: the constant is looked at before it has a type.
  const isOpen = element === abstractInt && elementOf(target) === u32;
  return { parameters: [isOpen ? arg : parameter], result: target };
}

/**
 * The overload that the arguments mean, or null. `runtime`: some argument is not a constant, so no parameter
 * stays abstract: `select(1, 2, c)` is i32.
 */
export function resolveBuiltin(
  name: string,
  templateArgs: readonly Type[],
  args: readonly Type[],
  runtime = false,
): Overload | null {
  if (name === "bitcast")
    return templateArgs.length === 1 && args.length === 1
      ? resolveBitcast(templateArgs[0]!, args[0]!)
      : null;
  const signatures = overloads.get(name);
  if (!signatures || templateArgs.length > 0) return null;
  return remembered(name, args, runtime, () => matchOverload(signatures, args, runtime));
}
