/** Routing of tokens to experts: balance, sparsity, gradients, and what it does to a mixture that learns. */
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { ArgumentError, ShapeError } from "../../src/errors";
import { grad, init, manualSeed, nn, optim, type Tensor, tensor, trainStep } from "../../src/node";
import { expectClose, expectThrows } from "../harness";
import { hashed } from "../reference/transport/drawn";

beforeAll(async () => {
  await init();
});
const open: { dispose(): void }[] = [];
afterEach(() => {
  for (const thing of open.splice(0).reverse()) thing.dispose();
});

type Method = NonNullable<nn.ExpertRouterOptions["method"]>;
const methods: readonly Method[] = ["sparseTransport", "entropicTransport", "softmax"];

const f64 = async (x: Tensor): Promise<Float64Array> => Float64Array.from(await x.data());
const matrix = (values: ArrayLike<number>, rows: number): Tensor =>
  tensor(Float32Array.from(values), { shape: [rows, values.length / rows] });

/** Standard normal. */
const normal = (index: number, seed: number): number =>
  Math.sqrt(-2 * Math.log(hashed(index, seed) + 2 ** -25)) *
  Math.cos(2 * Math.PI * hashed(index, seed + 1000));

/** Affinities of tokens that all like the first experts best. */
const [tokens, experts] = [96, 6];
const crowded = Float64Array.from(
  { length: tokens * experts },
  (_, e) => normal(e, 1) - 0.5 * (e % experts),
);
const greatestLoad = async (gates: Tensor): Promise<number> =>
  Math.max(...(await f64(nn.expertLoads(gates))));

describe("ExpertRouter", () => {
  for (const method of methods)
    test(`by ${method}: gates are shares of at most k experts`, async () => {
      for (const k of [1, 2, 6]) {
        const router = new nn.ExpertRouter({ k, method, temperature: 0.5 });
        const gates = await f64(router.forward(matrix(crowded, tokens)));
        for (let t = 0; t < tokens; t++) {
          const own = gates.subarray(t * experts, (t + 1) * experts);
          expect(own.filter((g) => g !== 0).length).toBeLessThanOrEqual(k);
          expect(Math.min(...own)).toBeGreaterThanOrEqual(0);
          expect(own.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 5);
        }
      }
    });

  test("by transport gives every expert its share of the tokens, where softmax crowds some", async () => {
    const load = (method: Method, k: number) =>
      greatestLoad(
        new nn.ExpertRouter({ k, method, temperature: 0.5 }).forward(matrix(crowded, tokens)),
      );
    for (const k of [1, 2, 3]) {
      expect(await load("softmax", k)).toBeGreaterThan(1.8);
      expect(await load("sparseTransport", k)).toBeLessThan(k === 1 ? 1.1 : 1.05);
      expect(await load("entropicTransport", k)).toBeLessThan(1.4);
    }
  });

  test("by softmax shares out the exponentials of the k greatest affinities", async () => {
    const router = new nn.ExpertRouter({ k: 2, method: "softmax", temperature: 2 });
    const gates = await router.forward(tensor([[1, 5, 3, 2]])).toArray();
    const share = 1 / (1 + Math.exp(-1));
    expectClose((gates as number[][])[0]!, [0, share, 1 - share, 0], {
      relative: 1e-6,
      absolute: 0,
    });
  });

  test("routes each group of a batch on its own", async () => {
    const other = crowded.map((v) => -v);
    const all = tensor(Float32Array.from([...crowded, ...other]), { shape: [2, tokens, experts] });
    for (const method of methods) {
      const router = new nn.ExpertRouter({ method });
      const together = await f64(router.forward(all));
      const alone = [crowded, other].map((own) => f64(router.forward(matrix(own, tokens))));
      const parts = (await Promise.all(alone)).flatMap((own) => [...own]);
      expectClose(together, parts, { relative: 0, absolute: 2e-6 }, method);
    }
  });

  for (const method of methods)
    test(`by ${method}: gradients of gates are what differences give`, async () => {
      const [n, m] = [6, 3];
      const affinities = Float64Array.from({ length: n * m }, (_, e) => 2 * hashed(e, 5));
      const weights = matrix(
        Float64Array.from({ length: n * m }, (_, e) => normal(e, 6)),
        n,
      );
      const along = Float64Array.from({ length: n * m }, (_, e) => hashed(e, 7) - 0.5);
      const router = new nn.ExpertRouter({
        k: 2,
        method,
        temperature: 1,
        tolerance: 1e-7,
        maxIterations: 200,
      });
      const of = (x: Tensor): Tensor => router.forward(x).mul(weights).sum();
      const slope = await f64(grad(of)(matrix(affinities, n)));
      const h = 2 ** -8;
      const at = (s: number) =>
        of(
          matrix(
            affinities.map((v, e) => v + s * along[e]!),
            n,
          ),
        ).item();
      const expected = ((await at(h)) - (await at(-h))) / (2 * h);
      const actual = slope.reduce((sum, v, e) => sum + v * along[e]!, 0);
      expectClose([actual], [expected], { relative: 5e-3, absolute: 5e-4 }, method);
    });

  test("says what it cannot take", () => {
    expectThrows(() => new nn.ExpertRouter({ k: 0 }), ArgumentError, /k 0 must be/);
    expectThrows(() => new nn.ExpertRouter({ temperature: 0 }), ArgumentError, /temperature 0/);
    const router = new nn.ExpertRouter();
    expectThrows(() => router.forward(tensor([1, 2])), ShapeError, /\[\.\.\., tokens, experts\]/);
  });
});

