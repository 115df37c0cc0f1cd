/** Calls: every function is lowered in place of its call, with its parameters bound to the arguments. */
import type { Expression, FunctionDefinition } from "../wgsl/program";
import type { Type } from "../wgsl/types";
import { eachNode } from "./assigned";
import { isLarge, type Lowering, type ReferredPlace } from "./lowering";
import { bindingOf, loadPlace, storePlace } from "./places";
import { type Representation, zeroRepresentation } from "./representation";
import { statements } from "./statements";

/** @returns the result, or null if the function has none */
export function call(
  cx: Lowering,
  fn: FunctionDefinition,
  args: readonly Expression[],
): Representation | null {
  const { environment } = cx;
  const outer = [...environment.values.keys()];
  const result = fn.result && resultPlace(cx, fn, fn.result);
  callInto(cx, fn, args, result);
  const value = result && loadPlace(cx, result);
  environment.keep(outer);
  return value;
}

/** A call whose result goes to a place. */
export function callInto(
  cx: Lowering,
  fn: FunctionDefinition,
  args: readonly Expression[],
  result: ReferredPlace | null,
): void {
  // All arguments first: one may be a call of the same function.
  const bindings = args.map((arg) => bindingOf(cx, arg));
  fn.parameters.forEach((parameter, i) => {
    cx.names.set(parameter, bindings[i]!);
  });
  const { activation, breakTarget, continueTarget } = cx;
  cx.environment.block((end) => {
    cx.activation = { result, end, returned: null };
    statements(cx, fn.body);
  });
  Object.assign(cx, { activation, breakTarget, continueTarget });
}

/** Registers that hold zero until a `return` sets them, or memory. */
export function resultPlace(
  cx: Lowering,
  { name, at }: FunctionDefinition,
  type: Type,
): ReferredPlace {
  if (isLarge(type)) return cx.newMemory(type);
  const place = cx.registerVariable({ name, at, type });
  storePlace(cx, place, zeroRepresentation(cx.b, type, cx.wide));
  return place;
}
/** Whether evaluating it does more than compute: calls of functions, atomics. */
export function hasEffects(outer: Expression): boolean {
  let found = false;
  eachNode(outer, (node) => {
    if (node.kind === "call") found ||= !isPure(node.fn);
    else if (node.kind === "builtin") found ||= node.name.startsWith("atomic");
  });
  return found;
}

const pure = new WeakMap<FunctionDefinition, boolean>();

/** A function of a single `return`, as most small ones are. */
function isPure(fn: FunctionDefinition): boolean {
  let known = pure.get(fn);
  if (known === undefined) {
    const [only, ...more] = fn.body;
    known =
      only?.kind === "return" &&
      more.length === 0 &&
      only.value !== null &&
      !hasEffects(only.value);
    pure.set(fn, known);
  }
  return known;
}
