/**
 * Removes `index.clamp` where the index is in range: always (by intervals, see ranges.ts), or in all rounds
 * of an innermost loop, which then exists twice.
 *
 * A loop counts with p = start, start + step, … while p < bound. An index that is made of p and values from
 * outside the loop by additions, subtractions and multiplications is a p + b modulo 2^32, so it is equal to
 * the exact a p + b if that lies in [0, last], and this is so in all rounds if it is in the first and in the
 * last one. Before the loop both are computed in f64, which is exact where it matters (see `linear`), and
 * the copy without clamps runs if all of them are in range.
 */
import { Builder } from "./builder";
import type { FunctionBody, Item, Label, Region, Value } from "./ir";
import { type Counter, type Loop, Ranges } from "./ranges";

/** Values and items of a loop that is worth a second copy. */
const sizeLimit = 600;

const isConstant = (v: Value): boolean => v.op === "i32.const";

export function removeBoundsChecks(body: FunctionBody): FunctionBody {
  return new Copier(body).copyAll();
}

class Copier {
  private readonly b: Builder;
  private readonly ranges: Ranges;
  private readonly copies: (Value | undefined)[] = [];
  /** The values that have copies, in order. */
  private readonly copied: number[] = [];
  private readonly labels = new Map<Label, Label>();
  /** Clamps, by number, that the loop being copied does without. */
  private unchecked: ReadonlySet<number> = new Set();

  constructor(private readonly source: FunctionBody) {
    this.b = new Builder(
      source.name,
      source.parameters.map((p) => p.type),
    );
    this.ranges = new Ranges(source);
    source.parameters.forEach((parameter, i) => {
      this.define(parameter, this.b.parameters[i]!);
    });
  }

  copyAll(): FunctionBody {
    this.region(this.source.body);
    return this.b.finish(this.source.result);
  }

  private define(value: Value, copy: Value): Value {
    this.copies[value.id] = copy;
    this.copied.push(value.id);
    return copy;
  }

  private value(value: Value): Value {
    const found = this.copies[value.id];
    if (found) return found;
    const { b } = this;
    const { op, immediate } = value;
    if (op === "index.clamp" && (this.unchecked.has(value.id) || this.ranges.isInRange(value)))
      return this.define(value, this.value(value.args[0]!));
    const args = value.args.map((arg) => this.value(arg));
    return this.define(
      value,
      value.callee ? b.call(value.callee, args) : b.pure(op, args, immediate),
    );
  }

  private values(values: readonly Value[]): Value[] {
    return values.map((v) => this.value(v));
  }

  private region(region: Region): void {
    for (const item of region.items) {
      this.item(item);
      // What follows is never reached.
      if (item.kind === "return" || (item.kind === "branch" && !item.condition)) return;
      if (item.kind === "if" && !item.trueValues && !item.falseValues) return;
    }
  }

  private item(item: Item): void {
    const { b } = this;
    switch (item.kind) {
      case "value": {
        const { op, args, immediate } = item.value;
        this.define(item.value, b.atomic(op, this.values(args), immediate as number));
        return;
      }
      case "store":
        b.store(item.op, this.value(item.address), this.value(item.value), item.offset, item.lane);
        return;
      case "fence":
        b.fence();
        return;
      case "if": {
        const types = item.results.map((phi) => phi.type);
        const arm = (region: Region, values: readonly Value[] | null) => () => {
          this.region(region);
          return values && this.values(values);
        };
        const results = b.if(
          this.value(item.condition),
          types,
          arm(item.whenTrue, item.trueValues),
          arm(item.whenFalse, item.falseValues),
        );
        this.phis(item.results, results ?? []);
        return;
      }
      case "block": {
        const phis = b.block(
          item.label.phis.map((phi) => phi.type),
          (label) => {
            this.labels.set(item.label, label);
            this.region(item.body);
            return item.values && this.values(item.values);
          },
        );
        this.phis(item.label.phis, phis);
        return;
      }
      case "loop":
        this.loop(item);
        return;
      case "branch":
        b.branch(
          this.labels.get(item.label)!,
          this.values(item.values),
          item.condition && this.value(item.condition),
        );
        return;
      case "return":
        b.return(item.value && this.value(item.value));
        return;
    }
  }

