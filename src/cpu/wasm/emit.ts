/**
 * Writes a function as WebAssembly. A value that is used once, where it is computed, stays on the stack;
 * others get a local, with `local.tee` at the first use where that is possible. Values that are not alive
 * at the same time share locals.
 *
 * Vectors are read from globals, once before a loop. V8 writes a `v128.const` as three instructions at each
 * use, and never keeps it in a register: a loop of multiply-adds with eight of them takes twice as long.
 */
import type { FunctionBody, Item, Label, Region, Value, ValueType } from "../ir/ir";
import { ByteWriter } from "./bytes";
import { instructions, typeCodes } from "./opcodes";
import { isConstant, known, type Place, Schedule } from "./schedule";

const code = {
  unreachable: 0x00,
  block: 0x02,
  loop: 0x03,
  if: 0x04,
  else: 0x05,
  end: 0x0b,
  br: 0x0c,
  brIf: 0x0d,
  return: 0x0f,
  call: 0x10,
  drop: 0x1a,
  select: 0x1b,
  localGet: 0x20,
  localSet: 0x21,
  localTee: 0x22,
  globalGet: 0x23,
  i32Eqz: 0x45,
  i32LessUnsigned: 0x49,
  void: 0x40,
} as const;

interface OpenLoop {
  readonly start: number;
  /** Locals from before the loop that it uses: they live to its end. */
  readonly used: number[];
}

export interface EmitOptions {
  /** Fused multiply-adds instead of f32x4.mul and f32x4.add (or sub). */
  readonly relaxed: boolean;
  /** The number of a called function. */
  readonly functionIndex: (callee: FunctionBody) => number;
  /** The number of the global that holds a vector. */
  readonly vectorIndex: (bytes: Uint8Array) => number;
}

/** The body of a function with its locals: an entry of the code section. */
export function emitFunction(body: FunctionBody, options: EmitOptions): Uint8Array<ArrayBuffer> {
  return new Emitter(body, options).finish();
}

class Emitter {
  private readonly schedule: Schedule;
  private readonly out = new ByteWriter();
  private place: Place;
  private depth = 0;
  private readonly labelDepth = new Map<Label, number>();
  private readonly loops: OpenLoop[] = [];
  /** By value number, in bytes of code: where its local is first set and last used. */
  private readonly first: number[] = [];
  private readonly last: number[] = [];
  /** Values with locals in the order in which these are first set. */
  private readonly held: Value[] = [];
  /** Positions in the code that lack the number of a local, and whose it is. */
  private readonly gaps: number[] = [];
  private readonly gapOwners: number[] = [];

  constructor(
    private readonly body: FunctionBody,
    private readonly options: EmitOptions,
  ) {
    this.schedule = new Schedule(body);
    this.place = this.schedule.root;
    for (const parameter of body.parameters) this.first[parameter.id] = -1;
  }

  finish(): Uint8Array<ArrayBuffer> {
    this.region(this.body.body, () => {});
    const ends = this.body.body.items[this.schedule.root.length - 1]?.kind === "return";
    if (this.body.result && !ends) this.out.byte(code.unreachable);
    this.out.byte(code.end);
    return this.withLocals();
  }

  /** Gives locals their numbers: first the parameters, then the shared ones, by type. */
  private withLocals(): Uint8Array<ArrayBuffer> {
    const types: ValueType[] = ["i32", "v128", "f32", "i64", "f64"];
    const slots = new Map(types.map((type) => [type, [] as number[]]));
    const slot: number[] = [];
    for (const value of this.held) {
      const ends = slots.get(value.type)!;
      const start = this.first[value.id]!;
      let free = ends.findIndex((end) => end < start);
      if (free < 0) free = ends.length;
      ends[free] = this.last[value.id]!;
      slot[value.id] = free;
    }
    const bytes = new ByteWriter();
    const used = types.filter((type) => slots.get(type)!.length > 0);
    bytes.u32(used.length);
    const start = new Map<ValueType, number>();
    let count = this.body.parameters.length;
    for (const type of used) {
      start.set(type, count);
      bytes.u32(slots.get(type)!.length);
      bytes.byte(typeCodes[type]);
      count += slots.get(type)!.length;
    }
    const index: number[] = [];
    this.body.parameters.forEach((parameter, i) => {
      index[parameter.id] = i;
    });
    for (const value of this.held) index[value.id] = start.get(value.type)! + slot[value.id]!;
    const { bytes: text, length } = this.out;
    let at = 0;
    for (let i = 0; i < this.gaps.length; i++) {
      for (const gap = this.gaps[i]!; at < gap; at++) bytes.byte(text[at]!);
      bytes.u32(index[this.gapOwners[i]!]!);
    }
    for (; at < length; at++) bytes.byte(text[at]!);
    return bytes.finish();
  }

