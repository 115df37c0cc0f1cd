/**
 * The values of the variables kept in registers, at one place of the program, and how they are joined where
 * control flow meets: SSA form, built as the statements are read (Braun et al., "Simple and efficient
 * construction of static single assignment form", CC 2013, for structured control flow).
 */
import type { Builder } from "../ir/builder";
import { childRegion, type Item, type Label, type Region, type Value } from "../ir/ir";

/** One leaf of a variable. */
export class Slot {}

type BranchItem = Extract<Item, { kind: "branch" }>;

/** A label, with the branches to it that wait for its phis. */
export interface Target {
  readonly label: Label;
  /** The slots that exist outside. */
  readonly slots: readonly Slot[];
  readonly pending: { branch: BranchItem; values: ReadonlyMap<Slot, Value> }[];
}

export class Environment {
  values = new Map<Slot, Value>();
  /** False after a jump: what follows is not lowered. */
  reachable = true;

  constructor(private readonly b: Builder) {}

  get(slot: Slot): Value {
    return this.values.get(slot)!;
  }
  set(slot: Slot, value: Value): void {
    this.values.set(slot, value);
  }

  /** Forgets all slots but these. */
  keep(slots: readonly Slot[]): void {
    if (slots.length === this.values.size) return;
    const { values } = this;
    this.values = new Map(slots.map((slot) => [slot, values.get(slot)!]));
  }

  /** Goes to a target, always or under a condition; the values at this point go along. */
  jump(target: Target, condition: Value | null = null): void {
    if (condition?.op === "i32.const") {
      if (condition.immediate === 0) return;
      condition = null;
    }
    const branch = {
      kind: "branch" as const,
      label: target.label,
      condition,
      values: [] as readonly Value[],
    };
    this.b.push(branch);
    target.pending.push({ branch, values: new Map(this.values) });
    if (!condition) this.reachable = false;
  }

  /** Goes to a target if a condition (an i32) is `holds`. */
  jumpIf(target: Target, condition: Value, holds: boolean): void {
    this.jump(target, holds ? condition : this.b.pure("i32.eqz", [condition]));
  }

  /** Code that jumps to the target leaves it. */
  block(body: (target: Target) => void): void {
    const { b } = this;
    const before = new Map(this.values);
    const slots = [...before.keys()];
    const target: Target = { label: { kind: "block", phis: [] }, slots, pending: [] };
    const outer = b.region;
    const inner = childRegion(outer);
    b.region = inner;
    body(target);
    b.region = outer;
    // A jump at the very end is the same as falling off it.
    const last = inner.items.at(-1);
    if (!this.reachable && last?.kind === "branch" && last.label === target.label) {
      inner.items.pop();
      this.values = new Map(target.pending.pop()!.values);
      this.reachable = true;
    }
    if (target.pending.length === 0) {
      outer.items.push(...inner.items);
      rehome(inner, outer);
      return;
    }
    const arrivals = target.pending.map((p) => p.values);
    const end = this.reachable ? this.values : null;
    if (end) arrivals.push(end);
    const phis = this.join(before, arrivals, outer);
    target.label.phis = phis.map((p) => p.phi);
    for (const { branch, values } of target.pending)
      (branch as { values: readonly Value[] }).values = phis.map((p) => values.get(p.slot)!);
    b.push({
      kind: "block",
      label: target.label,
      body: inner,
      values: end && phis.map((p) => end.get(p.slot)!),
    });
    this.resume(slots, arrivals[0]!, phis);
  }

  if(condition: Value, whenTrue: () => void, whenFalse: () => void): void {
    const { b } = this;
    if (condition.op === "i32.const") {
      if (condition.immediate !== 0) whenTrue();
      else whenFalse();
      return;
    }
    const before = this.values;
    const slots = [...before.keys()];
    const outer = b.region;
    const arm = (body: () => void): { region: Region; values: Map<Slot, Value> | null } => {
      const region = childRegion(outer);
      this.values = new Map(before);
      this.reachable = true;
      b.region = region;
      body();
      b.region = outer;
      return { region, values: this.reachable ? this.values : null };
    };
    const yes = arm(whenTrue);
    const no = arm(whenFalse);
    const arrivals = [yes.values, no.values].filter((v) => v !== null);
    const phis = this.join(before, arrivals, outer);
    const at = (values: Map<Slot, Value> | null) => values && phis.map((p) => values.get(p.slot)!);
    b.push({
      kind: "if",
      condition,
      whenTrue: yes.region,
      whenFalse: no.region,
      results: phis.map((p) => p.phi),
      trueValues: at(yes.values),
      falseValues: at(no.values),
    });
    if (arrivals.length === 0) this.reachable = false;
    else this.resume(slots, arrivals[0]!, phis);
  }

  /**
   * A loop whose rounds change `changing`. The body runs once a round; jumping to `again` starts the next.
   * The loop is left by jumping to a block around it.
   */
  loop(changing: readonly Slot[], body: (again: Target) => void): void {
    const { b } = this;
    const outer = b.region;
    const inner = childRegion(outer);
    const initial = changing.map((slot) => this.get(slot));
    const label: Label = { kind: "loop", phis: initial.map((v) => b.phi(v.type, inner)) };
    changing.forEach((slot, i) => {
      this.set(slot, label.phis[i]!);
    });
    const again: Target = { label, slots: changing, pending: [] };
    b.region = inner;
    body(again);
    b.region = outer;
    for (const { branch, values } of again.pending)
      (branch as { values: readonly Value[] }).values = changing.map((slot) => values.get(slot)!);
    b.push({ kind: "loop", label, body: inner, initial });
  }

  /**
   * Phis for the slots whose values differ between the arrivals, or came to be inside: what is defined in a
   * region can be used outside only through a phi.
   */
  private join(
    before: ReadonlyMap<Slot, Value>,
    arrivals: readonly ReadonlyMap<Slot, Value>[],
    region: Region,
  ): { slot: Slot; phi: Value }[] {
    const [first] = arrivals;
    if (!first) return [];
    const stays = (slot: Slot, value: Value): boolean =>
      arrivals.every((values) => values.get(slot) === value);
    return [...before]
      .filter(([slot, value]) => {
        const arrived = first.get(slot)!;
        return !stays(slot, isConstant(arrived) ? arrived : value);
      })
      .map(([slot, value]) => ({ slot, phi: this.b.phi(value.type, region) }));
  }

  private resume(
    slots: readonly Slot[],
    from: ReadonlyMap<Slot, Value>,
    phis: readonly { slot: Slot; phi: Value }[],
  ): void {
    this.values = new Map(slots.map((slot) => [slot, from.get(slot)!]));
    for (const { slot, phi } of phis) this.values.set(slot, phi);
    this.reachable = true;
  }
}

const isConstant = (value: Value): boolean => value.op.endsWith(".const");

/** The items of a region that turned out to be none of its own now belong to its parent. */
function rehome(inner: Region, outer: Region): void {
  const change = (value: Value): void => {
    if (value.region === inner) (value as { region: Region | null }).region = outer;
  };
  for (const item of inner.items) {
    if (item.kind === "value") change(item.value);
    else if (item.kind === "if") {
      for (const value of item.results) change(value);
      for (const region of [item.whenTrue, item.whenFalse])
        (region as { parent: Region | null }).parent = outer;
    } else if (item.kind === "block") {
      for (const value of item.label.phis) change(value);
      (item.body as { parent: Region | null }).parent = outer;
    } else if (item.kind === "loop") (item.body as { parent: Region | null }).parent = outer;
  }
}
