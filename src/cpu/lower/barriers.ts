/**
 * Kernels with barriers. The code of a workgroup is cut at every split (see splits.ts) into segments. A
 * segment is a loop in which each invocation runs its part; the control flow around splits, which WGSL
 * requires to be uniform, runs once for the whole workgroup. (As pocl does on CPUs: Jääskeläinen et al.,
 * "pocl: a performance-portable OpenCL implementation", 2015, section 4.)
 *
 * A variable that lives across a split is one of two kinds. Uniform: all its values are the same for all
 * invocations, and are computed once, outside segments. Or it has a home in memory for each invocation:
 * segments that use it load it at their start, and store it at their end if they change it.
 */
import type { Value } from "../ir/ir";
import type {
  BuiltinValue,
  Expression,
  FunctionDefinition,
  GlobalVariable,
  Place,
  Statement,
  Variable,
} from "../wgsl/program";
import { bool, sizeOf, type Type } from "../wgsl/types";
import { assignedIn, rootOf } from "./assigned";
import { changingSlots } from "./changing";
import { Slot, type Target } from "./environment";
import { leaf } from "./expressions";
import { bindInputs, eachInvocation, type Ids } from "./invocations";
import { type Lowering, type ReferredPlace, roundUp, unsupported } from "./lowering";
import { copyMemory, loadMemory, type MemoryPlace, storeMemory } from "./memory";
import { nameOf, withNamedIndices } from "./normalising";
import { bindingOf, loadPlace, pointee as referred, storePlace } from "./places";
import { leafCount } from "./representation";
import { replaceExpressions, replaceInPlace } from "./rewriting";
import { beforeJumpsOut, hasSplit, isSplitCall, jumpsOut, splitsIn } from "./splits";
import { statement, statements } from "./statements";
import { subgroupFunction } from "./subgroups";
import { chooseClause } from "./switches";
import { addMentions, globalsOf, mentionedIn } from "./usage";

type SplitCall = Extract<Expression, { kind: "call" | "builtin" }>;

/** Where a variable lies for each invocation: `stride` bytes apart. */
interface Home {
  readonly offset: number;
  readonly stride: number;
  readonly type: Type;
}

/** The function whose segments are lowered. */
interface GroupActivation {
  readonly result: Variable | null;
  readonly end: Target;
}

class GroupLowering {
  private readonly homes = new Map<Variable, Home>();
  /** Pointers to variables with homes, made anew in each segment. */
  private readonly pointers = new Map<Variable, Expression>();
  /** What pointers are made from. */
  private readonly pointees = new Map<Variable, Variable>();
  /** Parameters of the entry point that differ between invocations. */
  private readonly inputs = new Set<Variable>();
  /** Lets and vars that are defined in segments. */
  private readonly inSegments = new Set<Variable>();
  private readonly uniformVars = new Set<Variable>();
  private activation!: GroupActivation;
  private breakTarget: Target | null = null;
  private continueTarget: Target | null = null;

  constructor(
    readonly cx: Lowering,
    private readonly ids: Ids,
  ) {}

  run(privates: readonly GlobalVariable[]): void {
    const { cx, ids } = this;
    const { fn, inputs } = ids.entry;
    fn.parameters.forEach((parameter, i) => {
      const input = inputs[i]!;
      const names = typeof input === "string" ? [input] : input;
      const values = names.map((name: BuiltinValue) => ids.ofGroup(name));
      if (values.some((v) => v === null)) this.inputs.add(parameter);
      else cx.bindValue(parameter, typeof input === "string" ? values[0]! : (values as Value[]));
    });
    const begin: Statement[] = privates.map((variable) => ({
      kind: "var",
      at: variable.at,
      variable,
      init: variable.init,
    }));
    cx.environment.block((end) => {
      this.activation = { result: null, end };
      this.list([...begin, ...fn.body], false);
    });
  }

