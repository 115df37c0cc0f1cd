/** The transforms of functions: each against what calculus gives, and all of them inside each other. */
import { ArgumentError, DTypeError, ShapeError } from "../../src/errors";
import type { Tensor } from "../../src/tensor/tensor";
import type { Case, Tilegrad } from "../caseModules";
import { assert, expectClose, expectEqual, expectThrows } from "../harness";

const tolerance = { relative: 4e-6, absolute: 2e-6 };

/** Reads the tensors that `make` returns, made in a scope, and checks that nothing else stays alive. */
async function reading(
  tg: Tilegrad,
  make: () => readonly Tensor[],
): Promise<{ data: number[]; shape: readonly number[] }[]> {
  const live = (): number => tg.memory().liveBytes - tg.memory().byCategory.constant;
  const before = live();
  const tensors = tg.scope(() => make().map((t) => tg.contiguous(t)));
  const read = await tg.readAll(tensors);
  const out = tensors.map((t, i) => ({ data: [...read[i]!], shape: t.shape }));
  for (const t of tensors) t.dispose();
  expectEqual(live(), before, "bytes that stay alive");
  return out;
}

async function expectValues(
  tg: Tilegrad,
  what: string,
  make: () => Tensor,
  expected: readonly number[],
  shape?: readonly number[],
): Promise<void> {
  const [result] = await reading(tg, () => [make()]);
  if (shape) expectEqual(result!.shape, shape, `${what}: the shape`);
  expectClose(result!.data, expected, tolerance, what);
}

type Elementwise = (x: Tensor) => Tensor;

/** Transforms of a function of independent elements into another, and how often each differentiates. */
const letters: Readonly<
  Record<string, { order: number; of: (tg: Tilegrad, h: Elementwise) => Elementwise }>
> = {
  grad: { order: 1, of: (tg, h) => tg.grad((x: Tensor) => tg.sum(h(x))) },
  jvp: { order: 1, of: (tg, h) => (x) => tg.jvp(h, [x], [tg.onesLike(x)]).tangent },
  linearize: { order: 1, of: (tg, h) => (x) => tg.linearize(h, x).jvp(tg.onesLike(x)) },
  jacrev: {
    order: 1,
    of: (tg, h) => (x) => {
      const matrix = tg.jacrev(h)(x) as Tensor;
      return x.rank === 0 ? matrix : tg.sum(matrix, { dim: 0 });
    },
  },
  jacfwd: {
    order: 1,
    of: (tg, h) => (x) => {
      const matrix = tg.jacfwd(h)(x) as Tensor;
      return x.rank === 0 ? matrix : tg.sum(matrix, { dim: 0 });
    },
  },
  vmap: { order: 0, of: (tg, h) => (x) => (x.rank === 0 ? h(x) : tg.vmap(h)(x)) },
  checkpoint: { order: 0, of: (tg, h) => tg.checkpoint(h) },
};

const composition: Case[] = [
  {
    name: "every transform inside every other inside every third differentiates x e^x as often as it should",
    async run(tg) {
      const names = Object.keys(letters);
      const at = [-0.5, 0.25, 1];
      const words = names.flatMap((a) => names.flatMap((b) => names.map((c) => [a, b, c])));
      const failures: string[] = [];
      for (const word of words) {
        let h: Elementwise = (x) => tg.mul(x, tg.exp(x));
        for (const letter of word) h = letters[letter]!.of(tg, h);
        const order = word.reduce((sum, letter) => sum + letters[letter]!.order, 0);
        await expectValues(
          tg,
          word.join(" inside "),
          () => h(tg.tensor(at)),
          at.map((x) => (x + order) * Math.exp(x)),
          [3],
        ).catch((error: unknown) => failures.push(String(error)));
      }
      assert(failures.length === 0, failures.join("\n"));
    },
  },
];

