/** Places: from a reference of the program to registers or to an address. */
import type { Value } from "../ir/ir";
import type { Expression, Place } from "../wgsl/program";
import { sizeOf, type Type } from "../wgsl/types";
import { choose, extract, replace, splat } from "./arithmetic";
import { callInto } from "./calls";
import { expression, leaf } from "./expressions";
import { type Binding, impossible, isLarge, type Lowering, type ReferredPlace } from "./lowering";
import {
  clearMemory,
  componentType,
  copyMemory,
  elementPlace,
  loadMemory,
  type MemoryPlace,
  partPlace,
  storeMemory,
} from "./memory";
import {
  elementOf,
  flatten,
  isLeaf,
  leafCount,
  leavesBefore,
  type Representation,
  unflatten,
  zeroRepresentation,
} from "./representation";
import { WideFailure, widened } from "./wide";

export function memberOf(place: ReferredPlace, index: number, type: Type): ReferredPlace {
  if (place.kind === "memory")
    return { kind: "memory", memory: partPlace(place.memory, index), type };
  if (place.kind === "register")
    return { ...place, first: place.first + leavesBefore(place.type, index), type };
  return impossible("a member of a component");
}

export function elementAt(cx: Lowering, place: ReferredPlace, index: Value): ReferredPlace {
  const type = componentType(place.type);
  if (place.kind === "memory")
    return { kind: "memory", memory: elementPlace(cx.b, place.memory, index), type };
  if (place.kind === "component") return impossible("an element of a component");
  if (place.type.kind === "vector") return { kind: "component", vector: place, lane: index, type };
  if (index.op !== "i32.const") {
    cx.discovered.inMemory.add(place.variable);
    return memberOf(place, 0, type);
  }
  const count = leafCount(place.type) / leafCount(type);
  const inside = Math.min((index.immediate as number) >>> 0, count - 1);
  return memberOf(place, inside, type);
}

/** An address is one for all lanes of wide code: only constants are. */
function indexValue(cx: Lowering, index: Expression): Value {
  if (!cx.wide) return leaf(cx, index);
  if (index.kind !== "constant") throw new WideFailure();
  return cx.b.i32(index.value as number);
}

export function lowerPlace(cx: Lowering, place: Place): ReferredPlace {
  switch (place.kind) {
    case "variable": {
      const binding = cx.names.get(place.variable);
      if (binding?.kind !== "place") return impossible(`the variable ${place.variable.name}`);
      return binding.place;
    }
    case "dereference":
      return pointee(cx, place.pointer);
    case "element":
      return elementAt(cx, lowerPlace(cx, place.of), indexValue(cx, place.index));
    case "member":
      return memberOf(lowerPlace(cx, place.of), place.index, place.type);
  }
}

/** What a pointer points to; its indices are evaluated here. */
export function pointee(cx: Lowering, pointer: Expression): ReferredPlace {
  if (pointer.kind === "addressOf") return lowerPlace(cx, pointer.place);
  if (pointer.kind === "name") {
    const binding = cx.names.get(pointer.variable);
    if (binding?.kind === "place") return binding.place;
  }
  return impossible("a pointer that is computed");
}

export function loadPlace(cx: Lowering, place: ReferredPlace): Representation {
  const value = placeValue(cx, place);
  return cx.wide ? widened(cx, place.type, value) : value;
}

function placeValue(cx: Lowering, place: ReferredPlace): Representation {
  const { b, environment } = cx;
  switch (place.kind) {
    case "memory":
      return loadMemory(b, place.memory);
    case "register": {
      const leaves = place.slots
        .slice(place.first, place.first + leafCount(place.type))
        .map((slot) => environment.get(slot));
      return unflatten(place.type, leaves);
    }
    case "component": {
      const vector = environment.get(place.vector.slots[place.vector.first]!);
      return component(cx, place.vector.type, vector, place.lane);
    }
  }
}

/** Component `lane` of a vector value; an index that is not known is kept inside. */
export function component(cx: Lowering, type: Type, vector: Value, lane: Value): Value {
  const { b } = cx;
  const element = elementOf(type);
  const width = type.kind === "vector" ? type.width : 1;
  if (lane.op === "i32.const")
    return extract(b, element, vector, Math.min((lane.immediate as number) >>> 0, width - 1));
  const scalar = (i: number) => extract(b, element, vector, i);
  let value = scalar(width - 1);
  for (let i = width - 2; i >= 0; i--)
    value = b.pure("select", [scalar(i), value, b.pure("i32.eq", [lane, b.i32(i)])]);
  return value;
}