  /**
   * Statements of the workgroup.
   * @param repeats a split may follow their end: jumps out of them are the workgroup's
   * @param after what else sees the variables defined here
   */
  private list(
    body: readonly Statement[],
    repeats: boolean,
    after: readonly Statement[] = [],
  ): void {
    let segment: Statement[] = [];
    const flush = (rest: readonly Statement[]): void => {
      if (segment.length > 0) this.segment(segment, [...rest, ...after]);
      segment = [];
    };
    for (let i = 0; i < body.length; i++) {
      if (!this.cx.environment.reachable) return;
      const s = body[i]!;
      const rest = body.slice(i + 1);
      const follows = repeats || splitsIn(rest);
      if (splitsIn([s]) || (follows && jumpsOut([s]))) {
        flush(body.slice(i));
        if (!follows && rest.length > 0 && jumpsOut([s])) {
          this.guarded(s, rest);
          return;
        }
        this.groupStatement(s, follows, [...rest, ...after]);
      } else if (s.kind === "let" || s.kind === "var") {
        if (this.define(s)) segment.push(s);
      } else if (this.isUniformAssignment(s)) {
        flush(body.slice(i));
        statement(this.cx, s);
      } else segment.push(s);
    }
    if (this.cx.environment.reachable) flush([]);
  }

  /** A statement out of which some invocations may jump alone, and what the others do after it. */
  private guarded(s: Statement, rest: readonly Statement[]): void {
    const { cx } = this;
    const { at } = s;
    const variable: Variable = { name: "left", type: bool, at };
    const place: Place = { kind: "variable", variable, type: bool, at };
    const left: Expression = { kind: "load", place, type: bool, at };
    const yes: Expression = { kind: "constant", value: true, type: bool, at };
    const guard: Statement = {
      kind: "if",
      condition: negated(left),
      whenTrue: rest,
      whenFalse: [],
      at,
    };
    this.inSegments.add(variable);
    this.segment([{ kind: "var", variable, init: null, at }], [guard]);
    const mark: Statement = { kind: "assign", place, operator: null, value: yes, at };
    const [marked] = beforeJumpsOut([s], mark);
    this.groupStatement(marked!, false, [guard]);
    if (cx.environment.reachable) this.segment([guard], []);
  }

  /** @returns whether it is for a segment to define */
  private define(s: Extract<Statement, { kind: "let" | "var" }>): boolean {
    const isUniform = this.isUniformDefinition(s);
    this.forget(s.variable);
    const target = s.kind === "let" && s.variable.type.kind === "pointer" && pointee(s.value);
    if (target) this.pointees.set(s.variable, target);
    if (!isUniform) this.inSegments.add(s.variable);
    else {
      if (s.kind === "var") this.uniformVars.add(s.variable);
      statement(this.cx, s);
    }
    return !isUniform;
  }

  /** What a variable was when its function was called before. */
  private forget(variable: Variable): void {
    this.inSegments.delete(variable);
    this.uniformVars.delete(variable);
    this.homes.delete(variable);
    this.pointers.delete(variable);
    this.pointees.delete(variable);
    this.cx.placed.delete(variable);
  }

  private groupStatement(s: Statement, follows: boolean, after: readonly Statement[]): void {
    const { cx } = this;
    const { environment } = cx;
    cx.step(s.at);
    if (this.splitStatement(s, follows, after)) return;
    switch (s.kind) {
      case "block":
        this.list(s.body, follows);
        return;
      case "if":
        environment.if(
          this.uniform(s.condition),
          () => this.list(s.whenTrue, follows),
          () => this.list(s.whenFalse, follows),
        );
        return;
      case "loop":
        this.loop(s);
        return;
      case "switch":
        this.switch(s, follows);
        return;
      case "break":
        environment.jump(this.breakTarget!);
        return;
      case "continue":
        environment.jump(this.continueTarget!);
        return;
      case "return":
        if (s.value) this.segment([this.resultAssignment(s.value)], []);
        environment.jump(this.activation.end);
        return;
      default:
        unsupported(`A barrier in this ${s.kind} statement`, s.at);
    }
  }

  private resultAssignment(value: Expression): Statement {
    const variable = this.activation.result!;
    const place: Place = { kind: "variable", variable, type: variable.type, at: value.at };
    return { kind: "assign", place, operator: null, value, at: value.at };
  }

  /**
   * A statement that evaluates a split: first the split, whose result gets a name, then the statement with
   * that name in its place.
   */
  private splitStatement(s: Statement, follows: boolean, after: readonly Statement[]): boolean {
    if (s.kind === "evaluate" && isSplitCall(s.value) && !s.value.args.some(hasSplit)) {
      this.splitCall(s.value, null);
      return true;
    }
    if (s.kind === "let" && isSplitCall(s.value) && !s.value.args.some(hasSplit)) {
      this.splitCall(s.value, s.variable);
      return true;
    }
    if (s.kind === "loop" || s.kind === "block") return false;
    const before: Statement[] = [];
    const plain = s.kind === "assign" && hasSplit(s.value) ? this.withNamedPlace(s, before) : s;
    const rewritten = replaceExpressions(plain, (e) => this.extract(e, before));
    if (before.length === 0) return false;
    this.list([...before, rewritten], follows, after);
    return true;
  }

