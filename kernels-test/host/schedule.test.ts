import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ArgumentError, CheckpointError } from "../../src/errors";
import * as schedule from "../../src/optim/schedule";

const examples: schedule.Schedule[] = [
  schedule.constant(1e-3),
  schedule.linear({ from: 1, to: 0.1, total: 10 }),
  schedule.cosine({ from: 1, to: 0.1, total: 10 }),
  schedule.warmupCosine({ peak: 1e-3, warmup: 100, total: 2000, final: 1e-4 }),
  schedule.warmupLinear({ peak: 1e-3, warmup: 5, total: 20 }),
];

describe("schedules", () => {
  test("warmupCosine is nanoGPT's get_lr, step for step", () => {
    const [peak, final, warmup, total] = [1e-3, 1e-4, 100, 2000];
    const rate = schedule.warmupCosine({ peak, warmup, total, final });
    for (let step = 0; step < 2100; step++) {
      const ratio = (step - warmup) / (total - warmup);
      const expected =
        step < warmup
          ? (peak * (step + 1)) / (warmup + 1)
          : step > total
            ? final
            : final + 0.5 * (1 + Math.cos(Math.PI * ratio)) * (peak - final);
      expect(rate(step)).toBeCloseTo(expected, 15);
    }
  });

  test("the peak is reached right after the warm-up, the final rate exactly at the end", () => {
    for (const make of [schedule.warmupCosine, schedule.warmupLinear]) {
      const rate = make({ peak: 0.3, warmup: 7, total: 31, final: 0.01 });
      expect(rate(6)).toBeLessThan(0.3);
      expect(rate(7)).toBe(0.3);
      expect(rate(31)).toBe(0.01);
      expect(rate(1e9)).toBe(0.01);
    }
  });

  test("without a warm-up the first step has the full rate", () => {
    expect(schedule.warmupCosine({ peak: 0.3, warmup: 0, total: 10 })(0)).toBe(0.3);
  });

  test("linear and cosine meet both ends exactly and halfway in the middle", () => {
    for (const make of [schedule.linear, schedule.cosine]) {
      const rate = make({ from: 0.7, to: 0.1, total: 10 });
      expect(rate(0)).toBe(0.7);
      expect(rate(5)).toBeCloseTo(0.4, 15);
      expect(rate(10)).toBe(0.1);
      expect(rate(11)).toBe(0.1);
    }
  });

  test("a decay never leaves the span between its ends and never rises", () => {
    const span = fc.tuple(
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.integer({ min: 1, max: 500 }),
    );
    fc.assert(
      fc.property(span, ([to, total]) => {
        for (const make of [schedule.linear, schedule.cosine]) {
          const rate = make({ from: 1, to, total });
          for (let step = 0; step < total; step += Math.ceil(total / 20)) {
            // Rates up to 1 are rounded three times, by at most 2^-53 each.
            expect(rate(step + 1)).toBeLessThanOrEqual(rate(step) + 2 ** -51);
            expect(rate(step)).toBeGreaterThanOrEqual(to - 2 ** -51);
          }
        }
      }),
    );
  });

  test.each(examples)("a schedule read back from JSON gives the same rates (%#)", (original) => {
    const restored = schedule.fromJSON(JSON.parse(JSON.stringify(original)));
    expect(restored.toJSON()).toEqual(original.toJSON());
    for (let step = 0; step < 30; step++) expect(restored(step)).toBe(original(step));
  });

  test("arguments that make no schedule are named with the schedule", () => {
    const bad: [() => unknown, RegExp][] = [
      [() => schedule.constant(Number.NaN), /schedule\.constant: rate .* got NaN/],
      [() => schedule.constant(-1), /rate must be a finite number from 0 up, got -1/],
      [() => schedule.linear({ from: 1, to: 0, total: 0 }), /total .* from 1 up, got 0/],
      [() => schedule.cosine({ from: 1, to: 0, total: 1.5 }), /schedule\.cosine: total .* 1\.5/],
      [
        () => schedule.warmupCosine({ peak: 1, warmup: -1, total: 5 }),
        /warmup .* from 0 up, got -1/,
      ],
      [
        () => schedule.warmupCosine({ peak: 1, warmup: 5, total: 5 }),
        /warmup \(5\) .* total \(5\)/,
      ],
      [() => schedule.warmupLinear({ peak: Infinity, warmup: 1, total: 5 }), /peak .* Infinity/],
      [() => schedule.constant(1)(-1), /step must be 0 or more, got -1/],
      [() => schedule.constant(1)(Number.NaN), /step must be 0 or more, got NaN/],
    ];
    for (const [make, message] of bad) {
      expect(make).toThrow(ArgumentError);
      expect(make).toThrow(message);
    }
  });

  test("JSON that holds no schedule is a checkpoint error that says what was found", () => {
    expect(() => schedule.fromJSON({ kind: "polynomial" })).toThrow(/kind "polynomial"/);
    expect(() => schedule.fromJSON(null)).toThrow(CheckpointError);
    expect(() => schedule.fromJSON({ kind: "linear", from: 1 })).toThrow(
      /schedule is not valid: schedule\.linear: to/,
    );
    expect(() => schedule.fromJSON({ kind: "linear", from: 1 })).toThrow(CheckpointError);
  });
});
