/**
 * Random expressions whose values are the same on every executor, bit for bit.
 *
 * Integer and boolean operations are exact by definition. Floating-point operations are exact because every
 * float is a small multiple of a power of two: each expression carries a bound `max` of its magnitude and
 * the number of its binary places, `fraction`, and max · 2^fraction stays within the significand. Then no
 * operation rounds, and neither reassociation nor fused multiply-adds change a result. Functions that
 * round are in accuracy.ts.
 */
import type { Choices } from "./choices";
import {
  isFloat,
  isMatrix,
  isScalar,
  nameOf,
  type ScalarName,
  scalarOf,
  type ValueType,
  vectorOf,
  widths,
} from "./types";

export interface Expr {
  readonly text: string;
  /** Of floats: bound of the magnitude of each component. */
  readonly max: number;
  /** Of floats: each component is a multiple of 2^-fraction. */
  readonly fraction: number;
}

/** Variables that stand at the ends of expressions: their names and, of floats, their bounds. */
export interface Leaves {
  /** Scalar variables of each type. */
  readonly names: Readonly<Record<ScalarName, readonly string[]>>;
  readonly bounds: Readonly<Record<"f32" | "f16", { max: number; fraction: number }>>;
  /** A function from i32 to i32 with a side effect, or null. */
  readonly tick: string | null;
  /**
   * Shifts and bit fields take constants in range, and indices are literals: Dawn does not see all errors
   * of overrides in these places.
   */
  readonly plainAmounts?: boolean;
  /** Literals are also written without type. */
  readonly abstract?: boolean;
}

/** Significands hold integers up to this. */
const exactLimit = { f32: 2 ** 24, f16: 2 ** 11 };

const integerLiterals = [0, 1, 2, 3, 7, 31, 32, 255, 65535, 0x7fffffff, 0x80000000, 0xffffffff];

const joined = (parts: readonly Expr[]): string => parts.map((part) => part.text).join(", ");
const widest = (parts: readonly Expr[]): Pick<Expr, "max" | "fraction"> => ({
  max: Math.max(...parts.map((part) => part.max)),
  fraction: Math.max(...parts.map((part) => part.fraction)),
});
const exact = (text: string): Expr => ({ text, max: 0, fraction: 0 });

/** How floats of a form are written: decimal, hexadecimal, with suffix or in a conversion. */
function floatLiteral(
  choices: Choices,
  value: number,
  scalar: "f32" | "f16",
  abstract: boolean,
): string {
  const suffix = abstract ? "" : scalar === "f32" ? "f" : "h";
  const magnitude = Math.abs(value);
  const eighths = magnitude * 8;
  const exponential = magnitude.toExponential();
  const text = choices.of([
    `${magnitude}${abstract && Number.isInteger(magnitude) ? ".0" : suffix}`,
    `${scalar}(${magnitude})`,
    `0x${eighths.toString(16)}p-3${suffix}`,
    `${exponential}${suffix}`,
  ]);
  return value < 0 ? `(-${text})` : text;
}

type Make = (type: ValueType, depth: number) => Expr | null;

export class Expressions {
  constructor(
    private readonly choices: Choices,
    private readonly leaves: Leaves,
    private readonly half: boolean,
  ) {}

  /** An expression of the type, of at most `depth` nested operations. */
  make(type: ValueType, depth: number): Expr {
    if (depth <= 0 || this.choices.exhausted) return this.leaf(type);
    for (let attempt = 0; attempt < 4; attempt++) {
      const made = this.choices.of(this.formsOf(type))(type, depth - 1);
      if (made && this.fits(type, made)) return made;
    }
    return this.leaf(type);
  }

  private fits({ scalar }: ValueType, { max, fraction }: Expr): boolean {
    if (scalar !== "f32" && scalar !== "f16") return true;
    return max * 2 ** fraction <= exactLimit[scalar] && (scalar === "f32" || max < 65504);
  }

  private formsOf(type: ValueType): readonly Make[] {
    if (isMatrix(type)) return this.matrixForms;
    const { scalar } = type;
    const own =
      scalar === "bool" ? this.boolForms : isFloat(type) ? this.floatForms : this.integerForms;
    const shape = isScalar(type) ? this.scalarForms : this.vectorForms;
    return [this.leaf, ...own, ...shape, this.select, this.arrayElement];
  }