  /** An assignment reads its place before its right side is evaluated: place = place operator value. */
  private withNamedPlace(
    s: Extract<Statement, { kind: "assign" }>,
    before: Statement[],
  ): Statement {
    const named = (e: Expression): Expression => {
      if (e.type.kind === "pointer") return replaceExpressions(e, named);
      const index = this.extract(e, before);
      const stays = index.kind === "constant" || index.kind === "name";
      return stays ? index : this.named(index, e, before);
    };
    const { operator, at } = s;
    const place = replaceInPlace(s.place, named);
    if (!operator) return { ...s, place };
    const { type } = place;
    const old = temporary("old", s.value, type);
    before.push({ kind: "let", variable: old, value: { kind: "load", place, type, at }, at });
    const value: Expression = {
      kind: "binary",
      operator,
      left: nameOf(old),
      right: s.value,
      type,
      at,
    };
    return { ...s, place, operator: null, value };
  }

  /** The expression with its splits taken out into lets. What is evaluated before a split gets one too. */
  private extract(e: Expression, before: Statement[]): Expression {
    if (!hasSplit(e)) return e;
    if (e.kind === "logical" && hasSplit(e.right)) return this.extractLogical(e, before);
    const parts: Expression[] = [];
    replaceExpressions(e, (part) => {
      parts.push(part);
      return part;
    });
    const lastSplit = parts.findLastIndex(hasSplit);
    let i = 0;
    const inner = replaceExpressions(e, (part) => {
      const own = i++;
      const extracted = this.extract(part, before);
      const stays = extracted.kind === "constant" || extracted.kind === "name";
      return own < lastSplit && !stays && extracted.type.kind !== "pointer"
        ? this.named(extracted, part, before)
        : extracted;
    });
    return isSplitCall(inner) ? this.named(inner, e, before) : inner;
  }

  /** var both = left; if (both) { both = right; }, or for || if (!both). */
  private extractLogical(
    e: Extract<Expression, { kind: "logical" }>,
    before: Statement[],
  ): Expression {
    const { at, type } = e;
    const variable = temporary("both", e, type);
    const place: Place = { kind: "variable", variable, type, at };
    const both: Expression = { kind: "load", place, type, at };
    before.push({ kind: "var", variable, init: this.extract(e.left, before), at });
    const assign: Statement = { kind: "assign", place, operator: null, value: e.right, at };
    const condition = e.operator === "&&" ? both : negated(both);
    before.push({ kind: "if", condition, whenTrue: [assign], whenFalse: [], at });
    return both;
  }

  /** A name for the value of what was `origin` before splits were taken out of it. */
  private named(value: Expression, origin: Expression, before: Statement[]): Expression {
    const variable = temporary("part", origin, value.type);
    before.push({ kind: "let", variable, value, at: value.at });
    return nameOf(variable);
  }

  private splitCall(e: SplitCall, result: Variable | null): void {
    const { cx } = this;
    if (e.kind === "call") this.call(e, result);
    else if (e.name === "workgroupUniformLoad") {
      const [pointer] = e.args;
      if (!this.isUniform(pointer!)) unsupported("An index that may differ here", e.at);
      if (!result) return;
      this.forget(result);
      const { type, at } = e;
      cx.names.set(
        result,
        bindingOf(cx, {
          kind: "load",
          place: { kind: "dereference", pointer: pointer!, type, at },
          type,
          at,
        }),
      );
    } else if (!e.name.endsWith("Barrier")) this.subgroup(e, result);
  }

  private call(e: Extract<SplitCall, { kind: "call" }>, result: Variable | null): void {
    const { cx, activation, breakTarget, continueTarget } = this;
    const { fn, args } = e;
    const own = fn.result && temporary("result", e, fn.result);
    // The result is assigned in segments.
    if (own) this.home(own);
    const parameters = fn.parameters.flatMap((variable, i) =>
      withNamedIndices({ kind: "let", variable, value: args[i]!, at: args[i]!.at }),
    );
    cx.environment.block((end) => {
      this.activation = { result: own, end };
      this.list([...parameters, { kind: "block", body: fn.body, at: fn.at }], false);
    });
    Object.assign(this, { activation, breakTarget, continueTarget });
    if (own && result) this.homes.set(result, this.homes.get(own)!);
  }

