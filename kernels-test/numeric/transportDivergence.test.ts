/** The Sinkhorn divergence beside fixtures and an f64 reference, with its properties and gradients. */
import { beforeAll, describe, expect, test } from "vitest";
import * as tg from "../../src/node";
import {
  costMatrix,
  type DivergenceOptions,
  euclidean,
  type Penalty,
  sinkhorn,
  sinkhornDivergence,
  sinkhornDivergenceOfCosts,
  squaredEuclidean,
  type TransportReport,
} from "../../src/transport/index";
import { selfTransport } from "../../src/transport/selfTransport";
import { costMatrix as plainCosts } from "../reference/transport/costs";
import { sinkhornDivergence as reference } from "../reference/transport/divergence";
import { drawPoints, drawWeights } from "../reference/transport/drawn";
import { golden } from "../reference/transport/golden";
import { pairOf, potCases, type SinkhornAttrs } from "../reference/transport/pot";
import { total, upload, vector } from "./transportRun";

beforeAll(async () => {
  await tg.init();
});

// Its formulas in f64: cost ‖x − y‖² / 2 or ‖x − y‖, ε = blur^p, ρ = reach^p, blur 0.3, and a reach of 0.7 or none.
test.each([
  [2, null, 0.8665764303328728, 0.9706629181727942],
  [2, 0.7, 0.40544909806509116, 0.5034792471418419],
  [1, null, 1.0219866585947224, 1.3740489074838378],
  [1, 0.7, 0.560422531213102, 0.8730285545832657],
] as const)(
  "GeomLoss' SamplesLoss of p %i and reach %o, debiased and not",
  async (p, reach, debiased, not) => {
    const factor = p === 2 ? 2 : 1;
    const penalty = reach && { penalty: { kl: factor * reach ** p } };
    const options = { epsilon: factor * 0.3 ** p, ...penalty };
    const [x, y] = [upload(golden.x, [5, 2]), upload(golden.y, [4, 2])];
    const [a, b] = [vector(golden.a), vector(golden.b)];
    const cost = p === 2 ? squaredEuclidean : euclidean;
    const divergence = sinkhornDivergence(a, x, b, y, { ...options, cost });
    expect((await divergence.item()) / factor / debiased).toBeCloseTo(1, 5);
    const value = sinkhorn(a, b, cost(x, y), options).value();
    expect((await value.item()) / factor / not).toBeCloseTo(1, 5);
  },
);

interface Clouds {
  readonly a: ArrayLike<number>;
  readonly x: ArrayLike<number>;
  readonly b: ArrayLike<number>;
  readonly y: ArrayLike<number>;
  readonly d: number;
}

const drawn = (n: number, m: number, seed = 1, masses: readonly [number, number] = [1, 1]) => ({
  a: drawWeights("random", n, seed, masses[0]),
  x: drawPoints(n, 2, seed + 1),
  b: drawWeights("random", m, seed + 2, masses[1]),
  y: drawPoints(m, 2, seed + 3),
  d: 2,
});

async function ours({ a, x, b, y, d }: Clouds, options: DivergenceOptions): Promise<number> {
  const points = (p: ArrayLike<number>) => upload(p, [p.length / d, d]);
  return sinkhornDivergence(vector(a), points(x), vector(b), points(y), options).item();
}

function theirs(
  { a, x, b, y, d }: Clouds,
  epsilon: number,
  penalty: readonly [Penalty, Penalty] = [null, null],
): number {
  const between = (p: ArrayLike<number>, q: ArrayLike<number>) =>
    plainCosts("squaredEuclidean", Float64Array.from(p), Float64Array.from(q), d);
  const costs = [between(x, y), between(x, x), between(y, y)] as const;
  return reference({ a, b, epsilon, costs, penalty, tolerance: 1e-11 });
}

describe("values", () => {
  test.each(potCases<SinkhornAttrs>("sinkhornDivergence"))("$name", async ({ attrs, results }) => {
    const { a, b, x, y } = pairOf(attrs);
    const value = await ours(
      { a, b, x, y, d: attrs.d },
      { epsilon: attrs.epsilon, maxIterations: attrs.epsilon < 0.1 ? 2000 : 300 },
    );
    const want = results["value"]!;
    expect(Math.abs(value - want)).toBeLessThan(1e-4 * Math.max(want, 3e-3));
  });

  test.each<[string, readonly [Penalty, Penalty]]>([
    ["KL", [{ kl: 0.5 }, { kl: 0.5 }]],
    ["KL of two weights", [{ kl: 2 }, { kl: 0.1 }]],
    ["TV", [{ tv: 0.3 }, { tv: 0.3 }]],
    ["KL and TV", [{ kl: 0.5 }, { tv: 0.4 }]],
    ["one exact side", [{ kl: 0.5 }, null]],
  ])("masses that differ, %s", async (_, penalty) => {
    const clouds = drawn(13, 9, 5, [1.3, 0.7]);
    for (const epsilon of [0.5, 0.05]) {
      const value = await ours(clouds, {
        epsilon,
        maxIterations: 400,
        penalty: { a: penalty[0], b: penalty[1] },
      });
      expect(value / theirs(clouds, epsilon, penalty)).toBeCloseTo(1, 4);
    }
  });

  test("costs in matrices and other costs", async () => {
    const { a, x, b, y } = drawn(7, 5);
    const [p, q] = [upload(x, [7, 2]), upload(y, [5, 2])];
    const options = { epsilon: 0.1, maxIterations: 300 };
    for (const cost of [squaredEuclidean, euclidean]) {
      const points = sinkhornDivergence(vector(a), p, vector(b), q, { ...options, cost });
      const matrices = sinkhornDivergenceOfCosts(
        vector(a),
        vector(b),
        {
          ab: costMatrix(cost(p, q)),
          aa: costMatrix(cost(p, p)),
          bb: costMatrix(cost(q, q)),
        },
        options,
      );
      expect(await matrices.item()).toBeCloseTo(await points.item(), 6);
    }
  });
});

