/**
 * Arithmetic on the lanes of one shape of v128, as short methods. An operand that is a number stands for
 * that number in every lane; masks are lanes of all ones or all zeros, as comparisons give them.
 */
import type { Builder } from "../ir/builder";
import type { Value } from "../ir/ir";

export type Shape = "f32x4" | "f64x2" | "i32x4" | "i64x2";
export type Operand = Value | number;

export class Lanes {
  constructor(
    readonly b: Builder,
    readonly shape: Shape,
  ) {}

  constant(x: number): Value {
    const { b } = this;
    switch (this.shape) {
      case "f32x4":
        return b.f32x4(x);
      case "f64x2":
        return b.f64x2(x);
      case "i32x4":
        return b.i32x4(x);
      case "i64x2": {
        const lane = BigInt(x);
        return b.v128(new Uint8Array(new BigInt64Array([lane, lane]).buffer));
      }
    }
  }

  private value = (x: Operand): Value => (typeof x === "number" ? this.constant(x) : x);

  /** The instruction `name` of this shape. */
  op(name: string, ...args: readonly Operand[]): Value {
    return this.b.pure(`${this.shape}.${name}`, args.map(this.value));
  }
  private bits(name: string, ...args: readonly Operand[]): Value {
    return this.b.pure(`v128.${name}`, args.map(this.value));
  }
  private shift(name: string, x: Value, count: number): Value {
    return this.b.pure(`${this.shape}.${name}`, [x, this.b.i32(count)]);
  }

  add = (x: Operand, y: Operand): Value => this.op("add", x, y);
  sub = (x: Operand, y: Operand): Value => this.op("sub", x, y);
  mul = (x: Operand, y: Operand): Value => this.op("mul", x, y);
  div = (x: Operand, y: Operand): Value => this.op("div", x, y);
  /** y < x ? y : x, so that a NaN in x stays. */
  min = (x: Operand, y: Operand): Value => this.op("pmin", x, y);
  /** x < y ? y : x, so that a NaN in x stays. */
  max = (x: Operand, y: Operand): Value => this.op("pmax", x, y);
  abs = (x: Operand): Value => this.op("abs", x);
  sqrt = (x: Operand): Value => this.op("sqrt", x);
  eq = (x: Operand, y: Operand): Value => this.op("eq", x, y);
  ne = (x: Operand, y: Operand): Value => this.op("ne", x, y);
  lt = (x: Operand, y: Operand): Value => this.op("lt", x, y);
  le = (x: Operand, y: Operand): Value => this.op("le", x, y);

  and = (x: Operand, y: Operand): Value => this.bits("and", x, y);
  or = (x: Operand, y: Operand): Value => this.bits("or", x, y);
  xor = (x: Operand, y: Operand): Value => this.bits("xor", x, y);
  /** x where the mask is set, else y. */
  select = (mask: Operand, x: Operand, y: Operand): Value => this.bits("bitselect", x, y, mask);

  shl = (x: Value, count: number): Value => this.shift("shl", x, count);
  /** Keeps the sign. */
  shr = (x: Value, count: number): Value => this.shift("shr_s", x, count);
  /** Fills with zeros. */
  shrUnsigned = (x: Value, count: number): Value => this.shift("shr_u", x, count);

  /** c[0] + x (c[1] + x (c[2] + ...)). */
  polynomial(x: Value, coefficients: readonly number[]): Value {
    return coefficients
      .slice(0, -1)
      .reduceRight<Value>(
        (sum, c) => this.add(this.mul(sum, x), c),
        this.constant(coefficients.at(-1)!),
      );
  }
}

/** The magnitude of x with the sign of y; f32 lanes. */
export function copySign(b: Builder, x: Value, y: Value): Value {
  return b.pure("v128.bitselect", [x, y, b.i32x4(0x7fffffff)]);
}
