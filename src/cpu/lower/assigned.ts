/**
 * Which variables statements may assign, themselves or through calls: what a loop's phis are made for.
 * Pointers are followed to the variables they were made from.
 */
import { evaluatedBy, operandsOf, statementsIn } from "../wgsl/children";
import type { Expression, FunctionDefinition, Place, Statement, Variable } from "../wgsl/program";

export type Node = Expression | Place;

/** Calls `onAssign` for every place assigned in the statements, and `onNode` for all they evaluate. */
export function walk(
  body: readonly Statement[],
  onAssign: (place: Place) => void,
  onNode: (node: Node) => void,
): void {
  for (const s of body) {
    if (s.kind === "assign") onAssign(s.place);
    evaluatedBy(s).forEach(onNode);
    walk(statementsIn(s), onAssign, onNode);
  }
}

/** The expression or place and all inside it. */
export function eachNode(node: Node, on: (node: Node) => void): void {
  on(node);
  for (const part of operandsOf(node)) eachNode(part, on);
}

/** The variable a place is part of, or the pointer it goes through. */
export function rootOf(place: Place): Variable | null {
  if (place.kind === "element" || place.kind === "member") return rootOf(place.of);
  if (place.kind === "variable") return place.variable;
  const { pointer } = place;
  if (pointer.kind === "addressOf") return rootOf(pointer.place);
  return pointer.kind === "name" ? pointer.variable : null;
}

const inFunctions = new WeakMap<FunctionDefinition, ReadonlySet<Variable>>();

/** Roots of all that may be assigned: variables, and pointers that are assigned through. */
export function assignedIn(body: readonly Statement[]): ReadonlySet<Variable> {
  const found = new Set<Variable>();
  const add = (place: Place): void => {
    const root = rootOf(place);
    if (root) found.add(root);
  };
  walk(body, add, (outer) =>
    eachNode(outer, (e) => {
      // A pointer that is handed on may be assigned through.
      if (e.kind === "addressOf") add(e.place);
      if (e.kind !== "call") return;
      for (const arg of e.args)
        if (arg.kind === "name" && arg.type.kind === "pointer") found.add(arg.variable);
      let inside = inFunctions.get(e.fn);
      if (!inside) {
        inside = assignedIn(e.fn.body);
        inFunctions.set(e.fn, inside);
      }
      for (const variable of inside) found.add(variable);
    }),
  );
  return found;
}