describe("what a divergence promises", () => {
  test.each([1, 0.1, 0.01])("0 between equal measures, epsilon %f", async (epsilon) => {
    for (const n of [1, 3, 64, 255]) {
      const { a, x } = drawn(n, 1, n);
      const options = { epsilon, maxIterations: 300 };
      expect(Math.abs(await ours({ a, x, b: a, y: x, d: 2 }, options))).toBeLessThan(3e-6);
    }
  });

  test("0 between equal measures of any mass, with penalties", async () => {
    const { a, x } = drawn(33, 1, 2, [1.7, 1]);
    for (const penalty of [{ kl: 0.4 }, { tv: 0.2 }])
      expect(
        Math.abs(
          await ours({ a, x, b: a, y: x, d: 2 }, { epsilon: 0.1, maxIterations: 300, penalty }),
        ),
      ).toBeLessThan(3e-6);
  });

  test("more than 0 between others, and alike from both sides", async () => {
    for (const seed of [1, 2, 3, 4]) {
      const { a, x, b, y, d } = drawn(9, 14, 10 * seed);
      const options = { epsilon: 0.1, maxIterations: 300 };
      const there = await ours({ a, x, b, y, d }, options);
      expect(there).toBeGreaterThan(1e-4);
      expect(await ours({ a: b, x: y, b: a, y: x, d }, options)).toBeCloseTo(there, 6);
    }
  });

  test.each([2, 0.2, 0.02])(
    "of a translation it is the square of its length, epsilon %f",
    async (epsilon) => {
      const { a, x } = drawn(31, 1, 8);
      const moved = Float64Array.from(x, (v, k) => v + (k % 2 ? 0.5 : -0.25));
      const value = await ours({ a, x, b: a, y: moved, d: 2 }, { epsilon, maxIterations: 500 });
      expect(value).toBeCloseTo(0.3125, 5);
    },
  );

  test("a measure's transport to itself takes few iterations at any epsilon", async () => {
    const { x } = drawn(200, 1, 3);
    const points = upload(x, [200, 2]);
    for (const epsilon of [1, 0.01, 1e-4]) {
      const self = selfTransport("here", null, squaredEuclidean(points, points), { epsilon });
      const [{ converged, iterations }] = (await self.report()) as [TransportReport];
      expect(converged).toBe(true);
      expect(iterations).toBeLessThanOrEqual(50);
      const [rows] = self.plan.marginals();
      expect(Math.abs(total((await rows.data()) as Float32Array) - 1)).toBeLessThan(1e-5);
    }
  });
});

