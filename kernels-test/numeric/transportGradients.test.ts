/**
 * Derivatives of what a transport gives, with respect to points, weights and costs: by implicit differentiation, by
 * unrolling, and by finite differences of the f64 reference.
 */
import { beforeAll, describe, expect, test } from "vitest";
import { init, readAll } from "../../src/node";
import { div, mul, square } from "../../src/ops/arithmetic";
import { sum } from "../../src/ops/reduce";
import { scope } from "../../src/tensor/scope";
import type { Tensor } from "../../src/tensor/tensor";
import { grad } from "../../src/transforms/grad";
import { jvp } from "../../src/transforms/jvp";
import { vmap } from "../../src/transforms/vmap";
import {
  type Cost,
  type Penalty,
  pointCost,
  type SinkhornOptions,
  sinkhorn,
  squaredEuclidean,
  type Transport,
} from "../../src/transport/index";
import { numericGradient } from "../numericDerivatives";
import { type CostName, costMatrix } from "../reference/transport/costs";
import { drawPoints, drawWeights } from "../reference/transport/drawn";
import {
  type MarginalPenalty,
  type Problem,
  sinkhorn as reference,
  type Solution,
} from "../reference/transport/sinkhorn";
import { entropyValue, relativeValue, transportCost } from "../reference/transport/values";
import { costFunctions, total, upload, vector } from "./transportRun";

beforeAll(async () => {
  await init();
});

const [n, m, d] = [5, 4, 2];
const epsilon = 0.2;

/** Points, and masses before they are divided by their sum; or a matrix. */
interface Inputs<T> {
  readonly x: T;
  readonly y: T;
  readonly a: T;
  readonly b: T;
  readonly matrix: T;
}

const shapes: Inputs<readonly number[]> = {
  x: [n, d],
  y: [m, d],
  a: [n],
  b: [m],
  matrix: [n, m],
};
const names = Object.keys(shapes) as (keyof Inputs<unknown>)[];

const points = { x: drawPoints(n, d, 21), y: drawPoints(m, d, 22) };
const start: Inputs<Float64Array> = {
  ...points,
  a: drawWeights("random", n, 23).map(Math.fround),
  b: drawWeights("random", m, 24).map(Math.fround),
  matrix: costMatrix("squaredEuclidean", points.x, points.y, d).map(Math.fround),
};

type CostOf = CostName | "matrix";

/** Multipliers of the potentials, with equal sums: a shift of one against the other counts for nothing. */
const [u, v] = [
  [0.7, -0.3, 0.4, 0.9, -0.7],
  [1.2, -0.8, 0.1, 0.5],
];
const marks = { u: [0.9, -0.4, 0.3, 0.8, -0.2], v: [0.5, -0.7, 0.2, 1] };

interface Output {
  readonly ours: (result: Transport) => Tensor;
  readonly theirs: (problem: Problem, solution: Solution) => number;
}

const outputs: Readonly<Record<string, Output>> = {
  value: {
    ours: (result) => result.value(),
    theirs: (problem, { plan }) => relativeValue(problem, plan),
  },
  transportCost: {
    ours: (result) => result.transportCost(),
    theirs: (problem, { plan }) => transportCost(plan, problem.cost),
  },
  potentials: {
    ours: ({ f, g }) => sum(mul(f, vector(u!))).add(sum(mul(g, vector(v!)))),
    theirs: (_, { f, g }) =>
      total(f.map((value, i) => value * u![i]!)) + total(g.map((value, j) => value * v![j]!)),
  },
  "plan applied": {
    ours: ({ plan }) => sum(square(plan.apply(vector(marks.v)))),
    theirs: (_, { plan }) =>
      total(marks.u.map((_, i) => total(marks.v.map((w, j) => w * plan[i * m + j]!)) ** 2)),
  },
  "plan applied to the rows": {
    ours: ({ plan }) => sum(square(plan.applyTranspose(vector(marks.u)))),
    theirs: (_, { plan }) =>
      total(marks.v.map((_, j) => total(marks.u.map((w, i) => w * plan[i * m + j]!)) ** 2)),
  },
  "plan as a matrix": {
    ours: ({ plan }) => sum(square(plan.dense())),
    theirs: (_, { plan }) => total(plan.map((p) => p * p)),
  },
};

interface Setting {
  readonly cost: CostOf;
  readonly penalty: readonly [MarginalPenalty, MarginalPenalty] | null;
}

const normalised = ({ penalty }: Setting): boolean => penalty === null;

