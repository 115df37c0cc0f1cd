/**
 * Decides where each value of a function is computed (C. Click, "Global code motion, global value
 * numbering", PLDI 1995), after phis that join only one value are gone.
 *
 * A floating value may stand anywhere between the deepest region that defines an operand (early) and the
 * nearest region that holds all its uses (late). It goes to the shallowest loop depth between them, and
 * there to the deepest region: out of loops, but only where it is needed. Within a region it stands before
 * the item with its first use.
 */
import type { FunctionBody, Item, Label, Region, Value } from "../ir/ir";

/** A region in the tree, or the taken side of a conditional branch that carries values. */
export class Place {
  readonly depth: number;
  /** Items up to the one that never goes on to the next. */
  length = 0;
  /** Whether its end is reached. */
  completes = true;
  /** Whether something in it must happen, whoever uses its values. */
  effects = false;
  /** Before an item (by number): values that it needs inside, or that several of its operands share. */
  readonly ahead: (Value[] | undefined)[] = [];
  /** Items with effects before an item (by number). */
  readonly effectsBefore: number[] = [];

  constructor(
    readonly parent: Place | null,
    /** The item of the parent that holds it. */
    readonly item: number,
    readonly loopDepth: number,
  ) {
    this.depth = parent === null ? 0 : parent.depth + 1;
  }
}

type If = Extract<Item, { kind: "if" }>;

interface Source {
  readonly value: Value;
  readonly place: Place;
  readonly item: number;
}

/** Whether a vector is one that a single instruction makes: all bits equal. */
const isUniform = (bytes: Uint8Array): boolean =>
  (bytes[0] === 0 || bytes[0] === 255) && bytes.every((byte) => byte === bytes[0]);

/** What is written at each use. Other vectors are values with a place, see `emit.ts`. */
export const isConstant = (v: Value): boolean =>
  v.args.length === 0 &&
  (v.op === "v128.const" ? isUniform(v.immediate as Uint8Array) : v.op.endsWith(".const"));
const isAtomic = (v: Value): boolean => v.op.includes("atomic");

/** A condition that is known: whether it holds; else null. */
export const known = (condition: Value | null): boolean | null =>
  condition === null ? true : condition.op === "i32.const" ? condition.immediate !== 0 : null;

export class Schedule {
  /** Of regions, and of conditional branches that carry values. */
  readonly places = new Map<Region | Item, Place>();
  readonly root: Place;
  /** Labels that something branches to. */
  readonly reached = new Set<Label>();
  /** Uses by value number; dead values have none. */
  readonly uses: number[] = [];
  /** By value number: whether it is kept in a local, instead of on the stack for its only use. */
  readonly inLocal: boolean[] = [];
  /** Where each value is computed. */
  readonly home: Place[] = [];

  private readonly item: number[] = [];
  /** Whether the first use is by an operand of the item itself, not inside of it. */
  private readonly direct: boolean[] = [];
  private readonly replaced: (Value | undefined)[] = [];
  private readonly sources: Source[][] = [];
  private readonly phis: Value[] = [];
  /** The `if` whose result a phi is. */
  private readonly joinedBy: (If | undefined)[] = [];
  private readonly order: Value[] = [];
  private readonly pending: Value[] = [];

  constructor(body: FunctionBody) {
    this.root = new Place(null, 0, 0);
    for (const parameter of body.parameters) this.home[parameter.id] = this.root;
    this.collect(body.body, this.root);
    this.removeRedundantPhis();
    this.markLive(this.root, body.body);
    const joined = new Set<Item>();
    for (let phi = this.pending.pop(); phi; phi = this.pending.pop()) {
      for (const source of this.sources[phi.id]!) this.use(source.value);
      const join = this.joinedBy[phi.id];
      if (!join || joined.has(join) || this.mustRun(join)) continue;
      joined.add(join);
      if (known(join.condition) === null) this.use(join.condition);
    }
    this.placeRoots(this.root, body.body);
    for (const phi of this.phis)
      if (this.isLive(phi))
        for (const source of this.sources[phi.id]!)
          this.usedAt(this.resolve(source.value), source.place, source.item, true);
    this.placeFloating();
  }

  /** The value itself, or what a redundant phi stands for. */
  resolve(value: Value): Value {
    let v = value;
    for (let next = this.replaced[v.id]; next; next = this.replaced[v.id]) v = next;
    return v;
  }

  isLive(value: Value): boolean {
    return this.uses[value.id] !== undefined;
  }

  /** Whether an `if` does anything. */
  isNeeded(item: If): boolean {
    return this.mustRun(item) || item.results.some((phi) => this.isLive(phi));
  }

  private mustRun(item: If): boolean {
    const [a, b] = [this.places.get(item.whenTrue), this.places.get(item.whenFalse)];
    return !!(a?.effects || b?.effects);
  }

