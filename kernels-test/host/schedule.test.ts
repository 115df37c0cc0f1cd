import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ArgumentError, CheckpointError } from "../../src/errors";
import * as schedule from "../../src/optim/schedule";
import { medianFilter } from "../../src/optim/schedules/medianFilter";

const examples: schedule.Schedule[] = [
  schedule.constant(1e-3),
  schedule.linear({ from: 1, to: 0.1, total: 10 }),
  schedule.cosine({ from: 1, to: 0.1, total: 10 }),
  schedule.warmupCosine({ peak: 1e-3, warmup: 100, total: 2000, final: 1e-4 }),
  schedule.warmupLinear({ peak: 1e-3, warmup: 5, total: 20 }),
  schedule.cosine({ from: 1, to: 0.1, total: 10, exponent: 1.5 }),
  schedule.cosineRestarts({ from: 1, to: 0.1, period: 3, periodFactor: 2 }),
  schedule.cosinePower({ from: 1, to: 0.1, total: 10 }),
  schedule.polynomial({ from: 1, to: 0.1, total: 10, power: 0.5 }),
  schedule.exponential({ from: 1, decayRate: 0.3, transitionSteps: 7, staircase: true, to: 0.01 }),
  schedule.exponential({ from: 1, decayRate: 0.3 }),
  schedule.step({ from: 1, stepSize: 4 }),
  schedule.multiStep({ from: 1, milestones: [3, 9], gamma: 0.5 }),
  schedule.piecewiseConstant({ rates: [1, 0.3, 0.6], boundaries: [3, 9] }),
  schedule.piecewiseLinear({ rates: [0, 1, 0.5], every: 6 }),
  schedule.oneCycle({ peak: 1, total: 20 }),
  schedule.oneCycle({ peak: 1, total: 20, anneal: "linear", pctFinal: 0.85 }),
  schedule.wsd({ peak: 1, warmup: 3, total: 20, decay: 8, shape: "1-sqrt", final: 0.1 }),
  schedule.warmup(schedule.exponential({ from: 1, decayRate: 0.9 }), { steps: 4 }),
  schedule.warmup(1, { steps: 4, from: 0.25 }),
  schedule.join([1, schedule.linear({ from: 1, to: 0, total: 5 })], [4]),
  schedule.scale(schedule.warmup(schedule.join([1, 2], [4]), { steps: 3 }), 0.1),
  schedule.refined([9, 3, 1, 1, 1, 1, 1, 1, 2, 4], { peak: 0.1, every: 2 }),
];

/** The rates of the first steps. */
const ratesOf = (rate: schedule.Schedule, steps: number): number[] =>
  Array.from({ length: steps }, (_, step) => rate(step));

function expectRates(rate: schedule.Schedule, expected: readonly number[]): void {
  ratesOf(rate, expected.length).forEach((value, step) => {
    expect(Math.abs(value - expected[step]!), `step ${step}`).toBeLessThan(2e-15);
  });
}

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

  test("arguments of composed schedules are named too", () => {
    const bad: [() => unknown, RegExp][] = [
      [() => schedule.cosine({ from: 1, to: 0, total: 5, exponent: 0 }), /exponent .* above 0/],
      [() => schedule.cosineRestarts({ from: 1, period: 0 }), /cosineRestarts: period .* got 0/],
      [
        () => schedule.cosineRestarts({ from: 1, period: 5, periodFactor: 1.5 }),
        /periodFactor .* got 1.5/,
      ],
      [() => schedule.cosinePower({ from: 1, to: 0, total: 5, power: 0.5 }), /power .* from 1 up/],
      [() => schedule.exponential({ from: 1, decayRate: 0 }), /decayRate .* above 0, got 0/],
      [() => schedule.multiStep({ from: 1, milestones: [5, 5] }), /milestones\[1\] .* from 6 up/],
      [
        () => schedule.piecewiseConstant({ rates: [1], boundaries: [5] }),
        /rates must be 2 numbers/,
      ],
      [() => schedule.piecewiseLinear({ rates: [] }), /at least one rate/],
      [() => schedule.piecewiseLinear({ rates: [1, -1] }), /rates\[1\] must be .* got -1/],
      [() => schedule.oneCycle({ peak: 1, total: 10, pctStart: 2 }), /pctStart .* 0 to 1, got 2/],
      [
        () => schedule.oneCycle({ peak: 1, total: 10, pctStart: 0.5, pctFinal: 0.4 }),
        /pctFinal \(0.4\)/,
      ],
      [() => schedule.wsd({ peak: 1, warmup: 6, total: 10, decay: 5 }), /more than total \(10\)/],
      [
        () => schedule.wsd({ peak: 1, warmup: 1, total: 10, decay: 5, shape: "sqrt" as "linear" }),
        /shape must be one of linear, cosine, 1-sqrt, got "sqrt"/,
      ],
      [() => schedule.warmup(1, { steps: -1 }), /schedule\.warmup: steps .* got -1/],
      [() => schedule.join([1], [5]), /1 boundaries take 2 schedules, got 1/],
      [() => schedule.scale(schedule.constant(1), -1), /schedule\.scale: factor .* got -1/],
      [() => schedule.scale(((s: number) => s) as schedule.Schedule, 2), /custom\(name, rate\)/],
      [() => schedule.custom("", () => 1), /schedule\.custom: .* a name and a function/],
      [() => schedule.refined([1], { peak: 1 }), /at least 2 norms, got 1/],
      [() => schedule.refined([1, 0], { peak: 1 }), /gradientNorms\[1\] .* above 0, got 0/],
    ];
    for (const [make, message] of bad) {
      expect(make).toThrow(ArgumentError);
      expect(make).toThrow(message);
    }
  });

  test("JSON that holds no schedule is a checkpoint error that says what was found", () => {
    expect(() => schedule.fromJSON({ kind: "toString" })).toThrow(/kind "toString"/);
    expect(() => schedule.fromJSON(null)).toThrow(CheckpointError);
    expect(() => schedule.fromJSON({ kind: "linear", from: 1 })).toThrow(
      /schedule is not valid: schedule\.linear: to/,
    );
    expect(() => schedule.fromJSON({ kind: "linear", from: 1 })).toThrow(CheckpointError);
    const nested = { kind: "warmup", schedule: { kind: "none" }, steps: 3 };
    expect(() => schedule.fromJSON(nested)).toThrow(/kind "none"/);
    expect(() => schedule.fromJSON({ kind: "join" })).toThrow(CheckpointError);
  });
});

