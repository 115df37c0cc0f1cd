/**
 * Removes `index.clamp` where the index is in range: always (by intervals, see ranges.ts), or in all rounds
 * of an innermost loop, which then exists twice.
 *
 * A loop counts with p = start, start + step, … while p < bound. An index that is made of p and values from
 * outside the loop by additions, subtractions and multiplications is equal to its exact value f(p), computed
 * with integers of any size, if that lies in [0, last]: arithmetic modulo 2^32 is a ring. The same holds
 * with minima, quotients and shifts to the right if their operands are below 2^32. Where f never falls, it
 * is in range in all rounds if it is in the last one; where it is linear, in the first and the last one.
 * Before the loop f is computed there in f64, which is exact where it matters (see `isDecided`), and the
 * copy without clamps runs if all indices are in range.
 *
 * Constants that are added to such an index become the offset of the load or store, which costs nothing.
 * The rest of an address in an innermost loop is what no round changes, plus what changes.
 */
import { Builder } from "./builder";
import type { FunctionBody, Item, Label, Region, Value } from "./ir";
import { type Counter, type Loop, minimumOf, Ranges } from "./ranges";

/** Values and items of a loop that is worth a second copy: at most, and for each clamp that it saves. */
const sizeLimit = 1500;
const sizePerClamp = 48;

/** How deep an address is taken apart: a sum of sums of one value has 2^depth parts. */
const partsDepth = 8;

const wordLimit = 2 ** 32 - 1;

const isConstant = (v: Value): boolean => v.op === "i32.const";
const number = (v: Value): number => v.immediate as number;

/** The factor of a shift to the left or a product with a constant, else null. */
function scaleOf({ op, args }: Value): number | null {
  if (args.length !== 2 || !isConstant(args[1]!)) return null;
  if (op === "i32.shl") return 2 ** (number(args[1]!) & 31);
  return op === "i32.mul" && number(args[1]!) > 0 ? number(args[1]!) : null;
}

export function removeBoundsChecks(body: FunctionBody): FunctionBody {
  return new Copier(body).copyAll();
}

/** What is known of the exact value of an index in a loop. */
interface Shape {
  /** It never falls from round to round, is never below 0, and nothing is subtracted. */
  readonly grows: boolean;
  /** Made with additions, subtractions and multiplications only. */
  readonly linear: boolean;
  /** Its magnitude is at most this. */
  readonly most: number;
}

/** What an address consists of: what no round of the innermost loop changes, the rest, and a constant. */
interface Parts {
  readonly fixed: Value | null;
  readonly moving: Value | null;
  readonly offset: number;
}

class Copier {
  private readonly b: Builder;
  private readonly ranges: Ranges;
  private readonly copies: (Value | undefined)[] = [];
  /** The values that have copies, in order. */
  private readonly copied: number[] = [];
  private readonly labels = new Map<Label, Label>();
  /** The innermost loop being copied, and what is known of the indices in it. */
  private loop: Loop | null = null;
  private readonly shapes = new Map<Value, Shape | null>();
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

  private isRemoved(clamp: Value): boolean {
    return this.unchecked.has(clamp.id) || this.ranges.isInRange(clamp);
  }

  private value(value: Value): Value {
    const found = this.copies[value.id];
    if (found) return found;
    const { b } = this;
    const { op, immediate, args } = value;
    if (op === "index.clamp" && this.isRemoved(value))
      return this.define(value, this.value(args[0]!));
    if (op.includes(".load")) {
      const [address, offset] = this.displaced(args[0]!);
      return this.define(value, b.loadConstant(op, address, (immediate as number) + offset));
    }
    const operands = this.values(args);
    return this.define(
      value,
      value.callee ? b.call(value.callee, operands) : b.pure(op, operands, immediate),
    );
  }

  /** An address as another one and an offset. */
  private displaced(address: Value): readonly [Value, number] {
    const { fixed, moving, offset } = this.partsOfAddress(address);
    return [this.sum(fixed, moving) ?? this.b.i32(0), offset];
  }

  private partsOfAddress(address: Value, depth = 0): Parts {
    if (address.op !== "index.clamp" || !this.isRemoved(address))
      return this.parts(address, true, true, false, depth);
    const isExact = this.unchecked.has(address.id) && this.shape(address.args[0]!)?.grows === true;
    return this.parts(address.args[0]!, false, true, isExact, depth);
  }

