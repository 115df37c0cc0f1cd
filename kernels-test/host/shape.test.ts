import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ShapeError } from "../../src/errors";
import {
  broadcastShapes,
  checkShape,
  coalesce,
  denseStrides,
  isDense,
  normalizeDim,
  normalizeDims,
  reshapeStrides,
  type Shape,
  sizeOf,
} from "../../src/tensor/shape";
import { broadcastShape, indices } from "../reference/array";

/** The offset of every element, in row-major order: what strides mean. */
const offsets = (shape: Shape, strides: readonly number[]): number[] =>
  [...indices(shape)].map((index) => index.reduce((sum, i, d) => sum + i * strides[d]!, 0));

const runs = { seed: 20240607, numRuns: 500 };
const sizes = (rank: number) => fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: rank });

/** A shape with strides as views have them: permuted, stepped, expanded. */
const strided = sizes(5).chain((shape) =>
  fc
    .record({
      order: fc.shuffledSubarray(
        shape.map((_, i) => i),
        { minLength: shape.length, maxLength: shape.length },
      ),
      steps: fc.array(fc.integer({ min: 1, max: 3 }), {
        minLength: shape.length,
        maxLength: shape.length,
      }),
      repeated: fc.array(fc.nat(3), { minLength: shape.length, maxLength: shape.length }),
    })
    .map(({ order, steps, repeated }) => {
      const memory = denseStrides(order.map((d) => shape[d]! * steps[d]!));
      const strides = new Array<number>(shape.length);
      order.forEach((d, i) => {
        strides[d] = repeated[d] === 0 ? 0 : memory[i]! * steps[d]!;
      });
      return { shape, strides };
    }),
);

describe("strides", () => {
  test("dense strides count elements in row-major order", () => {
    expect(denseStrides([2, 3, 4])).toEqual([12, 4, 1]);
    expect(denseStrides([])).toEqual([]);
    fc.assert(
      fc.property(sizes(5), (shape) => {
        const expected = Array.from({ length: sizeOf(shape) }, (_, i) => i);
        expect(offsets(shape, denseStrides(shape))).toEqual(expected);
      }),
      runs,
    );
  });

  test("isDense tells exactly the strides that count up by one", () => {
    fc.assert(
      fc.property(strided, ({ shape, strides }) => {
        const counts = offsets(shape, strides).every((offset, i) => offset === i);
        expect(isDense(shape, strides)).toBe(counts);
      }),
      runs,
    );
  });

  test("coalescing keeps every operand's walk and never adds a dimension", () => {
    fc.assert(
      fc.property(strided, fc.nat(3), ({ shape, strides }, zeroed) => {
        const other = denseStrides(shape).map((s, i) => (i === zeroed ? 0 : s));
        const merged = coalesce(shape, [strides, other]);
        expect(offsets(merged.shape, merged.strides[0]!)).toEqual(offsets(shape, strides));
        expect(offsets(merged.shape, merged.strides[1]!)).toEqual(offsets(shape, other));
        expect(merged.shape.length).toBeLessThanOrEqual(Math.max(shape.length, 1));
      }),
      runs,
    );
  });

  test("coalescing merges what lies together and drops sizes of 1", () => {
    expect(coalesce([2, 3, 4], [[12, 4, 1]])).toEqual({ shape: [24], strides: [[1]] });
    expect(coalesce([2, 1, 3], [[3, 99, 1]])).toEqual({ shape: [6], strides: [[1]] });
    expect(coalesce([1, 1], [[5, 7]])).toEqual({ shape: [1], strides: [[0]] });
    expect(
      coalesce(
        [2, 3],
        [
          [3, 1],
          [1, 0],
        ],
      ),
    ).toEqual({
      shape: [2, 3],
      strides: [
        [3, 1],
        [1, 0],
      ],
    });
  });
});

