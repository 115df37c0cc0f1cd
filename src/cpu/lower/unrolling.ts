/**
 * Loops that are unrolled: those that count by a constant from a constant to a constant in few rounds. Then
 * indices by the counter are constants, and small arrays stay in registers.
 */
import type { BinaryOperator, Expression, Statement, Variable } from "../wgsl/program";
import type { Type } from "../wgsl/types";
import { eachNode, rootOf, walk } from "./assigned";
import { changingSlots } from "./changing";
import type { Slot } from "./environment";
import { expression } from "./expressions";
import type { Lowering } from "./lowering";
import { isValue } from "./representation";

const maxRounds = 64;
/** Expression nodes of all rounds together, and with those of the unrolled loops around. */
const maxNodes = 3000;
const maxNestedNodes = 20_000;

type Loop = Extract<Statement, { kind: "loop" }>;

const counts = new WeakMap<readonly Statement[], number>();

function nodeCount(body: readonly Statement[]): number {
  const known = counts.get(body);
  if (known !== undefined) return known;
  let count = 0;
  walk(
    body,
    () => count++,
    (outer) =>
      eachNode(outer, (e) => {
        count++;
        if (e.kind === "call") count += nodeCount(e.fn.body);
      }),
  );
  counts.set(body, count);
  return count;
}

/** The variable that `continuing` changes, and how. */
function counterOf(
  s: Loop,
): { variable: Variable; operator: BinaryOperator; by: Expression } | null {
  const [only, ...more] = s.continuing;
  if (only?.kind !== "assign" || more.length > 0 || s.breakIf) return null;
  if (only.place.kind !== "variable" || !only.operator) return null;
  return { variable: only.place.variable, operator: only.operator, by: only.value };
}

const isCounter = (e: Expression, variable: Variable): boolean =>
  e.kind === "load" && e.place.kind === "variable" && rootOf(e.place) === variable;

/** Whether a variable is in registers that do not change, or in memory that nothing writes. */
function isStable(cx: Lowering, changing: ReadonlySet<Slot>, variable: Variable | null): boolean {
  const binding = variable && cx.names.get(variable);
  if (binding?.kind !== "place") return false;
  const { place } = binding;
  if (place.kind === "memory") return place.memory.constant;
  return place.kind === "register" && !place.slots.some((slot) => changing.has(slot));
}

/** The number an expression has before the loop, if it is known and the loop does not change it. */
function known(cx: Lowering, changing: ReadonlySet<Slot>, e: Expression): number | null {
  let stable = true;
  eachNode(e, (part) => {
    if (part.kind === "call" || part.kind === "builtin") stable = false;
    if (part.kind === "load" && !isStable(cx, changing, rootOf(part.place))) stable = false;
  });
  if (!stable || e.type.kind !== "scalar") return null;
  const wide = cx.wide;
  cx.wide = false;
  try {
    const value = expression(cx, e);
    return isValue(value) && value.op === "i32.const" ? (value.immediate as number) : null;
  } finally {
    cx.wide = wide;
  }
}

function startOf(cx: Lowering, variable: Variable): number | null {
  const binding = cx.names.get(variable);
  if (binding?.kind !== "place" || binding.place.kind !== "register") return null;
  const value = cx.environment.get(binding.place.slots[binding.place.first]!);
  if (value?.op === "i32.const") return value.immediate as number;
  if (value?.op !== "v128.const") return null;
  return new DataView((value.immediate as Uint8Array).slice().buffer).getInt32(0, true);
}

function step(operator: BinaryOperator, signed: boolean, x: number, by: number): number | null {
  switch (operator) {
    case "+":
      return (x + by) | 0;
    case "-":
      return (x - by) | 0;
    case "*":
      return Math.imul(x, by);
    case "<<":
      return x << by;
    case ">>":
      return signed ? x >> by : (x >>> by) | 0;
    case "/":
      return by === 0 ? null : signed ? (x / by) | 0 : ((x >>> 0) / (by >>> 0)) | 0;
    default:
      return null;
  }
}

function holds(operator: BinaryOperator, signed: boolean, x: number, y: number): boolean | null {
  const [p, q] = signed ? [x, y] : [x >>> 0, y >>> 0];
  switch (operator) {
    case "<":
      return p < q;
    case "<=":
      return p <= q;
    case ">":
      return p > q;
    case ">=":
      return p >= q;
    case "!=":
      return p !== q;
    default:
      return null;
  }
}

const isInteger = (type: Type): boolean =>
  type.kind === "scalar" && (type.name === "i32" || type.name === "u32");

/** Rounds of a loop to unroll, or null for a loop that stays one. */
export function tripCount(cx: Lowering, s: Loop): number | null {
  const counter = counterOf(s);
  const condition = s.condition;
  if (!counter || condition?.kind !== "binary" || !isInteger(counter.variable.type)) return null;
  if (!isCounter(condition.left, counter.variable)) return null;
  const signed = condition.left.type.kind === "scalar" && condition.left.type.name === "i32";
  const changing = new Set(changingSlots(cx, [s.body]));
  if (!isStable(cx, changing, counter.variable)) return null;
  const start = startOf(cx, counter.variable);
  const bound = known(cx, changing, condition.right);
  const by = known(cx, changing, counter.by);
  if (start === null || bound === null || by === null) return null;
  let x = start;
  let rounds = 0;
  for (;;) {
    const again = holds(condition.operator, signed, x, bound);
    if (again === null) return null;
    if (!again) break;
    if (++rounds > maxRounds) return null;
    const next = step(counter.operator, signed, x, by);
    if (next === null) return null;
    x = next;
  }
  const nodes = rounds * nodeCount(s.body);
  return nodes <= maxNodes && cx.copies * nodes <= maxNestedNodes ? rounds : null;
}
