/**
 * What is known while the graph is made: constants are folded, and identities that hold for every value
 * (of integers; of floats only where the bits stay the same) are applied.
 */
import type { Builder } from "./builder";
import type { Immediate, Value } from "./ir";

const isConstant = (v: Value): boolean => v.op === "i32.const" || v.op === "f32.const";
const number = (v: Value): number => v.immediate as number;

type I32Rule = (a: number, b: number) => number | null;
const truth = (holds: boolean): number => (holds ? 1 : 0);

const i32Binary: Readonly<Record<string, I32Rule>> = {
  "i32.add": (a, b) => (a + b) | 0,
  "i32.sub": (a, b) => (a - b) | 0,
  "i32.mul": Math.imul,
  "i32.div_u": (a, b) => (b === 0 ? null : ((a >>> 0) / (b >>> 0)) | 0),
  "i32.div_s": (a, b) => (b === 0 || (b === -1 && a === -(2 ** 31)) ? null : (a / b) | 0),
  "i32.rem_u": (a, b) => (b === 0 ? null : ((a >>> 0) % (b >>> 0)) | 0),
  "i32.rem_s": (a, b) => (b === 0 ? null : b === -1 ? 0 : (a % b) | 0),
  "i32.and": (a, b) => a & b,
  "i32.or": (a, b) => a | b,
  "i32.xor": (a, b) => a ^ b,
  "i32.shl": (a, b) => a << b,
  "i32.shr_s": (a, b) => a >> b,
  "i32.shr_u": (a, b) => (a >>> b) | 0,
  "i32.eq": (a, b) => truth(a === b),
  "i32.ne": (a, b) => truth(a !== b),
  "i32.lt_s": (a, b) => truth(a < b),
  "i32.le_s": (a, b) => truth(a <= b),
  "i32.gt_s": (a, b) => truth(a > b),
  "i32.ge_s": (a, b) => truth(a >= b),
  "i32.lt_u": (a, b) => truth(a >>> 0 < b >>> 0),
  "i32.le_u": (a, b) => truth(a >>> 0 <= b >>> 0),
  "i32.gt_u": (a, b) => truth(a >>> 0 > b >>> 0),
  "i32.ge_u": (a, b) => truth(a >>> 0 >= b >>> 0),
};

const commutative = new Set([
  "i32.add",
  "i32.mul",
  "i32.and",
  "i32.or",
  "i32.xor",
  "i32.eq",
  "i32.ne",
]);

/** x op c, for a constant c. */
function withConstant(b: Builder, op: string, x: Value, c: number): Value | null {
  switch (op) {
    case "i32.add":
      if (c === 0) return x;
      // (y + d) + c
      if (x.op === "i32.add" && x.args[1]!.op === "i32.const")
        return b.pure("i32.add", [x.args[0]!, b.i32(number(x.args[1]!) + c)]);
      return null;
    case "i32.sub":
      return b.pure("i32.add", [x, b.i32(-c)]);
    case "i32.mul":
      if (c === 0) return b.i32(0);
      if (c === 1) return x;
      if (c > 0 && (c & (c - 1)) === 0) return b.pure("i32.shl", [x, b.i32(31 - Math.clz32(c))]);
      return null;
    case "i32.div_u":
      if (c === 1) return x;
      if (c > 0 && (c & (c - 1)) === 0) return b.pure("i32.shr_u", [x, b.i32(31 - Math.clz32(c))]);
      return null;
    case "i32.rem_u":
      if (c === 1) return b.i32(0);
      if (c > 0 && (c & (c - 1)) === 0) return b.pure("i32.and", [x, b.i32(c - 1)]);
      return null;
    case "i32.div_s":
      return c === 1 ? x : null;
    case "i32.and":
      if (c === 0) return b.i32(0);
      return c === -1 ? x : null;
    case "i32.or":
    case "i32.xor":
      return c === 0 ? x : null;
    case "i32.shl":
    case "i32.shr_u":
    case "i32.shr_s":
      if ((c & 31) === 0) return x;
      if (x.op === op && op === "i32.shl" && x.args[1]!.op === "i32.const") {
        const total = (number(x.args[1]!) & 31) + (c & 31);
        return total > 31 ? b.i32(0) : b.pure(op, [x.args[0]!, b.i32(total)]);
      }
      return null;
    case "i32.lt_u":
      return c === 0 ? b.i32(0) : null;
    case "i32.ge_u":
      return c === 0 ? b.i32(1) : null;
    default:
      return null;
  }
}

const comparisonInverse: Readonly<Record<string, string>> = {
  "i32.eq": "i32.ne",
  "i32.ne": "i32.eq",
  "i32.lt_s": "i32.ge_s",
  "i32.ge_s": "i32.lt_s",
  "i32.gt_s": "i32.le_s",
  "i32.le_s": "i32.gt_s",
  "i32.lt_u": "i32.ge_u",
  "i32.ge_u": "i32.lt_u",
  "i32.gt_u": "i32.le_u",
  "i32.le_u": "i32.gt_u",
};

