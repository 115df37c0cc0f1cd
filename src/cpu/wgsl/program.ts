/**
 * A checked WGSL program: every name resolved, every type concrete, every `const` and `override` expression
 * evaluated, every conversion and load written out. What the checker makes and the lowering reads.
 *
 * An expression is a value. A place is a reference to memory: something that can be loaded, stored or
 * pointed to. Evaluation order is left to right, as written.
 */
import type { AccessMode, AddressSpace, StructType, Type } from "./types";

/** 1-based. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** A var, let, or parameter. `const` and `override` declarations are gone. */
export interface Variable {
  readonly name: string;
  /** The store type of a var; the type of the value of a let or parameter. */
  readonly type: Type;
  readonly at: Position;
}

/** A module-scope var. */
export interface GlobalVariable extends Variable {
  readonly space: Exclude<AddressSpace, "function">;
  readonly access: AccessMode;
  /** For storage and uniform. */
  readonly binding: { readonly group: number; readonly index: number } | null;
  /** For private; null is zero. A constant. */
  readonly init: Expression | null;
}

/**
 * Value of a constant: a number (i32 signed, u32 unsigned, f32 and f16 exactly representable), a boolean, or
 * the components of a composite in order: vector elements, matrix columns, array elements, struct members.
 */
export type Constant = number | boolean | readonly Constant[];

export type UnaryOperator = "-" | "!" | "~";
export type BinaryOperator =
  | "+"
  | "-"
  | "*"
  | "/"
  | "%"
  | "&"
  | "|"
  | "^"
  | "<<"
  | ">>"
  | "=="
  | "!="
  | "<"
  | "<="
  | ">"
  | ">=";

interface Node {
  readonly at: Position;
  /** Of the value, or of what the place holds. Never abstract, never a reference. */
  readonly type: Type;
}

export type Place = Node &
  (
    | { readonly kind: "variable"; readonly variable: Variable | GlobalVariable }
    /** What a pointer value points to. */
    | { readonly kind: "dereference"; readonly pointer: Expression }
    /** Element of an array, column of a matrix, component of a vector. `index` is i32 or u32. */
    | { readonly kind: "element"; readonly of: Place; readonly index: Expression }
    | { readonly kind: "member"; readonly of: Place; readonly index: number }
  );

export type Expression = Node &
  (
    | { readonly kind: "constant"; readonly value: Constant }
    /** The value of a let or parameter. */
    | { readonly kind: "name"; readonly variable: Variable }
    | { readonly kind: "load"; readonly place: Place }
    /** A pointer, never stored: it is passed to a parameter, bound by let, or dereferenced. */
    | { readonly kind: "addressOf"; readonly place: Place }
    /** Of a vector, matrix or array value. */
    | { readonly kind: "element"; readonly of: Expression; readonly index: Expression }
    | { readonly kind: "member"; readonly of: Expression; readonly index: number }
    /** One component gives a scalar, two to four a vector. */
    | { readonly kind: "swizzle"; readonly of: Expression; readonly components: readonly number[] }
    | { readonly kind: "unary"; readonly operator: UnaryOperator; readonly operand: Expression }
    /**
     * Operands as the operator's overload takes them: scalar with vector and matrix products stay mixed;
     * comparisons give bool or vectors of bool; `& |` also on bool; shifts have u32 on the right.
     */
    | {
        readonly kind: "binary";
        readonly operator: BinaryOperator;
        readonly left: Expression;
        readonly right: Expression;
      }
    /** && and ||: the right side is evaluated only where it matters. */
    | {
        readonly kind: "logical";
        readonly operator: "&&" | "||";
        readonly left: Expression;
        readonly right: Expression;
      }
    | {
        readonly kind: "call";
        readonly fn: FunctionDefinition;
        readonly args: readonly Expression[];
      }
    /** A built-in function; its overload follows from the types of the arguments. */
    | { readonly kind: "builtin"; readonly name: string; readonly args: readonly Expression[] }
    /**
     * A composite from its parts. Vectors: scalars and vectors whose widths add up, all of the element type;
     * or one scalar, repeated. Matrices: columns, or all elements. Arrays and structs: one each.
     * No arguments: zero.
     */
    | { readonly kind: "construct"; readonly args: readonly Expression[] }
    /** A scalar, vector or matrix to another element type, as `f32(x)` or `vec4<u32>(v)`. */
    | { readonly kind: "convert"; readonly operand: Expression }
    /** The same bits as another type. */
    | { readonly kind: "bitcast"; readonly operand: Expression }
  );