const modes: Case[] = [
  {
    name: "jvp moves trees along trees, and what does not move is zero",
    async run(tg) {
      const [tangent, still, count] = await reading(tg, () => {
        const f = ({ a, b }: { a: Tensor; b: Tensor }, c: Tensor) => ({
          product: a.mul(b).add(c),
          other: b.sin(),
          count: c.gt(0).sum(),
        });
        const { tangent } = tg.jvp(
          f,
          [{ a: tg.tensor([1, 2]), b: tg.tensor([3, 4]) }, tg.tensor([5, 6])],
          [{ a: tg.tensor([1, 0.5]), b: null as unknown as Tensor }, null],
        );
        return [tangent.product, tangent.other, tangent.count];
      });
      expectClose(tangent!.data, [3, 2], tolerance);
      expectEqual(still!.data, [0, 0]);
      expectEqual(count!.data, [0]);
    },
  },
  {
    name: "a pullback may be called often, and a scope or dispose frees it",
    async run(tg) {
      const [first, second] = await reading(tg, () => {
        const x = tg.tensor([1, 2, 3]);
        const { value, pullback } = tg.vjp((y: Tensor) => y.mul(y), x);
        const [a] = pullback(tg.onesLike(value));
        const [b] = pullback(tg.mul(value, 2));
        return [a, b];
      });
      expectEqual(first!.data, [2, 4, 6]);
      expectEqual(second!.data, [4, 32, 108]);
      const x = tg.tensor([1, 2]);
      const before = tg.memory().liveBytes;
      const { value, pullback } = tg.vjp((y: Tensor) => y.exp().sin(), x);
      pullback.dispose();
      pullback.dispose();
      value.dispose();
      expectEqual(tg.memory().liveBytes, before, "bytes after dispose");
      x.dispose();
    },
  },
  {
    name: "jacrev and jacfwd give the same matrices, for trees too, also a few rows at a time",
    async run(tg) {
      const f = (x: Tensor, { w }: { w: Tensor }) => ({
        y: tg.matmul(w, x),
        z: x.mul(x).sum(),
      });
      const matrices = (options: { chunkSize?: number }) => () => {
        const x = tg.tensor([1, 2, 3]);
        const w = tg.tensor([
          [1, -1, 2],
          [0.5, 3, -2],
        ]);
        return [tg.jacrev, tg.jacfwd].flatMap((jac) => {
          const by = jac(f, { argnums: [0, 1], ...options })(x, { w });
          const [yx, yw] = by.y as unknown as [Tensor, { w: Tensor }];
          const [zx, zw] = by.z as unknown as [Tensor, { w: Tensor }];
          return [yx, yw.w, zx, zw.w];
        });
      };
      const yw = [1, 2, 3, 0, 0, 0, 0, 0, 0, 1, 2, 3];
      const expected = [
        { data: [1, -1, 2, 0.5, 3, -2], shape: [2, 3] },
        { data: yw, shape: [2, 2, 3] },
        { data: [2, 4, 6], shape: [3] },
        { data: [0, 0, 0, 0, 0, 0], shape: [2, 3] },
      ];
      for (const options of [{}, { chunkSize: 2 }]) {
        const all = await reading(tg, matrices(options));
        all.forEach((matrix, i) => {
          expectEqual(matrix.shape, expected[i % 4]!.shape, `the shape of matrix ${i}`);
          expectClose(matrix.data, expected[i % 4]!.data, tolerance, `matrix ${i}`);
        });
      }
    },
  },
  {
    name: "hessian and hvp give the second derivatives of Rosenbrock's function",
    async run(tg) {
      const rosenbrock = (p: Tensor): Tensor => {
        const [x, y] = [p.select(0, 0), p.select(0, 1)];
        return tg.add(tg.sub(1, x).square(), y.sub(x.square()).square().mul(100));
      };
      const [x, y] = [0.5, -0.25];
      const h = [2 - 400 * (y - 3 * x * x), -400 * x, -400 * x, 200];
      const v = [2, -1];
      const [matrix, product, gradient, value] = await reading(tg, () => {
        const p = tg.tensor([x, y]);
        const forward = tg.hvp(rosenbrock, [p], [tg.tensor(v)]);
        return [
          tg.hessian(rosenbrock)(p) as Tensor,
          forward.hvp[0],
          forward.grad[0],
          forward.value,
        ];
      });
      expectEqual(matrix!.shape, [2, 2]);
      expectClose(matrix!.data, h, tolerance, "the Hessian");
      expectClose(
        product!.data,
        [h[0]! * 2 - h[1]!, h[2]! * 2 - h[3]!],
        tolerance,
        "the Hessian times v",
      );
      expectClose(
        gradient!.data,
        [-2 * (1 - x) - 400 * x * (y - x * x), 200 * (y - x * x)],
        tolerance,
        "the gradient",
      );
      expectClose(value!.data, [(1 - x) ** 2 + 100 * (y - x * x) ** 2], tolerance, "the value");
    },
  },
];

