/** Built-in functions of constants (WGSL, "Built-in Functions"; what they refuse is there too). */
import { bitcastConstant } from "./constantConversions";
import { dotConstant, evaluateBinary, evaluateUnary, transposeConstant } from "./constantOperators";
import {
  ConstantError,
  type ConstantValue,
  elementOf,
  isFloat,
  mapComponents,
  toFloat,
} from "./constantValue";
import { f16Bits, f16FromBits, maxF16, roundEven, roundF16 } from "./float16";
import { abstractFloat, f16, f32, i32, type ScalarType, type Type, u32 } from "./types";

type Numbers = readonly number[];
type Vector = readonly ConstantValue[];

function require(holds: boolean, message: string): void {
  if (!holds) throw new ConstantError(message);
}

/** Of floats, component by component. Beyond their domain they are NaN or infinite, which is refused later. */
const floatFunctions: Readonly<Record<string, (x: number, y: number, z: number) => number>> = {
  ...Object.fromEntries(
    "acos acosh asin asinh atan atan2 atanh ceil cos cosh exp floor log log2 sin sinh sqrt tan tanh trunc"
      .split(" ")
      .map((name) => [name, Math[name as "atan2"]]),
  ),
  degrees: (x) => x * (180 / Math.PI),
  radians: (x) => x * (Math.PI / 180),
  exp2: (x) => 2 ** x,
  fract: (x) => x - Math.floor(x),
  inverseSqrt: (x) => 1 / Math.sqrt(x),
  round: roundEven,
  saturate: (x) => Math.min(Math.max(x, 0), 1),
  pow: (x, y) => (x < 0 || (x === 0 && y <= 0) ? Number.NaN : x ** y),
  step: (edge, x) => (edge <= x ? 1 : 0),
  mix: (x, y, a) => x * (1 - a) + y * a,
  smoothstep: (low, high, x) => {
    const t = Math.min(Math.max((x - low) / (high - low), 0), 1);
    return low === high ? Number.NaN : t * t * (3 - 2 * t);
  },
  quantizeToF16: (x) => (Math.abs(x) > maxF16 ? Number.NaN : roundF16(x)),
};

const lastBit = (x: number): number => (x === 0 ? -1 : 31 - Math.clz32(x & -x));
const firstBit = (x: number): number => (x === 0 ? -1 : 31 - Math.clz32(x));

function checkBits(offset: number, count: number): void {
  require(offset + count <= 32, `offset ${offset} and count ${count} go beyond the 32 bits`);
}
const maskOf = (count: number): number => (count === 32 ? -1 : (1 << count) - 1);

/** Of i32 and u32, component by component; the bits of the result count. */
const bitFunctions: Readonly<Record<string, (type: ScalarType, ...args: number[]) => number>> = {
  countLeadingZeros: (_, x) => Math.clz32(x!),
  countTrailingZeros: (_, x) => (x === 0 ? 32 : lastBit(x!)),
  countOneBits: (_, x) => bitsOf(x!, 1).reduce((sum, bit) => sum + bit),
  reverseBits: (_, x) => joinBits(bitsOf(x!, 1).reverse(), 1),
  firstTrailingBit: (_, x) => lastBit(x!),
  firstLeadingBit: (type, x) => firstBit(type === i32 && x! < 0 ? ~x! : x!),
  extractBits: (type, x, offset, count) => {
    checkBits(offset!, count!);
    if (count === 0) return 0;
    const top = x! << (32 - offset! - count!);
    return type === i32 ? top >> (32 - count!) : top >>> (32 - count!);
  },
  insertBits: (_, x, y, offset, count) => {
    checkBits(offset!, count!);
    if (count === 0) return x!;
    const mask = maskOf(count!) << offset!;
    return (x! & ~mask) | ((y! << offset!) & mask);
  },
};

/** The parts of a word, `size` bits each, lowest first. */
function bitsOf(word: number, size: number): number[] {
  return Array.from({ length: 32 / size }, (_, k) => (word >>> (k * size)) & maskOf(size));
}
function joinBits(parts: Numbers, size: number): number {
  return parts.reduce((word, part, k) => word | ((part & maskOf(size)) << (k * size)), 0) >>> 0;
}

const clampTo = (low: number, high: number) => (x: number) => Math.min(Math.max(x, low), high);
const norm = (scale: number, low: number) => (x: number) =>
  Math.floor(0.5 + scale * clampTo(low, 1)(x));