function deviceLoss(
  { ours }: Output,
  setting: Setting,
  options: Partial<SinkhornOptions>,
): (inputs: Inputs<Tensor>) => Tensor {
  const { cost, penalty } = setting;
  return ({ x, y, a, b, matrix }) => {
    const share = (w: Tensor): Tensor => (normalised(setting) ? div(w, sum(w)) : w);
    const of: Cost = cost === "matrix" ? matrix : costFunctions[cost](x, y);
    const given = penalty as readonly [Penalty, Penalty] | null;
    return ours(
      sinkhorn(share(a), share(b), of, {
        epsilon,
        tolerance: 1e-7,
        maxIterations: 200,
        implicit: { maxIterations: 40 },
        ...(given && { penalty: { a: given[0], b: given[1] } }),
        ...options,
      }),
    );
  };
}

function referenceLoss({ theirs }: Output, setting: Setting, inputs: Inputs<Float64Array>): number {
  const { cost, penalty } = setting;
  const share = (w: Float64Array): Float64Array =>
    normalised(setting) ? w.map((value) => value / total(w)) : w;
  const problem: Problem = {
    a: share(inputs.a),
    b: share(inputs.b),
    cost: cost === "matrix" ? inputs.matrix : costMatrix(cost, inputs.x, inputs.y, d),
    epsilon,
    ...(penalty && { penalty }),
  };
  return theirs(problem, reference(problem));
}

/** With respect to all inputs, those that do not matter too. */
async function deviceGradient(
  output: Output,
  setting: Setting,
  options: Partial<SinkhornOptions> = {},
): Promise<Inputs<Float32Array>> {
  const gradient = scope(() => {
    const inputs = Object.fromEntries(
      names.map((name) => [name, upload(start[name], shapes[name])]),
    ) as unknown as Inputs<Tensor>;
    return grad(deviceLoss(output, setting, options))(inputs);
  });
  const values = await readAll(names.map((name) => gradient[name]));
  return Object.fromEntries(
    names.map((name, k) => [name, values[k]]),
  ) as unknown as Inputs<Float32Array>;
}

const numericOf = (output: Output, setting: Setting, name: keyof Inputs<unknown>): Float64Array =>
  numericGradient((at) => referenceLoss(output, setting, { ...start, [name]: at }), start[name]);

function expectGradient(ours: ArrayLike<number>, want: ArrayLike<number>, what: string): void {
  const largest = Math.max(...Array.from(want, Math.abs), 1e-2);
  for (let i = 0; i < want.length; i++)
    expect(
      Math.abs(ours[i]! - want[i]!) / largest,
      `${what}: element ${i} is ${ours[i]}, by differences ${want[i]}`,
    ).toBeLessThan(1e-3);
}

const kl = { kl: 0.5 };
/** Some potentials are at their bound, and some are not. */
const tv = { tv: 0.12 };
const settings: Readonly<Record<string, Setting>> = {
  "balanced, squared distances": { cost: "squaredEuclidean", penalty: null },
  "balanced, distances": { cost: "euclidean", penalty: null },
  "balanced, cosines": { cost: "cosine", penalty: null },
  "balanced, a matrix": { cost: "matrix", penalty: null },
  "under KL": { cost: "squaredEuclidean", penalty: [kl, kl] },
  "under KL, a matrix": { cost: "matrix", penalty: [kl, { kl: 1.5 }] },
  "under TV": { cost: "squaredEuclidean", penalty: [tv, tv] },
  "under KL of the rows alone": { cost: "squaredEuclidean", penalty: [kl, null] },
};

describe("implicit and unrolled gradients are those of finite differences in f64", () => {
  for (const [label, setting] of Object.entries(settings))
    test.each(Object.entries(outputs))(`${label}: %s`, async (_, output) => {
      // Masses differ where one side must be exact only by what the other may.
      const unrolledToo =
        label === "balanced, squared distances" ||
        label === "under KL, a matrix" ||
        label === "under TV";
      const implicit = await deviceGradient(output, setting);
      const unrolled = unrolledToo
        ? await deviceGradient(output, setting, { differentiation: "unrolled", maxIterations: 60 })
        : null;
      for (const name of names) {
        const read = name === "matrix" ? setting.cost === "matrix" : true;
        const matters =
          setting.cost === "matrix" ? name !== "x" && name !== "y" : read && name !== "matrix";
        const want = matters ? numericOf(output, setting, name) : start[name].map(() => 0);
        expectGradient(implicit[name], want, `implicit, ${name}`);
        if (unrolled) expectGradient(unrolled[name], want, `unrolled, ${name}`);
      }
    });
});