  private phis(from: readonly Value[], to: readonly Value[]): void {
    to.forEach((phi, i) => {
      this.define(from[i]!, phi);
    });
  }

  private loop(item: Extract<Item, { kind: "loop" }>): void {
    const loop = this.ranges.loops.get(item)!;
    const clamps = this.clampsOfCounter(loop);
    if (clamps.length === 0) {
      this.copyLoop(item);
      return;
    }
    const inRange = this.allInRange(loop.counter!, clamps);
    const version = (unchecked: ReadonlySet<number>) => () => {
      const start = this.copied.length;
      this.unchecked = unchecked;
      this.copyLoop(item);
      this.unchecked = new Set();
      for (const id of this.copied.splice(start)) this.copies[id] = undefined;
      return [];
    };
    this.b.if(inRange, [], version(new Set(clamps.map((clamp) => clamp.id))), version(new Set()));
  }

  private copyLoop(item: Extract<Item, { kind: "loop" }>): void {
    this.b.loop(this.values(item.initial), (label, phis) => {
      this.labels.set(item.label, label);
      this.phis(item.label.phis, phis);
      this.region(item.body);
    });
  }

  /** The clamps that a second copy of the loop can do without. */
  private clampsOfCounter(loop: Loop): Value[] {
    const { ranges } = this;
    const { counter } = loop;
    if (!counter || loop.hasInner || ranges.isIn(counter.bound, loop)) return [];
    if (isConstant(counter.step) && (counter.step.immediate as number) <= 0) return [];
    const values = ranges.valuesOf(loop, sizeLimit);
    if (!values) return [];
    return values.filter((v) => {
      if (v.op !== "index.clamp" || ranges.isInHead(v) || ranges.isInRange(v)) return false;
      const [index, last] = v.args as [Value, Value];
      return ranges.isIn(index, loop) && !ranges.isIn(last, loop) && this.linear(index, loop);
    });
  }

  /**
   * Whether an index is linear in the counter, and f64 decides rightly whether it is in range. Without
   * subtractions what is beyond 2^53 can only grow, so its rounding does not matter; with them nothing may
   * get there.
   */
  private linear(index: Value, loop: Loop): boolean {
    const shape = this.shape(index, loop);
    return shape !== null && (shape.grows || shape.most <= 2 ** 53);
  }

  private shape(v: Value, loop: Loop): { grows: boolean; most: number } | null {
    if (v === loop.counter!.phi) return { grows: true, most: 2 ** 32 };
    if (isConstant(v)) {
      const number = v.immediate as number;
      return { grows: number >= 0, most: Math.abs(number) };
    }
    if (!this.ranges.isIn(v, loop)) return { grows: true, most: this.ranges.of(v).high };
    if (!/^i32\.(?:add|sub|mul|shl)$/.test(v.op)) return null;
    const [x, y] = v.args as [Value, Value];
    const a = this.shape(x, loop);
    const b = this.shape(y, loop);
    if (!a || !b) return null;
    const grows = a.grows && b.grows;
    switch (v.op) {
      case "i32.add":
        return { grows, most: a.most + b.most };
      case "i32.sub":
        return { grows: false, most: a.most + b.most };
      case "i32.mul":
        if (this.ranges.isIn(x, loop) && this.ranges.isIn(y, loop)) return null;
        return { grows, most: a.most * b.most };
      default:
        if (!isConstant(y)) return null;
        return { grows: a.grows, most: a.most * 2 ** ((y.immediate as number) & 31) };
    }
  }

