/**
 * Intervals of i32 values as unsigned numbers, and loops that count.
 *
 * A loop counts if a phi grows by the same step in every round, and a test against a bound, either before
 * everything else in a round or at its end, decides whether the round runs or the next begins. In the rest
 * of the round the phi is below the bound. The head, up to the test, sees it once beyond.
 */
import type { FunctionBody, Item, Region, Value } from "./ir";

export interface Range {
  readonly low: number;
  readonly high: number;
}

type LoopItem = Extract<Item, { kind: "loop" }>;
type BranchItem = Extract<Item, { kind: "branch" }>;

export interface Counter {
  readonly loop: Loop;
  readonly phi: Value;
  readonly start: Value;
  readonly step: Value;
  /** Rounds run while the phi is below it (strict), or not above it. */
  readonly bound: Value;
  readonly strict: boolean;
  readonly signed: boolean;
  /** The test is at the end: the first round always runs. */
  readonly bottomTested: boolean;
}

export interface Loop {
  readonly item: LoopItem;
  readonly parent: Loop | null;
  readonly depth: number;
  hasInner: boolean;
  readonly backs: BranchItem[];
  counter: Counter | null;
}

interface Source {
  readonly value: Value;
  /** The loop whose test the value passes through, on the way out. */
  readonly leaves: Loop | null;
}

const most = 2 ** 32 - 1;
const mostSigned = 2 ** 31 - 1;
const anything: Range = { low: 0, high: most };
const exactly = (low: number, high: number): Range => (high <= most ? { low, high } : anything);

/** a op b as: operands swapped or not, "<" (strict) or "<=". */
const relations: Readonly<Record<string, readonly [swapped: boolean, strict: boolean]>> = {
  lt: [false, true],
  le: [false, false],
  gt: [true, true],
  ge: [true, false],
};
const negations: Readonly<Record<string, string>> = { lt: "ge", le: "gt", gt: "le", ge: "lt" };

/** The values an item reads. */
function operands(item: Item): readonly Value[] {
  switch (item.kind) {
    case "value":
      return item.value.args;
    case "store":
      return [item.address, item.value];
    case "if":
      return [item.condition, ...(item.trueValues ?? []), ...(item.falseValues ?? [])];
    case "block":
      return item.values ?? [];
    case "loop":
      return item.initial;
    case "branch":
      return item.condition ? [item.condition, ...item.values] : item.values;
    case "return":
      return item.value ? [item.value] : [];
    default:
      return [];
  }
}

const regionsOf = (item: Item): readonly Region[] =>
  item.kind === "if"
    ? [item.whenTrue, item.whenFalse]
    : item.kind === "block" || item.kind === "loop"
      ? [item.body]
      : [];

/** The operands of a minimum of unsigned numbers, else null. */
export function minimumOf({ op, args }: Value): readonly [Value, Value] | null {
  const [x, y, condition] = args;
  if (op === "index.clamp") return [x!, y!];
  if (op !== "select" || !/^i32\.l[te]_u$/.test(condition!.op)) return null;
  return condition!.args[0] === x && condition!.args[1] === y ? [x!, y!] : null;
}

export class Ranges {
  readonly loops = new Map<LoopItem, Loop>();
  /** By value number, of phis, loads and atomics: the innermost loop around them. */
  private readonly definedIn: (Loop | null | undefined)[] = [];
  private readonly sources: (Source[] | undefined)[] = [];
  private readonly counterOf: (Counter | undefined)[] = [];
  private readonly known: (Range | undefined)[] = [];
  private readonly head: boolean[] = [];

  constructor(body: FunctionBody) {
    this.collect(body.body, null);
    for (const loop of this.loops.values()) this.findCounter(loop);
  }

  /** Whether a value can differ between the rounds of an innermost loop. */
  isIn(value: Value, loop: Loop): boolean {
    return this.loopOf(value) === loop;
  }

  /** Whether a clamp is used in the head of the loop it depends on. */
  isInHead(value: Value): boolean {
    return this.head[value.id] === true;
  }

  isInRange(clamp: Value): boolean {
    if (this.isInHead(clamp)) return false;
    const [index, last] = clamp.args as [Value, Value];
    return this.of(index).high <= this.of(last).low;
  }