describe("reshaping by strides", () => {
  /** Every way to write a size as a shape of at most `rank` entries. */
  const factorings = (size: number, rank: number): number[][] =>
    rank === 1
      ? [[size]]
      : Array.from({ length: size }, (_, i) => i + 1)
          .filter((d) => size % d === 0)
          .flatMap((d) => factorings(size / d, rank - 1).map((rest) => [d, ...rest]));

  test("a view reads the same elements; null only where no strides can", () => {
    fc.assert(
      fc.property(strided, fc.nat(1000), ({ shape, strides }, pick) => {
        const all = factorings(sizeOf(shape), 3);
        const target = all[pick % all.length]!;
        const wanted = offsets(shape, strides);
        const found = reshapeStrides(shape, strides, target);
        if (found) {
          expect(offsets(target, found)).toEqual(wanted);
          return;
        }
        // The only strides that could do it are those from the origin to each dimension's second element.
        const first = target.map((d, i) =>
          d === 1 ? 0 : wanted[target.slice(i + 1).reduce((n, s) => n * s, 1)]! - wanted[0]!,
        );
        expect(offsets(target, first)).not.toEqual(wanted);
      }),
      runs,
    );
  });

  test("scalars, sizes of 1 and empty shapes", () => {
    expect(reshapeStrides([], [], [])).toEqual([]);
    expect(offsets([1, 1], reshapeStrides([], [], [1, 1])!)).toEqual([0]);
    expect(reshapeStrides([1, 1], [4, 9], [])).toEqual([]);
    expect(reshapeStrides([0, 3], [3, 1], [2, 0])).toEqual([0, 1]);
    expect(reshapeStrides([2, 3], [1, 2], [6])).toBeNull();
  });
});

describe("broadcasting", () => {
  test("agrees with NumPy's rule on any two shapes", () => {
    const shape = fc.array(fc.nat(3), { maxLength: 4 });
    fc.assert(
      fc.property(shape, shape, (a, b) => {
        const expected = broadcastShape(a, b);
        if (expected) expect(broadcastShapes("op", a, b)).toEqual(expected);
        else expect(() => broadcastShapes("op", a, b)).toThrow(ShapeError);
      }),
      runs,
    );
  });

  test("the message names the operation, both shapes and the dimension", () => {
    expect(() => broadcastShapes("mul", [2, 3], [4, 3])).toThrow(
      /mul: shapes \[2, 3\] and \[4, 3\].*dimension -2: 2 against 4/,
    );
  });
});

describe("dimensions", () => {
  test("negative ones count from the end", () => {
    expect([-3, -1, 0, 2].map((d) => normalizeDim("op", d, 3))).toEqual([0, 2, 0, 2]);
    expect(normalizeDims("op", [-1, 0], 3)).toEqual([0, 2]);
    expect(normalizeDims("op", undefined, 3)).toEqual([0, 1, 2]);
    expect(normalizeDims("op", 1, 3)).toEqual([1]);
  });

  test("a scalar takes 0 and -1, as in PyTorch, and has none to reduce", () => {
    expect([0, -1].map((d) => normalizeDim("op", d, 0))).toEqual([0, 0]);
    expect(normalizeDims("op", [0], 0)).toEqual([]);
    expect(() => normalizeDim("op", 1, 0)).toThrow(ShapeError);
  });

  test.each([[3], [-4], [0.5], [Number.NaN]])("%d is out of range for 3", (dim) => {
    expect(() => normalizeDim("op", dim, 3)).toThrow(/op: dim .* valid are -3 to 2/);
  });

  test("a dimension named twice is refused", () => {
    expect(() => normalizeDims("op", [0, -3], 3)).toThrow(/name a dimension twice/);
  });

  test("shapes hold up to eight whole numbers", () => {
    expect(() => checkShape("op", [0, 1, 2, 3, 4, 5, 6, 7])).not.toThrow();
    expect(() => checkShape("op", [1, 1, 1, 1, 1, 1, 1, 1, 1])).toThrow(/at most 8/);
    for (const bad of [-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])
      expect(() => checkShape("op", [bad])).toThrow(ShapeError);
  });
});