  private subgroup(e: Extract<SplitCall, { kind: "builtin" }>, result: Variable | null): void {
    const { cx, ids } = this;
    const args = e.args.map(
      (value): Variable => ({ name: e.name, type: value.type, at: value.at }),
    );
    this.segment(
      e.args.map((value, i) => ({ kind: "let", variable: args[i]!, value, at: value.at })),
      [{ kind: "evaluate", value: { ...e, args: args.map(nameOf) }, at: e.at }],
    );
    if (!result) return;
    const home = this.home(result);
    eachInvocation(cx, ids.count, (lane) => {
      const read = (i: number, of: Value) =>
        loadMemory(cx.b, this.placeAt(this.homes.get(args[i]!)!, of)) as Value;
      const value = subgroupFunction(cx, e, lane, ids.count, read);
      storeMemory(cx.b, this.placeAt(home, lane), value);
    });
  }

  private loop(loop: Extract<Statement, { kind: "loop" }>): void {
    const s = withPlainConditions(loop);
    const { cx, breakTarget, continueTarget } = this;
    const { environment } = cx;
    environment.block((end) => {
      environment.loop(changingSlots(cx, [s.body, s.continuing]), (again) => {
        if (s.condition) environment.jumpIf(end, this.uniform(s.condition), false);
        const outer = [...environment.values.keys()];
        environment.block((next) => {
          this.breakTarget = end;
          this.continueTarget = next;
          this.list(s.body, true);
        });
        if (environment.reachable) this.list(s.continuing, true);
        if (!environment.reachable) return;
        environment.keep(outer);
        if (s.breakIf) environment.jumpIf(end, this.uniform(s.breakIf), true);
        environment.jump(again);
      });
      environment.reachable = false;
    });
    Object.assign(this, { breakTarget, continueTarget });
  }

  private switch(s: Extract<Statement, { kind: "switch" }>, follows: boolean): void {
    const { cx, breakTarget } = this;
    const inside = (end: Target) => {
      this.breakTarget = end;
    };
    chooseClause(cx, s, this.uniform(s.selector), inside, (body) => this.list(body, follows));
    this.breakTarget = breakTarget;
  }

  /** The value of an expression that is the same for all invocations. */
  private uniform(e: Expression): Value {
    const { cx } = this;
    if (this.isUniform(e)) return leaf(cx, e);
    // It is uniform, but that does not show: every invocation computes it, and the last one counts.
    const slot = new Slot();
    cx.environment.set(slot, cx.b.i32(0));
    const mentioned = new Set<Variable>();
    addMentions(mentioned, e);
    this.invocations(
      mentioned,
      [slot],
      () => cx.environment.set(slot, leaf(cx, e)),
      () => false,
    );
    const value = cx.environment.get(slot);
    cx.environment.values.delete(slot);
    return value;
  }

  /** Runs statements for each invocation; `rest` is what comes after in their list. */
  private segment(body: readonly Statement[], rest: readonly Statement[]): void {
    const { cx } = this;
    const { environment } = cx;
    const assigned = this.throughPointers(assignedIn(body));
    for (const variable of assigned)
      if (this.uniformVars.has(variable)) cx.discovered.varying.add(variable);
    const mentioned = new Set(mentionedIn(body));
    const { result } = this.activation;
    const returns = result !== null && body.some((s) => jumpsOut([s]));
    if (returns) {
      mentioned.add(result);
      assigned.add(result);
    }
    const later = new Set(mentionedIn(rest));
    for (const s of body.toReversed())
      if (s.kind === "let" && s.variable.type.kind === "pointer" && later.has(s.variable))
        addMentions(later, s.value);
    const kept: Variable[] = [];
    for (const s of body) {
      if ((s.kind !== "let" && s.kind !== "var") || !later.has(s.variable)) continue;
      if (s.kind === "let" && s.variable.type.kind === "pointer")
        this.pointers.set(s.variable, s.value);
      else kept.push(s.variable);
    }
    for (const variable of kept) if (!this.homes.has(variable)) this.home(variable);
    const defined = new Set(kept);
    this.invocations(
      mentioned,
      [],
      (lane) => {
        for (const variable of kept)
          if (cx.staysInMemory(variable)) cx.placed.set(variable, this.inMemory(variable, lane));
        const place = returns ? (cx.names.get(result) as { place: ReferredPlace }).place : null;
        environment.block((end) => {
          cx.activation = { result: place, end, returned: null };
          // Of a switch of the workgroup that no split follows: nothing else does either, see list().
          cx.breakTarget = end;
          statements(cx, body);
        });
      },
      (variable) => defined.has(variable) || assigned.has(variable),
    );
  }