  private readonly leaf = (type: ValueType): Expr => {
    const { scalar } = type;
    const parts = Array.from({ length: type.columns * type.rows }, () => this.scalarLeaf(scalar));
    if (isScalar(type)) return parts[0]!;
    const name = isMatrix(type) || this.choices.chance(70) ? nameOf(type) : `vec${type.rows}`;
    return { text: `${name}(${joined(parts)})`, ...widest(parts) };
  };

  private scalarLeaf(scalar: ScalarName): Expr {
    const { choices } = this;
    const literal = choices.chance(25);
    const abstract = this.leaves.abstract === true && choices.chance(50);
    if (scalar === "f32" || scalar === "f16") {
      const bounds = this.leaves.bounds[scalar];
      if (!literal) return { text: choices.of(this.leaves.names[scalar]), ...bounds };
      const value = (choices.below(33) - 16) / 2 ** choices.below(scalar === "f32" ? 4 : 2);
      const text = floatLiteral(choices, value, scalar, abstract);
      return { text, max: 16, fraction: 3 };
    }
    if (!literal) return exact(choices.of(this.leaves.names[scalar]));
    if (scalar === "bool") return exact(choices.of(["false", "true"]));
    const value = choices.of(integerLiterals);
    if (abstract)
      return exact(scalar === "u32" || value < 2 ** 31 ? `${value}` : `(-${2 ** 32 - value})`);
    if (scalar === "u32") return exact(choices.of([`${value}u`, `0x${value.toString(16)}u`]));
    const signed = value | 0;
    if (signed === -0x80000000) return exact("i32(-2147483648)");
    return exact(signed < 0 ? `(${signed}i)` : `${signed}i`);
  }

  /**
   * Amounts of shifts, positions and counts of bits: either in range, or known only when the shader runs,
   * because constants out of range are errors.
   */
  private amount(rows: ValueType["rows"], depth: number): string {
    const name = nameOf(vectorOf("u32", rows));
    const variable = (): string => this.choices.of(this.leaves.names.u32);
    if (this.choices.chance(50))
      return rows === 1
        ? variable()
        : `${name}(${Array.from({ length: rows }, variable).join(", ")})`;
    return `(${this.make(vectorOf("u32", rows), depth).text} & ${name}(15))`;
  }

  private index(depth: number, length: number): string {
    if (this.leaves.plainAmounts || this.choices.chance(50)) return `${this.choices.below(length)}`;
    const { text } = this.make(scalarOf("u32"), depth);
    return `${text} % ${length}u`;
  }

  private readonly select: Make = (type, depth) => {
    const a = this.make(type, depth);
    const b = this.make(type, depth);
    const condition = this.make(
      this.choices.chance(50) ? vectorOf("bool", type.rows) : scalarOf("bool"),
      depth,
    );
    return { text: `select(${a.text}, ${b.text}, ${condition.text})`, ...widest([a, b]) };
  };

  private readonly arrayElement: Make = (type, depth) => {
    const parts = Array.from({ length: this.choices.between(2, 4) }, () =>
      this.make(type, depth - 1),
    );
    const name = this.choices.chance(50) ? `array<${nameOf(type)}, ${parts.length}>` : "array";
    return {
      text: `${name}(${joined(parts)})[${this.index(depth, parts.length)}]`,
      ...widest(parts),
    };
  };

  private readonly vectorElement: Make = ({ scalar }, depth) => {
    const width = this.choices.of(widths);
    const vector = this.make(vectorOf(scalar, width), depth);
    return { ...vector, text: `${vector.text}[${this.index(depth, width)}]` };
  };

  private readonly component: Make = ({ scalar }, depth) => {
    const width = this.choices.of(widths);
    const vector = this.make(vectorOf(scalar, width), depth);
    const at = this.choices.below(width);
    return { ...vector, text: `${vector.text}.${this.choices.of(["xyzw", "rgba"])[at]}` };
  };

  private readonly matrixElement: Make = ({ scalar }, depth) => {
    if (scalar !== "f32" && scalar !== "f16") return null;
    const type = { scalar, rows: this.choices.of(widths), columns: this.choices.of(widths) };
    const matrix = this.make(type, depth - 1);
    const column = this.index(depth - 1, type.columns);
    return { ...matrix, text: `${matrix.text}[${column}][${this.index(depth - 1, type.rows)}]` };
  };