describe("the envelope of the value", () => {
  const solved = () => {
    const [x, y] = [upload(start.x, [n, d]), upload(start.y, [m, d])];
    return { x, y, a: vector(start.a), b: vector(start.b) };
  };

  test("by points it is 2 sum of P (x - y), by weights f, by a matrix of costs P", async () => {
    const { a, b, x, y } = solved();
    const options = { epsilon, tolerance: 1e-7 };
    const result = sinkhorn(a, b, squaredEuclidean(x, y), options);
    const plan = await result.plan.dense().data();
    const byPoints = grad((at: Tensor) =>
      sum(sinkhorn(a, b, squaredEuclidean(at, y), options).value()),
    )(x);
    (await byPoints.data()).forEach((value, k) => {
      const [i, c] = [Math.floor(k / d), k % d];
      const want = total(
        [0, 1, 2, 3].map((j) => 2 * plan[i * m + j]! * (start.x[k]! - start.y[j * d + c]!)),
      );
      expect(value).toBeCloseTo(want, 5);
    });
    const byWeights = await grad((w: Tensor) =>
      sum(sinkhorn(w, b, squaredEuclidean(x, y), options).value()),
    )(a).data();
    const f = await result.f.data();
    const mean = (of: ArrayLike<number>): number =>
      total(Array.from(of, (value, i) => value * start.a[i]!));
    const [fMean, wMean] = [mean(f), mean(byWeights)];
    byWeights.forEach((value, i) => {
      expect(value - wMean).toBeCloseTo(f[i]! - fMean, 5);
    });
    const matrix = upload(start.matrix, [n, m]);
    const byCost = await grad((c: Tensor) => sum(sinkhorn(a, b, c, options).value()))(
      matrix,
    ).data();
    const fromMatrix = await sinkhorn(a, b, matrix, options).plan.dense().data();
    byCost.forEach((value, k) => {
      expect(value).toBeCloseTo(fromMatrix[k]!, 6);
    });
  });

  test("it solves no equations: conjugate gradients would be some thousand dispatches", () => {
    const { a, b, x, y } = solved();
    const { counters } = x.device!.executor;
    const options = { epsilon, maxIterations: 50 };
    const count = (run: () => void): number => {
      const before = counters.dispatches;
      scope(run);
      return counters.dispatches - before;
    };
    const value = (at: Tensor): Tensor =>
      sum(sinkhorn(a, b, squaredEuclidean(at, y), options).value());
    const forward = count(() => {
      value(x);
    });
    const both = count(() => {
      grad(value)(x);
    });
    expect(both - forward).toBeLessThan(150);
  });

  test("by the entropy convention it adds the slope of the entropies of the weights", async () => {
    const setting: Setting = { cost: "squaredEuclidean", penalty: null };
    const output: Output = {
      ours: (result) => result.value({ convention: "entropy" }),
      theirs: (problem, { plan }) => entropyValue(problem, plan),
    };
    const ours = await deviceGradient(output, setting);
    for (const name of ["x", "y", "a", "b"] as const)
      expectGradient(ours[name], numericOf(output, setting, name), name);
  });

  test("of unnormalised weights it is that of finite differences along moves of equal mass", async () => {
    const heavy = (w: Float64Array): Float64Array => w.map((value) => Math.fround(3 * value));
    const [a, b] = [heavy(start.a), heavy(start.b)];
    const cost = squaredEuclidean(upload(start.x, [n, d]), upload(start.y, [m, d]));
    const ours = await grad((w: Tensor) =>
      sum(sinkhorn(w, vector(b), cost, { epsilon, tolerance: 1e-7 }).value()),
    )(vector(a)).data();
    const value = (w: Float64Array): number => {
      const problem: Problem = {
        a: w,
        b,
        cost: costMatrix("squaredEuclidean", start.x, start.y, d),
        epsilon,
      };
      return relativeValue(problem, reference(problem).plan);
    };
    for (let i = 1; i < n; i++) {
      const moved = (by: number): Float64Array =>
        a.map((w, k) => w + (k === i ? by : k === 0 ? -by : 0));
      const want = (value(moved(1e-4)) - value(moved(-1e-4))) / 2e-4;
      expect(ours[i]! - ours[0]!).toBeCloseTo(want, 4);
    }
  });
});

