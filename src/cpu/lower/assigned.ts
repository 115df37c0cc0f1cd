/**
 * Which variables statements may assign, themselves or through calls: what a loop's phis are made for.
 * Pointers are followed to the variables they were made from.
 */
import type { Expression, FunctionDefinition, Place, Statement, Variable } from "../wgsl/program";

export type Visit = (place: Place) => void;

/** Calls `onAssign` for every place assigned in the statements, and `onExpression` for each expression. */
export function walk(
  body: readonly Statement[],
  onAssign: Visit,
  onExpression: (e: Expression) => void,
): void {
  for (const s of body) {
    switch (s.kind) {
      case "block":
        walk(s.body, onAssign, onExpression);
        break;
      case "var":
        if (s.init) onExpression(s.init);
        break;
      case "let":
      case "evaluate":
        onExpression(s.value);
        break;
      case "assign":
        onAssign(s.place);
        placeExpressions(s.place, onExpression);
        onExpression(s.value);
        break;
      case "if":
        onExpression(s.condition);
        walk(s.whenTrue, onAssign, onExpression);
        walk(s.whenFalse, onAssign, onExpression);
        break;
      case "loop":
        if (s.condition) onExpression(s.condition);
        walk(s.body, onAssign, onExpression);
        walk(s.continuing, onAssign, onExpression);
        if (s.breakIf) onExpression(s.breakIf);
        break;
      case "switch":
        onExpression(s.selector);
        for (const clause of s.clauses) walk(clause.body, onAssign, onExpression);
        break;
      case "return":
        if (s.value) onExpression(s.value);
        break;
    }
  }
}

function placeExpressions(place: Place, on: (e: Expression) => void): void {
  if (place.kind === "dereference") on(place.pointer);
  if (place.kind === "element") on(place.index);
  if (place.kind === "element" || place.kind === "member") placeExpressions(place.of, on);
}

/** The expression and all inside it. */
export function eachExpression(e: Expression, on: (e: Expression) => void): void {
  on(e);
  const into = (part: Expression) => eachExpression(part, on);
  switch (e.kind) {
    case "load":
    case "addressOf":
      placeExpressions(e.place, into);
      break;
    case "element":
      into(e.of);
      into(e.index);
      break;
    case "member":
    case "swizzle":
      into(e.of);
      break;
    case "unary":
    case "convert":
    case "bitcast":
      into(e.operand);
      break;
    case "binary":
    case "logical":
      into(e.left);
      into(e.right);
      break;
    case "call":
    case "builtin":
    case "construct":
      e.args.forEach(into);
      break;
  }
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
    eachExpression(outer, (e) => {
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
