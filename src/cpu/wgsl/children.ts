/** The direct parts of expressions, places and statements, for walks that treat most kinds alike. */
import type { Expression, Place, Statement } from "./program";

/** In the order of evaluation. */
export function operandsOf(node: Expression | Place): readonly (Expression | Place)[] {
  switch (node.kind) {
    case "constant":
    case "name":
    case "variable":
      return [];
    case "load":
    case "addressOf":
      return [node.place];
    case "dereference":
      return [node.pointer];
    case "element":
      return [node.of, node.index];
    case "member":
    case "swizzle":
      return [node.of];
    case "unary":
    case "convert":
    case "bitcast":
      return [node.operand];
    case "binary":
    case "logical":
      return [node.left, node.right];
    case "call":
    case "builtin":
    case "construct":
      return node.args;
  }
}

/** The expressions and places that a statement itself evaluates. */
export function evaluatedBy(statement: Statement): readonly (Expression | Place)[] {
  const all: readonly (Expression | Place | null)[] = (() => {
    switch (statement.kind) {
      case "var":
        return [statement.init];
      case "let":
      case "evaluate":
      case "return":
        return [statement.value];
      case "assign":
        return [statement.place, statement.value];
      case "if":
        return [statement.condition];
      case "loop":
        return [statement.condition, statement.breakIf];
      case "switch":
        return [statement.selector];
      case "block":
      case "break":
      case "continue":
        return [];
    }
  })();
  return all.filter((node) => node !== null);
}

/** The statements that stand in a statement. */
export function statementsIn(statement: Statement): readonly Statement[] {
  switch (statement.kind) {
    case "block":
      return statement.body;
    case "if":
      return [...statement.whenTrue, ...statement.whenFalse];
    case "loop":
      return [...statement.body, ...statement.continuing];
    case "switch":
      return statement.clauses.flatMap((clause) => clause.body);
    default:
      return [];
  }
}