  private readonly matrixColumn: Make = ({ scalar, rows }, depth) => {
    if (scalar !== "f32" && scalar !== "f16") return null;
    const type = { scalar, rows, columns: this.choices.of(widths) };
    const matrix = this.make(type, depth - 1);
    return { ...matrix, text: `${matrix.text}[${this.index(depth, type.columns)}]` };
  };

  private readonly call: Make = ({ scalar }, depth) => {
    if (scalar !== "i32" || !this.leaves.tick) return null;
    return exact(`${this.leaves.tick}(${this.make(scalarOf("i32"), depth).text})`);
  };

  private readonly scalarForms: readonly Make[] = [
    this.vectorElement,
    this.component,
    this.matrixElement,
    this.call,
  ];

  private readonly splat: Make = (type, depth) => {
    const part = this.make(scalarOf(type.scalar), depth);
    return { ...part, text: `${nameOf(type)}(${part.text})` };
  };

  private readonly join: Make = (type, depth) => {
    const parts: Expr[] = [];
    for (let left: number = type.rows; left > 0; ) {
      const width = this.choices.between(1, Math.min(left, type.rows - 1)) as 1 | 2 | 3;
      parts.push(this.make(vectorOf(type.scalar, width), depth));
      left -= width;
    }
    const name = this.choices.chance(50) ? nameOf(type) : `vec${type.rows}`;
    return { text: `${name}(${joined(parts)})`, ...widest(parts) };
  };

  private readonly swizzle: Make = ({ scalar, rows }, depth) => {
    const width = this.choices.of(widths);
    const vector = this.make(vectorOf(scalar, width), depth);
    const letters = this.choices.of(["xyzw", "rgba"]);
    const picked = Array.from({ length: rows }, () => letters[this.choices.below(width)]).join("");
    return { ...vector, text: `${vector.text}.${picked}` };
  };

  private readonly vectorForms: readonly Make[] = [
    this.splat,
    this.join,
    this.swizzle,
    this.matrixColumn,
  ];

  /** Both operands of an operator that also takes a scalar beside a vector. */
  private operands(type: ValueType, depth: number): [Expr, Expr] {
    const mixed = isScalar(type) ? 0 : this.choices.below(3);
    const one = scalarOf(type.scalar);
    return [this.make(mixed === 1 ? one : type, depth), this.make(mixed === 2 ? one : type, depth)];
  }

