/**
 * Assertions for the cases that run in Node and in a page alike: they throw, and need no test runner.
 *
 * Gradients are checked on the device by finite differences: the outputs at x ± h v and x ± 2h v, for a
 * random direction v over all differentiable inputs at once, are projected in f64 on the host, so the only
 * rounding is that of the outputs themselves.
 */
import { HostRandom } from "../src/random/hostRandom";
import type { Tensor } from "../src/tensor/tensor";
import type { Tilegrad } from "./caseModules";

export interface Tolerance {
  /** Allowed difference relative to the reference value. */
  relative: number;
  /** Allowed difference whatever the value. */
  absolute: number;
}

export class AssertionError extends Error {
  override name = "AssertionError";
}

export function assert(holds: boolean, claim: string): asserts holds {
  if (!holds) throw new AssertionError(claim);
}

/** Fails with the worst element unless every |actual - expected| <= absolute + relative |expected|. */
export function expectClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  { relative, absolute }: Tolerance,
  what = "values",
): void {
  assert(
    actual.length === expected.length,
    `${what}: ${actual.length} elements, expected ${expected.length}`,
  );
  let worst = 1;
  let text = "";
  for (let i = 0; i < expected.length; i++) {
    const [a, e] = [actual[i]!, expected[i]!];
    if (Object.is(a, e) || a === e || (Number.isNaN(a) && Number.isNaN(e))) continue;
    const excess = Math.abs(a - e) / (absolute + relative * Math.abs(e));
    if (excess <= worst) continue;
    worst = excess;
    text = `${what}: element ${i} is ${a}, expected ${e}: ${excess.toPrecision(3)} times the tolerance`;
    if (!(excess < Number.POSITIVE_INFINITY)) break;
  }
  assert(text === "", text);
}

const shown = (value: unknown): string => JSON.stringify(value) ?? String(value);

/** Numbers, strings, booleans and arrays of them, compared deeply; NaN equals NaN, -0 equals 0. */
export function expectEqual(actual: unknown, expected: unknown, what = "value"): void {
  const same = (a: unknown, e: unknown): boolean => {
    if (ArrayBuffer.isView(a)) return same(Array.from(a as unknown as number[]), e);
    if (ArrayBuffer.isView(e)) return same(a, Array.from(e as unknown as number[]));
    if (Array.isArray(a) && Array.isArray(e))
      return a.length === e.length && a.every((item, i) => same(item, e[i]));
    return a === e || (Number.isNaN(a) && Number.isNaN(e));
  };
  assert(same(actual, expected), `${what} is ${shown(actual)}, expected ${shown(expected)}`);
}

// biome-ignore lint/suspicious/noExplicitAny: any class of errors, whatever it is made from
type ErrorClass = abstract new (...args: any[]) => Error;

function checkError(error: unknown, kind: ErrorClass, pattern: RegExp): void {
  assert(
    error instanceof kind && pattern.test(error.message),
    `threw ${error}, expected ${kind.name} matching ${pattern}`,
  );
}

export function expectThrows(fn: () => unknown, kind: ErrorClass, pattern: RegExp): void {
  let error: unknown;
  try {
    fn();
  } catch (thrown) {
    error = thrown;
  }
  assert(error !== undefined, `did not throw ${kind.name} matching ${pattern}`);
  checkError(error, kind, pattern);
}

export async function expectRejects(
  promise: Promise<unknown>,
  kind: ErrorClass,
  pattern: RegExp,
): Promise<void> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert(error !== undefined, `did not reject with ${kind.name} matching ${pattern}`);
  checkError(error, kind, pattern);
}

/** Values in [-1, 1) that depend on the seed alone, rounded to f32. */
export function direction(count: number, seed: number): Float32Array {
  const random = new HostRandom(seed);
  return Float32Array.from({ length: count }, () => random.bits() / 2 ** 31 - 1);
}

const dot = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
};

export interface GradientCheck {
  /** What is checked, for the message. */
  what: string;
  /** A function with tensor results, of which the floating-point ones count. */
  fn(inputs: readonly Tensor[]): readonly Tensor[];
  inputs: readonly Tensor[];
  /** Which inputs to differentiate with respect to. Default: all floating-point ones. */
  wrt?: readonly number[];
  /** Also the gradient of a projection of the gradient. Default true. */
  second?: boolean;
  /** h. Default 2^-7: truncation is of order h^4, rounding of order 2^-24 / h. */
  step?: number;
  /** Of the projected derivative, relative to the sum of the absolute products in it. Default 2e-4. */
  tolerance?: number;
}

/** What a floating-point result is multiplied by before it counts: fixed numbers of size up to 1. */
const projectionSeed = 7;

/**
 * Compares gradients with central differences, both from the device.
 * @throws AssertionError naming `what`, the order of the derivative and both numbers
 */