  private region(region: Region, atEnd: () => void): void {
    const outer = this.place;
    const place = this.schedule.places.get(region)!;
    this.place = place;
    for (let i = 0; i < place.length; i++) {
      this.ahead(place, i);
      this.item(region.items[i]!, i === place.length - 1);
    }
    if (place.completes) {
      this.ahead(place, place.length);
      atEnd();
    }
    this.place = outer;
  }

  private ahead(place: Place, item: number): void {
    const values = place.ahead[item];
    if (!values) return;
    for (let i = values.length - 1; i >= 0; i--) {
      const value = values[i]!;
      if (this.first[value.id] !== undefined) continue;
      this.compute(value);
      this.local(code.localSet, value);
    }
  }

  private item(item: Item, isLast: boolean): void {
    const { out, schedule } = this;
    switch (item.kind) {
      case "value":
        if (!schedule.isLive(item.value) || !schedule.inLocal[item.value.id]) return;
        this.compute(item.value);
        if (schedule.uses[item.value.id] === 0) out.byte(code.drop);
        else this.local(code.localSet, item.value);
        return;
      case "store":
        this.value(item.address);
        this.value(item.value);
        this.instruction(item.op, item.offset, item.lane);
        return;
      case "fence":
        for (const byte of [0xfe, 3, 0]) out.byte(byte);
        return;
      case "if":
        if (schedule.isNeeded(item)) this.if(item);
        return;
      case "block": {
        const atEnd = (): void => this.assign(item.label.phis, item.values);
        if (!schedule.reached.has(item.label)) {
          this.region(item.body, atEnd);
          return;
        }
        this.open(code.block);
        this.labelDepth.set(item.label, this.depth);
        this.region(item.body, atEnd);
        this.close();
        return;
      }
      case "loop": {
        this.assign(item.label.phis, item.initial);
        const loop: OpenLoop = { start: out.length, used: [] };
        this.loops.push(loop);
        this.open(code.loop);
        this.labelDepth.set(item.label, this.depth);
        this.region(item.body, () => {});
        this.close();
        this.loops.pop();
        for (const id of loop.used) this.last[id] = out.length;
        return;
      }
      case "branch":
        this.branch(item, isLast);
        return;
      case "return":
        if (item.value) this.value(item.value);
        out.byte(code.return);
        return;
    }
  }

  private if(item: Extract<Item, { kind: "if" }>): void {
    const { out, schedule } = this;
    const whenTrue = (): void =>
      this.region(item.whenTrue, () => this.assign(item.results, item.trueValues));
    const whenFalse = (): void =>
      this.region(item.whenFalse, () => this.assign(item.results, item.falseValues));
    const condition = known(item.condition);
    if (condition !== null) {
      if (condition) whenTrue();
      else whenFalse();
      return;
    }
    this.value(item.condition);
    const first = schedule.places.get(item.whenTrue)!;
    if (first.length === 0 && this.moves(item.results, item.trueValues).length === 0) {
      out.byte(code.i32Eqz);
      this.open(code.if);
      whenFalse();
    } else {
      this.open(code.if);
      whenTrue();
      out.byte(code.else);
      const start = out.length;
      whenFalse();
      if (out.length === start) out.length--;
    }
    this.close();
  }

  private branch(item: Extract<Item, { kind: "branch" }>, isLast: boolean): void {
    const { out, schedule } = this;
    const condition = known(item.condition);
    if (condition === false) return;
    const target = this.labelDepth.get(item.label)!;
    if (condition) {
      this.assign(item.label.phis, item.values);
      out.byte(code.br);
      out.u32(this.depth - target);
      return;
    }
    this.value(item.condition!);
    if (this.moves(item.label.phis, item.values).length === 0) {
      out.byte(code.brIf);
      out.u32(this.depth - target);
      return;
    }
    const outer = this.place;
    const taken = schedule.places.get(item)!;
    // At the end of a loop's own body the phis are dead if the branch is not taken.
    const inLoopBody = outer.loopDepth > (outer.parent?.loopDepth ?? 0);
    if (isLast && inLoopBody && item.label.kind === "loop" && this.depth === target) {
      this.place = taken;
      this.assign(item.label.phis, item.values);
      this.place = outer;
      out.byte(code.brIf);
      out.u32(0);
      return;
    }
    this.open(code.if);
    this.place = taken;
    this.assign(item.label.phis, item.values);
    this.place = outer;
    out.byte(code.br);
    out.u32(this.depth - target);
    this.close();
  }

  /** The pairs of a phi that is alive and another value. */
  private moves(phis: readonly Value[], values: readonly Value[] | null): [Value, Value][] {
    const pairs: [Value, Value][] = [];
    if (!values) return pairs;
    for (let i = 0; i < phis.length; i++) {
      const phi = phis[i]!;
      if (!this.schedule.isLive(phi)) continue;
      const value = this.schedule.resolve(values[i]!);
      if (value !== phi) pairs.push([phi, value]);
    }
    return pairs;
  }