  private enter(key: Region | Item, parent: Place, item: number, loops = 0): Place {
    const place = new Place(parent, item, parent.loopDepth + loops);
    this.places.set(key, place);
    return place;
  }

  private phi(phi: Value, home: Place): void {
    this.home[phi.id] = home;
    this.phis.push(phi);
    this.sources[phi.id] ??= [];
  }

  private source(phis: readonly Value[], values: readonly Value[], place: Place, item: number) {
    for (let i = 0; i < phis.length; i++)
      this.sources[phis[i]!.id]!.push({ value: values[i]!, place, item });
  }

  /** Finds the places, what is reached, and where phis get their values. */
  private collect(region: Region, place: Place): void {
    this.places.set(region, place);
    let effects = 0;
    for (let i = 0; i < region.items.length; i++) {
      const item = region.items[i]!;
      place.effectsBefore[i] = effects;
      let completes = true;
      let acts = true;
      switch (item.kind) {
        case "value":
          this.home[item.value.id] = place;
          this.item[item.value.id] = i;
          acts = isAtomic(item.value);
          break;
        case "if": {
          const condition = known(item.condition);
          for (const phi of item.results) {
            this.phi(phi, place);
            this.joinedBy[phi.id] = item;
          }
          completes = false;
          acts = false;
          const arms = [
            [true, item.whenTrue, item.trueValues],
            [false, item.whenFalse, item.falseValues],
          ] as const;
          for (const [holds, arm, values] of arms) {
            if (condition === !holds) continue;
            const inner = this.enter(arm, place, i);
            this.collect(arm, inner);
            acts ||= inner.effects;
            if (!inner.completes) continue;
            completes = true;
            if (values) this.source(item.results, values, inner, inner.length);
          }
          break;
        }
        case "block": {
          for (const phi of item.label.phis) this.phi(phi, place);
          const inner = this.enter(item.body, place, i);
          this.collect(item.body, inner);
          if (inner.completes && item.values)
            this.source(item.label.phis, item.values, inner, inner.length);
          completes = inner.completes || this.reached.has(item.label);
          acts = inner.effects;
          break;
        }
        case "loop": {
          const inner = this.enter(item.body, place, i, 1);
          for (const phi of item.label.phis) this.phi(phi, inner);
          this.source(item.label.phis, item.initial, place, i);
          this.collect(item.body, inner);
          completes = inner.completes;
          break;
        }
        case "branch": {
          const condition = known(item.condition);
          if (condition === false) {
            acts = false;
            break;
          }
          completes = condition === null;
          this.reached.add(item.label);
          const from = completes && item.values.length ? this.enter(item, place, i) : place;
          this.source(item.label.phis, item.values, from, from === place ? i : 0);
          break;
        }
        case "return":
          completes = false;
          break;
      }
      if (acts) {
        effects++;
        place.effects = true;
      }
      if (!completes) {
        place.length = i + 1;
        place.completes = false;
        place.effectsBefore[i + 1] = effects;
        return;
      }
    }
    place.length = region.items.length;
    place.effectsBefore[place.length] = effects;
  }

  /** Replaces a phi that joins one value (or itself) by that value, if that is defined around the phi. */
  private removeRedundantPhis(): void {
    const early: Place[] = [];
    for (let changed = true; changed; ) {
      changed = false;
      for (const phi of this.phis) {
        if (this.replaced[phi.id]) continue;
        let only: Value | null = null;
        let many = false;
        for (const source of this.sources[phi.id]!) {
          const value = this.resolve(source.value);
          if (value === phi || value === only) continue;
          many = only !== null;
          only = value;
          if (many) break;
        }
        if (many || only === null) continue;
        const from = this.definedIn(only, early);
        let home: Place | null = this.home[phi.id]!;
        while (home && home.depth > from.depth) home = home.parent;
        if (home !== from) continue;
        this.replaced[phi.id] = only;
        changed = true;
      }
    }
  }

  /** The deepest place that defines something the value is made of. */
  private definedIn(value: Value, early: Place[]): Place {
    if (value.op === "phi" || value.region || value.op === "param") return this.home[value.id]!;
    const found = early[value.id];
    if (found) return found;
    let deepest = this.root;
    for (const arg of value.args) {
      const place = this.definedIn(this.resolve(arg), early);
      if (place.depth > deepest.depth) deepest = place;
    }
    early[value.id] = deepest;
    return deepest;
  }

