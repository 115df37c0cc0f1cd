/**
 * What splits a kernel: barriers, and functions in which the invocations of a workgroup exchange values. On
 * both sides of such a call all invocations run one after another, but none passes it before all have
 * reached it.
 */
import type { Expression, FunctionDefinition, Statement } from "../wgsl/program";
import { eachNode, type Node, walk } from "./assigned";

const isSplitting = (name: string): boolean =>
  name.endsWith("Barrier") ||
  name === "workgroupUniformLoad" ||
  name.startsWith("subgroup") ||
  name.startsWith("quad");

const functions = new WeakMap<FunctionDefinition, boolean>();

/** Whether a function contains a split, itself or in what it calls. */
export function isSplit(fn: FunctionDefinition): boolean {
  let known = functions.get(fn);
  if (known === undefined) {
    known = splitsIn(fn.body);
    functions.set(fn, known);
  }
  return known;
}

/** A call that splits. */
export const isSplitCall = (e: Node): e is Extract<Expression, { kind: "call" | "builtin" }> =>
  e.kind === "call" ? isSplit(e.fn) : e.kind === "builtin" && isSplitting(e.name);

export function hasSplit(outer: Node): boolean {
  let found = false;
  eachNode(outer, (e) => {
    found ||= isSplitCall(e);
  });
  return found;
}

export function splitsIn(body: readonly Statement[]): boolean {
  let found = false;
  walk(
    body,
    () => {},
    (e) => {
      found ||= hasSplit(e);
    },
  );
  return found;
}

/** Statements with `mark` before each jump that goes on after their own end: see jumpsOut. */
export function beforeJumpsOut(
  body: readonly Statement[],
  mark: Statement,
  inLoop = false,
  inSwitch = false,
): Statement[] {
  const inside = (list: readonly Statement[], loop = inLoop, choice = inSwitch) =>
    beforeJumpsOut(list, mark, loop, choice);
  return body.flatMap((s): Statement[] => {
    switch (s.kind) {
      case "return":
        return [mark, s];
      case "break":
        return inLoop || inSwitch ? [s] : [mark, s];
      case "continue":
        return inLoop ? [s] : [mark, s];
      case "block":
        return [{ ...s, body: inside(s.body) }];
      case "if":
        return [{ ...s, whenTrue: inside(s.whenTrue), whenFalse: inside(s.whenFalse) }];
      case "loop":
        return [{ ...s, body: inside(s.body, true), continuing: inside(s.continuing, true) }];
      case "switch": {
        const clauses = s.clauses.map((clause) => ({
          ...clause,
          body: inside(clause.body, inLoop, true),
        }));
        return [{ ...s, clauses }];
      }
      default:
        return [s];
    }
  });
}

/** Whether statements may go on after their own end: by return, or break and continue of a loop around. */
export function jumpsOut(body: readonly Statement[], inLoop = false, inSwitch = false): boolean {
  return body.some((s) => {
    switch (s.kind) {
      case "return":
        return true;
      case "break":
        return !inLoop && !inSwitch;
      case "continue":
        return !inLoop;
      case "block":
        return jumpsOut(s.body, inLoop, inSwitch);
      case "if":
        return jumpsOut(s.whenTrue, inLoop, inSwitch) || jumpsOut(s.whenFalse, inLoop, inSwitch);
      case "loop":
        return jumpsOut(s.body, true, inSwitch) || jumpsOut(s.continuing, true, inSwitch);
      case "switch":
        return s.clauses.some((clause) => jumpsOut(clause.body, inLoop, true));
      default:
        return false;
    }
  });
}
