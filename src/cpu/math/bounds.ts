/** Bounds and signs. Where one operand of min or max is NaN, the first operand is the result. */
import type { Builder } from "../ir/builder";
import type { Value } from "../ir/ir";
import { copySign, Lanes } from "./lanes";

export const min = (b: Builder, x: Value, y: Value): Value => b.pure("f32x4.pmin", [x, y]);
export const max = (b: Builder, x: Value, y: Value): Value => b.pure("f32x4.pmax", [x, y]);

export const clamp = (b: Builder, x: Value, low: Value, high: Value): Value =>
  min(b, max(b, x, low), high);

export const saturate = (b: Builder, x: Value): Value => clamp(b, x, b.f32x4(0), b.f32x4(1));

export const abs = (b: Builder, x: Value): Value => b.pure("f32x4.abs", [x]);

/** -1 or 1 by the sign of x; zeros and NaN stay. */
export function sign(b: Builder, x: Value): Value {
  const f = new Lanes(b, "f32x4");
  return f.select(f.lt(0, f.abs(x)), copySign(b, f.constant(1), x), x);
}

/** 1 where edge <= x, else 0. */
export function step(b: Builder, edge: Value, x: Value): Value {
  const f = new Lanes(b, "f32x4");
  return f.and(f.le(edge, x), 1);
}