  private readonly integerForms: readonly Make[] = [
    (type, depth) => {
      const operator = this.choices.of(["+", "-", "*", "/", "%"]);
      const [a, b] = this.operands(type, depth);
      return exact(`(${a.text} ${operator} ${b.text})`);
    },
    (type, depth) => {
      const operator = this.choices.of(["&", "|", "^"]);
      return exact(`(${this.make(type, depth).text} ${operator} ${this.make(type, depth).text})`);
    },
    (type, depth) => {
      const operator = this.choices.of(["<<", ">>"]);
      const left = this.make(type, depth);
      return exact(`(${left.text} ${operator} ${this.amount(type.rows, depth)})`);
    },
    (type, depth) => {
      const operator = type.scalar === "i32" ? this.choices.of(["-", "~"]) : "~";
      return exact(`(${operator}${this.make(type, depth).text})`);
    },
    (type, depth) => {
      const names = [
        "abs",
        "countLeadingZeros",
        "countOneBits",
        "countTrailingZeros",
        "firstLeadingBit",
        "firstTrailingBit",
        "reverseBits",
        ...(type.scalar === "i32" ? ["sign"] : []),
      ];
      return exact(`${this.choices.of(names)}(${this.make(type, depth).text})`);
    },
    (type, depth) => {
      const name = this.choices.of(["min", "max"]);
      return exact(`${name}(${this.make(type, depth).text}, ${this.make(type, depth).text})`);
    },
    (type, depth) => {
      const value = this.make(type, depth).text;
      const [a, b] = [this.make(type, depth - 1).text, this.make(type, depth - 1).text];
      return exact(`clamp(${value}, min(${a}, ${b}), max(${a}, ${b}))`);
    },
    (type, depth) =>
      exact(
        `extractBits(${this.make(type, depth).text}, ${this.amount(1, depth)}, ${this.amount(1, depth)})`,
      ),
    (type, depth) => {
      const [value, bits] = [this.make(type, depth).text, this.make(type, depth).text];
      return exact(
        `insertBits(${value}, ${bits}, ${this.amount(1, depth)}, ${this.amount(1, depth)})`,
      );
    },
    (type, depth) => {
      const from = this.choices.of<ScalarName>(
        this.half ? ["i32", "u32", "bool", "f32", "f16"] : ["i32", "u32", "bool", "f32"],
      );
      return exact(`${nameOf(type)}(${this.make(vectorOf(from, type.rows), depth).text})`);
    },
    (type, depth) => {
      // A float that was computed may be 0 or -0: only one that was loaded has certain bits.
      const from = this.choices.of<ScalarName>(["i32", "u32", "f32"]);
      const source = vectorOf(from, type.rows);
      const operand = from === "f32" ? this.leaf(source) : this.make(source, depth);
      return exact(`bitcast<${nameOf(type)}>(${operand.text})`);
    },
    (type, depth) => {
      if (!isScalar(type)) return null;
      const source = vectorOf(type.scalar, this.choices.of(widths));
      return exact(`dot(${this.make(source, depth).text}, ${this.make(source, depth).text})`);
    },
    (type, depth) => {
      if (!isScalar(type)) return null;
      const word = scalarOf("u32");
      if (type.scalar === "i32")
        return exact(
          `dot4I8Packed(${this.make(word, depth).text}, ${this.make(word, depth).text})`,
        );
      if (this.choices.chance(50))
        return exact(
          `dot4U8Packed(${this.make(word, depth).text}, ${this.make(word, depth).text})`,
        );
      const signed = this.choices.chance(50);
      const name = this.choices.of(["", "Clamp"]);
      const operand = this.make(vectorOf(signed ? "i32" : "u32", 4), depth).text;
      return exact(`pack4x${signed ? "I" : "U"}8${name}(${operand})`);
    },
    (type, depth) => {
      if (type.rows !== 4) return null;
      const name = type.scalar === "i32" ? "unpack4xI8" : "unpack4xU8";
      return exact(`${name}(${this.make(scalarOf("u32"), depth).text})`);
    },
  ];

  private readonly boolForms: readonly Make[] = [
    (type, depth) => {
      const scalar = this.choices.of<ScalarName>(
        this.half ? ["i32", "u32", "f32", "f16"] : ["i32", "u32", "f32"],
      );
      const operator = this.choices.of(["<", "<=", ">", ">=", "==", "!="]);
      const source = vectorOf(scalar, type.rows);
      return exact(
        `(${this.make(source, depth).text} ${operator} ${this.make(source, depth).text})`,
      );
    },
    (type, depth) => {
      const operator = this.choices.of(["&", "|", "==", "!="]);
      return exact(`(${this.make(type, depth).text} ${operator} ${this.make(type, depth).text})`);
    },
    (type, depth) => {
      if (!isScalar(type)) return null;
      const operator = this.choices.of(["&&", "||"]);
      return exact(`(${this.make(type, depth).text} ${operator} ${this.make(type, depth).text})`);
    },
    (type, depth) => exact(`(!${this.make(type, depth).text})`),
    (type, depth) => {
      const scalar = this.choices.of<ScalarName>(["i32", "u32", "f32", "bool"]);
      return exact(`${nameOf(type)}(${this.make(vectorOf(scalar, type.rows), depth).text})`);
    },
    (type, depth) => {
      if (!isScalar(type)) return null;
      const name = this.choices.of(["any", "all"]);
      return exact(`${name}(${this.make(vectorOf("bool", this.choices.of(widths)), depth).text})`);
    },
  ];

  private readonly sum: Make = (type, depth) => {
    const [a, b] = isMatrix(type)
      ? [this.make(type, depth), this.make(type, depth)]
      : this.operands(type, depth);
    return {
      text: `(${a.text} ${this.choices.of(["+", "-"])} ${b.text})`,
      max: a.max + b.max,
      fraction: Math.max(a.fraction, b.fraction),
    };
  };

  /** A product of sums of `terms` products. */
  private product(text: string, a: Expr, b: Expr, terms = 1): Expr {
    return { text, max: terms * a.max * b.max, fraction: a.fraction + b.fraction };
  }

