/**
 * The alias rule (WGSL, "Alias Analysis"): in a call, memory that a pointer parameter reaches must not be written
 * while another parameter, or the called function by itself, reaches the same variable. So a function may be
 * compiled as if its pointers were apart. Also, which variables an entry point uses must have bindings of
 * their own.
 */
import { atomicBuiltins } from "./builtins";
import { evaluatedBy, operandsOf, statementsIn } from "./children";
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

  const visit = (node: Expression | Place): void => {
    operandsOf(node).forEach(visit);
    switch (node.kind) {
      case "variable":
        effects.uses.add(node.variable);
        break;
      case "load":
        effects.reads.add(rootOf(node.place));
        break;
      case "call":
        visitCall(node);
        break;
      case "builtin": {
        const pointer = node.args[0];
        if (pointer?.type.kind !== "pointer" || node.name === "arrayLength") break;
        if (node.name !== "atomicStore") effects.reads.add(pointeeOf(pointer));
        if (atomicBuiltins.has(node.name) && node.name !== "atomicLoad")
          effects.writes.add(pointeeOf(pointer));
        break;
      }
    }
  };

  const visitStatement = (node: Statement): void => {
    // First what it holds: a `break if` may use pointers that the body binds.
    statementsIn(node).forEach(visitStatement);
    evaluatedBy(node).forEach(visit);
    if (node.kind === "let" && node.variable.type.kind === "pointer")
      pointees.set(node.variable, pointeeOf(node.value));
    if (node.kind === "assign") {
      effects.writes.add(rootOf(node.place));
      if (node.operator) effects.reads.add(rootOf(node.place));
    }
  };
  fn.body.forEach(visitStatement);
  return effects;
}