/** A two-layer network and its loss on one example. */
function network(tg: Tilegrad) {
  const values = (count: number, seed: number): Float32Array =>
    Float32Array.from({ length: count }, (_, i) => Math.sin(12.9898 * (i + seed)));
  const make = (shape: number[], seed: number): Tensor =>
    tg.tensor(
      values(
        shape.reduce((a, b) => a * b, 1),
        seed,
      ),
      { shape },
    );
  const params = { w1: make([3, 5], 1), b1: make([5], 2), w2: make([5, 2], 3) };
  const loss = (p: typeof params, x: Tensor, label: Tensor): Tensor => {
    const hidden = tg.tanh(tg.matmul(x, p.w1).add(p.b1));
    const scores = tg.matmul(hidden, p.w2);
    return tg.crossEntropy(tg.unsqueeze(scores, 0), tg.unsqueeze(label, 0));
  };
  const inputs = make([4, 3], 4);
  const labels = tg.tensor(Int32Array.of(0, 1, 1, 0));
  return { params, loss, inputs, labels };
}

const lanes: Case[] = [
  {
    name: "vmap(grad(loss)) gives each example's gradient, as a loop does",
    async run(tg) {
      const results = await reading(tg, () => {
        const { params, loss, inputs, labels } = network(tg);
        const together = tg.vmap(tg.grad(loss), { inDims: [null, 0, 0] })(params, inputs, labels);
        const each = [0, 1, 2, 3].map((i) =>
          tg.grad(loss)(params, inputs.select(0, i), labels.select(0, i)),
        );
        return (["w1", "b1", "w2"] as const).flatMap((name) => [
          together[name],
          tg.stack(each.map((g) => g[name])),
        ]);
      });
      for (let i = 0; i < results.length; i += 2) {
        expectEqual(results[i]!.shape, results[i + 1]!.shape);
        expectClose(results[i]!.data, results[i + 1]!.data, tolerance, `gradient ${i / 2}`);
      }
    },
  },
  {
    name: "the gradient through vmap adds up over what lanes share",
    async run(tg) {
      await expectValues(
        tg,
        "d/dw Σ lanes",
        () => {
          const x = tg.tensor([
            [1, 2],
            [3, 4],
            [5, 6],
          ]);
          return tg.grad((w: Tensor) =>
            tg
              .vmap((row: Tensor) => row.mul(w).sum())(x)
              .sum(),
          )(tg.tensor([1, 1]));
        },
        [9, 12],
      );
    },
  },
  {
    name: "inDims and outDims say where lanes stand, for trees and from the end too",
    async run(tg) {
      const [a, b, c] = await reading(tg, () => {
        const x = tg.arange(0, 6, 1, { dtype: "f32" }).reshape([2, 3]);
        const f = ({ u, v }: { u: Tensor; v: Tensor }, k: number) => ({
          sum: u.add(v).mul(k),
          shared: v.mul(2),
        });
        const out = tg.vmap(f, {
          inDims: [{ u: -1, v: null }, 0],
          outDims: { sum: 1, shared: null },
        })({ u: x, v: tg.tensor([10, 20]) }, 3);
        const nested = tg.vmap(
          tg.vmap((p: Tensor, q: Tensor) => p.mul(q), { inDims: [null, 0] }),
          {
            inDims: [0, null],
          },
        )(tg.tensor([1, 2]), tg.tensor([3, 4, 5]));
        return [out.sum, out.shared, nested];
      });
      expectEqual(a!.data, [30, 33, 36, 69, 72, 75]);
      expectEqual(a!.shape, [2, 3]);
      expectEqual(b!.data, [20, 40]);
      expectEqual(c!.data, [3, 4, 5, 6, 8, 10]);
      expectEqual(c!.shape, [2, 3]);
    },
  },
  {
    name: "a few lanes at a time give the same as all at once",
    async run(tg) {
      const [all, few] = await reading(tg, () => {
        const x = tg.arange(0, 15, 1, { dtype: "f32" }).reshape([5, 3]);
        const f = (row: Tensor) => row.softmax();
        return [tg.vmap(f, { outDims: 1 })(x), tg.vmap(f, { outDims: 1, chunkSize: 2 })(x)];
      });
      expectEqual(all!.shape, [3, 5]);
      expectEqual(few!.data, all!.data);
    },
  },
  {
    name: "layers that draw get numbers of their own in each lane, or the same, or are refused",
    async run(tg) {
      const x = tg.ones([4, 64]);
      const noisy = (row: Tensor) => {
        const { key, stream } = tg.random.nextKey();
        return tg.dropout(row, 0.5, key, { stream });
      };
      // The default generator keeps its key from here on.
      tg.random.nextKey();
      const rows = (data: readonly number[]) =>
        [0, 1, 2, 3].map((i) => data.slice(64 * i, 64 * (i + 1)).join());
      const [different, again, same] = await reading(tg, () => {
        tg.manualSeed(3);
        const one = tg.vmap(noisy)(x);
        tg.manualSeed(3);
        const two = tg.vmap(noisy)(x);
        return [one, two, tg.vmap(noisy, { randomness: "same" })(x)];
      });
      expectEqual(new Set(rows(different!.data)).size, 4, "distinct lanes");
      expectEqual(again!.data, different!.data, "the same seed");
      expectEqual(new Set(rows(same!.data)).size, 1, "distinct lanes");
      expectThrows(
        () => tg.vmap(noisy, { randomness: "error" })(x),
        ArgumentError,
        /without a key/,
      );
      x.dispose();
    },
  },
  {
    name: 'a key mapped by "split" gives each lane the draws of one of its split keys',
    async run(tg) {
      const [together, each] = await reading(tg, () => {
        const key = tg.random.key(9);
        const x = tg.zeros([3, 5]);
        const f = (k: Tensor, row: Tensor) => tg.random.normal(k, [5]).add(row);
        return [
          tg.vmap(f, { inDims: ["split", 0] })(key, x),
          tg.stack(tg.random.split(key, 3).map((k) => tg.random.normal(k, [5]))),
        ];
      });
      expectEqual(together!.data, each!.data);
    },
  },
  {
    name: "vmap says which lanes do not fit",
    async run(tg) {
      const x = tg.ones([2, 3]);
      const f = (a: Tensor, b: Tensor) => a.add(b);
      expectThrows(() => tg.vmap(f)(x, tg.ones([3])), ShapeError, /number of lanes: 2, but 3/);
      expectThrows(
        () => tg.vmap(f, { inDims: [0] })(x, x),
        ArgumentError,
        /1 entries for 2 arguments/,
      );
      expectThrows(
        () => tg.vmap(f, { inDims: null })(x, x),
        ArgumentError,
        /no argument is mapped/,
      );
      expectThrows(() => tg.vmap(f, { inDims: 2 })(x, x), ShapeError, /dim 2 is out of range/);
      expectThrows(() => tg.vmap(f)(tg.tensor(1), x), ShapeError, /scalar/);
      expectThrows(() => tg.vmap(f, { outDims: null })(x, x), ArgumentError, /outDims says null/);
      expectThrows(() => tg.vmap(f, { chunkSize: 0 })(x, x), ArgumentError, /chunkSize 0/);
      expectThrows(
        () => tg.vmap((a: Tensor) => tg.matmul(a, tg.ones([2, 2])))(x),
        ShapeError,
        /shapes \[3\] and \[2, 2\]/,
      );
    },
  },
];