describe("gradients", () => {
  const clouds = drawn(6, 5, 4);
  const step = 1e-5;

  const slope = (
    of: Clouds,
    part: "a" | "x",
    epsilon: number,
    penalty?: readonly [Penalty, Penalty],
  ) =>
    Array.from(of[part], (_, k) => {
      const [up, down] = [step, -step].map((h) =>
        theirs(
          { ...of, [part]: Array.from(of[part], (v, i) => v + (i === k ? h : 0)) },
          epsilon,
          penalty,
        ),
      );
      return (up! - down!) / (2 * step);
    });

  async function gradients(of: Clouds, options: DivergenceOptions) {
    const { a, x, b, y, d } = of;
    const [p, q] = [upload(x, [x.length / d, d]), upload(y, [y.length / d, d])];
    const [da, dx] = tg.grad(
      (w: tg.Tensor, at: tg.Tensor) => sinkhornDivergence(w, at, vector(b), q, options),
      { argnums: [0, 1] },
    )(vector(a), p) as unknown as tg.Tensor[];
    return { a: (await da!.data()) as Float32Array, x: (await dx!.data()) as Float32Array };
  }

  test("of points, and of weights up to a constant", async () => {
    for (const epsilon of [1, 0.1]) {
      const { a, x } = await gradients(clouds, { epsilon, maxIterations: 300 });
      for (const [k, want] of slope(clouds, "x", epsilon).entries())
        expect(x[k]).toBeCloseTo(want, 4);
      // A weight alone leaves the balanced problems: compare what moves between two of them do.
      const { a: weights } = clouds;
      for (const i of [1, 2, 3]) {
        const [up, down] = [step, -step].map((h) =>
          theirs(
            { ...clouds, a: Array.from(weights, (w, k) => w + (k === i ? h : k === 0 ? -h : 0)) },
            epsilon,
          ),
        );
        expect(a[i]! - a[0]!).toBeCloseTo((up! - down!) / (2 * step), 4);
      }
    }
  });

  test.each<[string, Penalty]>([
    ["KL", { kl: 0.3 }],
    ["TV", { tv: 0.15 }],
  ])("of points and weights where mass may differ, %s", async (_, penalty) => {
    const of = drawn(5, 4, 6, [1.2, 0.9]);
    const { a, x } = await gradients(of, { epsilon: 0.1, maxIterations: 300, penalty });
    for (const [k, want] of slope(of, "x", 0.1, [penalty, penalty]).entries())
      expect(x[k]).toBeCloseTo(want, 4);
    for (const [k, want] of slope(of, "a", 0.1, [penalty, penalty]).entries())
      expect(a[k]).toBeCloseTo(want, 3);
  });

  test("of gradients are the differences of gradients", async () => {
    const { a, x, b, y, d } = clouds;
    const target = upload(y, [y.length / d, d]);
    const loss = (at: tg.Tensor) =>
      sinkhornDivergence(vector(a), at, vector(b), target, {
        epsilon: 0.5,
        tolerance: 1e-7,
        maxIterations: 300,
      });
    const along = Float32Array.from(x, (_, k) => Math.sin(3 * k + 1));
    const at = (h: number) =>
      upload(
        Array.from(x, (v, k) => v + h * along[k]!),
        [x.length / d, d],
      );
    const h = 2e-2;
    const [up, down] = await Promise.all(
      [h, -h].map(
        async (by) => (await (tg.grad(loss)(at(by)) as tg.Tensor).data()) as Float32Array,
      ),
    );
    const second = tg.hvp(loss, [at(0)], [upload(along, [x.length / d, d])]);
    const found = (await second.hvp[0].data()) as Float32Array;
    const want = Array.from(up!, (v, k) => (v - down![k]!) / (2 * h));
    const largest = Math.max(...want.map(Math.abs));
    found.forEach((v, k) => {
      expect(Math.abs(v - want[k]!) / largest).toBeLessThan(1e-2);
    });
  });

  test("are 0 between equal measures", async () => {
    const { a, x, d } = clouds;
    const { x: slopes } = await gradients(
      { a, x, b: a, y: x, d },
      { epsilon: 0.05, maxIterations: 1000 },
    );
    for (const g of slopes) expect(Math.abs(g)).toBeLessThan(2e-5);
  });
});

describe("batches and compiled functions", () => {
  test("leading dimensions broadcast, each problem as if alone", async () => {
    const [one, two] = [drawn(6, 5, 20), drawn(6, 5, 30)];
    const x = upload([...one.x, ...two.x], [2, 6, 2]);
    const y = upload(one.y, [5, 2]);
    const together = sinkhornDivergence(null, x, null, y, { epsilon: 0.1, maxIterations: 300 });
    expect(together.shape).toEqual([2]);
    const values = (await together.data()) as Float32Array;
    for (const [k, { x: own }] of [one, two].entries()) {
      const alone = sinkhornDivergence(null, upload(own, [6, 2]), null, y, {
        epsilon: 0.1,
        maxIterations: 300,
      });
      expect(values[k]).toBeCloseTo(await alone.item(), 6);
    }
  });

  test("compiled with its gradient it is what it is", async () => {
    const { x, y } = drawn(12, 9, 7);
    const target = upload(y, [9, 2]);
    const loss = tg.valueAndGrad((p: tg.Tensor) =>
      sinkhornDivergence(null, p, null, target, { epsilon: 0.1, maxIterations: 50 }),
    );
    const points = upload(x, [12, 2]);
    const plain = loss(points);
    const compiled = tg.compile(loss);
    const fast = compiled(points);
    expect(await fast.value.item()).toBeCloseTo(await plain.value.item(), 6);
    const [g, h] = [await fast.grad.data(), await plain.grad.data()] as Float32Array[];
    for (const [k, v] of h!.entries()) expect(g![k]).toBeCloseTo(v, 6);
    compiled.dispose();
  });
});

describe("bad input", () => {
  test("is named by the function that was called", async () => {
    const { x, y } = drawn(4, 3);
    const [p, q] = [upload(x, [4, 2]), upload(y, [3, 2])];
    expect(() => sinkhornDivergence(null, p, null, q, { epsilon: 0 })).toThrow(
      "transport.sinkhornDivergence: epsilon 0",
    );
    expect(() => sinkhornDivergence([1, 2], p, null, q, { epsilon: 1 })).toThrow(
      "transport.sinkhornDivergence: a has 2 weights; this cost needs 4",
    );
    const negative = sinkhornDivergence(vector([-1, 1, 1, 0]), p, null, q, { epsilon: 1 });
    await expect(negative.item()).rejects.toThrow(
      "transport.sinkhornDivergence: a has a negative weight",
    );
  });
});
