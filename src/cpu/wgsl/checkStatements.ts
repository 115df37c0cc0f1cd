/** Statements of a function. `for` becomes a block with a loop, `while` a loop, `x++` becomes `x += 1`. */
import type * as ast from "./ast";
import { checkCallStatement } from "./checkCalls";
import { checkExpression, checkValue, compoundValue } from "./checkExpressions";
import { checkType } from "./checkTypes";
import {
  constantAs,
  converted,
  isConstant,
  isConvertible,
  loaded,
  type Operand,
  settled,
} from "./operand";
import type { Expression, Place, Position, Statement } from "./program";
import { fail, type Scope } from "./scope";
import { requireStorable } from "./typeRules";
import { bool, i32, type Type, typeName, u32 } from "./types";

/** The body of a function that returns `result`. The parameters stand in the innermost block of the scope. */
export function checkBody(scope: Scope, body: ast.Block, result: Type | null): Statement[] {
  return checkAll(scope, body.body, result);
}

function checkAll(scope: Scope, nodes: readonly ast.Statement[], result: Type | null): Statement[] {
  const statements: Statement[] = [];
  for (const node of nodes) {
    const statement = checkStatement(scope, node, result);
    if (statement) statements.push(statement);
  }
  return statements;
}

/** The statements of a block, with a scope of their own. */
function checkBlock(
  scope: Scope,
  nodes: readonly ast.Statement[],
  result: Type | null,
): Statement[] {
  scope.push();
  const body = checkAll(scope, nodes, result);
  scope.pop();
  return body;
}

/** Null for what leaves nothing behind: declarations of constants, and assertions. */
function checkStatement(scope: Scope, node: ast.Statement, result: Type | null): Statement | null {
  const { at } = node;
  switch (node.kind) {
    case "block":
      return { kind: "block", at, body: checkBlock(scope, node.body, result) };
    case "var":
      return checkVariable(scope, node);
    case "let":
      return checkLet(scope, node);
    case "const": {
      const { type, value } = checkConstant(scope, node);
      scope.declare(node.name, at, { kind: "constant", type, value, stage: "const" });
      return null;
    }
    case "const_assert":
      checkAssertion(scope, node);
      return null;
    case "assign":
    case "increment":
    case "call":
      return checkSimple(scope, node);
    case "if":
      return checkIf(scope, node, result);
    case "switch":
      return checkSwitch(scope, node, result);
    case "loop":
      return checkLoop(scope, node, result);
    case "for":
      return checkFor(scope, node, result);
    case "while": {
      const condition = checkCondition(scope, node.condition);
      const body = checkBlock(scope, node.body.body, result);
      return { kind: "loop", at, condition, body, continuing: [], breakIf: null };
    }
    case "break":
    case "continue":
      return { kind: node.kind, at };
    case "return":
      return checkReturn(scope, node, result);
    case "discard":
      return fail(at, "discard is for fragment shaders. Use return.");
  }
}

function checkVariable(scope: Scope, node: ast.VariableDeclaration): Statement {
  const { name, at, template } = node;
  const [space, ...more] = template ?? [];
  if (space && (space.kind !== "identifier" || space.name !== "function" || more.length > 0))
    fail(
      at,
      "A variable in a function has no other address space. Declare it outside, or drop <…>.",
    );
  const { type, value } = checkInitialiser(scope, node, node.type, node.init);
  requireStorable(at, type, "function", "read_write");
  const variable = { name, type, at };
  scope.declare(name, at, { kind: "reference", variable, space: "function", access: "read_write" });
  return { kind: "var", at, variable, init: value };
}

function checkLet(scope: Scope, node: ast.LetDeclaration): Statement {
  const { name, at } = node;
  const { type, value } = checkInitialiser(scope, node, node.type, node.value);
  const variable = { name, type, at };
  scope.declare(name, at, { kind: "value", variable });
  return { kind: "let", at, variable, value: value! };
}