const ownRules: Case[] = [
  {
    name: "a rule of one's own holds in both modes, in lanes, and beside what lanes share",
    async run(tg) {
      const doubled = tg.customVjp({
        forward: (x: Tensor, w: Tensor) => ({ output: x.mul(w), residuals: [x, w] }),
        // Twice the true gradient, so that it shows whose rule was taken.
        backward: ([x, w]: readonly Tensor[], g: Tensor) => [
          g.mul(w!).mul(2),
          g.mul(x!).sum().mul(2),
        ],
      });
      const [reverse, forward, lanes, shared] = await reading(tg, () => {
        const x = tg.tensor([1, 2, 3]);
        const w = tg.tensor(5);
        const of = (y: Tensor) => doubled(y, w);
        return [
          tg.grad((y: Tensor) => of(y).sum())(x),
          tg.jvp(of, [x], [tg.ones([3])]).tangent,
          tg.vmap(tg.grad(of))(x),
          tg.grad((v: Tensor) =>
            tg
              .vmap((y: Tensor) => doubled(y, v))(x)
              .sum(),
          )(w),
        ];
      });
      expectEqual(reverse!.data, [10, 10, 10]);
      expectEqual(forward!.data, [10, 10, 10]);
      expectEqual(lanes!.data, [10, 10, 10]);
      expectEqual(shared!.data, [12]);
    },
  },
  {
    name: "a forward rule of one's own is transposed for reverse mode, and runs in lanes",
    async run(tg) {
      const tripled = tg.customJvp({
        forward: (x: Tensor) => ({ square: x.mul(x), aside: x.exp() }),
        jvp: ([x]: [Tensor], [dx]: readonly [Tensor | null]) =>
          dx && { square: dx.mul(x).mul(6), aside: dx.mul(0) },
      });
      const [reverse, forward, lanes, second] = await reading(tg, () => {
        const x = tg.tensor([1, 2, 3]);
        const f = (y: Tensor) => {
          const { square, aside } = tripled(y);
          return square.add(aside);
        };
        return [
          tg.grad((y: Tensor) => f(y).sum())(x),
          tg.jvp(f, [x], [tg.ones([3])]).tangent,
          tg.vmap(tg.grad(f))(x),
          tg.jvp(tg.vmap(tg.grad(f)), [x], [tg.ones([3])]).tangent,
        ];
      });
      expectEqual(reverse!.data, [6, 12, 18]);
      expectEqual(forward!.data, [6, 12, 18]);
      expectEqual(lanes!.data, [6, 12, 18]);
      expectEqual(second!.data, [6, 6, 6]);
    },
  },
];

