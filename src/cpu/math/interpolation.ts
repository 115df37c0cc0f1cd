/** Between two values. */
import type { Builder } from "../ir/builder";
import type { Value } from "../ir/ir";
import { saturate } from "./bounds";
import { Lanes } from "./lanes";

/** x (1 - t) + y t. */
export function mix(b: Builder, x: Value, y: Value, t: Value): Value {
  const f = new Lanes(b, "f32x4");
  return f.add(f.mul(x, f.sub(1, t)), f.mul(y, t));
}

/** t^2 (3 - 2 t), t the place of x between low (0) and high (1). */
export function smoothstep(b: Builder, low: Value, high: Value, x: Value): Value {
  const f = new Lanes(b, "f32x4");
  const t = saturate(b, f.div(f.sub(x, low), f.sub(high, low)));
  return f.mul(f.mul(t, t), f.sub(3, f.mul(t, 2)));
}