/** The type of a variable and its first value, of which one may be left to the other. */
export function checkInitialiser(
  scope: Scope,
  { name, at }: { readonly name: string; readonly at: Position },
  typeNode: ast.Identifier | null,
  init: ast.Expression | null,
): { type: Type; value: Expression | null } {
  const type = typeNode && checkType(scope, typeNode);
  if (!init) return { type: type ?? fail(at, `${name} needs a type or a value.`), value: null };
  const operand = checkValue(scope, init);
  const value = type ? converted(scope, operand, type) : settled(scope, operand);
  return { type: value.type, value };
}

/** The value of a const declaration; without a type it may stay abstract. */
export function checkConstant(
  scope: Scope,
  node: ast.ConstDeclaration,
): { type: Type; value: NonNullable<Operand["constant"]> } {
  const operand = checkValue(scope, node.value);
  requireConst(operand, `The value of const ${node.name}`);
  const type = node.type ? checkType(scope, node.type) : operand.type;
  if (!isConvertible(operand.type, type)) converted(scope, operand, type);
  return { type, value: constantAs(scope, operand, type) };
}

/** Fails unless the text alone gives the value. */
function requireConst({ stage, at }: Operand, what: string): void {
  if (stage === "override") fail(at, `${what} must not need an override. Use const values.`);
  if (stage === "runtime") fail(at, `${what} must be a constant expression. Use let for others.`);
}

export function checkAssertion(scope: Scope, node: ast.ConstAssert): void {
  const operand = checkValue(scope, node.condition);
  requireConst(operand, "What const_assert asserts");
  if (operand.type !== bool)
    fail(operand.at, `const_assert takes bool, not ${typeName(operand.type)}.`);
  if (operand.constant !== true) fail(node.at, "The const_assert does not hold.");
}

function checkCondition(scope: Scope, node: ast.Expression): Expression {
  const operand = checkValue(scope, node);
  if (operand.type !== bool)
    fail(
      operand.at,
      `A condition is bool, not ${typeName(operand.type)}. Compare it with something.`,
    );
  return settled(scope, operand);
}

/** Null for `_ = constant`. */
function checkSimple(scope: Scope, node: ast.SimpleStatement): Statement | null {
  const { at } = node;
  switch (node.kind) {
    case "call":
      return { kind: "evaluate", at, value: checkCallStatement(scope, node.call) };
    case "increment": {
      const place = checkTarget(scope, node.target);
      const { type } = place;
      if (type !== i32 && type !== u32)
        fail(at, `++ and -- take i32 and u32, not ${typeName(type)}. Use += 1.`);
      const value: Expression = { kind: "constant", at, type, value: 1 };
      return { kind: "assign", at, place, operator: node.by === 1 ? "+" : "-", value };
    }
    case "assign": {
      const { target, operator } = node;
      if (!target) {
        const value = checkValue(scope, node.value);
        return isConstant(value) ? null : { kind: "evaluate", at, value: settled(scope, value) };
      }
      const place = checkTarget(scope, target);
      const right = checkValue(scope, node.value);
      const value = operator
        ? compoundValue(scope, at, operator, place.type, right)
        : converted(scope, right, place.type);
      return { kind: "assign", at, place, operator, value };
    }
  }
}

/** The place that an assignment writes. */
function checkTarget(scope: Scope, node: ast.Expression): Place {
  const { at, type, reference } = checkExpression(scope, node);
  if (!reference) {
    const isSwizzle = node.kind === "member" && type.kind === "vector";
    return fail(
      at,
      isSwizzle
        ? "Several components cannot be assigned at once. Assign them one by one."
        : "Only variables can be assigned. Make it a var.",
    );
  }
  const { place, space, access } = reference;
  if (access === "read")
    fail(
      at,
      space === "storage"
        ? "The storage buffer is read-only. Declare it as var<storage, read_write>."
        : "A uniform is read-only. Copy it to a var.",
    );
  if (type.kind === "atomic") fail(at, "An atomic cannot be assigned. Use atomicStore(&…, …).");
  // What cannot be read as a value cannot be written as one.
  loaded({ at, type, stage: "runtime", constant: null, expression: null, reference });
  return place;
}