  /**
   * The parts of an address, or of an index in range. A constant is taken out (`takes`) where no sum wraps:
   * in an index that is in range in all rounds (`isExact`), where intervals tell, and in what makes an
   * address of an index in range.
   */
  private parts(x: Value, isAddress: boolean, takes: boolean, isExact = false, depth = 0): Parts {
    const { b, ranges, loop } = this;
    const moves = loop !== null && ranges.isIn(x, loop);
    const [left, right] = x.args as [Value, Value];
    const scale = scaleOf(x);
    const inner = (v: Value, fits: boolean): Parts =>
      isAddress
        ? this.partsOfAddress(v, depth + 1)
        : this.parts(v, false, takes && (fits || (isExact && moves)), isExact, depth + 1);
    const isDeep = depth > partsDepth;
    if (x.op === "i32.add" && !isDeep) {
      const fits = ranges.of(left).high + ranges.of(right).high <= wordLimit;
      const [y, z] = [inner(left, fits), inner(right, fits)];
      return {
        fixed: this.sum(y.fixed, z.fixed),
        moving: this.sum(y.moving, z.moving),
        offset: y.offset + z.offset,
      };
    }
    if (scale !== null && !isDeep) {
      const y = inner(left, ranges.of(left).high * scale <= wordLimit);
      const scaled = (v: Value | null) => v && b.pure(x.op, [v, b.i32(number(right))]);
      return { fixed: scaled(y.fixed), moving: scaled(y.moving), offset: y.offset * scale };
    }
    if (isConstant(x) && !isAddress && takes && number(x) >= 0)
      return { fixed: null, moving: null, offset: number(x) };
    if (moves && x.op === "i32.mul" && !ranges.isIn(right, loop) && !isDeep) {
      const y = this.parts(left, false, false, false, depth + 1);
      const scaled = (v: Value | null) => v && b.pure(x.op, [v, this.value(right)]);
      return { fixed: scaled(y.fixed), moving: scaled(y.moving), offset: 0 };
    }
    const whole = this.value(x);
    return { fixed: moves ? null : whole, moving: moves ? whole : null, offset: 0 };
  }

  private sum(x: Value | null, y: Value | null): Value | null {
    return x && y ? this.b.pure("i32.add", [x, y]) : (x ?? y);
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
        const [address, offset] = this.displaced(args[0]!);
        const operands = [address, ...this.values(args.slice(1))];
        this.define(item.value, b.atomic(op, operands, (immediate as number) + offset));
        return;
      }
      case "store": {
        const [address, offset] = this.displaced(item.address);
        b.store(item.op, address, this.value(item.value), item.offset + offset, item.lane);
        return;
      }
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
        this.versions(item);
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

  private copyLoop(item: Extract<Item, { kind: "loop" }>): void {
    this.b.loop(this.values(item.initial), (label, phis) => {
      this.labels.set(item.label, label);
      this.phis(item.label.phis, phis);
      this.region(item.body);
    });
  }

  private versions(item: Extract<Item, { kind: "loop" }>): void {
    const loop = this.ranges.loops.get(item)!;
    if (loop.hasInner) {
      this.copyLoop(item);
      return;
    }
    this.loop = loop;
    this.shapes.clear();
    this.versionsOf(loop);
    this.loop = null;
  }

