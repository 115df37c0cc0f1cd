/**
 * Makes the values and items of one function. Equal pure values are one object; what is constant is folded
 * (see fold.ts), so that a caller writes the general formula and gets the simple one.
 */
import { fold } from "./fold";
import {
  childRegion,
  type FunctionBody,
  type Immediate,
  type Item,
  type Label,
  type Region,
  rootRegion,
  type Value,
  type ValueType,
} from "./ir";

const comparison = /^(?:eqz|eq|ne|[lg][te](?:_[su])?)$/;

/** The type an instruction gives, from its name; of `select` and the phis it is that of the operands. */
function resultType(op: string, args: readonly Value[]): ValueType {
  const dot = op.indexOf(".");
  const prefix = op.slice(0, dot);
  const name = op.slice(dot + 1);
  if (op === "select") return args[0]!.type;
  if (op === "index.clamp") return "i32";
  if (prefix === "v128") return name === "any_true" ? "i32" : "v128";
  if (/x\d+$/.test(prefix)) {
    if (name === "all_true" || name === "bitmask") return "i32";
    if (!name.startsWith("extract_lane")) return "v128";
    return prefix === "f32x4"
      ? "f32"
      : prefix === "f64x2"
        ? "f64"
        : prefix === "i64x2"
          ? "i64"
          : "i32";
  }
  return comparison.test(name) ? "i32" : (prefix as ValueType);
}

const immediateKey = (immediate: Immediate): string =>
  immediate instanceof Uint8Array
    ? immediate.join()
    : Object.is(immediate, -0)
      ? "-0"
      : `${immediate}`;

/** Operands as one number, for keys; null for more than two. */
function operandsKey(args: readonly Value[]): number | null {
  if (args.length === 2) return args[0]!.id * maxValues + args[1]!.id;
  if (args.length === 1) return args[0]!.id;
  return args.length === 0 ? 0 : null;
}

/** Pairs of numbers below it fit into one. */
const maxValues = 2 ** 26;

export class Builder {
  readonly parameters: Value[];
  readonly body: Region = rootRegion();
  /** Where items go. */
  region: Region = this.body;
  private nextId = 0;
  /** By instruction, then by operands. */
  private readonly floating = new Map<string, Map<number | string, Value>>();

  constructor(
    readonly name: string,
    parameters: readonly ValueType[],
  ) {
    this.parameters = parameters.map((type, i) => this.make(type, "param", [], i, null, null));
  }

  finish(result: ValueType | null): FunctionBody {
    return { name: this.name, parameters: this.parameters, result, body: this.body };
  }

  /** A pure value. */
  pure(op: string, args: readonly Value[], immediate: Immediate = null): Value {
    return fold(this, op, args, immediate) ?? this.unfolded(op, args, immediate);
  }

  /** A pure value as it is written: for fold.ts. */
  unfolded(op: string, args: readonly Value[], immediate: Immediate = null): Value {
    const instruction = immediate === null ? op : `${op} ${immediateKey(immediate)}`;
    return this.known(instruction, args, () =>
      this.make(resultType(op, args), op, args, immediate, null, null),
    );
  }

  /** The value of an instruction on operands, made where there is none. */
  private known(instruction: string, args: readonly Value[], make: () => Value): Value {
    let same = this.floating.get(instruction);
    if (!same) {
      same = new Map();
      this.floating.set(instruction, same);
    }
    const key = operandsKey(args) ?? args.map((arg) => arg.id).join();
    let value = same.get(key);
    if (!value) {
      value = make();
      same.set(key, value);
    }
    return value;
  }

  i32(value: number): Value {
    return this.unfolded("i32.const", [], value | 0);
  }
  i64(value: bigint): Value {
    return this.unfolded("i64.const", [], BigInt.asIntN(64, value));
  }
  /** Rounded to f32. NaN is the canonical one; other bit patterns come from `f32.reinterpret_i32`. */
  f32(value: number): Value {
    return this.unfolded("f32.const", [], Math.fround(value));
  }
  f64(value: number): Value {
    return this.unfolded("f64.const", [], value);
  }
  /** 16 bytes. */
  v128(bytes: Uint8Array): Value {
    return this.unfolded("v128.const", [], bytes);
  }
  /** Four lanes of the same or of four numbers, rounded to f32. */
  f32x4(x: number, y = x, z = x, w = x): Value {
    return this.v128(new Uint8Array(new Float32Array([x, y, z, w]).buffer));
  }
  i32x4(x: number, y = x, z = x, w = x): Value {
    return this.v128(new Uint8Array(new Int32Array([x, y, z, w]).buffer));
  }
  f64x2(x: number, y = x): Value {
    return this.v128(new Uint8Array(new Float64Array([x, y]).buffer));
  }

