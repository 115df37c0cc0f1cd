/**
 * Leaves out what never runs: arms of ifs whose condition is a constant, and what follows a jump. Kernels choose
 * between variants of their text by constants, and a barrier in an arm not taken must not count. What stays is
 * normalised.
 */
import type { CheckedProgram, FunctionDefinition, Statement } from "../wgsl/program";
import { withNamedIndices, withSharedDeclarations } from "./normalising";

/** Whether control never reaches the end of the statement. */
function leaves(s: Statement): boolean {
  switch (s.kind) {
    case "return":
    case "break":
    case "continue":
      return true;
    case "block":
      return s.body.some(leaves);
    case "if":
      return s.whenTrue.some(leaves) && s.whenFalse.some(leaves);
    default:
      return false;
  }
}

function pruned(body: readonly Statement[]): Statement[] {
  const kept: Statement[] = [];
  for (const s of body) {
    const next = prunedStatement(s);
    if (!next) continue;
    if (next.kind === "let") kept.push(...withNamedIndices(next));
    else kept.push(next);
    if (leaves(next)) break;
  }
  return kept;
}

function prunedStatement(s: Statement): Statement | null {
  switch (s.kind) {
    case "block":
      return { ...s, body: pruned(s.body) };
    case "if": {
      if (s.condition.kind !== "constant")
        return { ...s, whenTrue: pruned(s.whenTrue), whenFalse: pruned(s.whenFalse) };
      const body = pruned(s.condition.value ? s.whenTrue : s.whenFalse);
      return body.length > 0 ? { kind: "block", at: s.at, body } : null;
    }
    case "loop":
      if (s.condition?.kind === "constant" && !s.condition.value) return null;
      return withSharedDeclarations({
        ...s,
        body: pruned(s.body),
        continuing: pruned(s.continuing),
      });
    case "switch":
      return {
        ...s,
        clauses: s.clauses.map((clause) => ({ ...clause, body: pruned(clause.body) })),
      };
    default:
      return s;
  }
}

/** Changes the functions of the program in place, since calls refer to them. */
export function prune(program: CheckedProgram): void {
  for (const fn of program.functions)
    (fn as { -readonly [K in keyof FunctionDefinition]: FunctionDefinition[K] }).body = pruned(
      fn.body,
    );
}
