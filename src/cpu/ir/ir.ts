/**
 * The intermediate form between WGSL and WebAssembly: values in a graph, effects in structured regions.
 *
 * A value is one WebAssembly instruction applied to values. Pure values float: they belong to no place in
 * the program, equal ones are the same object, and the scheduler puts each where it is cheapest (as late as
 * possible, but outside every loop it does not depend on). That gives common subexpression elimination,
 * and hoists what is uniform out of the loops over invocations and workgroups, without a pass of its own
 * (C. Click, "Global code motion, global value numbering", PLDI 1995).
 *
 * Effects (stores, loads of memory that changes, atomics) and control flow stand in regions, in order.
 * Phis join control flow: a loop's at its head, a block's and an if's at its end. One phi is one
 * WebAssembly local.
 */

export type ValueType = "i32" | "i64" | "f32" | "f64" | "v128";

/**
 * What an instruction carries beside its operands: constants (number; bigint for i64; the 16 bytes of a
 * v128.const or the lane numbers of i8x16.shuffle), lane numbers, the constant offset of a load.
 */
export type Immediate = number | bigint | Uint8Array | null;

export interface Value {
  readonly id: number;
  readonly type: ValueType;
  /**
   * A WebAssembly mnemonic, such as `f32x4.add`, `i32.load`, `i8x16.shuffle`, `select`; or
   * `param` (immediate: its number), `phi`, `call` (see `callee`), `index.clamp` (i32 index and limit: the
   * smaller as unsigned numbers).
   */
  readonly op: string;
  readonly args: readonly Value[];
  readonly immediate: Immediate;
  /** Of `call`: a pure function. */
  readonly callee: FunctionBody | null;
  /** Where it stands, of loads of memory that changes, atomics and phis; null if it floats. */
  readonly region: Region | null;
}

export type Item =
  /** A load of memory that changes, or an atomic, evaluated here. */
  | { readonly kind: "value"; readonly value: Value }
  | {
      readonly kind: "store";
      /** `i32.store`, `v128.store`, `v128.store32_lane` (immediate `lane`), … */
      readonly op: string;
      readonly address: Value;
      readonly value: Value;
      readonly offset: number;
      readonly lane: number;
    }
  /** Orders atomics between threads. */
  | { readonly kind: "fence" }
  /**
   * `whenTrue` runs where the condition (i32) is not 0. Each result takes the arm's value at the arm's end;
   * an arm that ends in a branch has null values.
   */
  | {
      readonly kind: "if";
      readonly condition: Value;
      readonly whenTrue: Region;
      readonly whenFalse: Region;
      readonly results: readonly Value[];
      readonly trueValues: readonly Value[] | null;
      readonly falseValues: readonly Value[] | null;
    }
  /** Runs its body once; a branch to `label` leaves it. Falling off its end does too, with `values`. */
  | {
      readonly kind: "block";
      readonly label: Label;
      readonly body: Region;
      values: readonly Value[] | null;
    }
  /** A branch to `label` starts the next round; falling off its end leaves the loop. */
  | {
      readonly kind: "loop";
      readonly label: Label;
      readonly body: Region;
      /** Of the phis, in the first round. */
      readonly initial: readonly Value[];
    }
  /** Where the condition holds (null: always), gives the label's phis these values and goes there. */
  | {
      readonly kind: "branch";
      readonly label: Label;
      readonly condition: Value | null;
      readonly values: readonly Value[];
    }
  /** Leaves the function. */
  | { readonly kind: "return"; readonly value: Value | null };

/** Where branches go: the end of a block, or the head of a loop. */
export interface Label {
  readonly kind: "block" | "loop";
  phis: Value[];
}

export interface Region {
  readonly parent: Region | null;
  readonly items: Item[];
}

export interface FunctionBody {
  readonly name: string;
  readonly parameters: readonly Value[];
  readonly result: ValueType | null;
  readonly body: Region;
}

export function rootRegion(): Region {
  return { parent: null, items: [] };
}

export function childRegion(parent: Region): Region {
  return { parent, items: [] };
}