  private versionsOf(loop: Loop): void {
    const { item } = loop;
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

  /** The clamps that a second copy of the loop can do without. */
  private clampsOfCounter(loop: Loop): Value[] {
    const { ranges } = this;
    const { counter } = loop;
    if (!counter || ranges.isIn(counter.bound, loop)) return [];
    if (isConstant(counter.step) && number(counter.step) <= 0) return [];
    const { values, size } = ranges.contentsOf(loop);
    if (size > sizeLimit) return [];
    const clamps = values.filter((v) => {
      if (v.op !== "index.clamp" || ranges.isInHead(v) || ranges.isInRange(v)) return false;
      const [index, last] = v.args as [Value, Value];
      return ranges.isIn(index, loop) && !ranges.isIn(last, loop) && this.isDecided(index);
    });
    return size > sizePerClamp * clamps.length ? [] : clamps;
  }

  /**
   * Whether f64 decides rightly if an index is in range. Without subtractions what is beyond 2^53 can only
   * grow, so its rounding does not matter; with them nothing may get there.
   */
  private isDecided(index: Value): boolean {
    const shape = this.shape(index);
    return shape !== null && (shape.grows || (shape.linear && shape.most <= 2 ** 53));
  }

  private shape(v: Value): Shape | null {
    const found = this.shapes.get(v);
    if (found !== undefined) return found;
    const shape = this.shapeOf(v);
    this.shapes.set(v, shape);
    return shape;
  }

  private shapeOf(v: Value): Shape | null {
    const { ranges } = this;
    const loop = this.loop!;
    if (v === loop.counter!.phi) return { grows: true, linear: true, most: wordLimit };
    if (isConstant(v)) return { grows: number(v) >= 0, linear: true, most: Math.abs(number(v)) };
    if (!ranges.isIn(v, loop)) return { grows: true, linear: true, most: ranges.of(v).high };
    const minimum = minimumOf(v);
    const [x, y] = minimum ?? v.args;
    if (!x || !y || !(minimum || /^i32\.(?:add|sub|mul|shl|shr_u|div_u)$/.test(v.op))) return null;
    const a = this.shape(x);
    const b = this.shape(y);
    if (!a || !b) return null;
    const grows = a.grows && b.grows;
    const linear = a.linear && b.linear;
    if (minimum) return grows ? { grows, linear: false, most: Math.min(a.most, b.most) } : null;
    switch (v.op) {
      case "i32.add":
        return { grows, linear, most: a.most + b.most };
      case "i32.sub":
        return { grows: false, linear, most: a.most + b.most };
      case "i32.mul":
        if (ranges.isIn(x, loop) && ranges.isIn(y, loop)) return null;
        return { grows, linear, most: a.most * b.most };
      case "i32.shl":
        return isConstant(y) ? { ...a, most: a.most * scaleOf(v)! } : null;
      case "i32.shr_u":
        return isConstant(y) && a.grows ? { ...a, linear: false } : null;
      default:
        return grows && !ranges.isIn(y, loop) ? { ...a, linear: false } : null;
    }
  }

  private unsigned(v: Value): Value {
    return isConstant(v)
      ? this.b.f64(number(v) >>> 0)
      : this.b.pure("f64.convert_i32_u", [this.value(v)]);
  }

  private allInRange(counter: Counter, clamps: readonly Value[]): Value {
    const { b, ranges } = this;
    const { start, step, bound, strict, signed, bottomTested } = counter;
    const float = (v: Value): Value =>
      isConstant(v)
        ? b.f64(signed ? number(v) : number(v) >>> 0)
        : b.pure(signed ? "f64.convert_i32_s" : "f64.convert_i32_u", [this.value(v)]);
    const zero = b.f64(0);
    const first = float(start);
    const stride = float(step);
    const byOne = isConstant(step) && number(step) === 1;
    // The last round is at the end, or less than a step before.
    const end = strict ? b.pure("f64.sub", [float(bound), b.f64(1)]) : float(bound);
    const rounds = b.pure("f64.floor", [
      b.pure("f64.div", [b.pure("f64.sub", [end, first]), stride]),
    ]);
    const final = byOne ? end : b.pure("f64.add", [first, b.pure("f64.mul", [rounds, stride])]);
    const conditions: Value[] = [];
    const require = (x: Value, relation: string, y: Value): void => {
      conditions.push(b.pure(`f64.${relation}`, [x, y]));
    };
    if (bottomTested) require(first, "le", end);
    if (signed && ranges.of(start).high >= 2 ** 31) require(first, "ge", zero);
    if (!isConstant(step)) require(stride, "ge", b.f64(1));
    // The counter must not wrap.
    if (!(strict && byOne))
      require(b.pure("f64.add", [final, stride]), "le", b.f64(2 ** (signed ? 31 : 32) - 1));

    /** The exact values of indices in the round in which the counter is `at`. */
    const exactly = (at: Value): ((v: Value) => Value) => {
      const known = new Map<Value, Value>();
      const exact = (v: Value): Value => {
        const found = known.get(v) ?? compute(v);
        known.set(v, found);
        return found;
      };
      /** Of an operand for which 2^32 is not 0. */
      const word = (v: Value): Value => {
        const x = exact(v);
        if (ranges.isIn(v, counter.loop) && this.shape(v)!.most > wordLimit)
          require(x, "le", b.f64(wordLimit));
        return x;
      };
      const compute = (v: Value): Value => {
        if (v === counter.phi) return at;
        if (isConstant(v)) return b.f64(number(v));
        if (!ranges.isIn(v, counter.loop)) return this.unsigned(v);
        const minimum = minimumOf(v);
        if (minimum) return b.pure("f64.min", minimum.map(word));
        const [x, y] = v.args as [Value, Value];
        if (v.op === "i32.shl") return b.pure("f64.mul", [exact(x), b.f64(scaleOf(v)!)]);
        if (v.op === "i32.shr_u" || v.op === "i32.div_u") {
          const divisor = v.op === "i32.div_u" ? word(y) : b.f64(2 ** (number(y) & 31));
          return b.pure("f64.floor", [b.pure("f64.div", [word(x), divisor])]);
        }
        return b.pure(`f64${v.op.slice(3)}`, [exact(x), exact(y)]);
      };
      return exact;
    };
    const atStart = exactly(first);
    const atEnd = exactly(final);
    for (const clamp of this.strictest(clamps)) {
      const [index, last] = clamp.args as [Value, Value];
      const limit = this.unsigned(last);
      require(atEnd(index), "le", limit);
      if (this.shape(index)!.grows) continue;
      require(atStart(index), "le", limit);
      require(atStart(index), "ge", zero);
      require(atEnd(index), "ge", zero);
    }
    return conditions.reduce((all, condition) => b.pure("i32.and", [all, condition]));
  }

  /** Of growing indices x + c with constants c and one limit, the largest speaks for all. */
  private strictest(clamps: readonly Value[]): Value[] {
    const largest = new Map<string, { clamp: Value; constant: number }>();
    const others: Value[] = [];
    for (const clamp of clamps) {
      const [index, last] = clamp.args as [Value, Value];
      if (!this.shape(index)!.grows) {
        others.push(clamp);
        continue;
      }
      const hasOffset = index.op === "i32.add" && isConstant(index.args[1]!);
      const constant = hasOffset ? number(index.args[1]!) : 0;
      const key = `${(hasOffset ? index.args[0]! : index).id} ${last.id}`;
      const known = largest.get(key);
      if (!known || known.constant < constant) largest.set(key, { clamp, constant });
    }
    return [...others, ...[...largest.values()].map((entry) => entry.clamp)];
  }
}