export function storePlace(cx: Lowering, place: ReferredPlace, value: Representation): void {
  const { b, environment } = cx;
  switch (place.kind) {
    case "memory":
      storeMemory(b, place.memory, value);
      return;
    case "register":
      flatten(value).forEach((leaf, i) => {
        const slot = place.slots[place.first + i]!;
        const before = environment.values.get(slot);
        const masked = cx.mask && before ? choose(b, true, leaf, before, cx.mask) : leaf;
        environment.set(slot, masked);
      });
      return;
    case "component": {
      const { vector, lane } = place;
      const slot = vector.slots[vector.first]!;
      const before = environment.get(slot);
      const element = elementOf(vector.type);
      const width = vector.type.kind === "vector" ? vector.type.width : 1;
      if (lane.op === "i32.const") {
        const at = Math.min((lane.immediate as number) >>> 0, width - 1);
        environment.set(slot, replace(b, element, before, at, value as Value));
        return;
      }
      const inside = b.pure("index.clamp", [lane, b.i32(width - 1)]);
      const here = b.pure("i32x4.eq", [b.pure("i32x4.splat", [inside]), b.i32x4(0, 1, 2, 3)]);
      environment.set(slot, choose(b, true, splat(b, element, value as Value), before, here));
    }
  }
}

function liesInConstantMemory(cx: Lowering, place: Place): boolean {
  if (place.kind === "element" || place.kind === "member")
    return liesInConstantMemory(cx, place.of);
  const root = place.kind === "variable" ? lowerPlace(cx, place) : pointee(cx, place.pointer);
  return root.kind === "memory" && root.memory.constant;
}

/** The place that a value is read from, where it is memory that nothing writes: parts load on their own. */
export function constantPlace(cx: Lowering, e: Expression): ReferredPlace | null {
  switch (e.kind) {
    case "load":
      return liesInConstantMemory(cx, e.place) ? lowerPlace(cx, e.place) : null;
    case "name": {
      const binding = cx.names.get(e.variable);
      return binding?.kind === "place" && e.type.kind !== "pointer" ? binding.place : null;
    }
    case "element": {
      const of = constantPlace(cx, e.of);
      return of && elementAt(cx, of, indexValue(cx, e.index));
    }
    case "member": {
      const of = constantPlace(cx, e.of);
      return of && memberOf(of, e.index, e.type);
    }
    default:
      return null;
  }
}

/** Where a large value lies, if it lies somewhere. */
function largeSource(cx: Lowering, e: Expression): MemoryPlace | null {
  if (cx.wide || !isLarge(e.type)) return null;
  if (e.kind === "call") {
    const place = cx.newMemory(e.type);
    callInto(cx, e.fn, e.args, place);
    return place.memory;
  }
  const place = e.kind === "load" ? lowerPlace(cx, e.place) : constantPlace(cx, e);
  return place?.kind === "memory" ? place.memory : null;
}

/** Evaluates an expression (null: zero) into a place. */
export function assign(cx: Lowering, place: ReferredPlace, e: Expression | null): void {
  const { b } = cx;
  if (place.kind === "memory" && !isLeaf(place.type)) {
    const { memory } = place;
    if (!e || (e.kind === "construct" && e.args.length === 0)) {
      clearMemory(b, memory.base, memory.offset, sizeOf(place.type));
      return;
    }
    const source = largeSource(cx, e);
    if (source) {
      copyMemory(b, memory, source);
      return;
    }
  }
  storePlace(cx, place, e ? expression(cx, e) : zeroRepresentation(b, place.type, cx.wide));
}

const placeOf = (memory: MemoryPlace): ReferredPlace => ({
  kind: "memory",
  memory,
  type: memory.type,
});

function copyOf(cx: Lowering, source: MemoryPlace): ReferredPlace {
  const place = cx.newMemory(source.type);
  copyMemory(cx.b, place.memory, source);
  return place;
}

/**
 * What the name of a let or parameter stands for: a value that lies in constant memory stays there. A large
 * one is copied to where nothing changes it.
 */
export function bindingOf(cx: Lowering, e: Expression): Binding {
  if (e.type.kind === "pointer") return { kind: "place", place: pointee(cx, e) };
  if (e.kind === "load" || e.kind === "call") {
    const source = largeSource(cx, e);
    // What a call gives is nobody else's.
    const stays = source?.constant || e.kind === "call";
    if (source) return { kind: "place", place: stays ? placeOf(source) : copyOf(cx, source) };
  }
  const place = e.type.kind === "array" || e.type.kind === "struct" ? constantPlace(cx, e) : null;
  return place ? { kind: "place", place } : { kind: "value", value: expression(cx, e) };
}
