/**
 * Making an expression step by step. Equal steps become one; steps that change nothing (x · 1, x - 0, -(-x))
 * and steps on numbers alone are left out. Results have the bits of the operations one by one.
 */
import { type DType, decodeHost, encodeHost, isFloat } from "../tensor/dtype";
import { type Expression, operandCount, type Step } from "./expression";

/** A value of the expression in the making. */
export type Term =
  | { readonly kind: "operand"; readonly dtype: DType; readonly index: number }
  | { readonly kind: "number"; readonly dtype: DType; readonly value: number }
  | {
      readonly kind: "step";
      readonly dtype: DType;
      readonly fn: string;
      readonly args: readonly Term[];
    };

export interface Built {
  readonly expression: Expression;
  /** The operands that it reads, in the order of its inputs. */
  readonly operands: readonly number[];
}

/** `op_add_i32` is `add`, as `op_add` is. */
const baseName = (fn: string): string => fn.replace(/^op_/, "").replace(/_[iu]32$/, "");

/** As a tensor of the dtype holds it. */
const rounded = (value: number, dtype: DType): number =>
  Number(decodeHost(encodeHost([value, value], dtype).buffer as ArrayBuffer, dtype, 1)[0]);

/** Correctly rounded everywhere, so that the host may compute them. */
const foldable: Readonly<Record<string, (a: number, b: number) => number>> = {
  op_add: (a, b) => a + b,
  op_sub: (a, b) => a - b,
  op_mul: (a, b) => a * b,
  op_neg: (a) => -a,
};

export class ExpressionBuilder {
  private readonly known = new Map<string, Term>();
  private readonly ids = new Map<Term, number>();

  operand(index: number, dtype: DType): Term {
    return this.once(`operand ${index}`, { kind: "operand", dtype, index });
  }

  number(value: number, dtype: DType): Term {
    const text = Object.is(value, -0) ? "-0" : value;
    return this.once(`${dtype} ${text}`, { kind: "number", dtype, value });
  }

  step(fn: string, args: readonly Term[], dtype: DType): Term {
    const simple = this.simplified(fn, args, dtype);
    if (simple) return simple;
    const key = `${fn}(${args.map((term) => this.ids.get(term))}) ${dtype}`;
    return this.once(key, { kind: "step", dtype, fn, args });
  }

  build(outputs: readonly Term[]): Built {
    const order: Term[] = [];
    const seen = new Set<Term>();
    const visit = (term: Term): void => {
      if (seen.has(term)) return;
      seen.add(term);
      if (term.kind === "step") term.args.forEach(visit);
      order.push(term);
    };
    outputs.forEach(visit);
    const of = <K extends Term["kind"]>(kind: K) =>
      order.filter((term): term is Extract<Term, { kind: K }> => term.kind === kind);
    const operands = of("operand").sort((a, b) => a.index - b.index);
    const numbers = of("number");
    const steps = of("step");
    const index = new Map<Term, number>();
    for (const term of [...operands, ...numbers, ...steps]) index.set(term, index.size);
    return {
      operands: operands.map((term) => term.index),
      expression: {
        inputs: [...operands, ...numbers].map((term) => term.dtype),
        numbers: numbers.map((term) => term.value),
        steps: steps.map(
          ({ fn, args, dtype }): Step => ({ fn, args: args.map((a) => index.get(a)!), dtype }),
        ),
        outputs: outputs.map((term) => index.get(term)!),
      },
    };
  }

  private once(key: string, term: Term): Term {
    const known = this.known.get(key);
    if (known) return known;
    this.known.set(key, term);
    this.ids.set(term, this.ids.size);
    return term;
  }

  private simplified(fn: string, args: readonly Term[], dtype: DType): Term | null {
    const [a, b] = args;
    const same = a!.dtype === dtype;
    const is = (term: Term | undefined, value: number) =>
      term?.kind === "number" && Object.is(term.value, value);
    // -0 + 0 is 0, so of floating-point numbers only -0 changes none.
    const nothing = isFloat(dtype) ? -0 : 0;
    const fold = foldable[fn];
    if (fold && isFloat(dtype) && args.every((term) => term.kind === "number")) {
      const [x, y] = args.map((term) => (term.kind === "number" ? term.value : 0));
      return this.number(rounded(fold(x!, y!), dtype), dtype);
    }
    switch (baseName(fn)) {
      case "id":
        if (same) return a!;
        return a!.kind === "number" ? this.number(rounded(a!.value, dtype), dtype) : null;
      case "neg":
        return a!.kind === "step" && a!.fn === fn && same ? a!.args[0]! : null;
      case "add":
        return is(b, nothing) ? a! : is(a, nothing) ? b! : null;
      case "sub":
        return is(b, 0) ? a! : null;
      case "mul":
        return is(b, 1) ? a! : is(a, 1) ? b! : null;
      case "div":
        return is(b, 1) ? a! : null;
      case "pow":
        return is(b, 2) ? this.step("op_square", [a!], dtype) : is(b, 1) ? a! : null;
      default:
        return null;
    }
  }
}

/** The terms of all values of an expression, from those of its operands. */
export function termsOf(
  builder: ExpressionBuilder,
  expression: Expression,
  operands: readonly Term[],
): Term[] {
  const { inputs, numbers = [], steps } = expression;
  const terms = [...operands];
  numbers.forEach((number, j) => {
    terms.push(builder.number(number, inputs[operands.length + j]!));
  });
  for (const { fn, args, dtype } of steps) {
    const given = args.map((a) => terms[a]!);
    terms.push(builder.step(fn, given, dtype));
  }
  return terms;
}

/** What an expression computes of some of its outputs, and the operands that takes. */
export function ofOutputs(expression: Expression, outputs: readonly number[]): Built {
  const builder = new ExpressionBuilder();
  const operands = expression.inputs
    .slice(0, operandCount(expression))
    .map((dtype, k) => builder.operand(k, dtype));
  const terms = termsOf(builder, expression, operands);
  return builder.build(outputs.map((k) => terms[expression.outputs[k]!]!));
}
