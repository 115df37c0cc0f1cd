/** Transport on the line, and along lines: against POT, a walk in f64, and what is known of both. */
import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { ArgumentError, DTypeError, ShapeError } from "../../src/errors";
import * as tg from "../../src/node";
import { decodeSafetensors, toArray } from "../../src/train/safetensors";
import { checkGradient, expectClose, expectRejects, expectThrows } from "../harness";
import { drawPoints, drawWeights } from "../reference/transport/drawn";
import { transportOnLine } from "../reference/transport/line";

const { tensor, transport } = tg;
type Tensor = tg.Tensor;

beforeAll(async () => {
  await tg.init();
});

const file = decodeSafetensors(
  readFileSync(new URL("../oracles/fixtures/transport_exact.safetensors", import.meta.url)),
  "transport_exact.safetensors",
);
const casesOf = (op: string): [string, { p: number }][] =>
  Object.entries(
    JSON.parse(file.metadata["cases"]!) as Record<string, { op: string; attrs: { p: number } }>,
  ).flatMap(([name, oracle]) => (oracle.op === op ? [[name, oracle.attrs]] : []));
const valuesOf = (name: string): ArrayLike<number> => {
  const t = file.tensors.get(name)!;
  return toArray(t, t.dtype) as ArrayLike<number>;
};
const loaded = (name: string): Tensor | null => {
  const t = file.tensors.get(name);
  return t ? tensor(Float32Array.from(valuesOf(name)), { shape: t.shape }) : null;
};
const read = async (t: Tensor): Promise<number[]> => [...(await t.data())];
const f32 = (values: Float64Array, shape: readonly number[] = [values.length]): Tensor =>
  tensor(Float32Array.from(values), { shape });
const largest = (values: ArrayLike<number>): number =>
  Array.from(values).reduce((x, y) => Math.max(x, Math.abs(y)), 0);

