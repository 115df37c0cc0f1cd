/**
 * Wide code: four scalar evaluations of one function side by side, in the lanes of a v128. It is what
 * becomes of `vec4<f32>(f(v.x), f(v.y), f(v.z), f(v.w))`. Every scalar is four lanes there, conditions are
 * masks, an `if` runs an arm for the lanes that take it, and a `return` takes its lanes out of what follows.
 * A function that does not fit (loops that stay, vectors, indices that differ) is evaluated lane by lane
 * instead.
 */
import type { Value } from "../ir/ir";
import type { Expression, Statement, Variable } from "../wgsl/program";
import type { Type } from "../wgsl/types";
import { binary, convert, splat, unary } from "./arithmetic";
import { assignedIn, eachNode, walk } from "./assigned";
import { wideBuiltin } from "./builtins";
import { hasEffects, resultPlace } from "./calls";
import { Slot } from "./environment";
import { leaf } from "./expressions";
import type { Activation, Lowering } from "./lowering";
import { loadPlace, storePlace } from "./places";
import { elementOf, flatten, leafTypes, type Representation, unflatten } from "./representation";
import { statements } from "./statements";

/** Thrown where code cannot be made wide. */
export class WideFailure {}

/** Arms cheaper than this run for all lanes without asking whether any needs them. */
const cheapNodes = 12;

/** The vector of four scalar expressions that are alike, or null if they are not. */
export function packed(cx: Lowering, parts: readonly Expression[]): Value | null {
  const { b, environment } = cx;
  const [first] = parts;
  if (first!.type.kind !== "scalar" || parts.some((e) => e.kind !== first!.kind)) return null;
  if (first!.kind !== "call" && first!.kind !== "convert" && first!.kind !== "builtin") return null;
  const region = b.region;
  const items = region.items.length;
  const values = environment.values;
  const { activation, wide, mask, breakTarget, continueTarget, copies } = cx;
  try {
    environment.values = new Map(values);
    return lanesOf(cx, parts);
  } catch (error) {
    if (!(error instanceof WideFailure)) throw error;
    b.region = region;
    region.items.length = items;
    Object.assign(cx, { activation, wide, mask, breakTarget, continueTarget, copies });
    return null;
  } finally {
    environment.values = values;
    environment.reachable = true;
  }
}

function same(p: Expression, q: Expression): boolean {
  if (p === q) return true;
  if (p.kind !== q.kind) return false;
  switch (p.kind) {
    case "constant":
      return q.kind === "constant" && Object.is(p.value, q.value);
    case "name":
      return q.kind === "name" && p.variable === q.variable;
    case "member":
      return q.kind === "member" && p.index === q.index && same(p.of, q.of);
    case "load": {
      if (q.kind !== "load") return false;
      return samePlace(p.place, q.place);
    }
    default:
      return false;
  }
}

type Place = Extract<Expression, { kind: "load" }>["place"];

function samePlace(p: Place, q: Place): boolean {
  if (p.kind === "variable") return q.kind === "variable" && p.variable === q.variable;
  if (p.kind === "member")
    return q.kind === "member" && p.index === q.index && samePlace(p.of, q.of);
  if (p.kind === "element")
    return q.kind === "element" && same(p.index, q.index) && samePlace(p.of, q.of);
  return false;
}

/** Component `lane` of a vector, as a value or as a place: the vector. */
function componentSource(e: Expression, lane: number): Expression | null {
  if (e.kind === "swizzle" && e.components.length === 1 && e.components[0] === lane) return e.of;
  if (e.kind !== "load" || e.place.kind !== "element") return null;
  const { index, of } = e.place;
  if (of.type.kind !== "vector" || index.kind !== "constant" || index.value !== lane) return null;
  return { kind: "load", place: of, type: of.type, at: e.at };
}

function lanesOf(cx: Lowering, parts: readonly Expression[]): Value {
  const { b } = cx;
  const first = parts[0]!;
  if (first.type.kind !== "scalar") fail();
  const at = <K extends Expression["kind"]>(kind: K) =>
    parts.map((e) => (e.kind === kind ? (e as Extract<Expression, { kind: K }>) : fail()));
  const sources = parts.map((e, lane) => componentSource(e, lane));
  if (sources.every((s) => s !== null && s.type.kind === "vector" && same(s, sources[0]!)))
    return leaf(cx, sources[0]!);
  if (parts.every((e) => same(e, first)) && !hasEffects(first))
    return splat(b, elementOf(first.type), leaf(cx, first));
  switch (first.kind) {
    case "convert": {
      const operands = at("convert").map((e) => e.operand);
      const value = lanesOf(cx, operands);
      return convert(b, elementOf(operands[0]!.type), elementOf(first.type), true, value);
    }
    case "unary": {
      if (at("unary").some((e) => e.operator !== first.operator)) fail();
      const operands = at("unary").map((e) => e.operand);
      return unary(b, first.operator, elementOf(first.type), true, lanesOf(cx, operands));
    }
    case "binary": {
      if (at("binary").some((e) => e.operator !== first.operator)) fail();
      const left = lanesOf(
        cx,
        at("binary").map((e) => e.left),
      );
      const right = lanesOf(
        cx,
        at("binary").map((e) => e.right),
      );
      return binary(b, first.operator, elementOf(first.left.type), true, left, right);
    }
    case "builtin": {
      if (at("builtin").some((e) => e.name !== first.name)) fail();
      const args = first.args.map((_, i) =>
        lanesOf(
          cx,
          at("builtin").map((e) => e.args[i]!),
        ),
      );
      return wideBuiltin(cx, first, args) ?? fail();
    }
    case "call": {
      if (at("call").some((e) => e.fn !== first.fn)) fail();
      const args = first.args.map((_, i) =>
        lanesOf(
          cx,
          at("call").map((e) => e.args[i]!),
        ),
      );
      return wideCall(cx, first, args);
    }
    default:
      return fail();
  }
}

