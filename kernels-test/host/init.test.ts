import { describe, expect, test } from "vitest";
import { ArgumentError, ShapeError } from "../../src/errors";
import * as init from "../../src/nn/init";
import { manualSeed } from "../../src/nn/initialisers";
import { kolmogorovP, normalCdf } from "../reference/distributions";

const stdOf = (values: Float32Array) =>
  Math.sqrt(values.reduce((s, v) => s + v * v, 0) / values.length);
const shape = [60, 20, 3, 3];
/** Of 10,800 values: four times the deviation of a sample's. */
const allowed = 4 / Math.sqrt(2 * 10_800);

describe("initial values", () => {
  test.each([
    ["xavierUniform", init.xavierUniform(shape, { gain: 2 }), 2 * Math.sqrt(2 / (80 * 9))],
    ["xavierNormal", init.xavierNormal(shape), Math.sqrt(2 / (80 * 9))],
    ["kaimingUniform", init.kaimingUniform(shape), Math.sqrt(2 / 180)],
    [
      "kaimingNormal",
      init.kaimingNormal(shape, { mode: "fanOut", nonlinearity: "tanh" }),
      5 / 3 / Math.sqrt(540),
    ],
  ] as const)("%s has the spread of its formula", (_name, values, std) => {
    expect(values).toHaveLength(10_800);
    expect(Math.abs(stdOf(values) / std - 1)).toBeLessThan(allowed);
  });

  test("gains are PyTorch's", () => {
    expect(init.calculateGain("relu")).toBeCloseTo(Math.SQRT2, 15);
    expect(init.calculateGain("leakyRelu", 0.5)).toBeCloseTo(Math.sqrt(1.6), 15);
    expect(init.calculateGain("selu")).toBe(0.75);
  });

  test("truncNormal stays inside, with the distribution of what is left", () => {
    manualSeed(3);
    const values = [...init.truncNormal([5000], { mean: 1, std: 2, low: 0, high: 2 })];
    const [low, high] = [normalCdf(-0.5), normalCdf(0.5)];
    expect(Math.min(...values)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...values)).toBeLessThanOrEqual(2);
    const cdf = (x: number) => (normalCdf((x - 1) / 2) - low) / (high - low);
    expect(kolmogorovP(values, cdf)).toBeGreaterThan(1e-4);
  });

  test.each([
    [5, 9],
    [9, 5],
    [7, 7],
    [4, 3, 2],
  ])("orthogonal of [%s] has orthonormal rows or columns", (...size) => {
    const [rows, columns] = [size[0]!, size.slice(1).reduce((a, b) => a * b, 1)];
    const values = init.orthogonal(size, { gain: 3 });
    const wide = rows < columns;
    const count = Math.min(rows, columns);
    const at = (k: number, i: number) => values[wide ? k * columns + i : i * columns + k]! / 3;
    for (let a = 0; a < count; a++)
      for (let b = 0; b < count; b++) {
        let dot = 0;
        for (let i = 0; i < Math.max(rows, columns); i++) dot += at(a, i) * at(b, i);
        expect(dot).toBeCloseTo(a === b ? 1 : 0, 6);
      }
  });

  test("the seed decides, and bad arguments are named", () => {
    manualSeed(9);
    const first = init.kaimingNormal([3, 4]);
    expect(init.kaimingNormal([3, 4])).not.toEqual(first);
    manualSeed(9);
    expect(init.kaimingNormal([3, 4])).toEqual(first);
    expect(() => init.xavierNormal([3])).toThrow(ShapeError);
    expect(() => init.kaimingUniform([3, 3], { mode: "fan" as "fanIn" })).toThrow(ArgumentError);
    expect(() => init.calculateGain("gelu" as "relu")).toThrow(/gelu/);
    expect(() => init.truncNormal([3], { low: 5, high: 6 })).toThrow(ArgumentError);
  });
});