/** Rates that torch.optim.lr_scheduler of PyTorch 1.13 gave the optimizer, in f64. */
describe("schedules have PyTorch's rates", () => {
  test("StepLR(3)", () => {
    expectRates(
      schedule.step({ from: 0.1, stepSize: 3 }),
      [0.1, 0.1, 0.1, 0.01, 0.01, 0.01, 0.001, 0.001, 0.001, 0.0001],
    );
  });

  test("MultiStepLR([2, 5])", () => {
    expectRates(
      schedule.multiStep({ from: 0.1, milestones: [2, 5] }),
      [0.1, 0.1, 0.01, 0.01, 0.01, 0.001, 0.001],
    );
  });

  test("ExponentialLR(0.9)", () => {
    expectRates(
      schedule.exponential({ from: 0.1, decayRate: 0.9 }),
      [0.1, 0.09000000000000001, 0.08100000000000002, 0.07290000000000002, 0.06561000000000002],
    );
  });

  test("PolynomialLR(5, power 2)", () => {
    expectRates(
      schedule.polynomial({ from: 0.1, to: 0, total: 5, power: 2 }),
      [0.1, 0.06400000000000002, 0.036000000000000004, 0.016000000000000004, 0.004, 0, 0],
    );
  });

  test("CosineAnnealingLR(6, 0.01)", () => {
    expectRates(
      schedule.cosine({ from: 0.1, to: 0.01, total: 6 }),
      [0.1, 0.09397114317029975, 0.0775, 0.055, 0.0325, 0.01602885682970026, 0.01],
    );
  });

  test("CosineAnnealingWarmRestarts(T_0 3, T_mult 2, 0.01)", () => {
    const fall = [0.1, 0.09397114317029975, 0.0775, 0.055, 0.0325, 0.01602885682970026];
    const long = [0.1, 0.09846666218300808, 0.09397114317029975, 0.08681980515339464, 0.0775];
    expectRates(schedule.cosineRestarts({ from: 0.1, to: 0.01, period: 3, periodFactor: 2 }), [
      ...[0.1, 0.0775, 0.0325],
      ...fall,
      ...long,
    ]);
  });

  test("OneCycleLR with total_steps 11, which ends at step 10", () => {
    expectRates(
      schedule.oneCycle({ peak: 1, total: 10 }),
      [
        0.04, 0.28, 0.76, 1, 0.9504846320134737, 0.8117456539497631, 0.6112620219362893,
        0.38874197806371075, 0.18825834605023697, 0.049519367986526286, 4e-6,
      ],
    );
    expectRates(
      schedule.oneCycle({ peak: 1, total: 10, anneal: "linear" }),
      [
        0.04, 0.36, 0.68, 1, 0.8571434285714286, 0.7142868571428571, 0.5714302857142857,
        0.42857371428571434, 0.2857171428571429, 0.14286057142857145, 4e-6,
      ],
    );
    expectRates(
      schedule.oneCycle({ peak: 1, total: 10, anneal: "linear", pctFinal: 0.6 }),
      [0.04, 0.36, 0.68, 1, 0.68, 0.36, 0.04, 0.030001, 0.020002, 0.010003, 4e-6, 4e-6],
    );
  });

  test("SequentialLR of LinearLR(0.25, 1, 3) and ExponentialLR(0.5)", () => {
    expectRates(
      schedule.warmup(schedule.exponential({ from: 0.1, decayRate: 0.5 }), {
        steps: 3,
        from: 0.025,
      }),
      [0.025, 0.05, 0.075, 0.1, 0.05, 0.025, 0.0125],
    );
  });
});