  private readonly floatForms: readonly Make[] = [
    this.sum,
    (type, depth) => {
      const [a, b] = this.operands(type, depth);
      return this.product(`(${a.text} * ${b.text})`, a, b);
    },
    (type, depth) => {
      const a = this.make(type, depth);
      const power = this.choices.of([1, 2, 3]);
      const divisor = nameOf(type);
      if (this.choices.chance(50))
        return {
          text: `(${a.text} / ${divisor}(${2 ** power}))`,
          max: a.max,
          fraction: a.fraction + power,
        };
      return { text: `(${a.text} % ${divisor}(${2 ** power}))`, max: a.max, fraction: a.fraction };
    },
    (type, depth) => {
      const a = this.make(type, depth);
      return { ...a, text: `(-${a.text})` };
    },
    (type, depth) => {
      const a = this.make(type, depth);
      const name = this.choices.of([
        "abs",
        "floor",
        "ceil",
        "trunc",
        "round",
        "fract",
        "saturate",
        "sign",
      ]);
      return { text: `${name}(${a.text})`, max: a.max + 1, fraction: a.fraction };
    },
    (type, depth) => {
      const [a, b] = [this.make(type, depth), this.make(type, depth)];
      return {
        text: `${this.choices.of(["min", "max"])}(${a.text}, ${b.text})`,
        ...widest([a, b]),
      };
    },
    (type, depth) => {
      const [value, a, b] = [depth, depth - 1, depth - 1].map((d) => this.make(type, d)) as [
        Expr,
        Expr,
        Expr,
      ];
      return {
        text: `clamp(${value.text}, min(${a.text}, ${b.text}), max(${a.text}, ${b.text}))`,
        ...widest([value, a, b]),
      };
    },
    (type, depth) => {
      const [a, b] = [this.make(type, depth), this.make(type, depth)];
      return { text: `step(${a.text}, ${b.text})`, max: 1, fraction: 0 };
    },
    (type, depth) => {
      const [a, b] = [this.make(type, depth), this.make(type, depth)];
      const t = this.make(
        isScalar(type) || this.choices.chance(50) ? type : scalarOf(type.scalar),
        depth,
      );
      return {
        text: `mix(${a.text}, ${b.text}, ${t.text})`,
        max: (a.max + b.max) * (2 + t.max),
        fraction: Math.max(a.fraction, b.fraction) + t.fraction,
      };
    },
    (type, depth) => {
      const [a, b, c] = [this.make(type, depth), this.make(type, depth), this.make(type, depth)];
      return {
        text: `fma(${a.text}, ${b.text}, ${c.text})`,
        max: a.max * b.max + c.max,
        fraction: Math.max(a.fraction + b.fraction, c.fraction),
      };
    },
    (type, depth) => {
      const from = this.choices.of<ScalarName>(["i32", "u32", "bool"]);
      const { text } = this.make(vectorOf(from, type.rows), depth);
      if (from === "bool") return { text: `${nameOf(type)}(${text})`, max: 1, fraction: 0 };
      const mask = `${nameOf(vectorOf(from, type.rows))}(63)`;
      return { text: `${nameOf(type)}(${text} & ${mask})`, max: 63, fraction: 0 };
    },
    (type, depth) => {
      if (!this.half) return null;
      const from = type.scalar === "f32" ? "f16" : "f32";
      const a = this.make(vectorOf(from, type.rows), depth);
      return { ...a, text: `${nameOf(type)}(${a.text})` };
    },
    (type, depth) => {
      const a = this.make(type, depth);
      if (type.scalar === "f32" && this.choices.chance(50)) {
        if (!this.fits(scalarOf("f16"), a)) return null;
        return { ...a, text: `quantizeToF16(${a.text})` };
      }
      const power = this.choices.between(-2, 3);
      const exponent = nameOf(vectorOf("i32", type.rows));
      return {
        text: `ldexp(${a.text}, ${exponent}(${power}))`,
        max: a.max * 2 ** Math.max(power, 0),
        fraction: a.fraction + Math.max(-power, 0),
      };
    },
    (type, depth) => {
      const a = this.make(type, depth);
      return { ...a, text: `modf(${a.text}).${this.choices.of(["fract", "whole"])}` };
    },
    (type, depth) => {
      const a = this.make(type, depth);
      const [magnitude, places] = [Math.ceil(Math.log2(a.max + 1)), a.fraction];
      // The significand moves to [0.5, 1): as many binary places as the value has bits.
      return { text: `frexp(${a.text}).fract`, max: 1, fraction: magnitude + places };
    },
    (type, depth) => {
      if (!isScalar(type)) return null;
      const source = vectorOf(type.scalar, this.choices.of(widths));
      const [a, b] = [this.make(source, depth), this.make(source, depth)];
      return this.product(`dot(${a.text}, ${b.text})`, a, b, source.rows);
    },
    (type, depth) => {
      if (type.rows !== 3) return null;
      const [a, b] = [this.make(type, depth), this.make(type, depth)];
      return this.product(`cross(${a.text}, ${b.text})`, a, b, 2);
    },
    (type, depth) => {
      if (isScalar(type)) return null;
      const [a, b, c] = [this.make(type, depth), this.make(type, depth), this.make(type, depth)];
      if (!this.fits(type, this.product("", b, c, 4))) return null;
      return { ...a, text: `faceForward(${a.text}, ${b.text}, ${c.text})` };
    },
    (type, depth) => {
      if (isScalar(type)) return null;
      const [a, b] = [this.make(type, depth), this.make(type, depth)];
      return {
        text: `reflect(${a.text}, ${b.text})`,
        max: a.max * (1 + 2 * type.rows * b.max * b.max),
        fraction: a.fraction + 2 * b.fraction,
      };
    },
    (type, depth) => {
      if (isScalar(type)) return null;
      const inner = this.choices.of(widths);
      const before = this.choices.chance(50);
      const vector = this.make(vectorOf(type.scalar, inner), depth - 1);
      const matrix = this.make(
        before
          ? { scalar: type.scalar, columns: type.rows as 2, rows: inner }
          : { scalar: type.scalar, columns: inner, rows: type.rows },
        depth - 1,
      );
      const [a, b] = before ? [vector, matrix] : [matrix, vector];
      return this.product(`(${a.text} * ${b.text})`, a, b, inner);
    },
    (type, depth) => {
      if (!isScalar(type)) return null;
      const size = this.choices.of(widths);
      const matrix = this.make({ ...type, rows: size, columns: size }, depth - 1);
      return {
        text: `determinant(${matrix.text})`,
        max: [0, 0, 2, 6, 24][size]! * matrix.max ** size,
        fraction: matrix.fraction * size,
      };
    },
  ];