describe("on the line", () => {
  test.each(casesOf("ot.wasserstein_1d"))(
    "%s agrees with POT, and so do its gradients",
    async (name, { p }) => {
      const [u, v] = [loaded(`${name}/u`)!, loaded(`${name}/v`)!];
      const [a, b] = [loaded(`${name}/a`), loaded(`${name}/b`)];
      const cost = transport.wasserstein1d(u, v, a, b, { p });
      expectClose(await read(cost), valuesOf(`${name}/cost`), { relative: 1e-5, absolute: 0 });
      const gradients = tg.grad(([x, y]: readonly Tensor[]) =>
        tg.sum(transport.wasserstein1d(x!, y!, a, b, { p })),
      )([u, v]) as readonly Tensor[];
      for (const [k, role] of ["gradU", "gradV"].entries()) {
        const expected = valuesOf(`${name}/${role}`);
        const rounding = { relative: 1e-4, absolute: 3e-6 * Math.max(1, largest(expected)) };
        expectClose(await read(gradients[k]!), expected, rounding, role);
      }
    },
  );

  test.each([
    [1, 1],
    [1, 7],
    [3, 2],
    [12, 18],
    [255, 257],
    [256, 64],
    [1023, 4097],
  ])("%i points to %i cost what a walk in f64 moves", async (n, m) => {
    const [u, v] = [drawPoints(n, 1, 31), drawPoints(m, 1, 32)];
    for (const kind of ["uniform", "random", "zeros"] as const) {
      const [a, b] = [drawWeights(kind, n, 33), drawWeights(kind, m, 34)];
      const given = kind === "uniform" ? [null, null] : [f32(a), f32(b)];
      const { cost } = transportOnLine(u, v, a, b, 2);
      const found = transport.wasserstein1d(f32(u), f32(v), given[0]!, given[1]!, { p: 2 });
      expectClose(await read(found), [cost], { relative: 1e-4, absolute: 1e-8 }, kind);
    }
  });

  test("the plan of emd1d is that of the walk, for each problem of a batch", async () => {
    const [n, m] = [17, 11];
    const points = [1, 2, 3].map(
      (k) => [drawPoints(n, 1, 40 + k), drawPoints(m, 1, 50 + k)] as const,
    );
    const [a, b] = [drawWeights("zeros", n, 60), drawWeights("random", m, 61)];
    const stacked = (k: 0 | 1): Tensor =>
      tg.stack(points.map((pair) => f32(pair[k]))).reshape([3, 1, k ? m : n]);
    const found = transport.emd1d(stacked(0), stacked(1), f32(a), f32(b), { p: 3 });
    const plan = found.dense();
    expect(plan.shape).toEqual([3, 1, n, m]);
    const walked = points.map(([u, v]) => transportOnLine(u, v, a, b, 3));
    const all = walked.flatMap((w) => [...w.plan]);
    expectClose(await read(plan), all, { relative: 0, absolute: 3e-7 }, "plan");
    const costs = walked.map((w) => w.cost);
    expectClose(await read(found.cost), costs, { relative: 1e-5, absolute: 1e-8 }, "cost");
  });

  test("equal weights of n = m points move each to one", async () => {
    const plan = transport.emd1d(tensor([2, 0, 1]), tensor([7, 9, 8])).dense();
    const third = Math.fround(1 / 3);
    expect(await plan.toArray()).toEqual([
      [0, third, 0],
      [third, 0, 0],
      [0, 0, third],
    ]);
  });

  test("duplicates, and points of no weight however far away, cost nothing", async () => {
    const u = tensor([0, 0, 1, 1e6, -1e6]);
    const v = tensor([1, 0, 0]);
    const cost = transport.wasserstein1d(u, v, [0.25, 0.25, 0.5, 0, 0], [0.5, 0.2, 0.3]);
    expect(await cost.item()).toBeLessThan(1e-6);
  });

  test("a shift by s costs s^p, times the mass", async () => {
    const u = drawPoints(129, 1, 70);
    const a = drawWeights("random", 129, 71, 5);
    const moved = transport.wasserstein1d(f32(u), f32(u.map((x) => x + 0.5)), f32(a), f32(a), {
      p: 2,
    });
    expectClose(await read(moved), [5 * 0.25], { relative: 2e-6, absolute: 0 });
  });

  test("gradients by weights are what differences give", async () => {
    const [n, m] = [6, 9];
    const [u, v] = [f32(drawPoints(n, 1, 72)), f32(drawPoints(m, 1, 73))];
    await checkGradient(tg, {
      what: "wasserstein1d",
      fn: ([x, y, s, t]) => [
        transport.wasserstein1d(x!, y!, tg.softmax(s!), tg.softmax(t!), { p: 2 }),
      ],
      inputs: [u, v, f32(drawPoints(n, 1, 74)), f32(drawPoints(m, 1, 75))],
      step: 2 ** -9,
      tolerance: 2e-3,
      second: false,
    });
  });

  test("what does not fit is said", async () => {
    const u = tensor([1, 2]);
    expectThrows(
      () => transport.wasserstein1d(u, u, null, null, { p: 0.5 }),
      ArgumentError,
      /p is 0.5/,
    );
    expectThrows(() => transport.wasserstein1d(u, u, [1]), ShapeError, /uWeights has shape \[1\]/);
    const typed = Float64Array.of(1, 3);
    expect(await transport.wasserstein1d(u, u, typed, typed).item()).toBe(0);
    expectThrows(() => transport.wasserstein1d(u, tensor([])), ShapeError, /v has shape \[0\]/);
    expectThrows(
      () => transport.emd1d(u, tensor(Int32Array.of(1, 2))),
      DTypeError,
      /v has dtype i32/,
    );
    expectThrows(
      () => transport.wasserstein1d(u, u, { p: 2 } as never),
      ArgumentError,
      /uWeights is \{"p":2\}; weights are a tensor, a list/,
    );
    expectThrows(() => transport.emd1d(u, u, [1, -1]), ArgumentError, /uWeights\[1\] is -1/);
    await expectRejects(
      transport.wasserstein1d(u, u, tensor([1, -1]), [0, 1]).item(),
      ArgumentError,
      /transport.wasserstein1d: a has a negative weight, NaN or Infinity at position 1/,
    );
    await expectRejects(
      transport.wasserstein1d(u, u, [1, 1], [1, 3]).item(),
      ArgumentError,
      /transport.wasserstein1d: a has mass 2.*and b 4/,
    );
  });
});