describe("MixtureOfExperts", () => {
  test("adds up its experts by their gates", async () => {
    manualSeed(3);
    const model = new nn.MixtureOfExperts(3, 2, { experts: 4, hidden: 5, k: 2 });
    open.push(model);
    const x = Float64Array.from({ length: 18 }, (_, e) => normal(e, 9));
    const input = tensor(Float32Array.from(x), { shape: [2, 3, 3] });
    const [gates, w1, b1, w2, b2] = await Promise.all(
      [model.gates(input), model.w1, model.b1, model.w2, model.b2].map(f64),
    );
    const expected: number[] = [];
    for (let t = 0; t < 6; t++) {
      const y = [0, 0];
      for (let e = 0; e < 4; e++) {
        const inner = Float32Array.from({ length: 5 }, (_, h) =>
          [0, 1, 2].reduce(
            (sum, i) => sum + w1![(e * 5 + h) * 3 + i]! * x[t * 3 + i]!,
            b1![e * 5 + h]!,
          ),
        );
        const active = await f64(nn.functional.gelu(tensor(inner)));
        for (const o of [0, 1])
          y[o]! +=
            gates![t * 4 + e]! *
            active.reduce((sum, v, h) => sum + w2![(e * 2 + o) * 5 + h]! * v, b2![e * 2 + o]!);
      }
      expected.push(...y);
    }
    const output = model.forward(input);
    expect(output.shape).toEqual([2, 3, 2]);
    expectClose(await f64(output), expected, { relative: 1e-4, absolute: 1e-5 });
  });

  test("has the keys and sizes that it says", () => {
    const model = new nn.MixtureOfExperts(3, 2, { experts: 4, hidden: 5 });
    open.push(model);
    expect(Object.keys(model.stateDict()).sort()).toEqual(["b1", "b2", "gate.weight", "w1", "w2"]);
    expect(model.parameterCount).toBe(4 * (5 * 3 + 5 + 2 * 5 + 2) + 4 * 3);
  });

  test("learns clusters at least as well with balanced experts as with crowded ones", async () => {
    // Eight clusters in four dimensions, each with a linear map of its own, seen through a sine.
    const [count, clusters, width] = [256, 8, 4];
    const x = new Float32Array(count * width);
    const y = Float32Array.from({ length: count }, (_, t) => {
      const c = t % clusters;
      let sum = 0;
      for (let k = 0; k < width; k++) {
        const value = 1.5 * normal(c * width + k, 1) + 0.3 * normal(t * width + k, 2);
        x[t * width + k] = value;
        sum += value * normal(c * width + k, 3);
      }
      return Math.sin(sum);
    });
    const batch = { x: matrix(x, count), y: matrix(y, count) };
    const train = async (method: Method) => {
      manualSeed(1);
      const model = new nn.MixtureOfExperts(width, 1, {
        experts: 8,
        hidden: 8,
        k: 2,
        method,
        temperature: method === "softmax" ? 1 : 0.3,
      });
      const optimizer = optim.adamw(model.namedParameters(), { lr: 1e-2, weightDecay: 0 });
      open.push(model, optimizer);
      const step = trainStep<nn.MixtureOfExperts, typeof batch>(model, optimizer, (m, data) =>
        nn.functional.mseLoss(m.forward(data.x), data.y),
      );
      for (let k = 0; k < 119; k++) step(batch);
      const loss = await step(batch).loss.item();
      return { loss, load: await greatestLoad(model.gates(batch.x)) };
    };
    const crowdedRun = await train("softmax");
    const balanced = await train("sparseTransport");
    expect(crowdedRun.load).toBeGreaterThan(1.7);
    expect(balanced.load).toBeLessThanOrEqual(1.1);
    expect(balanced.loss).toBeLessThanOrEqual(crowdedRun.loss);
    expect(balanced.loss).toBeLessThan(0.1);
  });

  test("says what it cannot take", () => {
    expectThrows(() => new nn.MixtureOfExperts(4, 0), ArgumentError, /outFeatures 0/);
    expectThrows(
      () => new nn.MixtureOfExperts(4, 4, { experts: 0 }),
      ArgumentError,
      /experts 0 must be/,
    );
    const model = new nn.MixtureOfExperts(4, 4, { experts: 2 });
    open.push(model);
    expectThrows(() => model.forward(tensor([[1, 2]])), ShapeError, /last dimension must be 4/);
  });
});
