/** Random shapes and chains of views against a host model. */
import fc from "fast-check";
import { beforeAll, expect, test } from "vitest";
import * as tg from "../../src/node";
import type { DeviceTensor } from "../../src/tensor/deviceTensor";
import {
  array,
  at,
  broadcastShape,
  generate,
  type HostArray,
  pointwise,
  reduceDims,
  sizeOf,
} from "../reference/array";

beforeAll(async () => {
  await tg.init();
});

const runs = { numRuns: 60, seed: 20240607 };

const counting = (shape: readonly number[]): HostArray =>
  array(
    shape,
    Array.from({ length: sizeOf(shape) }, (_, i) => i + 1),
  );

const upload = (x: HostArray): tg.Tensor =>
  tg.tensor(Float32Array.from(x.data), { shape: x.shape });

const shapes = (rank: number, largest = 4) =>
  fc.array(fc.integer({ min: 1, max: largest }), { minLength: 0, maxLength: rank });

/** Frees what `run` makes; the values it reads come back. */
async function reading(make: () => readonly tg.Tensor[]): Promise<number[][]> {
  const tensors = tg.scope(make);
  const values = await Promise.all(tensors.map((t) => t.data()));
  for (const t of tensors) t.dispose();
  return values.map((v) => Array.from(v));
}

/** Two shapes that broadcast: one shape, with some sizes of each operand set to 1, and leading ones cut. */
const broadcasting = shapes(6, 3).chain((shape) => {
  const operand = fc
    .tuple(
      fc.array(fc.boolean(), { minLength: shape.length, maxLength: shape.length }),
      fc.integer({ min: 0, max: shape.length }),
    )
    .map(([ones, cut]) => shape.map((d, i) => (ones[i] ? 1 : d)).slice(cut));
  return fc.tuple(operand, operand);
});

test("operands of any shapes that broadcast give what the host gives", async () => {
  await fc.assert(
    fc.asyncProperty(broadcasting, async ([a, b]) => {
      const [x, y] = [counting(a), counting(b)];
      const expected = [
        pointwise((p, q) => p - 2 * q, x, y),
        pointwise((p, q) => (p > q ? p : q), x, y),
      ];
      const values = await reading(() => {
        const [s, t] = [upload(x), upload(y)];
        return [s.sub(t.mul(2)), tg.where(s.gt(t), s, t)];
      });
      values.forEach((v, i) => {
        expect(v).toEqual([...expected[i]!.data]);
      });
    }),
    runs,
  );
});

test("shapes that do not broadcast are refused, and only those", () => {
  fc.assert(
    fc.property(shapes(4, 3), shapes(4, 3), (a, b) => {
      tg.scope(() => {
        const [x, y] = [tg.zeros(a), tg.zeros(b)];
        const shape = broadcastShape(a, b);
        if (shape) expect(x.add(y).shape).toEqual(shape);
        else expect(() => x.add(y)).toThrow(/do not broadcast/);
      });
    }),
    runs,
  );
});

const stepKinds = ["permute", "slice", "reshape", "expand"] as const;
interface Step {
  readonly kind: (typeof stepKinds)[number];
  readonly seed: number;
}

const steps = fc.array(fc.record({ kind: fc.constantFrom(...stepKinds), seed: fc.nat(1 << 20) }), {
  minLength: 1,
  maxLength: 6,
});