  /** Counts uses from what must happen; what is not reached is dead. */
  private markLive(place: Place, region: Region): void {
    for (let i = 0; i < place.length; i++) {
      const item = region.items[i]!;
      switch (item.kind) {
        case "value":
          if (isAtomic(item.value)) this.visit(item.value);
          break;
        case "store":
          this.use(item.address);
          this.use(item.value);
          break;
        case "if": {
          const condition = known(item.condition);
          if (condition === null && this.mustRun(item)) this.use(item.condition);
          if (condition !== false) this.markLive(this.places.get(item.whenTrue)!, item.whenTrue);
          if (condition !== true) this.markLive(this.places.get(item.whenFalse)!, item.whenFalse);
          break;
        }
        case "block":
        case "loop":
          this.markLive(this.places.get(item.body)!, item.body);
          break;
        case "branch":
          if (known(item.condition) === null) this.use(item.condition!);
          break;
        case "return":
          if (item.value) this.use(item.value);
          break;
      }
    }
  }

  private use(unresolved: Value): void {
    const value = this.resolve(unresolved);
    const first = !this.uses[value.id];
    this.visit(value);
    this.uses[value.id]!++;
    if (first && value.op === "phi") this.pending.push(value);
  }

  private visit(value: Value): void {
    if (this.uses[value.id] !== undefined) return;
    this.uses[value.id] = 0;
    if (isConstant(value)) return;
    // A clamp reads both operands twice.
    const times = value.op === "index.clamp" ? 2 : 1;
    for (const arg of value.args) for (let i = 0; i < times; i++) this.use(arg);
    if (value.op !== "phi" && value.op !== "param") this.order.push(value);
  }

  private placeRoots(place: Place, region: Region): void {
    for (let i = 0; i < place.length; i++) {
      const item = region.items[i]!;
      const use = (value: Value): void => this.usedAt(this.resolve(value), place, i, true);
      switch (item.kind) {
        case "store":
          use(item.address);
          use(item.value);
          break;
        case "if": {
          const condition = known(item.condition);
          if (condition === null && this.isNeeded(item)) use(item.condition);
          if (condition !== false) this.placeRoots(this.places.get(item.whenTrue)!, item.whenTrue);
          if (condition !== true) this.placeRoots(this.places.get(item.whenFalse)!, item.whenFalse);
          break;
        }
        case "block":
        case "loop":
          this.placeRoots(this.places.get(item.body)!, item.body);
          break;
        case "branch":
          if (known(item.condition) === null) use(item.condition!);
          break;
        case "return":
          if (item.value) use(item.value);
          break;
      }
    }
  }

  private readonly usedIn: (Place | undefined)[] = [];
  private readonly usedItem: number[] = [];

  /** Widens the place of the uses so far by one more. */
  private usedAt(value: Value, place: Place, item: number, direct: boolean): void {
    const id = value.id;
    let a = this.usedIn[id];
    if (!a) {
      this.usedIn[id] = place;
      this.usedItem[id] = item;
      this.direct[id] = direct;
      return;
    }
    let b = place;
    let itemA = this.usedItem[id]!;
    let itemB = item;
    let directA = this.direct[id]!;
    let directB = direct;
    while (a !== b) {
      if (a.depth >= b.depth) {
        itemA = a.item;
        directA = false;
        a = a.parent!;
      } else {
        itemB = b.item;
        directB = false;
        b = b.parent!;
      }
    }
    this.usedIn[id] = a;
    this.usedItem[id] = Math.min(itemA, itemB);
    this.direct[id] = itemA === itemB ? directA || directB : itemA < itemB ? directA : directB;
  }

  /** Users come before their operands. */
  private placeFloating(): void {
    const early: Place[] = [];
    for (let n = this.order.length - 1; n >= 0; n--) {
      const value = this.order[n]!;
      const id = value.id;
      if (value.region) {
        const home = this.home[id]!;
        const item = this.item[id]!;
        // A load may wait for its only use if nothing happens in between.
        this.inLocal[id] = !(
          this.uses[id] === 1 &&
          this.usedIn[id] === home &&
          this.direct[id] &&
          !isAtomic(value) &&
          home.effectsBefore[item] === home.effectsBefore[this.usedItem[id]!]
        );
        const at = this.inLocal[id] ? item : this.usedItem[id]!;
        for (const arg of value.args) this.usedAt(this.resolve(arg), home, at, true);
        continue;
      }
      let place = this.usedIn[id]!;
      let item = this.usedItem[id]!;
      let direct = this.direct[id]!;
      const from = this.definedIn(value, early);
      let best = place;
      while (place !== from) {
        if (!place.parent)
          throw new Error(
            `The value ${value.op} (${id}) is used outside of the region of its operands.`,
          );
        if (place.parent.loopDepth < best.loopDepth) {
          best = place.parent;
          item = place.item;
          direct = false;
        }
        place = place.parent;
      }
      this.home[id] = best;
      this.inLocal[id] = this.uses[id]! > 1 || !direct;
      if (!direct) {
        best.ahead[item] ??= [];
        best.ahead[item]!.push(value);
      }
      for (const arg of value.args) this.usedAt(this.resolve(arg), best, item, true);
    }
  }
}
