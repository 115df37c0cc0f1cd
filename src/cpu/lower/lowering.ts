/**
 * What is known while a checked program is lowered to the intermediate form: the function being built, the
 * values of variables here, and what names stand for. All calls are inlined; WGSL has no recursion.
 */
import type { Builder } from "../ir/builder";
import type { Value } from "../ir/ir";
import type { Position, Variable } from "../wgsl/program";
import { ShaderError } from "../wgsl/shaderError";
import { alignOf, sizeOf, type Type } from "../wgsl/types";
import { Environment, Slot, type Target } from "./environment";
import type { MemoryPlace } from "./memory";
import { leafCount, type Representation } from "./representation";

/** A variable, or a part of one, kept in registers: leaves `first` and following of `slots`. */
export interface RegisterPlace {
  readonly kind: "register";
  readonly variable: Variable;
  readonly slots: readonly Slot[];
  readonly first: number;
  readonly type: Type;
}
/** One component of a vector in a register. */
export interface ComponentPlace {
  readonly kind: "component";
  readonly vector: RegisterPlace;
  readonly lane: Value;
  readonly type: Type;
}
export type ReferredPlace =
  | { readonly kind: "memory"; readonly memory: MemoryPlace; readonly type: Type }
  | RegisterPlace
  | ComponentPlace;

/** What a name stands for: a value; a place (of a var, or what a pointer points to). */
export type Binding =
  | { readonly kind: "value"; readonly value: Representation }
  | { readonly kind: "place"; readonly place: ReferredPlace };

/** What is assumed of variables until something speaks against it. It only grows. */
export class Discoveries {
  /** Variables that do not fit into registers, because an index into them is not known. */
  readonly inMemory = new Set<Variable>();
  /** Variables that differ between the invocations of a workgroup: see barriers.ts. */
  readonly varying = new Set<Variable>();

  get count(): number {
    return this.inMemory.size + this.varying.size;
  }
}

/** The function being inlined. */
export interface Activation {
  /** Where `return` puts its value. */
  readonly result: ReferredPlace | null;
  /** Where `return` goes; in wide code nowhere: lanes that returned are masked out. */
  readonly end: Target | null;
  /** In wide code: the lanes that have returned. */
  readonly returned: Slot | null;
}

/** Addresses of the scratch memory of a thread, handed out in order. */
class Frame {
  bytes = 0;

  reserve(bytes: number, align: number): number {
    const at = Math.ceil(this.bytes / align) * align;
    this.bytes = at + bytes;
    return at;
  }
}

export class Lowering {
  readonly environment: Environment;
  readonly names = new Map<Variable, Binding>();
  readonly frame = new Frame();
  /** Where variables go that have a place before they are declared. */
  readonly placed = new Map<Variable, ReferredPlace>();
  activation: Activation | null = null;
  breakTarget: Target | null = null;
  continueTarget: Target | null = null;
  /** In wide code, see wide.ts: scalars are four lanes. */
  wide = false;
  /** In wide code: the lanes for which the present statement runs; null is all. */
  mask: Value | null = null;

  /** How often the present statements are lowered because loops around them are unrolled. */
  copies = 1;
  private steps = 0;

  constructor(
    readonly b: Builder,
    /** Address of the thread's scratch memory. */
    readonly scratch: Value,
    readonly discovered: Discoveries,
  ) {
    this.environment = new Environment(b);
  }

  /** Counts statements as often as they are lowered. */
  step(at: Position): void {
    if (++this.steps > maxSteps)
      throw new ShaderError(
        `With the functions it calls in place of their calls, the kernel has more than ${maxSteps} statements. Call functions in loops, or fewer of them.`,
        at,
      );
  }

  /** A new variable, uninitialised: in registers, or in the thread's memory. */
  declare(variable: Variable): ReferredPlace {
    const place =
      this.placed.get(variable) ??
      (this.staysInMemory(variable)
        ? this.newMemory(variable.type)
        : this.registerVariable(variable));
    this.names.set(variable, { kind: "place", place });
    return place;
  }

  staysInMemory(variable: Variable): boolean {
    return this.discovered.inMemory.has(variable) || isLarge(variable.type);
  }

  registerVariable(variable: Variable): RegisterPlace {
    const { type } = variable;
    const slots = Array.from({ length: leafCount(type) }, () => new Slot());
    return { kind: "register", variable, slots, first: 0, type };
  }

  newMemory(type: Type): Extract<ReferredPlace, { kind: "memory" }> {
    const offset = this.frame.reserve(roundUp(sizeOf(type), 16), Math.max(alignOf(type), 16));
    return {
      kind: "memory",
      memory: { base: this.scratch, offset, type, constant: false, shared: false, bytes: null },
      type,
    };
  }

  bindValue(variable: Variable, value: Representation): void {
    this.names.set(variable, { kind: "value", value });
  }
}

export const roundUp = (bytes: number, to: number): number => Math.ceil(bytes / to) * to;

/** Some seconds of compiling. */
const maxSteps = 30000;

const maxRegisterLeaves = 64;

/** Larger variables live in memory from the start, and are copied as a whole. */
export const isLarge = (type: Type): boolean => leafCount(type) > maxRegisterLeaves;

export function unsupported(what: string, at: Position): never {
  throw new ShaderError(`${what} is not supported by the CPU executor.`, at);
}

/** A program that passed the checker cannot reach this. */
export function impossible(what: string): never {
  throw new Error(`The checker let through ${what}.`);
}
