/**
 * Where control can go after a statement (WGSL, "Behavior analysis"): to the next one, out of a loop or
 * switch, to the next round, or out of the function. It decides that a function with a result returns on
 * every path, and that every loop can end.
 */
import { evaluatedBy, operandsOf, statementsIn } from "./children";
import type { Expression, FunctionDefinition, Place, Statement, Variable } from "./program";
import { ShaderError } from "./shaderError";

const next = 1;
const breaks = 2;
const continues = 4;
const returns = 8;

/** A set of the four: the sum of its members. */
type Behaviour = number;

const without = (set: Behaviour, members: Behaviour): Behaviour => set & ~members;

function ofSequence(statements: readonly Statement[]): Behaviour {
  let set: Behaviour = next;
  for (const statement of statements) {
    if (!(set & next)) break;
    set = without(set, next) | ofStatement(statement);
  }
  return set;
}

function ofStatement(statement: Statement): Behaviour {
  switch (statement.kind) {
    case "block":
      return ofSequence(statement.body);
    case "if":
      return ofSequence(statement.whenTrue) | ofSequence(statement.whenFalse);
    case "switch": {
      const set = statement.clauses.reduce((sum, { body }) => sum | ofSequence(body), 0);
      return set & breaks ? without(set, breaks) | next : set;
    }
    case "loop": {
      const { condition, body, continuing, breakIf } = statement;
      const once = ofSequence(body);
      const isRepeated = (once & (next | continues)) !== 0;
      const set = isRepeated ? once | ofSequence(continuing) : once;
      const ends = condition || (breakIf && isRepeated) || set & breaks;
      return without(set, next | breaks | continues) | (ends ? next : 0);
    }
    case "break":
      return breaks;
    case "continue":
      return continues;
    case "return":
      return returns;
    default:
      return next;
  }
}

/** Whether control can come to the end of the statements. */
export const reachesEnd = (statements: readonly Statement[]): boolean =>
  (ofSequence(statements) & next) !== 0;

/** Whether control always comes to what follows the statement. */
export const alwaysGoesOn = (statement: Statement): boolean => ofStatement(statement) === next;

/** Where a statement stands. */
interface Surroundings {
  readonly canBreak: boolean;
  readonly canContinue: boolean;
  /** In a continuing block: a loop inside it has its own break and continue, but nothing may return. */
  readonly inContinuing: boolean;
}

function mentions(node: Expression | Place, variables: ReadonlySet<Variable>): Variable | null {
  if ((node.kind === "name" || node.kind === "variable") && variables.has(node.variable))
    return node.variable;
  for (const operand of operandsOf(node)) {
    const found = mentions(operand, variables);
    if (found) return found;
  }
  return null;
}

function mentionsIn(
  statements: readonly Statement[],
  variables: ReadonlySet<Variable>,
): Variable | null {
  for (const statement of statements) {
    for (const node of evaluatedBy(statement)) {
      const found = mentions(node, variables);
      if (found) return found;
    }
    const found = mentionsIn(statementsIn(statement), variables);
    if (found) return found;
  }
  return null;
}

/** The first continue that belongs to the loop around the statements. */
function firstContinue(statements: readonly Statement[]): Statement | null {
  for (const statement of statements) {
    if (statement.kind === "continue") return statement;
    const found = statement.kind === "loop" ? null : firstContinue(statementsIn(statement));
    if (found) return found;
  }
  return null;
}

/** A continue must not skip the declaration of what the continuing block uses. */
function checkSkipped(loop: Extract<Statement, { kind: "loop" }>): void {
  const { body, continuing, breakIf } = loop;
  const from = body.findIndex((statement) => firstContinue([statement]) !== null);
  if (from < 0) return;
  const skipped = new Set(
    body.slice(from).flatMap((s) => (s.kind === "var" || s.kind === "let" ? [s.variable] : [])),
  );
  const used = mentionsIn(continuing, skipped) ?? (breakIf && mentions(breakIf, skipped));
  if (used)
    throw new ShaderError(
      `this continue skips the declaration of ${used.name} in line ${used.at.line}, which the ` +
        "continuing block uses: declare it before the continue",
      firstContinue(body.slice(from, from + 1))!.at,
    );
}

function checkStatement(statement: Statement, where: Surroundings): void {
  const { kind, at } = statement;
  const check = (statements: readonly Statement[], inner: Partial<Surroundings> = {}) => {
    for (const each of statements) checkStatement(each, { ...where, ...inner });
  };
  switch (kind) {
    case "break":
      if (!where.canBreak)
        throw new ShaderError(
          where.inContinuing
            ? "break cannot leave a continuing block: end the block with break if"
            : "break stands only in a loop or switch",
          at,
        );
      break;
    case "continue":
      if (!where.canContinue)
        throw new ShaderError(
          where.inContinuing
            ? "continue cannot leave a continuing block"
            : "continue stands only in a loop",
          at,
        );
      break;
    case "return":
      if (where.inContinuing) throw new ShaderError("return cannot leave a continuing block", at);
      break;
    case "switch":
      check(statementsIn(statement), { canBreak: true });
      break;
    case "loop":
      check(statement.body, { canBreak: true, canContinue: true });
      check(statement.continuing, { canBreak: false, canContinue: false, inContinuing: true });
      if (ofStatement(statement) === 0)
        throw new ShaderError("this loop never ends: add a break, return or condition", at);
      checkSkipped(statement);
      break;
    default:
      check(statementsIn(statement));
  }
}

/**
 * Refuses misplaced break, continue and return, loops that never end, and paths without a result.
 * @throws ShaderError
 */
export function checkBehaviour({ name, at, result, body }: FunctionDefinition): void {
  for (const statement of body)
    checkStatement(statement, { canBreak: false, canContinue: false, inContinuing: false });
  if (result && reachesEnd(body))
    throw new ShaderError(`${name} has a result, but not every path returns one`, at);
}