describe("schedules have optax's rates", () => {
  test("cosine_decay_schedule with an exponent", () => {
    const rate = schedule.cosine({ from: 2, to: 0.5, total: 8, exponent: 1.5 });
    for (let step = 0; step < 12; step++) {
      const cosine = 0.5 * (1 + Math.cos((Math.PI * Math.min(step, 8)) / 8));
      expect(rate(step)).toBeCloseTo(2 * ((1 - 0.25) * cosine ** 1.5 + 0.25), 14);
    }
  });

  test("exponential_decay rises or falls to its end, smoothly or in stairs", () => {
    const smooth = { from: 1, decayRate: 0.5, transitionSteps: 4 };
    const rate = schedule.exponential({ ...smooth, to: 0.2 });
    const stairs = schedule.exponential({ ...smooth, staircase: true });
    for (let step = 0; step < 20; step++) {
      expect(rate(step)).toBeCloseTo(Math.max(0.5 ** (step / 4), 0.2), 14);
      expect(stairs(step)).toBe(0.5 ** Math.floor(step / 4));
    }
    const rising = schedule.exponential({ from: 1, decayRate: 2, to: 5 });
    expect(ratesOf(rising, 5)).toEqual([1, 2, 4, 5, 5]);
  });

  test("linear_onecycle_schedule has three phases, with corners at 0.3 and 0.85 of the steps", () => {
    const rate = schedule.oneCycle({ peak: 5, total: 100, anneal: "linear", pctFinal: 0.85 });
    const [first, last] = [5 / 25, 5 / (25 * 1e4)];
    expect(rate(0)).toBeCloseTo(first, 15);
    expect(rate(15)).toBeCloseTo((first + 5) / 2, 14);
    expect(rate(30)).toBe(5);
    expect(rate(85)).toBeCloseTo(first, 15);
    expect(rate(100)).toBeCloseTo(last, 18);
  });

  test("join_schedules counts each schedule from its own start", () => {
    const rate = schedule.join(
      [
        schedule.linear({ from: 0, to: 1, total: 4 }),
        schedule.step({ from: 1, stepSize: 2, gamma: 0.5 }),
        7,
      ],
      [4, 9],
    );
    expect(ratesOf(rate, 11)).toEqual([0, 0.25, 0.5, 0.75, 1, 1, 0.5, 0.5, 0.25, 7, 7]);
  });

  test("piecewise_constant_schedule changes at its boundaries", () => {
    const rate = schedule.piecewiseConstant({ rates: [3, 2, 1], boundaries: [2, 4] });
    expect(ratesOf(rate, 6)).toEqual([3, 3, 2, 2, 1, 1]);
  });
});