export async function checkGradient(tg: Tilegrad, check: GradientCheck): Promise<void> {
  const { what, fn, inputs, second = true, step = 2 ** -7, tolerance = 2e-4 } = check;
  const wrt = check.wrt ?? inputs.flatMap((t, i) => (t.dtype === "f32" ? [i] : []));
  assert(wrt.length > 0, `${what}: no input to differentiate with respect to`);
  const made: Tensor[] = [];
  const own = <T extends Tensor>(t: T): T => {
    made.push(t);
    return t;
  };
  const with_ = (values: readonly Tensor[]): Tensor[] => {
    const all = [...inputs];
    wrt.forEach((i, k) => {
      all[i] = values[k]!;
    });
    return all;
  };
  const floats = (outputs: readonly Tensor[]) =>
    outputs.filter((t) => t.dtype === "f32" || t.dtype === "f16");
  const points = wrt.map((i) => inputs[i]!);
  const directions = points.map((t, k) => direction(t.size, 100 + k));
  const moved = (by: number): Tensor[] =>
    points.map((t, k) =>
      own(
        tg.scope(() =>
          tg.add(
            t,
            own(
              tg.tensor(
                directions[k]!.map((v) => v * by),
                { shape: t.shape },
              ),
            ),
          ),
        ),
      ),
    );
  const weightsFor = (outputs: readonly Tensor[], seed: number) =>
    outputs.map((t, k) => direction(t.size, seed + k));

  /** The floating-point results of `of` at a point, projected in f64; and the sum of absolute products. */
  const project = async (
    of: (point: readonly Tensor[]) => readonly Tensor[],
    point: readonly Tensor[],
    seed: number,
  ): Promise<{ value: number; size: number }> => {
    const outputs = tg.scope(() => of(point).map((t) => tg.contiguous(t)));
    const weights = weightsFor(outputs, seed);
    const values = await tg.readAll(outputs);
    for (const t of outputs) t.dispose();
    let value = 0;
    let size = 0;
    values.forEach((v, k) => {
      value += dot(v, weights[k]!);
      size += dot(v.map(Math.abs), weights[k]!.map(Math.abs));
    });
    return { value, size };
  };

  /** Compares <gradient, direction> with the difference quotient of the projection of `of`. */
  const compare = async (
    order: string,
    of: (point: readonly Tensor[]) => readonly Tensor[],
    gradients: readonly Tensor[],
    seed: number,
  ): Promise<void> => {
    const dense = tg.scope(() => gradients.map((t) => tg.contiguous(t)));
    const read = await tg.readAll(dense);
    for (const t of dense) t.dispose();
    const analytic = read.reduce((sum, g, k) => sum + dot(g, directions[k]!), 0);
    const products = read.reduce(
      (sum, g, k) => sum + dot(g.map(Math.abs), directions[k]!.map(Math.abs)),
      0,
    );
    const f: number[] = [];
    let size = 0;
    for (const by of [-2, -1, 1, 2]) {
      const result = await project(of, moved(by * step), seed);
      f.push(result.value);
      size = Math.max(size, result.size);
    }
    const numeric = (8 * (f[2]! - f[1]!) - (f[3]! - f[0]!)) / (12 * step);
    // Each result carries a rounding of a few 2^-24 of its size.
    const allowed = tolerance * products + (4 * 2 ** -24 * size) / step;
    assert(
      Math.abs(analytic - numeric) <= allowed,
      `${what}: the ${order} derivative along a direction is ${analytic}, by differences ${numeric} (allowed difference ${allowed.toPrecision(2)})`,
    );
  };

  const projected = (point: readonly Tensor[]): Tensor => {
    const outputs = floats(fn(with_(point)));
    const weights = weightsFor(outputs, projectionSeed);
    const terms = outputs.map((t, k) =>
      tg.sum(tg.mul(t, tg.tensor(weights[k]!, { shape: t.shape, dtype: t.dtype }))),
    );
    return tg.sum(tg.stack(terms));
  };
  const gradient = tg.grad(projected);
  try {
    const first = gradient(points) as readonly Tensor[];
    for (const t of first) own(t);
    first.forEach((g, k) => {
      expectEqual(g.shape, points[k]!.shape, `${what}: the shape of gradient ${k}`);
    });
    await compare("first", (p) => floats(fn(with_(p))), first, projectionSeed);
    if (second) {
      const seed = 1000;
      const gradientOfGradient = tg.grad((point: readonly Tensor[]) => {
        const inner = gradient(point) as readonly Tensor[];
        const weights = weightsFor(inner, seed);
        return tg.sum(
          tg.stack(
            inner.map((g, k) => tg.sum(tg.mul(g, tg.tensor(weights[k]!, { shape: g.shape })))),
          ),
        );
      });
      const seconds = gradientOfGradient(points) as readonly Tensor[];
      for (const t of seconds) own(t);
      await compare("second", (p) => gradient(p) as readonly Tensor[], seconds, seed);
    }
  } finally {
    for (const t of made) t.dispose();
  }
}
