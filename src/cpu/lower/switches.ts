/** switch as a chain of ifs: the clauses by their values, then the default, wherever it stands. */
import type { Value } from "../ir/ir";
import type { Statement } from "../wgsl/program";
import type { Target } from "./environment";
import type { Lowering } from "./lowering";

/**
 * @param run lowers the body of a clause
 * @param inside told where a `break` goes
 */
export function chooseClause(
  { b, environment }: Lowering,
  s: Extract<Statement, { kind: "switch" }>,
  selector: Value,
  inside: (end: Target) => void,
  run: (body: readonly Statement[]) => void,
): void {
  const fallback = s.clauses.find((clause) => clause.isDefault);
  const clauses = s.clauses.filter((clause) => clause !== fallback);
  const matches = (values: readonly number[]): Value =>
    values
      .map((value) => b.pure("i32.eq", [selector, b.i32(value)]))
      .reduce((any, next) => b.pure("i32.or", [any, next]));
  const from = (i: number): void => {
    const clause = clauses[i];
    if (clause)
      environment.if(
        matches(clause.values),
        () => run(clause.body),
        () => from(i + 1),
      );
    else if (fallback) run(fallback.body);
  };
  environment.block((end) => {
    inside(end);
    from(0);
  });
}
