/** Statements of one invocation. Those that contain barriers are in barriers.ts. */
import type { Value } from "../ir/ir";
import type { Statement } from "../wgsl/program";
import { binary, splat } from "./arithmetic";
import { builtinFunction } from "./builtins";
import { call } from "./calls";
import { changingSlots } from "./changing";
import type { Target } from "./environment";
import { expression, isLanes, leaf } from "./expressions";
import type { Lowering, ReferredPlace } from "./lowering";
import { matrixProduct } from "./matrices";
import { assign, bindingOf, loadPlace, lowerPlace, storePlace } from "./places";
import { elementOf, flatten, type Representation } from "./representation";
import { chooseClause } from "./switches";
import { tripCount } from "./unrolling";
import { requireScalars, WideFailure, wideIf, wideReturn } from "./wide";

export function statements(cx: Lowering, body: readonly Statement[]): void {
  for (const s of body) {
    if (!cx.environment.reachable) return;
    statement(cx, s);
  }
}

/** A list with names of its own. */
function scoped(cx: Lowering, body: readonly Statement[]): void {
  const outer = [...cx.environment.values.keys()];
  statements(cx, body);
  if (cx.environment.reachable) cx.environment.keep(outer);
}

export function statement(cx: Lowering, s: Statement): void {
  const { environment } = cx;
  cx.step(s.at);
  switch (s.kind) {
    case "block":
      scoped(cx, s.body);
      return;
    case "var": {
      if (cx.wide) requireScalars(cx, s.variable);
      assign(cx, cx.declare(s.variable), s.init);
      return;
    }
    case "let":
      cx.names.set(s.variable, bindingOf(cx, s.value));
      return;
    case "assign": {
      const place = lowerPlace(cx, s.place);
      if (s.operator) storePlace(cx, place, updated(cx, place, s));
      else assign(cx, place, s.value);
      return;
    }
    case "evaluate":
      if (s.value.kind === "call" && !cx.wide) call(cx, s.value.fn, s.value.args);
      else if (s.value.kind === "builtin") builtinFunction(cx, s.value);
      else if (s.value.type.kind !== "pointer") expression(cx, s.value);
      return;
    case "if": {
      const condition = leaf(cx, s.condition);
      const whenTrue = () => scoped(cx, s.whenTrue);
      const whenFalse = () => scoped(cx, s.whenFalse);
      if (cx.wide) wideIf(cx, condition, s);
      else environment.if(condition, whenTrue, whenFalse);
      return;
    }
    case "loop":
      loop(cx, s);
      return;
    case "switch":
      if (cx.wide) throw new WideFailure();
      switchStatement(cx, s);
      return;
    case "break":
      // Some lanes would, others would not.
      if (cx.wide) throw new WideFailure();
      environment.jump(cx.breakTarget!);
      return;
    case "continue":
      if (cx.wide) throw new WideFailure();
      environment.jump(cx.continueTarget!);
      return;
    case "return": {
      const activation = cx.activation!;
      if (cx.wide) wideReturn(cx, activation, s.value && expression(cx, s.value));
      else {
        if (s.value) assign(cx, activation.result!, s.value);
        environment.jump(activation.end!);
      }
      return;
    }
  }
}

/** place operator value */
function updated(
  cx: Lowering,
  place: ReferredPlace,
  s: Extract<Statement, { kind: "assign" }>,
): Representation {
  const { b } = cx;
  const operator = s.operator!;
  const before = loadPlace(cx, place);
  const { type } = place;
  const by = s.value.type;
  if (type.kind === "matrix" || by.kind === "matrix") {
    const value = expression(cx, s.value);
    if (operator === "*") return matrixProduct(b, type, by, before, value);
    const element = elementOf(type);
    const added = flatten(value);
    return flatten(before).map((c, i) => binary(b, operator, element, true, c, added[i]!));
  }
  const value = leaf(cx, s.value);
  const lanes = isLanes(cx, type);
  const whole = lanes && by.kind === "scalar" && !cx.wide ? splat(b, elementOf(by), value) : value;
  return binary(b, operator, elementOf(type), lanes, before as Value, whole);
}

export function loop(cx: Lowering, s: Extract<Statement, { kind: "loop" }>): void {
  const { environment } = cx;
  const rounds = tripCount(cx, s);
  if (cx.wide && rounds === null) throw new WideFailure();
  const { breakTarget, continueTarget } = cx;
  const round = (onEnd: () => void) => {
    const outer = [...environment.values.keys()];
    environment.block((target) => {
      cx.continueTarget = target;
      statements(cx, s.body);
    });
    if (environment.reachable) statements(cx, s.continuing);
    if (environment.reachable && s.breakIf)
      environment.jumpIf(cx.breakTarget!, leaf(cx, s.breakIf), true);
    if (!environment.reachable) return;
    environment.keep(outer);
    onEnd();
  };
  environment.block((end) => {
    cx.breakTarget = end;
    if (rounds !== null) {
      const { copies } = cx;
      cx.copies = copies * Math.max(rounds, 1);
      for (let i = 0; i < rounds && environment.reachable; i++) round(() => {});
      cx.copies = copies;
      return;
    }
    const changing = changingSlots(cx, [s.body, s.continuing]);
    environment.loop(changing, (again) => {
      if (s.condition) environment.jumpIf(end, leaf(cx, s.condition), false);
      if (environment.reachable) round(() => environment.jump(again));
    });
    // A loop is left by jumps only.
    environment.reachable = false;
  });
  Object.assign(cx, { breakTarget, continueTarget });
}

function switchStatement(cx: Lowering, s: Extract<Statement, { kind: "switch" }>): void {
  const { breakTarget } = cx;
  const inside = (end: Target) => {
    cx.breakTarget = end;
  };
  chooseClause(cx, s, leaf(cx, s.selector), inside, (body) => scoped(cx, body));
  cx.breakTarget = breakTarget;
}