  /** The values that depend on an innermost loop, and how many these and its items are. */
  contentsOf(loop: Loop): { values: Value[]; size: number } {
    const found = new Set<Value>();
    let items = 0;
    const visit = (value: Value): void => {
      if (found.has(value) || !this.isIn(value, loop)) return;
      found.add(value);
      for (const arg of value.args) visit(arg);
    };
    const scan = (region: Region): void => {
      for (const item of region.items) {
        items++;
        for (const value of operands(item)) visit(value);
        for (const inner of regionsOf(item)) scan(inner);
      }
    };
    scan(loop.item.body);
    return { values: [...found], size: items + found.size };
  }

  of(value: Value): Range {
    const found = this.known[value.id];
    if (found) return found;
    // What depends on itself may be anything.
    this.known[value.id] = anything;
    const range = value.type === "i32" ? this.compute(value) : anything;
    this.known[value.id] = range;
    return range;
  }

  private collect(region: Region, loop: Loop | null): void {
    const join = (phis: readonly Value[], values: readonly Value[] | null, leaves: Loop | null) => {
      values?.forEach((value, i) => {
        const phi = phis[i];
        if (!phi) return;
        this.sources[phi.id] ??= [];
        this.sources[phi.id]!.push({ value, leaves });
      });
    };
    for (const item of region.items) {
      switch (item.kind) {
        case "value":
          this.definedIn[item.value.id] = loop;
          break;
        case "if":
          for (const phi of item.results) this.definedIn[phi.id] = loop;
          this.collect(item.whenTrue, loop);
          this.collect(item.whenFalse, loop);
          join(item.results, item.trueValues, null);
          join(item.results, item.falseValues, null);
          break;
        case "block":
          for (const phi of item.label.phis) this.definedIn[phi.id] = loop;
          this.collect(item.body, loop);
          join(item.label.phis, item.values, null);
          break;
        case "loop": {
          const depth = loop ? loop.depth + 1 : 1;
          const inner: Loop = {
            item,
            parent: loop,
            depth,
            hasInner: false,
            backs: [],
            counter: null,
          };
          if (loop) loop.hasInner = true;
          this.loops.set(item, inner);
          for (const phi of item.label.phis) this.definedIn[phi.id] = inner;
          join(item.label.phis, item.initial, null);
          this.collect(item.body, inner);
          break;
        }
        case "branch": {
          const isTest = loop !== null && item === topTest(loop.item);
          join(item.label.phis, item.values, isTest ? loop : null);
          for (let around = loop; around; around = around.parent)
            if (around.item.label === item.label) around.backs.push(item);
          break;
        }
      }
    }
  }

  private loopOf(value: Value): Loop | null {
    const found = this.definedIn[value.id];
    if (found !== undefined) return found;
    let deepest: Loop | null = null;
    for (const arg of value.args) {
      const loop = this.loopOf(arg);
      if (loop && (!deepest || loop.depth > deepest.depth)) deepest = loop;
    }
    this.definedIn[value.id] = deepest;
    return deepest;
  }

  private isOutside(value: Value, loop: Loop): boolean {
    for (let around = this.loopOf(value); around; around = around.parent)
      if (around === loop) return false;
    return true;
  }

  private findCounter(loop: Loop): void {
    const { item, backs } = loop;
    const last = item.body.items.at(-1);
    const top = topTest(item);
    const bottom =
      last?.kind === "branch" && last.label === item.label && last.condition && backs.length === 1
        ? last
        : null;
    const test = top ?? bottom;
    const relation = test && parseRelation(test.condition!, top !== null);
    if (!relation) return;
    const { small, large, strict, signed } = relation;
    item.label.phis.forEach((phi, i) => {
      const next = backs[0]?.values[i];
      if (next?.op !== "i32.add" || !backs.every((back) => back.values[i] === next)) return;
      const step = next.args[0] === phi ? next.args[1]! : next.args[0]!;
      if (!next.args.includes(phi) || !this.isOutside(step, loop)) return;
      if (small !== (top ? phi : next)) return;
      const bottomTested = !top;
      const start = item.initial[i]!;
      const counter = { loop, phi, start, step, bound: large, strict, signed, bottomTested };
      loop.counter = counter;
      this.counterOf[phi.id] = counter;
    });
    if (!loop.counter || !top) return;
    const mark = (value: Value): void => {
      if (this.head[value.id] || this.loopOf(value) !== loop) return;
      this.head[value.id] = true;
      for (const arg of value.args) mark(arg);
    };
    for (const before of item.body.items) {
      for (const value of operands(before)) mark(value);
      if (before === top) break;
    }
  }

