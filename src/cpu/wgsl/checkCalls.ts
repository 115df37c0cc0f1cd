/** Calls: of functions of the module, of built-in functions, and of types. */
import type * as ast from "./ast";
import {
  constantBuiltins,
  constantLane,
  isBuiltinFunction,
  isUnsupportedBuiltin,
  resolveBuiltin,
  resultMustBeUsed,
  subgroupBuiltins,
} from "./builtins";
import { checkExpression, checkValue } from "./checkExpressions";
import { checkType, namedType } from "./checkTypes";
import { requireValidArguments } from "./constantOperands";
import { bitcastConstant, evaluateBuiltin } from "./constants";
import { construct } from "./construct";
import {
  constantAs,
  constantOperand,
  constantStage,
  converted,
  evaluated,
  isConstant,
  isSettling,
  type Operand,
  settled,
  valueOperand,
} from "./operand";
import type { Expression } from "./program";
import { fail, type Meaning, type Scope } from "./scope";
import { isConstructible, overrideSized } from "./typeRules";
import { bool, sameType, typeName } from "./types";

type Call = ast.Expression & { kind: "call" };

/** A call that gives a value. */
export function checkCall(scope: Scope, node: Call): Operand {
  const call = checkAnyCall(scope, node);
  if (call.isEmpty) fail(node.at, `${node.callee.name} gives no value. Call it as a statement.`);
  return call.operand;
}

/** The call of a statement, with the value it gives unused. */
export function checkCallStatement(scope: Scope, node: Call): Expression {
  const { operand, mustUse } = checkAnyCall(scope, node);
  if (mustUse)
    fail(
      node.at,
      `The result of ${node.callee.name} must be used. Assign it: _ = ${node.callee.name}(…).`,
    );
  return settled(scope, operand);
}

interface CheckedCall {
  readonly operand: Operand;
  /** The function has no result; the type of the operand means nothing. */
  readonly isEmpty: boolean;
  readonly mustUse: boolean;
}

function checkAnyCall(scope: Scope, node: Call): CheckedCall {
  const { callee, at } = node;
  const { name } = callee;
  const meaning = scope.lookup(name, callee.at);
  if (meaning?.kind === "function") return callFunction(scope, node, meaning);
  if (!meaning && isBuiltinFunction(name)) return callBuiltin(scope, node);
  const type = namedType(scope, callee);
  if (type) {
    const args = node.args.map((arg) => checkValue(scope, arg));
    return { operand: construct(scope, at, type, args), isEmpty: false, mustUse: true };
  }
  if (!meaning && isUnsupportedBuiltin(name))
    fail(at, `The CPU executor has no ${name}: compute shaders use buffers.`);
  return fail(
    callee.at,
    meaning
      ? `${name} is not a function here. Rename one of the two.`
      : `${name} is not declared. Declare the function or correct the name.`,
  );
}

function callFunction(
  scope: Scope,
  node: Call,
  { fn, mustUse, isEntry }: Meaning & { kind: "function" },
): CheckedCall {
  const { at, callee } = node;
  if (!scope.isLocal) fail(at, `${fn.name} cannot be called outside of functions.`);
  if (callee.template) fail(at, `${fn.name} takes no template arguments. Leave them out.`);
  if (isEntry) fail(at, `${fn.name} is an entry point. Move its body to a function of its own.`);
  if (node.args.length !== fn.parameters.length)
    fail(at, `${fn.name} takes ${fn.parameters.length} arguments, not ${node.args.length}.`);
  const args = node.args.map((arg, k) => {
    const { type } = fn.parameters[k]!;
    const value = converted(scope, checkExpression(scope, arg), type);
    if (
      type.kind === "pointer" &&
      value.type.kind === "pointer" &&
      overrideSized.has(type.to) !== overrideSized.has(value.type.to)
    )
      fail(arg.at, "The parameter and the argument must size the array by the same expression.");
    return value;
  });
  return {
    operand: valueOperand({ kind: "call", at, type: fn.result ?? bool, fn, args }),
    isEmpty: fn.result === null,
    mustUse,
  };
}

function callBuiltin(scope: Scope, node: Call): CheckedCall {
  const { at, callee } = node;
  const { name } = callee;
  if (subgroupBuiltins.has(name) && !scope.module.enabled.has("subgroups"))
    fail(at, `${name} needs the directive \`enable subgroups;\` at the top.`);
  const templateArgs = (callee.template ?? []).map((arg) =>
    arg.kind === "identifier" ? checkType(scope, arg) : fail(arg.at, "A type must stand here."),
  );
  const args = node.args.map((arg) => checkValue(scope, arg));
  const types = args.map(({ type }) => type);
  const folds = args.every(isConstant) && constantBuiltins.has(name);
  const overload = resolveBuiltin(name, templateArgs, types, !folds || isSettling(args));
  if (!overload)
    return fail(
      at,
      `${name} does not take (${types.map(typeName).join(", ")}). Convert the arguments.`,
    );
  const { parameters } = overload;
  if (overload.result && !isConstructible(overload.result))
    fail(
      at,
      `${name} cannot give ${typeName(overload.result)}: its size must be fixed, without atomics.`,
    );
  const type = overload.result ?? bool;
  const call = { isEmpty: overload.result === null, mustUse: resultMustBeUsed.has(name) };
  if (folds) {
    const values = args.map((arg, k) => constantAs(scope, arg, parameters[k]!));
    const value = evaluated(scope, at, type, () =>
      name === "bitcast"
        ? bitcastConstant(values[0]!, parameters[0]!, type)
        : evaluateBuiltin(name, parameters, values, type)!,
    );
    return { operand: constantOperand(at, type, value, constantStage(args)), ...call };
  }
  if (!scope.isLocal) fail(at, `${name} cannot be called outside of functions.`);
  const lanes = constantLane.get(name);
  if (lanes !== undefined) {
    const lane = args[1]!;
    if (lane.stage !== "const" || !(Number(lane.constant) >= 0 && Number(lane.constant) < lanes))
      fail(lane.at, `The second argument of ${name} is a constant from 0 to ${lanes - 1}.`);
  }
  requireValidArguments(scope, at, name, args, parameters);
  const values = args.map((arg, k) => converted(scope, arg, parameters[k]!));
  const expression: Expression =
    name === "bitcast"
      ? sameType(values[0]!.type, type)
        ? values[0]!
        : { kind: "bitcast", at, type, operand: values[0]! }
      : { kind: "builtin", at, type, name, args: values };
  return { operand: valueOperand(expression), ...call };
}