const lanesOf = (v: Value): DataView => {
  const bytes = v.immediate as Uint8Array;
  return new DataView(bytes.buffer, bytes.byteOffset, 16);
};

/** Operations on vectors that are the same one on each lane. */
const lanewise = /^(?:i32x4\.(add|sub|mul|shl|shr_[su]|(?:min|max)_[su])|v128\.(and|or|xor))$/;

/**
 * One lane of a vector of integers, without the vector: of indices, which are computed by the vector in
 * WGSL and used one by one. Null if the vector itself is needed, or if it is made in too many steps.
 */
function laneOf(b: Builder, vector: Value, lane: number, steps: number): Value | null {
  const { op, args } = vector;
  const [x, y] = args;
  switch (op) {
    case "v128.const":
      return b.i32(lanesOf(vector).getInt32(lane * 4, true));
    case "i32x4.splat":
      return x!;
    case "i32x4.replace_lane":
      return vector.immediate === lane
        ? y!
        : (laneOf(b, x!, lane, steps) ?? b.unfolded("i32x4.extract_lane", [x!], lane));
    case "v128.load":
      // Only a load that floats: what it reads does not change.
      return vector.region
        ? null
        : b.loadConstant("i32.load", x!, (vector.immediate as number) + lane * 4);
  }
  const match = lanewise.exec(op);
  if (!match || steps > 6) return null;
  const name = (match[1] ?? match[2])!;
  const left = laneOf(b, x!, lane, steps + 1);
  const right = left && (y!.type === "v128" ? laneOf(b, y!, lane, steps + 1) : y!);
  if (!left || !right) return null;
  if (!name.startsWith("m") || name === "mul") return b.pure(`i32.${name}`, [left, right]);
  const [order, sign] = [name.startsWith("min") ? "lt" : "gt", name.at(-1)!];
  return b.pure("select", [left, right, b.pure(`i32.${order}_${sign}`, [left, right])]);
}

/** The value that `op` of `args` is, or null if that is a new one. */
export function fold(
  b: Builder,
  op: string,
  args: readonly Value[],
  immediate: Immediate,
): Value | null {
  const [x, y, z] = args;
  const rule = i32Binary[op];
  if (rule) {
    if (isConstant(x!) && isConstant(y!)) {
      const result = rule(number(x!), number(y!));
      return result === null ? null : b.i32(result);
    }
    if (isConstant(x!) && commutative.has(op)) return b.pure(op, [y!, x!]);
    if (isConstant(y!)) return withConstant(b, op, x!, number(y!));
    if (x === y && (op === "i32.sub" || op === "i32.xor")) return b.i32(0);
    if (x === y && (op === "i32.and" || op === "i32.or")) return x!;
    return null;
  }
  switch (op) {
    case "i32.eqz": {
      if (isConstant(x!)) return b.i32(truth(number(x!) === 0));
      const inverse = comparisonInverse[x!.op];
      if (inverse) return b.pure(inverse, x!.args);
      // !(!c) of a truth value
      if (
        x!.op === "i32.eqz" &&
        (x!.args[0]!.op === "i32.eqz" || x!.args[0]!.op in comparisonInverse)
      )
        return x!.args[0]!;
      return null;
    }
    case "index.clamp":
      if (isConstant(x!) && isConstant(y!))
        return b.i32(Math.min(number(x!) >>> 0, number(y!) >>> 0));
      return x!.op === "i32.const" && x!.immediate === 0 ? x! : null;
    case "select":
      if (isConstant(z!)) return number(z!) !== 0 ? x! : y!;
      return x === y ? x! : null;
    case "v128.bitselect":
      return x === y ? x! : null;
    case "f32x4.splat":
      return x!.op === "f32.const" && !Number.isNaN(number(x!)) ? b.f32x4(number(x!)) : null;
    case "i32x4.splat":
      return x!.op === "i32.const" ? b.i32x4(number(x!)) : null;
    case "f32x4.extract_lane":
      if (x!.op === "f32x4.splat") return x!.args[0]!;
      if (x!.op === "f32x4.replace_lane")
        return x!.immediate === immediate ? x!.args[1]! : b.pure(op, [x!.args[0]!], immediate);
      if (x!.op === "v128.const") {
        const value = lanesOf(x!).getFloat32((immediate as number) * 4, true);
        return Number.isNaN(value) ? null : b.f32(value);
      }
      return null;
    case "i32x4.extract_lane":
      return laneOf(b, x!, immediate as number, 0);
    case "i32.reinterpret_f32":
      return x!.op === "f32.reinterpret_i32" ? x!.args[0]! : null;
    case "f32.reinterpret_i32":
      return x!.op === "i32.reinterpret_f32" ? x!.args[0]! : null;
    default:
      return null;
  }
}