describe("along lines", () => {
  test.each(casesOf("ot.sliced_wasserstein_distance"))(
    "%s agrees with POT, and so do its gradients",
    async (name, { p }) => {
      const [x, y] = [loaded(`${name}/x`)!, loaded(`${name}/y`)!];
      const options = {
        projections: loaded(`${name}/projections`)!,
        p,
        a: loaded(`${name}/a`),
        b: loaded(`${name}/b`),
      };
      const found = transport.slicedWasserstein(x, y, options);
      expectClose(await read(found), valuesOf(`${name}/distance`), { relative: 1e-5, absolute: 0 });
      const greatest = transport.maxSlicedWasserstein(x, y, options);
      expectClose(await read(greatest), valuesOf(`${name}/greatest`), {
        relative: 1e-5,
        absolute: 0,
      });
      const gradients = tg.grad(([s, t]: readonly Tensor[]) =>
        transport.slicedWasserstein(s!, t!, options),
      )([x, y]) as readonly Tensor[];
      for (const [k, role] of ["gradX", "gradY"].entries()) {
        const expected = valuesOf(`${name}/${role}`);
        const rounding = { relative: 1e-4, absolute: 1e-5 * largest(expected) };
        expectClose(await read(gradients[k]!), expected, rounding, role);
      }
    },
  );

  test("more directions come nearer to the mean over all, as one over the root of their number", async () => {
    // Of two points at distance 1 in the plane: the mean of |cos| is 2 / π.
    const [x, y] = [tensor([[0, 0]]), tensor([[0.6, 0.8]])];
    const estimate = async (projections: number, seed: number): Promise<number> =>
      await transport
        .slicedWasserstein(x, y, { projections, p: 1, key: tg.random.key(seed) })
        .item();
    const spread = async (projections: number): Promise<number> => {
      let sum = 0;
      for (let seed = 0; seed < 16; seed++)
        sum += ((await estimate(projections, seed)) - 2 / Math.PI) ** 2;
      return Math.sqrt(sum / 16);
    };
    // The deviation of |cos| is 0.308; of 16 draws the root of the mean square is within a factor of 2.
    for (const count of [16, 4096]) {
      const expected = 0.308 / Math.sqrt(count);
      const found = await spread(count);
      expect(found).toBeGreaterThan(expected / 2);
      expect(found).toBeLessThan(expected * 2);
    }
  });

  test("a translation by t costs |t| / √d for p = 2, at most |t| in the greatest", async () => {
    const d = 3;
    const x = f32(drawPoints(40, d, 80), [40, d]);
    const y = x.add(tensor([2, -1, 2]));
    const options = { projections: 20_000, key: tg.random.key(3) };
    expectClose(await read(transport.slicedWasserstein(x, y, options)), [3 / Math.sqrt(d)], {
      relative: 0.02,
      absolute: 0,
    });
    const greatest = await transport.maxSlicedWasserstein(x, y, options).item();
    expect(greatest).toBeLessThan(3.00001);
    expect(greatest).toBeGreaterThan(2.99);
  });

  test("it is 0 to itself with a gradient of 0, symmetric, and below the exact distance", async () => {
    const [x, y] = [f32(drawPoints(30, 2, 81), [30, 2]), f32(drawPoints(30, 2, 82), [30, 2])];
    const key = tg.random.key(5);
    for (const p of [1, 2, 2.5]) {
      const to = (s: Tensor, t: Tensor): Tensor => transport.slicedWasserstein(s, t, { key, p });
      expect(await to(x, x).item()).toBe(0);
      const flat = tg.grad((s: Tensor) => to(s, x))(x) as Tensor;
      expect(largest(await read(flat))).toBe(0);
      expect(await to(x, y).item()).toBe(await to(y, x).item());
    }
    const C = tg.square(tg.sub(x.unsqueeze(1), y.unsqueeze(0))).sum({ dim: -1 });
    const exact = Math.sqrt(await transport.emd2(null, null, C));
    expect(await transport.slicedWasserstein(x, y, { key }).item()).toBeLessThan(exact);
  });

  test("batches, vmap and one key give the same directions to all", async () => {
    const x = f32(drawPoints(2 * 9 * 3, 1, 83), [2, 9, 3]);
    const y = f32(drawPoints(2 * 5 * 3, 1, 84), [2, 5, 3]);
    const b = f32(drawWeights("random", 5, 85));
    const options = { key: tg.random.key(6), projections: 7, b };
    const all = await read(transport.slicedWasserstein(x, y, options));
    const lanes = tg.vmap((s: Tensor, t: Tensor) => transport.slicedWasserstein(s, t, options))(
      x,
      y,
    );
    const each = [0, 1].map((k) =>
      transport.slicedWasserstein(tg.select(x, 0, k), tg.select(y, 0, k), options),
    );
    expectClose(await read(lanes as Tensor), all, { relative: 1e-6, absolute: 0 });
    for (const k of [0, 1])
      expectClose([await each[k]!.item()], [all[k]!], { relative: 1e-6, absolute: 0 });
  });

  test("without a key, directions come from the default generator", async () => {
    const [x, y] = [f32(drawPoints(8, 2, 86), [8, 2]), f32(drawPoints(8, 2, 87), [8, 2])];
    tg.manualSeed(1);
    const first = await transport.slicedWasserstein(x, y).item();
    const second = await transport.slicedWasserstein(x, y).item();
    tg.manualSeed(1);
    expect(await transport.slicedWasserstein(x, y).item()).toBe(first);
    expect(second).not.toBe(first);
  });

  test("what does not fit is said", () => {
    const x = tensor([[1, 2]]);
    const to =
      (options: Parameters<typeof transport.slicedWasserstein>[2], y = x) =>
      () =>
        transport.slicedWasserstein(x, y, options);
    expectThrows(to({}, tensor([[1]])), ShapeError, /the same dimension d/);
    expectThrows(to({ projections: 0 }), ArgumentError, /projections is 0/);
    expectThrows(to({ projections: x }), ShapeError, /need \[2, count\]/);
    expectThrows(to({ p: 0 }), ArgumentError, /p is 0/);
  });
});
