/** Which variables code mentions, itself or through the functions it calls. */
import type {
  Expression,
  FunctionDefinition,
  GlobalVariable,
  Place,
  Statement,
  Variable,
} from "../wgsl/program";
import { eachNode, rootOf, walk } from "./assigned";

const inFunctions = new WeakMap<FunctionDefinition, ReadonlySet<Variable>>();

function mentionedByFunction(fn: FunctionDefinition): ReadonlySet<Variable> {
  let found = inFunctions.get(fn);
  if (!found) {
    found = mentionedIn(fn.body);
    inFunctions.set(fn, found);
  }
  return found;
}

/** Adds what an expression mentions to `found`. */
export function addMentions(found: Set<Variable>, outer: Expression): void {
  eachNode(outer, (e) => {
    const add = (place: Place): void => {
      const root = rootOf(place);
      if (root) found.add(root);
    };
    if (e.kind === "name") found.add(e.variable);
    else if (e.kind === "load" || e.kind === "addressOf") add(e.place);
    else if (e.kind === "call") for (const v of mentionedByFunction(e.fn)) found.add(v);
  });
}

export function mentionedIn(body: readonly Statement[]): ReadonlySet<Variable> {
  const found = new Set<Variable>();
  walk(
    body,
    (place) => {
      const root = rootOf(place);
      if (root) found.add(root);
    },
    (e) => addMentions(found, e),
  );
  return found;
}

/** The module-scope variables that a function uses. */
export function globalsOf(fn: FunctionDefinition): GlobalVariable[] {
  return [...mentionedByFunction(fn)].filter((v): v is GlobalVariable => "space" in v);
}