describe("further derivatives", () => {
  const setting: Setting = { cost: "squaredEuclidean", penalty: null };

  test.each(["value", "transportCost", "potentials"])(
    "the Hessian of %s times a vector is the difference of gradients",
    async (name) => {
      const output = outputs[name]!;
      const direction = drawPoints(n, d, 31).map((w) => w - 0.5);
      const loss = deviceLoss(output, setting, {});
      const others = () => ({
        y: upload(start.y, shapes.y),
        a: upload(start.a, shapes.a),
        b: upload(start.b, shapes.b),
        matrix: upload(start.matrix, shapes.matrix),
      });
      const first = (x: Tensor): Tensor => grad((at: Tensor) => loss({ ...others(), x: at }))(x);
      const second = scope(() =>
        grad((x: Tensor) => sum(mul(first(x), upload(direction, shapes.x))))(
          upload(start.x, shapes.x),
        ),
      );
      const step = 1e-4;
      const at = (by: number): Float64Array =>
        numericOf2(
          output,
          start.x.map((w, k) => w + by * direction[k]!),
        );
      const [above, below] = [at(step), at(-step)];
      const want = above.map((w, k) => (w - below[k]!) / (2 * step));
      const largest = Math.max(...want.map(Math.abs));
      (await second.data()).forEach((value, k) => {
        expect(Math.abs(value - want[k]!) / largest).toBeLessThan(5e-3);
      });
    },
  );

  const numericOf2 = (output: Output, x: Float64Array): Float64Array =>
    numericGradient((at) => referenceLoss(output, setting, { ...start, x: at }), x, 1e-4);

  test.each(Object.keys(outputs))(
    "forward mode moves %s as finite differences do",
    async (name) => {
      const output = outputs[name]!;
      const loss = deviceLoss(output, setting, {});
      const moves = Object.fromEntries(
        names.map((of, k) => [
          of,
          drawPoints(start[of].length, 1, 41 + k).map((w) => Math.fround(w - 0.5)),
        ]),
      ) as unknown as Inputs<Float64Array>;
      const primal = Object.fromEntries(
        names.map((of) => [of, upload(start[of], shapes[of])]),
      ) as unknown as Inputs<Tensor>;
      const tangent = Object.fromEntries(
        names.map((of) => [of, upload(moves[of], shapes[of])]),
      ) as unknown as Inputs<Tensor>;
      const { tangent: ours } = jvp(loss, [primal], [tangent]);
      const moved = (by: number): number =>
        referenceLoss(
          output,
          setting,
          Object.fromEntries(
            names.map((of) => [of, start[of].map((w, k) => w + by * moves[of][k]!)]),
          ) as unknown as Inputs<Float64Array>,
        );
      const want = (moved(1e-5) - moved(-1e-5)) / 2e-5;
      expect(Math.abs((await ours.item()) - want)).toBeLessThan(
        1e-3 * Math.max(0.1, Math.abs(want)),
      );
    },
  );

  test("lanes of vmap are problems of a batch", async () => {
    const lanes = 3;
    const x = upload(drawPoints(lanes * n, d, 51), [lanes, n, d]);
    const y = upload(start.y, [m, d]);
    const loss = (at: Tensor): Tensor =>
      sinkhorn(null, null, squaredEuclidean(at, y), {
        epsilon,
        maxIterations: 100,
      }).transportCost();
    const gradient = grad((at: Tensor) => sum(loss(at)));
    const together = await vmap(gradient)(x).data();
    const batch = await gradient(x).data();
    together.forEach((value, k) => {
      expect(value).toBeCloseTo(batch[k]!, 6);
    });
  });

  test("each problem of a batch has its own gradient, also beside one that was done long before", async () => {
    const spread = [1, 3];
    const x = drawPoints(2 * n, d, 61).map((w, k) => w * spread[Math.floor(k / (n * d))]!);
    const loss = (at: Tensor, y: Tensor): Tensor =>
      sum(
        sinkhorn(null, null, squaredEuclidean(at, y), {
          epsilon,
          maxIterations: 400,
        }).transportCost(),
      );
    const y = drawPoints(2 * m, d, 62);
    const together = await grad(loss)(upload(x, [2, n, d]), upload(y, [2, m, d])).data();
    for (const k of [0, 1]) {
      const alone = await grad(loss)(
        upload(x.slice(k * n * d, (k + 1) * n * d), [n, d]),
        upload(y.slice(k * m * d, (k + 1) * m * d), [m, d]),
      ).data();
      alone.forEach((value, i) => {
        expect(together[k * n * d + i]).toBeCloseTo(value, 5);
      });
    }
  });
});