  /** A call of a pure function. */
  call(callee: FunctionBody, args: readonly Value[]): Value {
    return this.known(`call ${callee.name}`, args, () =>
      this.make(callee.result!, "call", args, null, callee, null),
    );
  }

  /** A load of memory that nothing writes while the kernel runs: it floats. */
  loadConstant(op: string, address: Value, offset = 0): Value {
    return this.unfolded(op, [address], offset);
  }

  /** A load here and now. */
  load(op: string, address: Value, offset = 0): Value {
    return this.anchored(op, [address], offset);
  }

  /** An atomic instruction, such as `i32.atomic.rmw.add`. */
  atomic(op: string, args: readonly Value[], offset = 0): Value {
    return this.anchored(op, args, offset);
  }

  store(op: string, address: Value, value: Value, offset = 0, lane = 0): void {
    this.push({ kind: "store", op, address, value, offset, lane });
  }

  fence(): void {
    this.push({ kind: "fence" });
  }

  /**
   * Two arms; each returns its results, or null if it ended in a branch. `types` of the results.
   * @returns the joined results, or null if neither arm reaches the end
   */
  if(
    condition: Value,
    types: readonly ValueType[],
    whenTrue: () => readonly Value[] | null,
    whenFalse: () => readonly Value[] | null = () => [],
  ): readonly Value[] | null {
    const outer = this.region;
    const trueRegion = childRegion(outer);
    const falseRegion = childRegion(outer);
    this.region = trueRegion;
    const trueValues = whenTrue();
    this.region = falseRegion;
    const falseValues = whenFalse();
    this.region = outer;
    const results = types.map((type) => this.phi(type, outer));
    this.push({
      kind: "if",
      condition,
      whenTrue: trueRegion,
      whenFalse: falseRegion,
      results,
      trueValues,
      falseValues,
    });
    return trueValues || falseValues ? results : null;
  }

  /** A body that branches to its label leave; it returns its results at its end, or null. */
  block(
    types: readonly ValueType[],
    body: (label: Label) => readonly Value[] | null,
  ): readonly Value[] {
    const outer = this.region;
    const label: Label = { kind: "block", phis: types.map((type) => this.phi(type, outer)) };
    const inner = childRegion(outer);
    this.region = inner;
    const values = body(label);
    this.region = outer;
    this.push({ kind: "block", label, body: inner, values });
    return label.phis;
  }

  /** A loop whose body gets its phis; branching to the label goes round. Its end leaves the loop. */
  loop(initial: readonly Value[], body: (label: Label, phis: readonly Value[]) => void): void {
    const outer = this.region;
    const inner = childRegion(outer);
    const label: Label = { kind: "loop", phis: initial.map((v) => this.phi(v.type, inner)) };
    this.region = inner;
    body(label, label.phis);
    this.region = outer;
    this.push({ kind: "loop", label, body: inner, initial });
  }

  branch(label: Label, values: readonly Value[] = [], condition: Value | null = null): void {
    this.push({ kind: "branch", label, condition, values });
  }

  return(value: Value | null = null): void {
    this.push({ kind: "return", value });
  }

  push(item: Item): void {
    this.region.items.push(item);
  }

  /** A new phi that belongs to an item of `region`. */
  phi(type: ValueType, region: Region): Value {
    return this.make(type, "phi", [], null, null, region);
  }

  private anchored(op: string, args: readonly Value[], offset: number): Value {
    const value = this.make(resultType(op, args), op, args, offset, null, this.region);
    this.push({ kind: "value", value });
    return value;
  }

  private make(
    type: ValueType,
    op: string,
    args: readonly Value[],
    immediate: Immediate,
    callee: FunctionBody | null,
    region: Region | null,
  ): Value {
    return { id: this.nextId++, type, op, args, immediate, callee, region };
  }
}