  /** With the variables that assigned pointers point to. */
  private throughPointers(assigned: ReadonlySet<Variable>): Set<Variable> {
    const all = new Set(assigned);
    for (const variable of all) {
      const target = this.pointees.get(variable);
      if (target) all.add(target);
    }
    return all;
  }

  /**
   * One round for each invocation, with the variables it mentions in registers.
   * @param changing slots from outside that the body changes
   * @param isChanged which variables to store at the end
   */
  private invocations(
    mentioned: ReadonlySet<Variable>,
    changing: readonly Slot[],
    body: (lane: Value) => void,
    isChanged: (variable: Variable) => boolean,
  ): void {
    const { cx, ids } = this;
    const { environment } = cx;
    const wanted = new Set(mentioned);
    for (const variable of wanted) {
      const pointer = this.pointers.get(variable);
      if (pointer) addMentions(wanted, pointer);
    }
    eachInvocation(
      cx,
      ids.count,
      (lane) => {
        const outer = [...environment.values.keys()];
        bindInputs(cx, ids, lane, this.inputs);
        for (const variable of wanted) {
          const home = this.homes.get(variable);
          if (home) this.bring(variable, home, lane);
        }
        this.bringPointers(wanted);
        body(lane);
        for (const [variable, home] of this.homes) {
          if (!isChanged(variable)) continue;
          const binding = cx.names.get(variable)!;
          const own = this.placeAt(home, lane);
          if (binding.kind === "place" && isAt(binding.place, own)) continue;
          if (binding.kind === "value") storeMemory(cx.b, own, binding.value);
          else if (binding.place.kind === "memory") copyMemory(cx.b, own, binding.place.memory);
          else storeMemory(cx.b, own, loadPlace(cx, binding.place));
        }
        environment.keep(outer);
      },
      changing,
    );
  }

  /** Pointers may be made from others: those come first. */
  private bringPointers(wanted: ReadonlySet<Variable>): void {
    for (const [variable, pointer] of this.pointers)
      if (wanted.has(variable))
        this.cx.names.set(variable, { kind: "place", place: referred(this.cx, pointer) });
  }

  /** Makes a variable with a home usable in a segment. */
  private bring(variable: Variable, home: Home, lane: Value): void {
    const { cx } = this;
    if (cx.staysInMemory(variable)) {
      cx.names.set(variable, { kind: "place", place: this.inMemory(variable, lane) });
      return;
    }
    const place = cx.registerVariable(variable);
    storePlace(cx, place, loadMemory(cx.b, this.placeAt(home, lane)));
    // A let is named, a var is a place; both can be read from registers.
    cx.names.set(variable, { kind: "place", place });
  }

  private inMemory(variable: Variable, lane: Value): ReferredPlace {
    const memory = this.placeAt(this.homes.get(variable)!, lane);
    return { kind: "memory", memory, type: memory.type };
  }

  private home(variable: Variable): Home {
    const { type } = variable;
    const stride = roundUp(Math.max(sizeOf(type), 1), leafCount(type) === 1 ? 4 : 16);
    const aligned = stride >= 8 ? roundUp(stride, 16) : stride;
    const offset = this.cx.frame.reserve(roundUp(aligned * this.ids.count, 16), 16);
    const home = { offset, stride: aligned, type };
    this.homes.set(variable, home);
    return home;
  }

  private placeAt(home: Home, lane: Value): MemoryPlace {
    const { b, scratch } = this.cx;
    const base = b.pure("i32.add", [scratch, b.pure("i32.mul", [lane, b.i32(home.stride)])]);
    const { offset, type } = home;
    return { base, offset, type, constant: false, shared: false, bytes: null };
  }

  private isUniformDefinition(s: Extract<Statement, { kind: "let" | "var" }>): boolean {
    if (s.kind === "let") return this.isUniform(s.value);
    if (this.cx.discovered.varying.has(s.variable)) return false;
    return s.init === null || this.isUniform(s.init);
  }

  private isUniformAssignment(s: Statement): boolean {
    return s.kind === "assign" && this.isUniformPlace(s.place, true) && this.isUniform(s.value);
  }