  /** The exact value of an index in the round in which the counter (f64) is `at`. */
  private exactly(v: Value, loop: Loop, at: Value): Value {
    const { b } = this;
    if (v === loop.counter!.phi) return at;
    if (isConstant(v)) return b.f64(v.immediate as number);
    if (!this.ranges.isIn(v, loop)) return this.unsigned(v);
    const [x, y] = v.args as [Value, Value];
    const left = this.exactly(x, loop, at);
    if (v.op === "i32.shl")
      return b.pure("f64.mul", [left, b.f64(2 ** ((y.immediate as number) & 31))]);
    return b.pure(`f64${v.op.slice(3)}`, [left, this.exactly(y, loop, at)]);
  }

  private unsigned(v: Value): Value {
    return isConstant(v)
      ? this.b.f64((v.immediate as number) >>> 0)
      : this.b.pure("f64.convert_i32_u", [this.value(v)]);
  }

  private allInRange(counter: Counter, clamps: readonly Value[]): Value {
    const { b, ranges } = this;
    const { loop, start, step, bound, strict, signed } = counter;
    const number = (v: Value): Value =>
      isConstant(v)
        ? b.f64(signed ? (v.immediate as number) : (v.immediate as number) >>> 0)
        : b.pure(signed ? "f64.convert_i32_s" : "f64.convert_i32_u", [this.value(v)]);
    const zero = b.f64(0);
    const first = number(start);
    const stride = number(step);
    // The last round is at the end, or less than a step before.
    const end = strict ? b.pure("f64.sub", [number(bound), b.f64(1)]) : number(bound);
    let final = end;
    if (!(isConstant(step) && step.immediate === 1)) {
      const rounds = b.pure("f64.floor", [
        b.pure("f64.div", [b.pure("f64.sub", [end, first]), stride]),
      ]);
      final = b.pure("f64.add", [first, b.pure("f64.mul", [rounds, stride])]);
    }
    const conditions: Value[] = [];
    if (counter.bottomTested) conditions.push(b.pure("f64.le", [first, end]));
    if (signed && ranges.of(start).high >= 2 ** 31)
      conditions.push(b.pure("f64.ge", [first, zero]));
    if (!isConstant(step)) conditions.push(b.pure("f64.ge", [stride, b.f64(1)]));
    // The counter must not wrap.
    if (!(strict && isConstant(step) && step.immediate === 1))
      conditions.push(
        b.pure("f64.le", [b.pure("f64.add", [final, stride]), b.f64(2 ** (signed ? 31 : 32) - 1)]),
      );
    for (const clamp of this.strictest(clamps, loop)) {
      const [index, last] = clamp.args as [Value, Value];
      const limit = this.unsigned(last);
      const atEnd = this.exactly(index, loop, final);
      conditions.push(b.pure("f64.le", [atEnd, limit]));
      if (this.shape(index, loop)!.grows) continue;
      const atStart = this.exactly(index, loop, first);
      conditions.push(
        b.pure("f64.le", [atStart, limit]),
        b.pure("f64.ge", [atStart, zero]),
        b.pure("f64.ge", [atEnd, zero]),
      );
    }
    return conditions.reduce((all, condition) => b.pure("i32.and", [all, condition]));
  }

  /** Of indices x + c with constants c >= 0 and one limit, the largest speaks for all. */
  private strictest(clamps: readonly Value[], loop: Loop): Value[] {
    const largest = new Map<string, { clamp: Value; constant: number }>();
    const others: Value[] = [];
    for (const clamp of clamps) {
      const [index, last] = clamp.args as [Value, Value];
      if (!this.shape(index, loop)!.grows) {
        others.push(clamp);
        continue;
      }
      const offset = index.op === "i32.add" && isConstant(index.args[1]!) ? index.args[1]! : null;
      const constant = offset ? (offset.immediate as number) : 0;
      const key = `${(offset ? index.args[0]! : index).id} ${last.id}`;
      const known = largest.get(key);
      if (!known || known.constant < constant) largest.set(key, { clamp, constant });
    }
    return [...others, ...[...largest.values()].map((entry) => entry.clamp)];
  }
}
