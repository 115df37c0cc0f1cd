/** Rounding to whole numbers. `round` takes halves to the even neighbour. */
import type { Builder } from "../ir/builder";
import type { Value } from "../ir/ir";

type Function1 = (b: Builder, x: Value) => Value;

const instruction =
  (name: string): Function1 =>
  (b, x) =>
    b.pure(`f32x4.${name}`, [x]);

export const floor = instruction("floor");
export const ceil = instruction("ceil");
export const trunc = instruction("trunc");
export const round = instruction("nearest");

/** x - floor(x); it is 1 where that rounds up to 1. */
export const fract: Function1 = (b, x) => b.pure("f32x4.sub", [x, floor(b, x)]);

/** The fraction and the whole part, both with the sign of x. */
export function modf(b: Builder, x: Value): [fraction: Value, whole: Value] {
  const whole = trunc(b, x);
  return [b.pure("f32x4.sub", [x, whole]), whole];
}