describe("schedules by their formulas", () => {
  test("cosine power is (p^(c + 1) - p) / (p^2 - p), and a cosine at p = 1", () => {
    const [p, total] = [10, 50];
    const rate = schedule.cosinePower({ from: 0.1, to: 1e-4, total });
    const plain = schedule.cosinePower({ from: 0.1, to: 1e-4, total, power: 1 });
    const cosine = schedule.cosine({ from: 0.1, to: 1e-4, total });
    for (let step = 0; step <= total; step++) {
      const c = (1 + Math.cos((Math.PI * step) / total)) / 2;
      const expected = 1e-4 + ((0.1 - 1e-4) * (p ** (c + 1) - p)) / (p ** 2 - p);
      expect(rate(step)).toBeCloseTo(expected, 15);
      expect(plain(step)).toBeCloseTo(cosine(step), 16);
    }
  });

  test("wsd stays at the peak between the warm-up and the decay, in each shape", () => {
    const fractions = {
      linear: (t: number) => 1 - t,
      cosine: (t: number) => (1 + Math.cos(Math.PI * t)) / 2,
      "1-sqrt": (t: number) => 1 - Math.sqrt(t),
    };
    for (const shape of ["linear", "cosine", "1-sqrt"] as const) {
      const rate = schedule.wsd({ peak: 2, warmup: 3, total: 20, decay: 8, shape, final: 0.5 });
      expect(ratesOf(rate, 3)).toEqual([0.5, 1, 1.5]);
      for (let step = 3; step <= 12; step++) expect(rate(step)).toBe(2);
      for (let step = 12; step <= 20; step++)
        expect(rate(step)).toBeCloseTo(0.5 + 1.5 * fractions[shape]((step - 12) / 8), 14);
      expect(rate(1000)).toBe(0.5);
    }
  });

  test("a longer wsd run has the same rates until the shorter one decays", () => {
    const options = { peak: 1, warmup: 10, decay: 20 };
    const [short, long] = [100, 500].map((total) => schedule.wsd({ ...options, total }));
    for (let step = 0; step < 80; step++) expect(long!(step)).toBe(short!(step));
  });

  test("any schedule warms up, and starts counting after it", () => {
    for (const original of examples) {
      const rate = schedule.warmup(original, { steps: 7 });
      for (let step = 0; step < 7; step++) expect(rate(step)).toBe((original(0) * (step + 1)) / 8);
      for (let step = 0; step < 30; step++) expect(rate(step + 7)).toBe(original(step));
    }
  });

  test("warmupCosine and warmupLinear are warm-ups of cosine and linear, bit for bit", () => {
    const options = { from: 0.3, to: 0.01, total: 24 };
    for (const [both, alone] of [
      [schedule.warmupCosine, schedule.cosine],
      [schedule.warmupLinear, schedule.linear],
    ] as const) {
      const rate = both({ peak: 0.3, warmup: 7, total: 31, final: 0.01 });
      expect(ratesOf(rate, 40)).toEqual(ratesOf(schedule.warmup(alone(options), { steps: 7 }), 40));
    }
  });

  test("a group's multiplier scales every rate", () => {
    for (const original of examples)
      expect(ratesOf(schedule.scale(original, 0.1), 20)).toEqual(
        ratesOf(original, 20).map((rate) => 0.1 * rate),
      );
  });
});

describe("a refined schedule", () => {
  test("of equal gradient norms is the straight line to 0", () => {
    const rate = schedule.refined(new Array(50).fill(3e-200), { peak: 0.7 });
    const line = schedule.linear({ from: 0.7, to: 0, total: 49 });
    expectRates(rate, ratesOf(line, 60));
  });

  test("is w_t times the sum of the later w, with w = norm^-2, or norm^-1 for l1 norms", () => {
    const norms = [4, 2, 1, 2, 1];
    for (const [norm, power] of [
      ["l2", -2],
      ["l1", -1],
    ] as const) {
      const w = norms.map((value) => value ** power);
      const u = w.map((value, t) => value * w.slice(t + 1).reduce((a, b) => a + b, 0));
      const rate = schedule.refined(norms, { peak: 0.1, norm, smoothing: 0 });
      expectRates(
        rate,
        u.map((value) => (0.1 * value) / Math.max(...u)),
      );
    }
  });

  test("of norms that fall at the start warms up", () => {
    const norms = Array.from({ length: 100 }, (_, t) => 1 + 20 * Math.exp(-t / 5));
    const rate = schedule.refined(norms, { peak: 1, smoothing: 0 });
    expect(rate(0)).toBeLessThan(0.05);
    const top = ratesOf(rate, 100).indexOf(1);
    expect(top).toBeGreaterThan(5);
    expect(top).toBeLessThan(40);
  });

  test("ignores a spike that the median filter is wider than", () => {
    const norms = new Array(100).fill(1);
    const plain = schedule.refined(norms, { peak: 1 });
    const spiked = schedule.refined(
      norms.map((value, t) => (t === 40 || t === 41 ? 1e6 : value)),
      { peak: 1 },
    );
    expect(ratesOf(spiked, 100)).toEqual(ratesOf(plain, 100));
  });

  test("of a norm logged every 10 steps lasts 10 times as long", () => {
    const norms = [5, 3, 2, 2, 2];
    const each = schedule.refined(norms, { peak: 1 });
    const sparse = schedule.refined(norms, { peak: 1, every: 10 });
    for (let i = 0; i < 6; i++) expect(sparse(10 * i)).toBe(each(i));
    expect(sparse(15)).toBeCloseTo((each(1) + each(2)) / 2, 15);
  });

  test("takes medians over any window, nearest before the start and reflected after the end", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 30 }),
        fc.integer({ min: 0, max: 8 }),
        (values, half) => {
          const last = values.length - 1;
          const at = (i: number): number => {
            if (i < 0) return values[0]!;
            let folded = i;
            while (folded < 0 || folded > last)
              folded = last === 0 ? 0 : folded > last ? 2 * last - folded : -folded;
            return values[folded]!;
          };
          const expected = values.map(
            (_, i) =>
              Array.from({ length: 2 * half + 1 }, (_, k) => at(i + k - half)).sort(
                (a, b) => a - b,
              )[half],
          );
          expect(medianFilter(values, 2 * half + 1)).toEqual(expected);
        },
      ),
    );
  });
});