  private compute(value: Value): Range {
    const { op, args, immediate } = value;
    if (op === "i32.const")
      return exactly((immediate as number) >>> 0, (immediate as number) >>> 0);
    if (op === "phi") return this.ofPhi(value);
    if (/^(?:i32\.(?:eqz?|ne|[lg][te]_[su])|f(?:32|64)\.(?:eq|ne|[lg][te]))$/.test(op))
      return exactly(0, 1);
    switch (op) {
      case "i32.load8_u":
        return exactly(0, 255);
      case "i32.load16_u":
        return exactly(0, 65535);
      case "i32x4.bitmask":
        return exactly(0, 15);
      case "select": {
        const [a, b] = [this.of(args[0]!), this.of(args[1]!)];
        const highest = minimumOf(value) ? Math.min : Math.max;
        return { low: Math.min(a.low, b.low), high: highest(a.high, b.high) };
      }
    }
    if (args.length !== 2) return anything;
    return combine(op, this.of(args[0]!), this.of(args[1]!));
  }

  private ofPhi(phi: Value): Range {
    const counter = this.counterOf[phi.id];
    if (counter) {
      const range = this.ofCounter(counter);
      if (range) return range;
    }
    let low = most;
    let high = 0;
    for (const { value, leaves } of this.sources[phi.id] ?? []) {
      if (value === phi) continue;
      const range = leaves && this.loopOf(value) === leaves ? anything : this.of(value);
      low = Math.min(low, range.low);
      high = Math.max(high, range.high);
    }
    return low <= high ? { low, high } : anything;
  }

  private ofCounter({ start, step, bound, strict, signed, bottomTested }: Counter): Range | null {
    const limit = signed ? mostSigned : most;
    const first = this.of(start);
    const last = Math.min(this.of(bound).high, limit) - (strict ? 1 : 0);
    const highest = Math.max(bottomTested ? first.high : 0, last);
    if (first.high > limit || highest + this.of(step).high > limit) return null;
    return { low: first.low, high: Math.max(first.low, highest) };
  }
}

/** The branch out of a loop that stands before everything but loads, or null. */
function topTest(item: LoopItem): BranchItem | null {
  const first = item.body.items.find((inner) => inner.kind !== "value");
  return first?.kind === "branch" && first.condition && first.label !== item.label ? first : null;
}

/** A condition, or its opposite, as small < large (strict) or small <= large. */
function parseRelation(condition: Value, negated: boolean) {
  const match = /^i32\.([lg][te])_([su])$/.exec(condition.op);
  if (!match) return null;
  const name = negated ? negations[match[1]!]! : match[1]!;
  const [swapped, strict] = relations[name]!;
  const [a, b] = condition.args as [Value, Value];
  return {
    small: swapped ? b : a,
    large: swapped ? a : b,
    strict,
    signed: match[2] === "s",
  };
}

/** The interval of an operation on two intervals. */
function combine(op: string, a: Range, b: Range): Range {
  const sameSigned = a.high <= mostSigned && b.high <= mostSigned;
  switch (op) {
    case "index.clamp":
      return { low: Math.min(a.low, b.low), high: Math.min(a.high, b.high) };
    case "i32.add":
      return exactly(a.low + b.low, a.high + b.high);
    case "i32.sub":
      return a.low >= b.high ? exactly(a.low - b.high, a.high - b.low) : anything;
    case "i32.mul":
      return exactly(a.low * b.low, a.high * b.high);
    case "i32.shl":
      return b.low === b.high && b.low < 32
        ? exactly(a.low * 2 ** b.low, a.high * 2 ** b.low)
        : anything;
    case "i32.shr_s":
      if (!sameSigned) return anything;
      return combine("i32.shr_u", a, b);
    case "i32.shr_u":
      return b.low === b.high && b.low < 32
        ? { low: a.low >>> b.low, high: a.high >>> b.low }
        : { low: 0, high: a.high };
    case "i32.and":
      return { low: 0, high: Math.min(a.high, b.high) };
    case "i32.or":
    case "i32.xor": {
      const bits = 32 - Math.clz32(Math.max(a.high, b.high));
      return { low: op === "i32.or" ? Math.max(a.low, b.low) : 0, high: 2 ** bits - 1 };
    }
    case "i32.div_s":
    case "i32.div_u":
      if ((op === "i32.div_s" && !sameSigned) || b.low === 0) return anything;
      return { low: Math.floor(a.low / b.high), high: Math.floor(a.high / b.low) };
    case "i32.rem_s":
    case "i32.rem_u":
      if ((op === "i32.rem_s" && !sameSigned) || b.low === 0) return anything;
      if (a.high < b.low) return a;
      return { low: 0, high: Math.min(a.high, b.high - 1) };
    default:
      return anything;
  }
}