  /** Whether an expression shows to be the same for all invocations. */
  private isUniform(e: Expression): boolean {
    switch (e.kind) {
      case "constant":
        return true;
      case "name":
        return this.isUniformName(e.variable);
      case "load":
        return this.isUniformPlace(e.place, false);
      case "addressOf":
        return this.isUniformAddress(e.place);
      case "element":
        return this.isUniform(e.of) && this.isUniform(e.index);
      case "member":
      case "swizzle":
        return this.isUniform(e.of);
      case "unary":
      case "convert":
      case "bitcast":
        return this.isUniform(e.operand);
      case "binary":
      case "logical":
        return this.isUniform(e.left) && this.isUniform(e.right);
      case "call":
        return this.isFunctional(e.fn) && e.args.every((arg) => this.isUniform(arg));
      case "builtin":
        return (
          !hasSplit(e) && !e.name.startsWith("atomic") && e.args.every((arg) => this.isUniform(arg))
        );
      case "construct":
        return e.args.every((arg) => this.isUniform(arg));
    }
  }

  private isUniformName(variable: Variable): boolean {
    const apart = [this.homes, this.inputs, this.inSegments, this.pointers];
    return !apart.some((known) => known.has(variable)) && this.cx.names.has(variable);
  }

  /** A place whose address is the same for all invocations. */
  private isUniformAddress(place: Place): boolean {
    if (place.kind === "element")
      return this.isUniformAddress(place.of) && this.isUniform(place.index);
    if (place.kind === "member") return this.isUniformAddress(place.of);
    const root = rootOf(place);
    return root !== null && this.isUniformName(root);
  }

  /** A place that holds the same for all: a uniform variable, or memory that nothing writes. */
  private isUniformPlace(place: Place, writes: boolean): boolean {
    if (!this.isUniformAddress(place)) return false;
    const binding = this.cx.names.get(rootOf(place)!);
    if (binding?.kind !== "place") return false;
    const { place: root } = binding;
    if (root.kind !== "memory") return true;
    if (root.memory.constant) return !writes;
    return this.uniformVars.has(rootOf(place)!);
  }

  /** A function whose result depends on its arguments and on memory that nothing writes alone. */
  private isFunctional(fn: FunctionDefinition): boolean {
    if (fn.parameters.some((p) => p.type.kind === "pointer")) return false;
    return globalsOf(fn).every((v) => v.space === "uniform" || v.access === "read");
  }
}

/** The variable that a pointer is made from: another pointer, or what it points into. */
function pointee(pointer: Expression): Variable | null {
  if (pointer.kind === "name") return pointer.variable;
  return pointer.kind === "addressOf" ? rootOf(pointer.place) : null;
}

const temporaries = new WeakMap<Expression, { [name: string]: Variable }>();

/**
 * The variable that a split of this expression needs. It is the same one in every attempt at the kernel, so
 * that what was learnt of it is known in the next.
 */
function temporary(name: "part" | "both" | "old" | "result", e: Expression, type: Type): Variable {
  const known = temporaries.get(e) ?? {};
  temporaries.set(e, known);
  known[name] ??= { name, type, at: e.at };
  return known[name];
}

/** Whether a place is this memory itself: a var that stays in memory is at home. */
const isAt = (place: ReferredPlace, { base, offset }: MemoryPlace): boolean =>
  place.kind === "memory" && place.memory.base === base && place.memory.offset === offset;

const negated = (operand: Expression): Expression => ({
  kind: "unary",
  operator: "!",
  operand,
  type: operand.type,
  at: operand.at,
});

type Loop = Extract<Statement, { kind: "loop" }>;

/** Conditions of a loop that contain splits become statements in it. */
function withPlainConditions(s: Loop): Loop {
  const leave = (condition: Expression): Statement => ({
    kind: "if",
    condition,
    whenTrue: [{ kind: "break", at: s.at }],
    whenFalse: [],
    at: s.at,
  });
  const first = s.condition && hasSplit(s.condition) ? [leave(negated(s.condition))] : [];
  const last = s.breakIf && hasSplit(s.breakIf) ? [leave(s.breakIf)] : [];
  return {
    ...s,
    condition: first.length > 0 ? null : s.condition,
    body: [...first, ...s.body],
    continuing: [...s.continuing, ...last],
    breakIf: last.length > 0 ? null : s.breakIf,
  };
}

/** Lowers the code of one workgroup. */
export function runGroup(cx: Lowering, ids: Ids, privates: readonly GlobalVariable[]): void {
  new GroupLowering(cx, ids).run(privates);
}
