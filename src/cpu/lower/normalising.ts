/**
 * Loops and pointers in the form that the lowering takes them:
 *
 * The continuing part of a loop may use what the body declares. Such variables are declared before the loop
 * and assigned where they were declared, so that their values reach the continuing part from every
 * `continue`.
 *
 * A pointer keeps the element it was made for, and may be made anew later: its indices get names.
 */
import type { Expression, Place, Statement, Variable } from "../wgsl/program";
import { replaceExpressions } from "./rewriting";
import { addMentions, mentionedIn } from "./usage";

type Loop = Extract<Statement, { kind: "loop" }>;
type Let = Extract<Statement, { kind: "let" }>;

export const nameOf = (variable: Variable): Expression => ({
  kind: "name",
  variable,
  type: variable.type,
  at: variable.at,
});

const indexNames = new WeakMap<Expression, Variable>();

/** let p = &a[i];  becomes  let index = i; let p = &a[index]; */
export function withNamedIndices(s: Let): readonly Statement[] {
  if (s.value.kind !== "addressOf") return [s];
  const before: Statement[] = [];
  const named = (e: Expression): Expression => {
    if (e.kind === "addressOf") return replaceExpressions(e, named);
    if (e.kind === "constant" || e.kind === "name") return e;
    const variable = indexNames.get(e) ?? { name: "index", type: e.type, at: e.at };
    indexNames.set(e, variable);
    before.push({ kind: "let", variable, value: e, at: e.at });
    return nameOf(variable);
  };
  const value = named(s.value);
  return before.length > 0 ? [...before, { ...s, value }] : [s];
}

/** What the continuing part of a loop mentions, also through pointers made in the body. */
function usedInContinuing(s: Loop): ReadonlySet<Variable> {
  const used = new Set(mentionedIn(s.continuing));
  if (s.breakIf) addMentions(used, s.breakIf);
  for (const inner of s.body.toReversed())
    if (inner.kind === "let" && inner.variable.type.kind === "pointer" && used.has(inner.variable))
      addMentions(used, inner.value);
  return used;
}

/** Declarations of the loop's body that its continuing part needs, put before the loop. */
export function withSharedDeclarations(s: Loop): Statement {
  const used = usedInContinuing(s);
  const before: Statement[] = [];
  const pointers: Statement[] = [];
  const body = s.body.map((inner): Statement => {
    if ((inner.kind !== "let" && inner.kind !== "var") || !used.has(inner.variable)) return inner;
    const { variable, at } = inner;
    if (variable.type.kind === "pointer") {
      pointers.push(inner);
      return inner;
    }
    before.push({ kind: "var", variable, init: null, at });
    const place: Place = { kind: "variable", variable, type: variable.type, at };
    const value = inner.kind === "let" ? inner.value : inner.init;
    const zero: Expression = { kind: "construct", args: [], type: variable.type, at };
    return { kind: "assign", place, operator: null, value: value ?? zero, at };
  });
  if (before.length === 0 && pointers.length === 0) return s;
  const loop: Loop = { ...s, body, continuing: [...pointers, ...s.continuing] };
  return { kind: "block", body: [...before, loop], at: s.at };
}
