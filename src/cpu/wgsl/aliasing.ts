/**
 * The alias rule (WGSL, "Alias Analysis"): in a call, memory that a pointer parameter reaches must not be written
 * while another parameter, or the called function by itself, reaches the same variable. So a function may be
 * compiled as if its pointers were apart. Also, which variables an entry point uses must have bindings of
 * their own.
 */
import { atomicBuiltins } from "./builtins";
import type {
  EntryPoint,
  Expression,
  FunctionDefinition,
  GlobalVariable,
  Place,
  Statement,
  Variable,
} from "./program";
import { fail, type Module } from "./scope";

/** What a function does to variables of the module and through its pointer parameters, with what it calls. */
interface Effects {
  readonly reads: Set<Variable>;
  readonly writes: Set<Variable>;
  /** Variables it mentions. */
  readonly uses: Set<Variable>;
}

const hasPointer = (fn: FunctionDefinition): boolean =>
  fn.parameters.some(({ type }) => type.kind === "pointer");

/** Fails where a call breaks the alias rule, or an entry point uses two variables of one binding. */
export function checkAliasing({ functions, globals, entries }: Module): void {
  const bindings = globals.map(bindingKey).filter((key) => key !== null);
  const isShared = new Set(bindings).size < bindings.length;
  if (!isShared && !functions.some(hasPointer)) return;
  const effects = new Map<FunctionDefinition, Effects>();
  for (const fn of functions) effects.set(fn, effectsOf(fn, effects));
  if (isShared)
    for (const entry of entries) requireOwnBindings(entry, effects.get(entry.fn)!, globals);
}

const bindingKey = ({ binding }: GlobalVariable): string | null =>
  binding && `${binding.group} ${binding.index}`;

function requireOwnBindings(
  { name }: EntryPoint,
  { uses }: Effects,
  globals: readonly GlobalVariable[],
): void {
  const taken = new Map<string, GlobalVariable>();
  for (const global of globals) {
    const key = bindingKey(global);
    if (key === null || !uses.has(global)) continue;
    const other = taken.get(key);
    if (other)
      fail(
        global.at,
        `${name} uses ${other.name} and ${global.name}, which have the same binding. Change one.`,
      );
    taken.set(key, global);
  }
}

function effectsOf(
  fn: FunctionDefinition,
  known: ReadonlyMap<FunctionDefinition, Effects>,
): Effects {
  const effects: Effects = { reads: new Set(), writes: new Set(), uses: new Set() };
  /** What pointers bound by let point into. */
  const pointees = new Map<Variable, Variable>();

  /** The variable that a place is a part of; a pointer parameter stands for what it points to. */
  const rootOf = (place: Place): Variable => {
    switch (place.kind) {
      case "variable":
        return place.variable;
      case "dereference":
        return pointeeOf(place.pointer);
      default:
        return rootOf(place.of);
    }
  };
  const pointeeOf = (pointer: Expression): Variable => {
    if (pointer.kind === "addressOf") return rootOf(pointer.place);
    const { variable } = pointer as Expression & { kind: "name" };
    return pointees.get(variable) ?? variable;
  };

  const visitPlace = (place: Place): void => {
    if (place.kind === "variable") effects.uses.add(place.variable);
    else if (place.kind === "dereference") visit(place.pointer);
    else {
      visitPlace(place.of);
      if (place.kind === "element") visit(place.index);
    }
  };

  const visitCall = (call: Expression & { kind: "call" }): void => {
    const callee = known.get(call.fn)!;
    const own = (variable: Variable) => call.fn.parameters.includes(variable);
    // The variables the callee reaches by itself, then those it reaches through each pointer.
    const writes = new Set([...callee.writes].filter((variable) => !own(variable)));
    const reads = new Set([...callee.reads].filter((variable) => !own(variable)));
    call.fn.parameters.forEach((parameter, k) => {
      if (parameter.type.kind !== "pointer") return;
      const arg = call.args[k]!;
      const root = pointeeOf(arg);
      const isWritten = callee.writes.has(parameter);
      const isRead = callee.reads.has(parameter);
      if ((isWritten && (reads.has(root) || writes.has(root))) || (isRead && writes.has(root)))
        fail(
          arg.at,
          `${call.fn.name} reaches ${root.name} in two ways and writes it. Pass it once, or a copy of it.`,
        );
      if (isWritten) writes.add(root);
      if (isRead) reads.add(root);
    });
    for (const variable of writes) effects.writes.add(variable);
    for (const variable of reads) effects.reads.add(variable);
    for (const variable of callee.uses) effects.uses.add(variable);
  };

  const visit = (node: Expression): void => {
    switch (node.kind) {
      case "constant":
      case "name":
        break;
      case "load":
        effects.reads.add(rootOf(node.place));
        visitPlace(node.place);
        break;
      case "addressOf":
        visitPlace(node.place);
        break;
      case "element":
        visit(node.of);
        visit(node.index);
        break;
      case "member":
      case "swizzle":
        visit(node.of);
        break;
      case "unary":
      case "convert":
      case "bitcast":
        visit(node.operand);
        break;
      case "binary":
      case "logical":
        visit(node.left);
        visit(node.right);
        break;
      case "call":
        node.args.forEach(visit);
        visitCall(node);
        break;
      case "builtin":
        node.args.forEach(visit);
        if (node.args[0]?.type.kind !== "pointer" || node.name === "arrayLength") break;
        if (node.name !== "atomicStore") effects.reads.add(pointeeOf(node.args[0]));
        if (atomicBuiltins.has(node.name) && node.name !== "atomicLoad")
          effects.writes.add(pointeeOf(node.args[0]));
        break;
      case "construct":
        node.args.forEach(visit);
        break;
    }
  };

  const visitStatement = (node: Statement): void => {
    switch (node.kind) {
      case "block":
        node.body.forEach(visitStatement);
        break;
      case "var":
        if (node.init) visit(node.init);
        break;
      case "let":
        visit(node.value);
        if (node.variable.type.kind === "pointer")
          pointees.set(node.variable, pointeeOf(node.value));
        break;
      case "assign":
        visitPlace(node.place);
        visit(node.value);
        effects.writes.add(rootOf(node.place));
        if (node.operator) effects.reads.add(rootOf(node.place));
        break;
      case "evaluate":
        visit(node.value);
        break;
      case "if":
        visit(node.condition);
        node.whenTrue.forEach(visitStatement);
        node.whenFalse.forEach(visitStatement);
        break;
      case "loop":
        if (node.condition) visit(node.condition);
        node.body.forEach(visitStatement);
        node.continuing.forEach(visitStatement);
        if (node.breakIf) visit(node.breakIf);
        break;
      case "switch":
        visit(node.selector);
        for (const clause of node.clauses) clause.body.forEach(visitStatement);
        break;
      case "return":
        if (node.value) visit(node.value);
        break;
      default:
        break;
    }
  };
  fn.body.forEach(visitStatement);
  return effects;
}