const recomputation: Case[] = [
  {
    name: "checkpoint gives the same bits with less memory, also of what it closes over and draws",
    async run(tg) {
      const x = tg.arange(0, 1 << 16, 1, { dtype: "f32" }).mul(1e-4);
      const w = tg.tensor(0.5);
      const key = tg.random.key(1);
      const block = (h: Tensor): Tensor => {
        let y = h;
        for (let i = 0; i < 6; i++) y = tg.dropout(y.sin().mul(w).exp(), 0.1, key, { stream: i });
        return y;
      };
      const loss = (wrap: (f: typeof block) => typeof block) => (h: Tensor, v: Tensor) => {
        const shared = v.mul(2);
        let y = h;
        for (let i = 0; i < 4; i++) y = wrap((z: Tensor) => block(z).mul(shared))(y);
        return y.mean();
      };
      const peak = async (wrap: (f: typeof block) => typeof block) => {
        tg.currentDevice().pool.resetPeak();
        const before = tg.memory().liveBytes;
        const { value, grad } = tg.valueAndGrad(loss(wrap), { argnums: [0, 1] })(x, w);
        const used = tg.memory().peakBytes - before;
        const read = await tg.readAll([value, ...grad]);
        for (const t of [value, ...grad]) t.dispose();
        return { read: read.map((d) => [...d]), used };
      };
      const plain = await peak((f) => f);
      const less = await peak((f) => tg.checkpoint(f));
      expectEqual(less.read[1]!.slice(0, 50), plain.read[1]!.slice(0, 50), "the gradient of h");
      expectEqual(less.read, plain.read, "value and gradients");
      assert(
        less.used < 0.5 * plain.used,
        `with checkpoint ${less.used} bytes, without ${plain.used}`,
      );
      for (const t of [x, w, key]) t.dispose();
    },
  },
];

