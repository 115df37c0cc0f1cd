/**
 * What names mean. Module-scope declarations may stand in any order: each is resolved when it is first
 * needed, and one that needs itself is an error. Local names mean something from their declaration on.
 */
import type { Declaration } from "./ast";
import type { ConstantValue } from "./constants";
import type {
  BuiltinValue,
  EntryPoint,
  FunctionDefinition,
  GlobalVariable,
  Position,
  Variable,
} from "./program";
import { ShaderError } from "./shaderError";
import type { AccessMode, AddressSpace, StructType, Type } from "./types";

/** When a value is known: by the text alone, with the overrides, or when the kernel runs. */
export type Stage = "const" | "override" | "runtime";

export type Meaning =
  | {
      readonly kind: "constant";
      readonly type: Type;
      readonly value: ConstantValue;
      readonly stage: "const" | "override";
    }
  /** An override without a value: it must not be used. */
  | { readonly kind: "unset" }
  /** A let or parameter. */
  | { readonly kind: "value"; readonly variable: Variable }
  | {
      readonly kind: "reference";
      readonly variable: Variable | GlobalVariable;
      readonly space: AddressSpace;
      readonly access: AccessMode;
    }
  | { readonly kind: "type"; readonly type: Type }
  | {
      readonly kind: "function";
      readonly fn: FunctionDefinition;
      readonly mustUse: boolean;
      readonly isEntry: boolean;
    };

export function fail(at: Position, reason: string): never {
  throw new ShaderError(reason, at);
}

export class Module {
  /** Callees before callers. */
  readonly functions: FunctionDefinition[] = [];
  readonly structs: StructType[] = [];
  /** For each member, the value of its @builtin, or null. */
  readonly structInputs = new Map<StructType, readonly (BuiltinValue | null)[]>();
  readonly globals: GlobalVariable[] = [];
  readonly entries: EntryPoint[] = [];
  private readonly declarations = new Map<string, Exclude<Declaration, { kind: "const_assert" }>>();
  private readonly meanings = new Map<string, Meaning | "resolving">();

  constructor(
    declarations: readonly Declaration[],
    readonly enabled: ReadonlySet<string>,
    readonly overrides: Readonly<Record<string, number>>,
    private readonly resolve: (module: Module, declaration: Declaration) => Meaning,
  ) {
    for (const declaration of declarations) {
      if (declaration.kind === "const_assert") continue;
      const { name, at } = declaration;
      const other = this.declarations.get(name);
      if (other)
        fail(at, `${name} is already declared in line ${other.at.line}. Give it another name.`);
      this.declarations.set(name, declaration);
    }
  }

  /** Null for a name that the module does not declare. */
  lookup(name: string, at: Position): Meaning | null {
    const known = this.meanings.get(name);
    if (known === "resolving") fail(at, `${name} is defined by means of itself. Break the cycle.`);
    if (known) return known;
    const declaration = this.declarations.get(name);
    if (!declaration) return null;
    this.meanings.set(name, "resolving");
    const meaning = this.resolve(this, declaration);
    this.meanings.set(name, meaning);
    return meaning;
  }
}

/** The names visible at one point of the text. */
export class Scope {
  private readonly frames: Map<string, Meaning>[] = [];
  /** Greater than 0 in the right side of a short circuit that is not taken: values do not matter there. */
  skipping = 0;

  constructor(readonly module: Module) {}

  push(): void {
    this.frames.push(new Map());
  }

  pop(): void {
    this.frames.pop();
  }

  /** In a function, as opposed to the module. */
  get isLocal(): boolean {
    return this.frames.length > 0;
  }

  declare(name: string, at: Position, meaning: Meaning): void {
    const frame = this.frames[this.frames.length - 1]!;
    if (frame.has(name))
      fail(at, `${name} is already declared in this block. Give it another name.`);
    frame.set(name, meaning);
  }

  lookup(name: string, at: Position): Meaning | null {
    for (let i = this.frames.length - 1; i >= 0; i--) {
      const meaning = this.frames[i]!.get(name);
      if (meaning) return meaning;
    }
    return this.module.lookup(name, at);
  }
}
