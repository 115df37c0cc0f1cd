/**
 * Atomic functions. Memory that other threads see needs atomic instructions; that of one workgroup does not,
 * since its invocations run one after another.
 */
import type { Value } from "../ir/ir";
import type { Expression } from "../wgsl/program";
import { leaf } from "./expressions";
import { impossible, type Lowering } from "./lowering";
import { pointee } from "./places";
import { elementOf, type Representation } from "./representation";

const instructions: Readonly<Record<string, string>> = {
  atomicAdd: "add",
  atomicSub: "sub",
  atomicAnd: "and",
  atomicOr: "or",
  atomicXor: "xor",
  atomicExchange: "xchg",
};

export function atomicFunction(
  cx: Lowering,
  e: Extract<Expression, { kind: "builtin" }>,
): Representation | null {
  const { b } = cx;
  const place = pointee(cx, e.args[0]!);
  if (place.kind !== "memory") return impossible("an atomic in a register");
  const { base, offset, shared } = place.memory;
  const [x, y] = e.args.slice(1).map((arg) => leaf(cx, arg));
  const load = () =>
    shared ? b.atomic("i32.atomic.load", [base], offset) : b.load("i32.load", base, offset);
  const store = (value: Value) =>
    b.store(shared ? "i32.atomic.store" : "i32.store", base, value, offset);
  switch (e.name) {
    case "atomicLoad":
      return load();
    case "atomicStore":
      store(x!);
      return null;
    case "atomicCompareExchangeWeak": {
      if (shared) {
        const old = b.atomic("i32.atomic.rmw.cmpxchg", [base, x!, y!], offset);
        return [old, b.pure("i32.eq", [old, x!])];
      }
      const old = load();
      const equal = b.pure("i32.eq", [old, x!]);
      store(b.pure("select", [y!, old, equal]));
      return [old, equal];
    }
    case "atomicMax":
    case "atomicMin": {
      const sign = elementOf(place.type).name === "i32" ? "s" : "u";
      const test = `i32.${e.name === "atomicMax" ? "gt" : "lt"}_${sign}`;
      const better = (old: Value) => b.pure("select", [x!, old, b.pure(test, [x!, old])]);
      return shared
        ? exchangeUntil(cx, base, offset, load(), better)
        : replaced(load(), better, store);
    }
    default: {
      const name = instructions[e.name];
      if (!name) return impossible(`the function ${e.name}`);
      if (shared) return b.atomic(`i32.atomic.rmw.${name}`, [base, x!], offset);
      const next = (old: Value) => (name === "xchg" ? x! : b.pure(`i32.${name}`, [old, x!]));
      return replaced(load(), next, store);
    }
  }
}

function replaced(old: Value, next: (old: Value) => Value, store: (value: Value) => void): Value {
  store(next(old));
  return old;
}

/** What WebAssembly has no instruction for: try until nobody came between. */
function exchangeUntil(
  { b }: Lowering,
  base: Value,
  offset: number,
  first: Value,
  next: (old: Value) => Value,
): Value {
  const [result] = b.block(["i32"], (end) => {
    b.loop([first], (again, [old]) => {
      const seen = b.atomic("i32.atomic.rmw.cmpxchg", [base, old!, next(old!)], offset);
      b.branch(end, [seen], b.pure("i32.eq", [seen, old!]));
      b.branch(again, [seen]);
    });
    return null;
  });
  return result!;
}
