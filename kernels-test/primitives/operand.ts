/** Operands of sample calls: values on the host, and how they lie on the device. */
import { HostRandom } from "../../src/random/hostRandom";
import {
  type DType,
  fromBrainBits,
  fromHalfBits,
  toBrainBits,
  toHalfBits,
} from "../../src/tensor/dtype";
import type { Tensor } from "../../src/tensor/tensor";
import type { Tilegrad } from "../caseModules";
import { array, at, generate, type HostArray, sizeOf } from "../reference/array";

/**
 * dense: row-major from the start of a buffer. transposed: the dimensions lie in reverse order.
 * sliced: every second element, from the second on, of something larger. expanded: the first dimension
 * repeats one row without a copy.
 */
export type Layout = "dense" | "transposed" | "sliced" | "expanded";
export const layouts: readonly Layout[] = ["dense", "transposed", "sliced", "expanded"];

export interface Operand {
  readonly value: HostArray;
  readonly dtype: DType;
  readonly layout: Layout;
}

/** Distinct numbers evenly spaced in [low, high), in random order: no two meet, none meets a kink. */
export function spaced(count: number, low: number, high: number, seed: number): Float32Array {
  const random = new HostRandom(seed);
  const order = Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const j = random.bits() % (i + 1);
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return Float32Array.from(order, (k) => low + ((k + 0.5) / count) * (high - low));
}

/** The nearest value the element type can hold, for floating-point types. */
export function stored(x: number, dtype: DType): number {
  if (dtype === "f16") return fromHalfBits(toHalfBits(x));
  if (dtype === "bf16") return fromBrainBits(toBrainBits(x));
  return dtype === "f32" ? Math.fround(x) : x;
}

/** Exactly these values, as far as the element type can hold them; the first row for all if expanded. */
export function given(
  shape: readonly number[],
  values: ArrayLike<number>,
  dtype: DType = "f32",
  layout: Layout = "dense",
): Operand {
  const row = sizeOf(shape.slice(1));
  const data = Float64Array.from(values, (_, i) =>
    stored(values[layout === "expanded" ? i % row : i]!, dtype),
  );
  return { value: array(shape, data), dtype, layout };
}

interface RealOptions {
  /** Default -2. */
  low?: number;
  /** Default 2. */
  high?: number;
  /** Default dense. */
  layout?: Layout;
  /** Default f32. */
  dtype?: "f32" | "f16";
  /** Where a value is moved to. */
  place?: (x: number) => number;
}

/** A floating-point operand with values spaced in [low, high). */
export function real(shape: readonly number[], seed: number, options: RealOptions = {}): Operand {
  const { low = -2, high = 2, layout, dtype, place = (x) => x } = options;
  const values = [...spaced(sizeOf(shape), low, high, seed)].map(place);
  return given(shape, values, dtype, layout);
}

interface WholeOptions {
  /** Default 0. */
  low?: number;
  /** Exclusive; default 10. */
  high?: number;
  /** Default dense. */
  layout?: Layout;
  /** Default i32. */
  dtype?: "i32" | "u32" | "bool";
}

/** Random whole numbers from low to high - 1. */
export function whole(shape: readonly number[], seed: number, options: WholeOptions = {}): Operand {
  const { low = 0, high = 10, layout, dtype = "i32" } = options;
  const random = new HostRandom(seed);
  const values = Array.from({ length: sizeOf(shape) }, () => low + (random.bits() % (high - low)));
  return given(shape, values, dtype, layout);
}

export function truth(shape: readonly number[], seed: number, layout: Layout = "dense"): Operand {
  return whole(shape, seed, { high: 2, dtype: "bool", layout });
}

/** What surrounds a sliced operand in its buffer; a kernel that reads it gives a wrong result. */
const foreign = 77;

/** The operand as a tensor in its layout. The caller's scope owns what is made. */
export function upload(tg: Tilegrad, { value, dtype, layout }: Operand): Tensor {
  const { shape, data } = value;
  const rank = shape.length;
  const make = ({ shape: s, data: values }: HostArray): Tensor =>
    tg.tensor(Float32Array.from(values), { shape: s, dtype });
  if (layout === "dense" || rank === 0) return make(value);
  if (layout === "expanded") {
    const rowShape = [1, ...shape.slice(1)];
    return tg.expand(make(array(rowShape, data.slice(0, sizeOf(rowShape)))), shape);
  }
  if (layout === "transposed") {
    const reversed = generate([...shape].reverse(), (index) => at(value, [...index].reverse()));
    return tg.permute(
      make(reversed),
      shape.map((_, i) => rank - 1 - i),
    );
  }
  const around = generate(
    shape.map((d) => 2 * d + 1),
    (index) =>
      index.every((i) => i % 2 === 1)
        ? at(
            value,
            index.map((i) => (i - 1) / 2),
          )
        : foreign,
  );
  return shape.reduce<Tensor>(
    (x, d, dim) => tg.slice(x, { dim, start: 1, end: 2 * d, step: 2 }),
    make(around),
  );
}