describe("where derivatives are delicate", () => {
  test("a point without weight has the gradient 0, and the others theirs", async () => {
    const a = start.a.map((w, i) => (i === 2 ? 0 : w));
    const share = a.map((w) => w / total(a));
    for (const differentiation of ["implicit", "unrolled"] as const) {
      const ours = await grad((x: Tensor) =>
        sum(
          sinkhorn(vector(share), vector(start.b), squaredEuclidean(x, upload(start.y, [m, d])), {
            epsilon,
            differentiation,
            tolerance: 1e-7,
            maxIterations: 60,
          }).transportCost(),
        ),
      )(upload(start.x, [n, d])).data();
      const want = numericGradient((x) => {
        const problem: Problem = {
          a: share,
          b: start.b,
          cost: costMatrix("squaredEuclidean", x, start.y, d),
          epsilon,
        };
        return transportCost(reference(problem).plan, problem.cost);
      }, start.x);
      expectGradient(ours, want, differentiation);
      expect(Math.abs(ours[4]!) + Math.abs(ours[5]!)).toBe(0);
    }
  });

  test("a forbidden pair has the gradient 0, and no gradient is NaN", async () => {
    const cost = start.matrix.map((c, k) => (k === 6 || k === 13 ? Number.POSITIVE_INFINITY : c));
    const options = { epsilon, tolerance: 1e-7, maxIterations: 200 };
    for (const read of ["value", "transportCost"] as const) {
      const ours = await grad((c: Tensor) =>
        sum(sinkhorn(vector(start.a), vector(start.b), c, options)[read]()),
      )(upload(cost, [n, m])).data();
      const want = numericGradient((finite) => {
        const problem: Problem = {
          a: start.a,
          b: start.b,
          cost: finite.map((c, k) => (cost[k] === Number.POSITIVE_INFINITY ? cost[k]! : c)),
          epsilon,
        };
        const { plan } = reference(problem);
        return read === "value" ? relativeValue(problem, plan) : transportCost(plan, problem.cost);
      }, start.matrix);
      expectGradient(ours, want, read);
      expect([ours[6], ours[13]]).toEqual([0, 0]);
    }
  });

  test("points that coincide have a finite gradient by distances", async () => {
    const x = upload([0.2, 0.4, 0.9, 0.1], [2, 2]);
    const gradient = await grad((at: Tensor) =>
      sum(
        sinkhorn(null, null, costFunctions.euclidean(at, x), {
          epsilon,
          maxIterations: 60,
        }).transportCost(),
      ),
    )(x).data();
    expect(gradient.every(Number.isFinite)).toBe(true);
  });

  test("one point to one: the plan cannot move, so the cost has the slope of the distance", async () => {
    const y = upload([0.5, 0.5], [1, 2]);
    for (const differentiation of ["implicit", "unrolled"] as const) {
      const gradient = await grad((at: Tensor) =>
        sum(
          sinkhorn(null, null, squaredEuclidean(at, y), {
            epsilon,
            differentiation,
            maxIterations: 20,
          }).transportCost(),
        ),
      )(upload([0.75, 0], [1, 2])).data();
      expect(gradient[0]).toBeCloseTo(0.5, 5);
      expect(gradient[1]).toBeCloseTo(-1, 5);
    }
  });

  test("a cost written in WGSL has the slope that was given with it", async () => {
    const rule = {
      name: "fourthPower",
      term: "(x - y) * (x - y) * (x - y) * (x - y)",
      slopeX: "4.0 * (x - y) * (x - y) * (x - y)",
    };
    const options = { epsilon, tolerance: 1e-7, maxIterations: 200 };
    const [a, b] = [vector(start.a), vector(start.b)];
    const ours = await grad(
      (x: Tensor, y: Tensor) => sum(sinkhorn(a, b, pointCost(x, y, rule), options).transportCost()),
      { argnums: [0, 1] },
    )(upload(start.x, [n, d]), upload(start.y, [m, d]));
    const cost = (x: Float64Array, y: Float64Array): Float64Array =>
      Float64Array.from({ length: n * m }, (_, k) =>
        total([0, 1].map((c) => (x[Math.floor(k / m) * d + c]! - y[(k % m) * d + c]!) ** 4)),
      );
    const loss = (x: Float64Array, y: Float64Array): number => {
      const problem: Problem = { a: start.a, b: start.b, cost: cost(x, y), epsilon };
      return transportCost(reference(problem).plan, problem.cost);
    };
    expectGradient(
      await ours[0].data(),
      numericGradient((x) => loss(x, start.y), start.x),
      "x",
    );
    expectGradient(
      await ours[1].data(),
      numericGradient((y) => loss(start.x, y), start.y),
      "y",
    );
  });
});
