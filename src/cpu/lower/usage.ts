/** Which variables code mentions, itself or through the functions it calls. */
import type { FunctionDefinition, GlobalVariable, Statement, Variable } from "../wgsl/program";
import { eachNode, type Node, walk } from "./assigned";

const inFunctions = new WeakMap<FunctionDefinition, ReadonlySet<Variable>>();

function mentionedByFunction(fn: FunctionDefinition): ReadonlySet<Variable> {
  let found = inFunctions.get(fn);
  if (!found) {
    found = mentionedIn(fn.body);
    inFunctions.set(fn, found);
  }
  return found;
}

/** Adds what an expression or place mentions to `found`. */
export function addMentions(found: Set<Variable>, outer: Node): void {
  eachNode(outer, (node) => {
    if (node.kind === "name" || node.kind === "variable") found.add(node.variable);
    else if (node.kind === "call") for (const v of mentionedByFunction(node.fn)) found.add(v);
  });
}

export function mentionedIn(body: readonly Statement[]): ReadonlySet<Variable> {
  const found = new Set<Variable>();
  walk(
    body,
    () => {},
    (node) => addMentions(found, node),
  );
  return found;
}

/** The module-scope variables that a function uses. */
export function globalsOf(fn: FunctionDefinition): GlobalVariable[] {
  return [...mentionedByFunction(fn)].filter((v): v is GlobalVariable => "space" in v);
}