const loops: Case[] = [
  {
    name: "scan is a recurrence in both directions, and differentiates in both modes",
    async run(tg) {
      const step = (h: Tensor, x: Tensor): [Tensor, Tensor] => {
        const next = h.mul(0.5).add(x);
        return [next, next.square()];
      };
      const [last, ys, back, g, moved, laneLast] = await reading(tg, () => {
        const xs = tg.tensor([1, 2, 3, 4]);
        const [end, all] = tg.scan(step, tg.tensor(0), xs);
        const [, reversed] = tg.scan(step, tg.tensor(0), xs, { reverse: true });
        const loss = (v: Tensor) => tg.scan(step, tg.tensor(0), v)[0];
        return [
          end,
          all,
          reversed,
          tg.grad(loss)(xs),
          tg.jvp(loss, [xs], [tg.ones([4])]).tangent,
          tg.vmap(loss)(tg.stack([xs, xs.mul(2)])),
        ];
      });
      expectEqual(last!.data, [6.125]);
      expectEqual(ys!.data, [1, 6.25, 18.0625, 37.515625]);
      expectEqual(back!.data, [3.25 ** 2, 4.5 ** 2, 25, 16]);
      expectEqual(g!.data, [0.125, 0.25, 0.5, 1]);
      expectEqual(moved!.data, [1.875]);
      expectEqual(laneLast!.data, [6.125, 12.25]);
    },
  },
  {
    name: "scan with checkpoints gives the bits of scan without, in less memory",
    async run(tg) {
      const w = tg.tensor(0.9);
      const init = tg.ones([1 << 14]);
      const run = async (checkpointEvery: number | undefined) => {
        tg.currentDevice().pool.resetPeak();
        const before = tg.memory().liveBytes;
        const loss = (v: Tensor, h0: Tensor) =>
          tg
            .scan(
              (h: Tensor, x: Tensor): [Tensor, null] => [h.mul(v).add(x).sin().exp().sin(), null],
              h0,
              tg.linspace(0, 1, 36),
              checkpointEvery === undefined ? {} : { checkpointEvery },
            )[0]
            .mean();
        const gradients = tg.scope(() => tg.grad(loss, { argnums: [0, 1] })(w, init));
        const used = tg.memory().peakBytes - before;
        const read = await tg.readAll(gradients);
        for (const t of gradients) t.dispose();
        return { read: read.map((d) => [...d]), used };
      };
      const plain = await run(undefined);
      const less = await run(6);
      expectEqual(less.read, plain.read, "gradients");
      assert(less.used < 0.55 * plain.used, `${less.used} bytes against ${plain.used}`);
      w.dispose();
      init.dispose();
    },
  },
  {
    name: "scan says what does not fit",
    async run(tg) {
      const zero = tg.tensor(0);
      const grow = (h: Tensor): [Tensor, null] => [tg.stack([h, h]), null];
      expectThrows(() => tg.scan(grow, zero, tg.ones([2])), ShapeError, /carry.*shape \[2\]/);
      const same = (h: Tensor): [Tensor, null] => [h, null];
      expectThrows(() => tg.scan(same, zero, null), ArgumentError, /number of steps/);
      expectThrows(
        () => tg.scan(same, zero, [tg.ones([2]), tg.ones([3])]),
        ShapeError,
        /disagree: \[2, 3\]/,
      );
      expectThrows(() => tg.scan(same, zero, tg.ones([0])), ShapeError, /no steps/);
      expectThrows(
        () => tg.scan(same, zero, tg.ones([2]), { checkpointEvery: 0 }),
        ArgumentError,
        /checkpointEvery 0/,
      );
    },
  },
  {
    name: "whileLoop stops where its condition says, per lane, and differentiates up to there",
    async run(tg) {
      const halve = (x: Tensor) =>
        tg.whileLoop(
          ({ value }) => value.gt(1),
          ({ value, steps }) => ({ value: value.mul(0.5), steps: steps.add(1) }),
          { value: x, steps: tg.zeros([], { dtype: "i32" }) },
          { maxSteps: 8 },
        );
      const [values, steps, gradient, tangent] = await reading(tg, () => {
        const x = tg.tensor([0.5, 3, 20, 1000]);
        const { value, steps } = tg.vmap(halve)(x);
        const of = (y: Tensor) => halve(y).value;
        return [
          value,
          steps,
          tg.vmap(tg.grad(of))(x),
          tg.jvp(tg.vmap(of), [x], [tg.ones([4])]).tangent,
        ];
      });
      expectEqual(values!.data, [0.5, 0.75, 0.625, 1000 / 256]);
      expectEqual(steps!.data, [0, 2, 5, 8]);
      expectEqual(gradient!.data, [1, 1 / 4, 1 / 32, 1 / 256]);
      expectEqual(tangent!.data, [1, 1 / 4, 1 / 32, 1 / 256]);
    },
  },
  {
    name: "a loop that has ended sends nothing back through steps that would divide by zero",
    async run(tg) {
      await expectValues(
        tg,
        "the gradient",
        () =>
          tg.grad((x: Tensor) =>
            tg.whileLoop(
              (v) => v.gt(0.5),
              // From 1 to 0, where 1/v has no derivative.
              (v) => v.sub(v.reciprocal()),
              x,
              { maxSteps: 4 },
            ),
          )(tg.tensor(1)),
        [2],
      );
    },
  },
  {
    name: "cond takes a branch by a value on the device, and no NaN of the other comes back",
    async run(tg) {
      const f = (x: Tensor) =>
        tg.cond(
          x.gt(0),
          (v) => v.log(),
          (v) => v.mul(3),
          x,
        );
      const [value, gradient, lanes] = await reading(tg, () => {
        const x = tg.tensor([2, -1, 0]);
        return [tg.vmap(f)(x), tg.vmap(tg.grad(f))(x), tg.vmap((y: Tensor) => f(y).mul(1))(x)];
      });
      expectClose(value!.data, [Math.log(2), -3, 0], tolerance);
      expectClose(gradient!.data, [0.5, 3, 3], tolerance);
      expectEqual(lanes!.data, value!.data);
      const x = tg.tensor(2);
      const host = tg.cond(
        false,
        () => tg.tensor(1),
        (v: Tensor) => v.mul(3),
        x,
      );
      expectEqual(await host.item(), 6);
      expectThrows(
        () =>
          tg.cond(
            x,
            (v) => v,
            (v) => v,
            x,
          ),
        DTypeError,
        /must be bool/,
      );
      expectThrows(
        () =>
          tg.cond(
            tg.ones([2]).gt(0),
            (v) => v,
            (v) => v,
            x,
          ),
        ShapeError,
        /shape \[2\].*where/,
      );
      expectThrows(
        () =>
          tg.cond(
            x.gt(0),
            (v) => v,
            (v) => tg.stack([v, v]),
            x,
          ),
        ShapeError,
        /other branch/,
      );
    },
  },
];