const half = (x: number): number => {
  require(Math.abs(x) <= maxF16, `${x} is not a value of f16`);
  return f16Bits(roundF16(x));
};
const signed = (x: number): number => (x << 24) >> 24;
const same = (x: number): number => x;

/** Of each packed part: its bits, and how it is packed or unpacked. */
const packing: Readonly<Record<string, readonly [number, (x: number) => number]>> = {
  pack4x8snorm: [8, norm(127, -1)],
  pack4x8unorm: [8, norm(255, 0)],
  pack4xI8: [8, same],
  pack4xU8: [8, same],
  pack4xI8Clamp: [8, clampTo(-128, 127)],
  pack4xU8Clamp: [8, clampTo(0, 255)],
  pack2x16snorm: [16, norm(32767, -1)],
  pack2x16unorm: [16, norm(65535, 0)],
  pack2x16float: [16, half],
};
const unpacking: typeof packing = {
  unpack4x8snorm: [8, (x) => Math.fround(Math.max(signed(x) / 127, -1))],
  unpack4x8unorm: [8, (x) => Math.fround(x / 255)],
  unpack4xI8: [8, signed],
  unpack4xU8: [8, same],
  unpack2x16snorm: [16, (x) => Math.fround(Math.max(((x << 16) >> 16) / 32767, -1))],
  unpack2x16unorm: [16, (x) => Math.fround(x / 65535)],
  unpack2x16float: [16, (x) => toFloat(f32, f16FromBits(x))],
};

/** [fract, exp] */
function frexp(x: number): readonly [number, number] {
  if (x === 0) return [x, 0];
  let exponent = Math.floor(Math.log2(Math.abs(x)));
  if (Math.abs(x) / 2 ** exponent >= 2) exponent++;
  if (Math.abs(x) / 2 ** exponent < 1) exponent--;
  return [x / 2 ** exponent / 2, exponent + 1];
}

function ldexp(type: ScalarType, x: number, exponent: number): number {
  const most = type === f32 ? 128 : type === f16 ? 16 : 1024;
  require(exponent <=
    most, `the exponent of ldexp is ${exponent}; ${type.name} takes up to ${most}`);
  // In two steps, because 2^1024 alone is infinite.
  const first = Math.max(exponent, -2200) >> 1;
  return x * 2 ** first * 2 ** (Math.max(exponent, -2200) - first);
}

/** Scalars of any type, component by component. */
const scalarFunctions: Readonly<
  Record<string, (type: ScalarType, args: readonly ConstantValue[]) => ConstantValue>
> = {
  select: (_, [no, yes, which]) => (which ? yes! : no!),
  min: (_, [x, y]) => (y! < x! ? y! : x!),
  max: (_, [x, y]) => (x! < y! ? y! : x!),
  clamp: (_, [x, low, high]) => {
    require(low! <= high!, `clamp has a low of ${low} above its high of ${high}`);
    return x! < low! ? low! : high! < x! ? high! : x!;
  },
  abs: (type, [x]) =>
    isFloat(type) ? Math.abs(x as number) : (x as number) < 0 ? evaluateUnary("-", type, x!) : x!,
  sign: (_, [x]) => {
    if (typeof x === "bigint") return x < 0n ? -1n : x > 0n ? 1n : 0n;
    return Math.sign(x as number) + 0;
  },
  fma: (type, [x, y, z]) =>
    evaluateBinary("+", type, type, evaluateBinary("*", type, type, x!, y!), z!),
  ldexp: (type, [x, exponent]) => toFloat(type, ldexp(type, x as number, Number(exponent))),
};

const times = (type: Type, x: Vector, factor: number): Vector =>
  evaluateBinary("*", type, elementOf(type), x, factor) as Vector;
const minus = (type: Type, x: Vector, y: Vector): Vector =>
  evaluateBinary("-", type, type, x, y) as Vector;

/** Also of a scalar, which is its own length up to the sign. */
function length(type: Type, x: ConstantValue): number {
  const element = elementOf(type);
  if (typeof x !== "object") return Math.abs(x as number);
  return toFloat(element, Math.sqrt(dotConstant(element, x, x) as number));
}

function determinant(columns: readonly Numbers[]): number {
  const [first, ...rest] = columns;
  if (rest.length === 0) return first![0]!;
  return first!.reduce((sum, x, row) => {
    const minor = rest.map((column) => column.filter((_, k) => k !== row));
    return sum + (row % 2 === 0 ? x : -x) * determinant(minor);
  }, 0);
}

/** Functions of whole vectors and matrices; `type` is that of the first argument. */
const wholeFunctions: Readonly<
  Record<string, (type: Type, args: readonly ConstantValue[]) => ConstantValue>