export type Statement = { readonly at: Position } & (
  | { readonly kind: "block"; readonly body: readonly Statement[] }
  /** `init` null: zero. */
  | { readonly kind: "var"; readonly variable: Variable; readonly init: Expression | null }
  | { readonly kind: "let"; readonly variable: Variable; readonly value: Expression }
  /** `operator`: place = place operator value, the place evaluated once. `++` is += 1. */
  | {
      readonly kind: "assign";
      readonly place: Place;
      readonly operator: BinaryOperator | null;
      readonly value: Expression;
    }
  /** A call whose result is not used, or `_ = value`. */
  | { readonly kind: "evaluate"; readonly value: Expression }
  | {
      readonly kind: "if";
      readonly condition: Expression;
      readonly whenTrue: readonly Statement[];
      readonly whenFalse: readonly Statement[];
    }
  /**
   * Also `while` and `for`: a condition is tested before each round. `continuing` runs after the body and
   * on `continue`; then the loop ends if `breakIf` holds. A for's initialiser stands before the loop, in a
   * block with it.
   */
  | {
      readonly kind: "loop";
      readonly condition: Expression | null;
      readonly body: readonly Statement[];
      readonly continuing: readonly Statement[];
      readonly breakIf: Expression | null;
    }
  | {
      readonly kind: "switch";
      readonly selector: Expression;
      /** The first clause that matches runs, alone. */
      readonly clauses: readonly {
        /** Constants of the selector's type. */
        readonly values: readonly number[];
        readonly isDefault: boolean;
        readonly body: readonly Statement[];
      }[];
    }
  | { readonly kind: "break" }
  | { readonly kind: "continue" }
  | { readonly kind: "return"; readonly value: Expression | null }
);

export interface FunctionDefinition {
  readonly name: string;
  readonly at: Position;
  readonly parameters: readonly Variable[];
  readonly result: Type | null;
  readonly body: readonly Statement[];
}

export type BuiltinValue =
  | "workgroup_id"
  | "num_workgroups"
  | "local_invocation_id"
  | "local_invocation_index"
  | "global_invocation_id"
  | "global_invocation_index"
  | "workgroup_index"
  | "subgroup_invocation_id"
  | "subgroup_size"
  | "subgroup_id"
  | "num_subgroups";

export interface EntryPoint {
  readonly name: string;
  readonly workgroupSize: readonly [number, number, number];
  readonly fn: FunctionDefinition;
  /** For each parameter: its built-in value, or those of the members of its struct. */
  readonly inputs: readonly (BuiltinValue | readonly BuiltinValue[])[];
}

/** What happens to violations of a rule inside a part of the text; the innermost range decides. */
export interface DiagnosticRange {
  readonly severity: "error" | "warning" | "info" | "off";
  /** As `subgroup_uniformity`. */
  readonly rule: string;
  /** First position inside, and first after. */
  readonly from: Position;
  readonly to: Position;
}

export interface CheckedProgram {
  readonly structs: readonly StructType[];
  readonly globals: readonly GlobalVariable[];
  /** Every function, callees before callers. */
  readonly functions: readonly FunctionDefinition[];
  readonly entries: readonly EntryPoint[];
  /** Names after `enable`: f16, subgroups, … */
  readonly enabled: readonly string[];
  /** Copied from the TranslationUnit. */
  readonly diagnostics: readonly DiagnosticRange[];
}
