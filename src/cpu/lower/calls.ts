/** Calls: every function is lowered in place of its call, with its parameters bound to the arguments. */
import type { Expression, FunctionDefinition } from "../wgsl/program";
import { eachNode } from "./assigned";
import type { Slot } from "./environment";
import type { Activation, Lowering } from "./lowering";
import { bindingOf } from "./places";
import {
  flatten,
  leafTypes,
  type Representation,
  unflatten,
  zeroRepresentation,
} from "./representation";
import { statements } from "./statements";

/** @returns the result, or null if the function has none */
export function call(
  cx: Lowering,
  fn: FunctionDefinition,
  args: readonly Expression[],
): Representation | null {
  // All arguments first: one may be a call of the same function.
  const bindings = args.map((arg) => bindingOf(cx, arg));
  fn.parameters.forEach((parameter, i) => {
    cx.names.set(parameter, bindings[i]!);
  });
  return inlined(cx, fn, () => statements(cx, fn.body));
}

/** Runs `body` as the body of `fn`, whose parameters are bound: returns in it end it. */
export function inlined(
  cx: Lowering,
  fn: FunctionDefinition,
  body: () => void,
): Representation | null {
  const { b, environment } = cx;
  const outer = [...environment.values.keys()];
  const { activation, breakTarget, continueTarget } = cx;
  const slots: Slot[] = fn.result
    ? cx.slotsFor(fn.result, zeroRepresentation(b, fn.result, cx.wide))
    : [];
  environment.block((end) => {
    cx.activation = { result: slots, type: fn.result, end, returned: null };
    body();
  });
  Object.assign(cx, { activation, breakTarget, continueTarget });
  const result =
    fn.result &&
    unflatten(
      fn.result,
      slots.map((slot) => environment.get(slot)),
    );
  environment.keep(outer);
  return result;
}

/** Sets the result of the function being inlined. */
export function setResult(cx: Lowering, { result, type }: Activation, value: Representation): void {
  const leaves = flatten(value);
  if (type)
    leafTypes(type).forEach((_, i) => {
      cx.environment.set(result[i]!, leaves[i]!);
    });
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