> = {
  all: (_, [x]) => [x].flat().every(Boolean),
  any: (_, [x]) => [x].flat().some(Boolean),
  transpose: (_, [m]) => transposeConstant(m as readonly Vector[]),
  determinant: (type, [m]) => toFloat(elementOf(type), determinant(m as readonly Numbers[])),
  dot: (type, [x, y]) => dotConstant(elementOf(type), x as Vector, y as Vector),
  length: (type, [x]) => length(type, x!),
  distance: (type, [x, y]) => length(type, evaluateBinary("-", type, type, x!, y!)),
  normalize: (type, [x]) => {
    const norm = length(type, x!);
    require(norm !== 0, "a vector of length 0 has no direction; normalize needs one");
    return evaluateBinary("/", type, elementOf(type), x!, norm);
  },
  cross: (type, [x, y]) => {
    const a = x as Numbers;
    const b = y as Numbers;
    return [0, 1, 2].map((k) => {
      const [i, j] = [(k + 1) % 3, (k + 2) % 3];
      return toFloat(elementOf(type), a[i]! * b[j]! - a[j]! * b[i]!);
    });
  },
  faceForward: (type, [x, incident, normal]) =>
    (dotConstant(elementOf(type), incident as Vector, normal as Vector) as number) < 0
      ? x!
      : evaluateUnary("-", type, x!),
  reflect: (type, [x, normal]) => {
    const along = dotConstant(elementOf(type), normal as Vector, x as Vector) as number;
    return minus(type, x as Vector, times(type, normal as Vector, 2 * along));
  },
  refract: (type, [x, normal, ratio]) => {
    const r = ratio as number;
    const along = dotConstant(elementOf(type), normal as Vector, x as Vector) as number;
    const k = 1 - r * r * (1 - along * along);
    if (k < 0) return (x as Vector).map(() => 0);
    const bend = toFloat(elementOf(type), r * along + Math.sqrt(k));
    return minus(type, times(type, x as Vector, r), times(type, normal as Vector, bend));
  },
  frexp: (type, [x]) => [
    mapComponents([x!], ([a]) => frexp(a as number)[0]),
    mapComponents([x!], ([a]) => {
      const exponent = frexp(a as number)[1];
      return elementOf(type) === abstractFloat ? BigInt(exponent) : exponent;
    }),
  ],
  modf: (_, [x]) => [
    mapComponents([x!], ([a]) => (a as number) - Math.trunc(a as number)),
    mapComponents([x!], ([a]) => Math.trunc(a as number)),
  ],
  dot4U8Packed: (_, [x, y]) => {
    const b = bitsOf(y as number, 8);
    return bitsOf(x as number, 8).reduce((sum, a, k) => sum + a * b[k]!, 0);
  },
  dot4I8Packed: (_, [x, y]) => {
    const b = bitsOf(y as number, 8).map(signed);
    return bitsOf(x as number, 8).reduce((sum, a, k) => sum + signed(a) * b[k]!, 0);
  },
};

/**
 * The value of a call whose arguments have been converted to `types`, the parameters of its overload. Null: the
 * function has no part in constant expressions. Throws ConstantError where the value is undefined.
 */
export function evaluateBuiltin(
  name: string,
  types: readonly Type[],
  args: readonly ConstantValue[],
  result: Type,
): ConstantValue | null {
  if (name === "bitcast") return bitcastConstant(args[0]!, types[0]!, result);
  const whole = wholeFunctions[name];
  if (whole) return whole(types[0]!, args);
  const pack = packing[name];
  if (pack) return joinBits((args[0] as Numbers).map(pack[1]), pack[0]);
  const unpack = unpacking[name];
  if (unpack) return bitsOf(args[0] as number, unpack[0]).map(unpack[1]);
  const type = elementOf(result);
  const scalar = scalarFunctions[name];
  if (scalar) return mapComponents(args, (parts) => scalar(type, parts));
  const float = floatFunctions[name];
  if (float)
    return mapComponents(args, (parts) => {
      const value = float(...(parts as [number, number, number]));
      require(Number.isFinite(value), `${name}(${parts.join(", ")}) is not a finite ${type.name}`);
      return toFloat(type, value);
    });
  const bits = bitFunctions[name];
  if (bits)
    return mapComponents(args, (parts) => {
      const value = bits(type, ...(parts as Numbers));
      return type === u32 ? value >>> 0 : value | 0;
    });
  return null;
}
