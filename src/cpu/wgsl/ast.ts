/**
 * The syntax tree of a WGSL module, as written: names are not resolved and types are identifiers. The
 * parser makes it, the checker reads it. Parentheses have done their work and are gone.
 */
import type { BinaryOperator, DiagnosticRange, Position, UnaryOperator } from "./program";

interface Node {
  readonly at: Position;
}

/** A name with its template arguments: `x`, `vec4<f32>`, `array<T, N << 1u>`. Types are written so. */
export interface Identifier extends Node {
  readonly kind: "identifier";
  readonly name: string;
  /** Null: none written. */
  readonly template: readonly Expression[] | null;
}

/** The value fits its type: the parser refuses the others, and rounds f32 and f16. */
export type Literal = Node & { readonly kind: "literal" } & (
    | { readonly type: "bool"; readonly value: boolean }
    | { readonly type: "abstract-int" | "i32" | "u32"; readonly value: bigint }
    | { readonly type: "abstract-float" | "f32" | "f16"; readonly value: number }
  );

export type Expression =
  | Identifier
  | Literal
  | (Node &
      /** A function call, value constructor or conversion. */
      (
        | {
            readonly kind: "call";
            readonly callee: Identifier;
            readonly args: readonly Expression[];
          }
        | { readonly kind: "index"; readonly of: Expression; readonly index: Expression }
        /** A struct member or swizzle. `at` is the name's. */
        | { readonly kind: "member"; readonly of: Expression; readonly name: string }
        | {
            readonly kind: "unary";
            readonly operator: UnaryOperator | "*" | "&";
            readonly operand: Expression;
          }
        /** `at` is the operator's. */
        | {
            readonly kind: "binary";
            readonly operator: BinaryOperator | "&&" | "||";
            readonly left: Expression;
            readonly right: Expression;
          }
      ));

/** `@name(args)`. Diagnostic attributes are in TranslationUnit.diagnostics instead. */
export interface Attribute extends Node {
  readonly name: string;
  /** Null: no parentheses. */
  readonly args: readonly Expression[] | null;
}

export interface Block extends Node {
  readonly kind: "block";
  readonly body: readonly Statement[];
}

/** `at` of a declaration is its name's. */
interface Named extends Node {
  readonly name: string;
}

export interface VariableDeclaration extends Named {
  readonly kind: "var";
  /** `var<storage, read_write>`: the names in the brackets. */
  readonly template: readonly Expression[] | null;
  readonly type: Identifier | null;
  readonly init: Expression | null;
  /** None in functions. */
  readonly attributes: readonly Attribute[];
}
export interface ConstDeclaration extends Named {
  readonly kind: "const";
  readonly type: Identifier | null;
  readonly value: Expression;
}
export interface ConstAssert extends Node {
  readonly kind: "const_assert";
  readonly condition: Expression;
}

export interface If extends Node {
  readonly kind: "if";
  readonly condition: Expression;
  readonly whenTrue: Block;
  readonly whenFalse: Block | If | null;
}
export interface CaseClause extends Node {
  /** Null stands for `default`. */
  readonly selectors: readonly (Expression | null)[];
  readonly body: Block;
}
export interface Continuing extends Node {
  readonly body: readonly Statement[];
  /** The condition of the closing `break if`. */
  readonly breakIf: Expression | null;
}

/** An assignment, increment or decrement, or a call; `_ = value` has target null. */
export type SimpleStatement =
  | (Node & {
      readonly kind: "assign";
      readonly target: Expression | null;
      /** Of a compound assignment. */
      readonly operator: BinaryOperator | null;
      readonly value: Expression;
    })
  | (Node & {
      /** `target++` is 1, `target--` is -1. */
      readonly kind: "increment";
      readonly target: Expression;
      readonly by: 1 | -1;
    })
  | (Node & { readonly kind: "call"; readonly call: Extract<Expression, { kind: "call" }> });

export interface LetDeclaration extends Named {
  readonly kind: "let";
  readonly type: Identifier | null;
  readonly value: Expression;
}

export type Statement =
  | Block
  | VariableDeclaration
  | ConstDeclaration
  | LetDeclaration
  | ConstAssert
  | SimpleStatement
  | If
  | (Node & {
      readonly kind: "switch";
      readonly selector: Expression;
      readonly clauses: readonly CaseClause[];
    })
  | (Node & {
      readonly kind: "loop";
      readonly body: readonly Statement[];
      readonly continuing: Continuing | null;
    })
  | (Node & {
      readonly kind: "for";
      readonly init:
        | VariableDeclaration
        | ConstDeclaration
        | LetDeclaration
        | SimpleStatement
        | null;
      readonly condition: Expression | null;
      readonly update: SimpleStatement | null;
      readonly body: Block;
    })
  | (Node & { readonly kind: "while"; readonly condition: Expression; readonly body: Block })
  | (Node & { readonly kind: "break" | "continue" | "discard" })
  | (Node & { readonly kind: "return"; readonly value: Expression | null });

/** A struct member or a function parameter. */
export interface TypedName extends Named {
  readonly type: Identifier;
  readonly attributes: readonly Attribute[];
}

export interface FunctionDeclaration extends Named {
  readonly kind: "fn";
  readonly attributes: readonly Attribute[];
  readonly parameters: readonly TypedName[];
  readonly result: Identifier | null;
  readonly resultAttributes: readonly Attribute[];
  readonly body: Block;
}

export type Declaration =
  | VariableDeclaration
  | ConstDeclaration
  | ConstAssert
  | FunctionDeclaration
  | (Named & {
      readonly kind: "override";
      readonly type: Identifier | null;
      readonly init: Expression | null;
      readonly attributes: readonly Attribute[];
    })
  | (Named & { readonly kind: "alias"; readonly type: Identifier })
  | (Named & { readonly kind: "struct"; readonly members: readonly TypedName[] });

/** A name after `enable` or `requires`. */
export interface Extension extends Named {
  readonly directive: "enable" | "requires";
}

/** A whole module. */
export interface TranslationUnit {
  readonly extensions: readonly Extension[];
  readonly declarations: readonly Declaration[];
  /** From directives and attributes, outermost first. For CheckedProgram.diagnostics as they are. */
  readonly diagnostics: readonly DiagnosticRange[];
}