  private assign(phis: readonly Value[], values: readonly Value[] | null): void {
    const pairs = this.moves(phis, values);
    for (const [, value] of pairs) this.value(value);
    for (let i = pairs.length - 1; i >= 0; i--) this.local(code.localSet, pairs[i]![0]);
  }

  /** Leaves a value on the stack. */
  private value(unresolved: Value): void {
    const value = this.schedule.resolve(unresolved);
    if (isConstant(value)) this.constant(value);
    else if (this.first[value.id] !== undefined) this.local(code.localGet, value);
    else {
      const home = this.schedule.home[value.id];
      if (home !== this.place)
        throw new Error(`The value ${value.op} (${value.id}) is used before it is computed.`);
      this.compute(value);
      if (this.schedule.inLocal[value.id]) this.local(code.localTee, value);
    }
  }

  private compute(value: Value): void {
    const { args, op } = value;
    if (op === "index.clamp") {
      // index < last ? index : last
      for (const arg of [args[0]!, args[1]!, args[0]!, args[1]!]) this.value(arg);
      this.out.byte(code.i32LessUnsigned);
      this.out.byte(code.select);
      return;
    }
    if (op === "v128.const") {
      this.out.byte(code.globalGet);
      this.out.u32(this.options.vectorIndex(value.immediate as Uint8Array));
      return;
    }
    if (this.options.relaxed && (op === "f32x4.add" || op === "f32x4.sub") && this.fused(value))
      return;
    if ((op === "f32x4.splat" || op === "i32x4.splat") && this.loadedSplat(value)) return;
    for (const arg of args) this.value(arg);
    if (op === "call") {
      this.out.byte(code.call);
      this.out.u32(this.options.functionIndex(value.callee!));
    } else this.instruction(op, value.immediate as number | Uint8Array | null, 0);
  }

  /** a * b + c, or c - a * b, rounded once, where nothing else needs the product. */
  private fused(value: Value): boolean {
    const [x, y] = value.args.map((arg) => this.schedule.resolve(arg)) as [Value, Value];
    const isProduct = (v: Value): boolean => v.op === "f32x4.mul" && !this.schedule.inLocal[v.id];
    const add = value.op === "f32x4.add";
    const [product, other] = isProduct(y) || !add ? [y, x] : [x, y];
    if (!isProduct(product)) return false;
    this.value(product.args[0]!);
    this.value(product.args[1]!);
    this.value(other);
    this.instruction(add ? "f32x4.relaxed_madd" : "f32x4.relaxed_nmadd", null, 0);
    return true;
  }

  /** A number loaded into all four lanes at once, where nothing else needs it. */
  private loadedSplat(value: Value): boolean {
    const number = this.schedule.resolve(value.args[0]!);
    const loads = number.op === "f32.load" || number.op === "i32.load";
    if (!loads || this.schedule.inLocal[number.id]) return false;
    this.value(number.args[0]!);
    this.instruction("v128.load32_splat", number.immediate as number, 0);
    return true;
  }

  private constant(value: Value): void {
    const { out } = this;
    switch (value.op) {
      case "i32.const":
        out.byte(0x41);
        out.s32(value.immediate as number);
        return;
      case "i64.const":
        out.byte(0x42);
        out.s64(value.immediate as bigint);
        return;
      case "f32.const":
        out.byte(0x43);
        out.f32(value.immediate as number);
        return;
      case "f64.const":
        out.byte(0x44);
        out.f64(value.immediate as number);
        return;
      default:
        out.byte(0xfd);
        out.byte(12);
        out.append(value.immediate as Uint8Array);
    }
  }

  private instruction(op: string, immediate: number | Uint8Array | null, lane: number): void {
    const { out } = this;
    const instruction = instructions.get(op);
    if (!instruction) throw new Error(`There is no WebAssembly instruction ${op}.`);
    for (const byte of instruction.code) out.byte(byte);
    switch (instruction.immediates) {
      case "memory":
      case "memory lane":
        out.u32(instruction.alignment);
        out.u32(immediate as number);
        if (instruction.immediates === "memory lane") out.byte(lane);
        return;
      case "lane":
        out.byte(immediate as number);
        return;
      case "lanes":
        out.append(immediate as Uint8Array);
    }
  }

  private open(opcode: number): void {
    this.out.byte(opcode);
    this.out.byte(code.void);
    this.depth++;
  }

  private close(): void {
    this.out.byte(code.end);
    this.depth--;
  }

  private local(opcode: number, value: Value): void {
    const { out } = this;
    const id = value.id;
    if (this.first[id] === undefined) {
      this.first[id] = out.length;
      this.held.push(value);
    }
    this.last[id] = out.length;
    out.byte(opcode);
    this.gaps.push(out.length);
    this.gapOwners.push(id);
    const first = this.first[id]!;
    for (const loop of this.loops)
      if (loop.start > first) {
        loop.used.push(id);
        return;
      }
  }
}
