/**
 * Subgroup functions: each invocation reads the arguments of its neighbours from their homes (barriers.ts).
 * A subgroup is four invocations that are neighbours by local index; the last one of a workgroup may be
 * smaller.
 */
import type { Value } from "../ir/ir";
import type { BinaryOperator, Expression } from "../wgsl/program";
import { binary } from "./arithmetic";
import { builtinComponents } from "./builtins";
import { impossible, type Lowering } from "./lowering";
import { elementOf } from "./representation";
import { subgroupSize as size } from "./subgroupSize";

const operators: Readonly<Record<string, BinaryOperator>> = {
  Add: "+",
  Mul: "*",
  And: "&",
  Or: "|",
  Xor: "^",
};

/**
 * @param count invocations of the workgroup
 * @param read argument `i` of another invocation
 */
export function subgroupFunction(
  cx: Lowering,
  e: Extract<Expression, { kind: "builtin" }>,
  lane: Value,
  count: number,
  read: (i: number, of: Value) => Value,
): Value {
  const { b } = cx;
  const first = b.pure("i32.and", [lane, b.i32(-size)]);
  const own = b.pure("i32.and", [lane, b.i32(size - 1)]);
  const type = e.args[0]?.type;
  /** Where an invocation beyond the last is asked for, WGSL leaves the value open. */
  const at = (index: Value) => {
    const inside = b.pure("i32.and", [index, b.i32(size - 1)]);
    return b.pure("index.clamp", [b.pure("i32.add", [first, inside]), b.i32(count - 1)]);
  };
  const exists = (i: number): Value =>
    count % size === 0
      ? b.i32(1)
      : b.pure("i32.lt_u", [b.pure("i32.add", [first, b.i32(i)]), b.i32(count)]);
  const value = (i: number) => read(0, at(b.i32(i)));
  const argument = () => read(1, lane);
  const offset = (operator: string) => at(b.pure(`i32.${operator}`, [own, argument()]));

  /** Over the invocations that `counts` holds for, in order. */
  const fold = (
    combine: (x: Value, y: Value) => Value,
    start: Value | null,
    counts: (i: number) => Value,
  ): Value => {
    let result = start ?? value(0);
    for (let i = start ? 0 : 1; i < size; i++) {
      const next = combine(result, value(i));
      result = b.pure("select", [next, result, b.pure("i32.and", [exists(i), counts(i)])]);
    }
    return result;
  };
  const always = () => b.i32(1);
  const upTo = (i: number) => b.pure("i32.ge_u", [own, b.i32(i)]);
  const below = (i: number) => b.pure("i32.gt_u", [own, b.i32(i)]);

  const name = e.name.replace(/^subgroup|^quad/, "");
  switch (name) {
    case "Elect":
      return b.pure("i32.eqz", [own]);
    case "All":
      return fold((x, y) => b.pure("i32.and", [x, y]), null, always);
    case "Any":
      return fold((x, y) => b.pure("i32.or", [x, y]), null, always);
    case "Ballot": {
      let bits = b.i32(0);
      for (let i = 0; i < size; i++) {
        const bit = b.pure("i32.and", [value(i), exists(i)]);
        bits = b.pure("i32.or", [bits, b.pure("i32.shl", [bit, b.i32(i)])]);
      }
      return b.pure("i32x4.replace_lane", [b.i32x4(0), bits], 0);
    }
    case "BroadcastFirst":
      return value(0);
    case "Broadcast":
    case "Shuffle":
      return read(0, at(argument()));
    case "ShuffleXor":
      return read(0, offset("xor"));
    case "ShuffleUp":
      return read(0, offset("sub"));
    case "ShuffleDown":
      return read(0, offset("add"));
    case "SwapX":
    case "SwapY":
    case "SwapDiagonal": {
      const mask = { SwapX: 1, SwapY: 2, SwapDiagonal: 3 }[name];
      return read(0, at(b.pure("i32.xor", [own, b.i32(mask)])));
    }
  }
  if (!type) return impossible(`the function ${e.name}`);
  const element = elementOf(type);
  const lanes = type.kind === "vector";
  const [, scan, kind] = /^(Exclusive|Inclusive)?(\w+)$/.exec(name)!;
  if (kind === "Min" || kind === "Max")
    return fold(
      (x, y) => builtinComponents(b, kind.toLowerCase(), element, lanes, [x, y]),
      null,
      always,
    );
  const operator = operators[kind!];
  if (!operator) return impossible(`the function ${e.name}`);
  const combine = (x: Value, y: Value) => binary(b, operator, element, lanes, x, y);
  if (!scan) return fold(combine, null, always);
  if (scan === "Inclusive") return fold(combine, null, upTo);
  const float = element.name === "f32" || element.name === "f16";
  const unit = kind === "Mul" ? 1 : 0;
  const identity = lanes
    ? float
      ? b.f32x4(unit)
      : b.i32x4(unit)
    : float
      ? b.f32(unit)
      : b.i32(unit);
  return fold(combine, identity, below);
}