/** One view, chosen by a number from those the shape allows, on both sides. */
function step(t: tg.Tensor, x: HostArray, { kind, seed }: Step): [tg.Tensor, HostArray] {
  const { shape } = x;
  const rank = shape.length;
  if (kind === "permute") {
    const dims = shape.map((_, i) => i);
    for (let i = rank - 1, rest = seed; i > 0; rest = Math.floor(rest / (i + 1)), i--) {
      const j = rest % (i + 1);
      [dims[i], dims[j]] = [dims[j]!, dims[i]!];
    }
    const turned = generate(
      dims.map((d) => shape[d]!),
      (index) => {
        const from = new Array<number>(rank);
        dims.forEach((d, i) => {
          from[d] = index[i]!;
        });
        return at(x, from);
      },
    );
    return [t.permute(dims), turned];
  }
  if (kind === "slice" && rank > 0) {
    const dim = seed % rank;
    const size = shape[dim]!;
    const start = (seed >> 3) % size;
    const stepSize = 1 + ((seed >> 6) % 3);
    const count = Math.ceil((size - start) / stepSize);
    const cut = generate(
      shape.map((d, i) => (i === dim ? count : d)),
      (index) =>
        at(
          x,
          index.map((v, i) => (i === dim ? start + v * stepSize : v)),
        ),
    );
    return [t.slice({ dim, start, step: stepSize }), cut];
  }
  if (kind === "expand" && rank < 6) {
    const wanted = shape.map((d, i) => (d === 1 && (seed >> i) & 1 ? 2 : d));
    const wide = (seed >> 8) & 1 && sizeOf(wanted) < 500 ? [2, ...wanted] : wanted;
    const extra = wide.length - rank;
    const repeated = generate(wide, (index) =>
      at(
        x,
        shape.map((d, i) => (d === 1 ? 0 : index[i + extra]!)),
      ),
    );
    return [t.expand(wide), repeated];
  }
  // Two neighbouring dimensions merged, one split, or a dimension of size 1 more.
  const size = sizeOf(shape);
  const divisors = Array.from({ length: size }, (_, i) => i + 1).filter((d) => size % d === 0);
  const first = divisors[seed % divisors.length]!;
  const target = [first, size / first, ...(seed & 1024 ? [1] : [])];
  return [t.reshape(target), array(target, x.data)];
}

test("any chain of views reads as the host says, directly and through kernels", async () => {
  await fc.assert(
    fc.asyncProperty(shapes(4, 5), steps, async (shape, chain) => {
      let model = counting(shape);
      const values = await reading(() => {
        let t = upload(model);
        for (const one of chain) [t, model] = step(t, model, one);
        return [t, t.neg(), t.contiguous(), t.sum({ dim: [0] }), t.add(t.mul(0.5))];
      });
      const host = [...model.data];
      const sums =
        model.shape.length > 0
          ? [...reduceDims(model, [0], (v) => v.reduce((a, b) => a + b, 0)).data]
          : host;
      expect(values).toEqual([host, host.map((v) => -v), host, sums, host.map((v) => v * 1.5)]);
    }),
    runs,
  );
});

test("views take no memory; what cannot be a view is copied once", () => {
  tg.scope(() => {
    const x = tg.ones([4, 6, 8]) as DeviceTensor;
    const shares = (t: tg.Tensor): boolean => (t as DeviceTensor).storage === x.storage;
    const views: tg.Tensor[] = [
      x.reshape([24, 8]),
      x.permute([2, 0, 1]).reshape([8, 24]),
      x.transpose(0, 2).slice({ dim: 1, start: 1, step: 2 }),
      x.select(1, 3).unsqueeze(0).expand([5, 4, 8]),
      x.slice({ dim: 0, start: 1 }).reshape([18, 8]),
      x.permute([0, 2, 1]).slice({ dim: 2, start: 2, end: 3 }).squeeze(),
      x.split(3, 1)[1]!,
      x.flatten(0, 1),
      x.contiguous(),
    ];
    expect(views.map(shares)).toEqual(views.map(() => true));
    const copies: tg.Tensor[] = [
      x.permute([1, 0, 2]).reshape([24, 8]),
      x.slice({ dim: 2, end: 4 }).reshape([4, 24]),
      x.clone(),
      x.permute([1, 0, 2]).contiguous(),
    ];
    expect(copies.map(shares)).toEqual(copies.map(() => false));
  });
});

const weightsOf = ({ shape }: HostArray): HostArray =>
  generate(shape, (index) => index.reduce((a, b) => a + b, 1));

test("a view's gradient arrives where its elements lie", async () => {
  await fc.assert(
    fc.asyncProperty(shapes(3, 4), steps, async (shape, chain) => {
      const x = counting(shape);
      // The model carries the position of each element, so its host values say where a gradient goes.
      let model = x;
      const values = await reading(() => {
        const gradient = tg.grad((leaf: tg.Tensor) => {
          let t = leaf;
          model = x;
          for (const one of chain) [t, model] = step(t, model, one);
          return t.mul(upload(weightsOf(model))).sum();
        });
        return [gradient(upload(x)) as tg.Tensor];
      });
      const expected = new Array<number>(x.data.length).fill(0);
      const weights = weightsOf(model);
      model.data.forEach((source, i) => {
        expected[source - 1]! += weights.data[i]!;
      });
      expect(values[0]).toEqual(expected);
    }),
    { ...runs, numRuns: 30 },
  );
});