function checkIf(scope: Scope, node: ast.If, result: Type | null): Statement {
  const condition = checkCondition(scope, node.condition);
  const whenTrue = checkBlock(scope, node.whenTrue.body, result);
  const otherwise = node.whenFalse;
  const whenFalse =
    otherwise === null
      ? []
      : otherwise.kind === "if"
        ? [checkIf(scope, otherwise, result)]
        : checkBlock(scope, otherwise.body, result);
  return { kind: "if", at: node.at, condition, whenTrue, whenFalse };
}

function checkSwitch(
  scope: Scope,
  node: ast.Statement & { kind: "switch" },
  result: Type | null,
): Statement {
  const { at } = node;
  const selector = checkValue(scope, node.selector);
  const cases = node.clauses.map((clause) =>
    clause.selectors.map((value) => value && checkValue(scope, value)),
  );
  const all = [selector, ...cases.flat().filter((value) => value !== null)];
  const type = all.map((value) => value.type).find((t) => t === i32 || t === u32) ?? i32;
  const seen = new Set<number>();
  const clauses = node.clauses.map((clause, c) => {
    const values: number[] = [];
    for (const operand of cases[c]!) {
      if (!operand) continue;
      requireConst(operand, "A case value");
      requireSelector(operand, type);
      const value = constantAs(scope, operand, type) as number;
      if (seen.has(value)) fail(operand.at, `Case ${value} is there twice. Remove one.`);
      seen.add(value);
      values.push(value);
    }
    const body = checkBlock(scope, clause.body.body, result);
    return { values, isDefault: clause.selectors.includes(null), body };
  });
  requireSelector(selector, type);
  return { kind: "switch", at, selector: converted(scope, selector, type), clauses };
}

function requireSelector({ at, type }: Operand, wanted: Type): void {
  if (!isConvertible(type, wanted))
    fail(
      at,
      `The selector and the values of a switch must all be i32, or all u32; this is ${typeName(type)}.`,
    );
}

function checkLoop(
  scope: Scope,
  node: ast.Statement & { kind: "loop" },
  result: Type | null,
): Statement {
  const { at } = node;
  scope.push();
  const body = checkAll(scope, node.body, result);
  // The continuing part sees the names of the body.
  scope.push();
  const continuing = checkAll(scope, node.continuing?.body ?? [], result);
  const breakIf = node.continuing?.breakIf ? checkCondition(scope, node.continuing.breakIf) : null;
  scope.pop();
  scope.pop();
  return { kind: "loop", at, condition: null, body, continuing, breakIf };
}

function checkFor(
  scope: Scope,
  node: ast.Statement & { kind: "for" },
  result: Type | null,
): Statement {
  const { at } = node;
  scope.push();
  const init = node.init && checkStatement(scope, node.init, result);
  const condition = node.condition && checkCondition(scope, node.condition);
  const update = node.update && checkSimple(scope, node.update);
  const body = checkBlock(scope, node.body.body, result);
  scope.pop();
  const continuing = update ? [update] : [];
  const loop: Statement = { kind: "loop", at, condition, body, continuing, breakIf: null };
  return { kind: "block", at, body: init ? [init, loop] : [loop] };
}

function checkReturn(
  scope: Scope,
  node: ast.Statement & { kind: "return" },
  result: Type | null,
): Statement {
  const { at } = node;
  if (!node.value) {
    if (result) fail(at, `The function returns ${typeName(result)}. Give return a value.`);
    return { kind: "return", at, value: null };
  }
  const operand = checkValue(scope, node.value);
  if (!result)
    return fail(at, "The function returns nothing. Declare `-> type`, or drop the value.");
  return { kind: "return", at, value: converted(scope, operand, result) };
}