const modules: Case[] = [
  {
    name: "functionalCall runs a module on other values, and an ensemble in one",
    async run(tg) {
      const models = [1, 2, 3].map((seed) => {
        tg.manualSeed(seed);
        return new tg.nn.Sequential(
          new tg.nn.Linear(3, 4),
          new tg.nn.Tanh(),
          new tg.nn.Linear(4, 2),
        );
      });
      const [first] = models;
      const x = tg.tensor([[0.1, -0.2, 0.3]]);
      const results = await reading(tg, () => {
        const together = tg.vmap((v: Record<string, Tensor>) => tg.nn.functionalCall(first!, v, x))(
          tg.nn.stackModuleState(models),
        );
        const each = tg.stack(models.map((m) => m.forward(x)));
        const loss = (v: Record<string, Tensor>) =>
          tg.nn.functionalCall(first!, v, x).square().sum();
        const byValues = tg.grad(loss)(first!.stateDict())["0.weight"]!;
        const { gradients } = tg.valueAndGradients(first!.parameters(), () => [
          first!.forward(x).square().sum(),
          null,
        ]);
        return [together, each, byValues, gradients[0]!];
      });
      expectClose(results[0]!.data, results[1]!.data, tolerance, "the ensemble");
      expectClose(results[2]!.data, results[3]!.data, tolerance, "the gradient");
      expectThrows(
        () => tg.nn.functionalCall(first!, { nothing: x }, x),
        ArgumentError,
        /no parameter nothing/,
      );
      expectThrows(
        () => tg.nn.functionalCall(first!, { "0.bias": x }, x),
        ShapeError,
        /0\.bias has shape \[1, 3\]/,
      );
      for (const m of models) m.dispose();
      x.dispose();
    },
  },
  {
    name: "transforms say what they cannot differentiate",
    async run(tg) {
      const f = (x: Tensor) => x.mul(x);
      const whole = tg.tensor(Int32Array.of(1, 2));
      const x = tg.tensor([1, 2]);
      expectThrows(() => tg.jvp(f, [whole], [whole]), DTypeError, /jvp: primals holds a i32/);
      expectThrows(
        () => tg.jvp(f, [x], [tg.ones([3])]),
        ShapeError,
        /tangents\[0\] has shape \[3\]/,
      );
      expectThrows(() => tg.jvp(f, x as never, x as never), ArgumentError, /are arrays/);
      expectThrows(() => tg.vjp(f, whole), DTypeError, /vjp: the arguments holds a i32/);
      expectThrows(() => tg.vjp(f, x).pullback(tg.ones([3])), ShapeError, /cotangent.*\[3\]/);
      expectThrows(() => tg.jacrev(f, { argnums: 1 })(x), ArgumentError, /argument 1/);
    },
  },
];

export const cases: Case[] = [
  ...composition,
  ...modes,
  ...lanes,
  ...ownRules,
  ...recomputation,
  ...loops,
  ...modules,
];
