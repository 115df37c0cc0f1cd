/** Copies of expressions and statements with their direct parts replaced. */
import type { Expression, Place, Statement } from "../wgsl/program";

type Replace = (e: Expression) => Expression;

/** Replaces the pointer and the indices of a place. */
export function replaceInPlace(place: Place, replace: Replace): Place {
  switch (place.kind) {
    case "variable":
      return place;
    case "dereference":
      return { ...place, pointer: replace(place.pointer) };
    case "element":
      return { ...place, of: replaceInPlace(place.of, replace), index: replace(place.index) };
    case "member":
      return { ...place, of: replaceInPlace(place.of, replace) };
  }
}

function inExpression(e: Expression, replace: Replace): Expression {
  switch (e.kind) {
    case "constant":
    case "name":
      return e;
    case "load":
    case "addressOf":
      return { ...e, place: replaceInPlace(e.place, replace) };
    case "element":
      return { ...e, of: replace(e.of), index: replace(e.index) };
    case "member":
    case "swizzle":
      return { ...e, of: replace(e.of) };
    case "unary":
    case "convert":
    case "bitcast":
      return { ...e, operand: replace(e.operand) };
    case "binary":
    case "logical":
      return { ...e, left: replace(e.left), right: replace(e.right) };
    case "call":
    case "builtin":
    case "construct":
      return { ...e, args: e.args.map(replace) };
  }
}

function inStatement(s: Statement, replace: Replace): Statement {
  switch (s.kind) {
    case "var":
      return { ...s, init: s.init && replace(s.init) };
    case "let":
    case "evaluate":
      return { ...s, value: replace(s.value) };
    case "assign":
      return { ...s, place: replaceInPlace(s.place, replace), value: replace(s.value) };
    case "if":
      return { ...s, condition: replace(s.condition) };
    case "switch":
      return { ...s, selector: replace(s.selector) };
    case "return":
      return { ...s, value: s.value && replace(s.value) };
    default:
      return s;
  }
}

/** Replaces the expressions that are direct parts, in the order in which they are evaluated. */
export function replaceExpressions(node: Expression, replace: Replace): Expression;
export function replaceExpressions(node: Statement, replace: Replace): Statement;
export function replaceExpressions(
  node: Expression | Statement,
  replace: Replace,
): Expression | Statement {
  return "type" in node
    ? inExpression(node as Expression, replace)
    : inStatement(node as Statement, replace);
}