function fail(): never {
  throw new WideFailure();
}

/** Variables of wide code are scalars, or made of them, and in registers. */
export function requireScalars(cx: Lowering, variable: Variable): void {
  if (cx.staysInMemory(variable) || leafTypes(variable.type).some((t) => t.kind !== "scalar"))
    fail();
}

/** A value from outside of wide code is the same in all lanes. */
export function widened(cx: Lowering, type: Type, value: Representation): Representation {
  const types = leafTypes(type);
  const lanes = flatten(value).map((v, i) => {
    const leafType = types[i]!;
    if (leafType.kind !== "scalar") return fail();
    return v.type === "v128" ? v : splat(cx.b, leafType, v);
  });
  return unflatten(type, lanes);
}

/** The function for four lanes of arguments. */
function wideCall(
  cx: Lowering,
  e: Extract<Expression, { kind: "call" }>,
  args: readonly Value[],
): Value {
  const { fn } = e;
  if (fn.parameters.some((p) => p.type.kind !== "scalar") || fn.result?.kind !== "scalar") fail();
  for (const variable of assignedIn(fn.body)) {
    const binding = cx.names.get(variable);
    // A variable from outside the function.
    if (binding && "space" in variable) fail();
  }
  const wide = cx.wide;
  cx.wide = true;
  fn.parameters.forEach((parameter, i) => {
    cx.bindValue(parameter, args[i]!);
  });
  const result = wideBody(cx, e);
  cx.wide = wide;
  return result;
}

/** Lowers the body of a function whose parameters are bound, in wide code. */
function wideBody(cx: Lowering, { fn }: Extract<Expression, { kind: "call" }>): Value {
  const { b, environment } = cx;
  const { activation, mask } = cx;
  const outer = [...environment.values.keys()];
  const result = resultPlace(cx, fn, fn.result!);
  const returned = new Slot();
  environment.set(returned, b.i32x4(0));
  cx.activation = { result, end: null, returned };
  statements(cx, fn.body);
  environment.reachable = true;
  const value = loadPlace(cx, result) as Value;
  Object.assign(cx, { activation, mask });
  environment.keep(outer);
  return value;
}

/** A call inside wide code. */
export function wideInnerCall(
  cx: Lowering,
  e: Extract<Expression, { kind: "call" }>,
): Representation {
  const args = e.args.map((arg) => leaf(cx, arg));
  return wideCall(cx, e, args);
}

/** Gives the running lanes their result and takes them out. */
export function wideReturn(
  cx: Lowering,
  { result, returned }: Activation,
  value: Representation | null,
): void {
  const { b, environment } = cx;
  if (value) storePlace(cx, result!, value);
  const gone = environment.get(returned!);
  environment.set(returned!, cx.mask ? b.pure("v128.or", [gone, cx.mask]) : b.i32x4(-1));
  environment.reachable = false;
}

const mayReturn = (body: readonly Statement[]): boolean => {
  let found = false;
  const look = (list: readonly Statement[]): void => {
    for (const s of list) {
      if (s.kind === "return") found = true;
      else if (s.kind === "if") {
        look(s.whenTrue);
        look(s.whenFalse);
      } else if (s.kind === "block" || s.kind === "loop") look(s.body);
    }
  };
  look(body);
  return found;
};

const costs = new WeakMap<readonly Statement[], number>();

function costOf(body: readonly Statement[]): number {
  const known = costs.get(body);
  if (known !== undefined) return known;
  let nodes = 0;
  walk(
    body,
    () => nodes++,
    (outer) =>
      eachNode(outer, (e) => {
        nodes++;
        if (e.kind === "call") nodes += costOf(e.fn.body);
        // A transcendental function.
        if (e.kind === "builtin" && e.name !== "select") nodes += cheapNodes / 2;
      }),
  );
  costs.set(body, nodes);
  return nodes;
}

export function wideIf(
  cx: Lowering,
  condition: Value,
  s: Extract<Statement, { kind: "if" }>,
): void {
  const { b, environment } = cx;
  const { mask } = cx;
  const returned = cx.activation!.returned!;
  const within = (lanes: Value) => (mask ? b.pure("v128.and", [mask, lanes]) : lanes);
  const arm = (lanes: Value, body: readonly Statement[]): void => {
    if (body.length === 0) return;
    const outer = [...environment.values.keys()];
    const run = () => {
      cx.mask = lanes;
      statements(cx, body);
      environment.reachable = true;
      environment.keep(outer);
    };
    if (costOf(body) <= cheapNodes) run();
    else environment.if(b.pure("v128.any_true", [lanes]), run, () => {});
  };
  const yes = within(condition);
  const no = within(b.pure("v128.not", [condition]));
  arm(yes, s.whenTrue);
  arm(no, s.whenFalse);
  cx.mask = mask;
  if (!mayReturn(s.whenTrue) && !mayReturn(s.whenFalse)) return;
  const gone = environment.get(returned);
  cx.mask = mask ? b.pure("v128.andnot", [mask, gone]) : b.pure("v128.not", [gone]);
}