  private readonly matrixForms: readonly Make[] = [
    this.leaf,
    this.sum,
    ({ scalar, rows, columns }, depth) => {
      const parts = Array.from({ length: columns }, () => this.make(vectorOf(scalar, rows), depth));
      const name = this.choices.chance(50)
        ? `mat${columns}x${rows}`
        : `mat${columns}x${rows}<${scalar}>`;
      return { text: `${name}(${joined(parts)})`, ...widest(parts) };
    },
    ({ scalar, rows, columns }, depth) => {
      if (rows === 1 || columns === 1) return null;
      const matrix = this.make({ scalar, rows: columns, columns: rows }, depth);
      // Mesa 25.0 crashes on a product of two transposes: the sum keeps them from being operands.
      const zero = `${nameOf({ scalar, rows, columns })}()`;
      return { ...matrix, text: `(transpose(${matrix.text}) + ${zero})` };
    },
    (type, depth) => {
      const [a, b] = [this.make(scalarOf(type.scalar), depth), this.make(type, depth)];
      const text = this.choices.chance(50) ? `(${a.text} * ${b.text})` : `(${b.text} * ${a.text})`;
      return this.product(text, a, b);
    },
    ({ scalar, rows, columns }, depth) => {
      const inner = this.choices.of(widths);
      const a = this.make({ scalar, rows, columns: inner }, depth - 1);
      const b = this.make({ scalar, rows: inner, columns }, depth - 1);
      return this.product(`(${a.text} * ${b.text})`, a, b, inner);
    },
    (type, depth) => {
      if (!this.half) return null;
      const a = this.make({ ...type, scalar: type.scalar === "f32" ? "f16" : "f32" }, depth);
      return { ...a, text: `${nameOf(type)}(${a.text})` };
    },
  ];
}
