/** Who owns device memory, and when it comes back. */
import { ArgumentError, DisposedError, ShapeError } from "../../src/errors";
import * as fft from "../../src/fft/index";
import * as linalg from "../../src/linalg/index";
import * as functional from "../../src/nn/functional";
import * as ops from "../../src/ops/index";
import * as random from "../../src/random/random";
import type { Tensor } from "../../src/tensor/tensor";
import * as transport from "../../src/transport/index";
import type { Case, Tilegrad } from "../caseModules";
import { assert, expectEqual, expectRejects, expectThrows } from "../harness";
import { fftCalls } from "../memoryCalls/fft";
import { functionalCalls } from "../memoryCalls/functional";
import { calls } from "../memoryCalls/index";
import { linalgCalls } from "../memoryCalls/linalg";
import { type Calls, operands } from "../memoryCalls/operands";
import { randomCalls } from "../memoryCalls/random";
import { transportCalls } from "../memoryCalls/transport";

/** Scalars written in programs are kept for good, in buffers of 256 bytes, so they count as no leak. */
const liveBytes = (tg: Tilegrad): number => {
  const { liveBytes: live, byCategory } = tg.memory();
  return live - byCategory.constant;
};
const liveBuffers = (tg: Tilegrad): number => {
  const { liveBuffers: live, byCategory } = tg.memory();
  return live - byCategory.constant / 256;
};

/** Bytes that a tensor of so many f32 takes from the pool. */
const bytesOf = (tg: Tilegrad, count: number): number => {
  const before = liveBytes(tg);
  const t = tg.zeros([count]);
  const taken = liveBytes(tg) - before;
  t.dispose();
  return taken;
};

function tensorsIn(tg: Tilegrad, value: unknown): Tensor[] {
  if (value instanceof tg.Tensor) return [value];
  if (typeof value !== "object" || value === null) return [];
  return Object.values(value).flatMap((item) => tensorsIn(tg, item));
}

/** Live tensors, where each was made; only while `setDebug(true)`. */
const liveTensors = (tg: Tilegrad): string[] => tg.memory().tensors!.map((t) => t.created);

/** What is in one set of functions and not in another under the same name. */
const without = (functions: object, others: object): object =>
  Object.fromEntries(
    Object.entries(functions).filter(([name, fn]) => Reflect.get(others, name) !== fn),
  );
const { getState, manualSeed, nextKey, setState, withKey, withSource } = random;
/** What of `random` draws nothing. */
const generator = { getState, manualSeed, nextKey, setState, withKey, withSource };

/** What of `transport` waits for values: see the tests of each. */
const waiting = Object.fromEntries(
  ["emd", "emd2", "gradientFlow", "partialEmd", "sinkhornNewton"].map((name) => [
    name,
    Reflect.get(transport, name),
  ]),
);

/** What users call, by the names they import, and calls of each. */
const namespaces: readonly { functions: object; calls: Calls }[] = [
  { functions: ops, calls },
  { functions: linalg, calls: linalgCalls },
  { functions: fft, calls: fftCalls },
  { functions: without(functional, ops), calls: functionalCalls },
  { functions: without(random, generator), calls: randomCalls },
  { functions: without(transport, waiting), calls: transportCalls },
];

const noOperationLeaves: Case[] = [
  {
    name: "every operation has a call that is watched for leaks",
    async run() {
      for (const { functions, calls: known } of namespaces) {
        const names = Object.entries(functions).flatMap(([name, value]) =>
          typeof value === "function" ? [name] : [],
        );
        expectEqual(Object.keys(known).sort(), names.sort(), "the operations");
      }
    },
  },
  {
    name: "outside a scope, no operation leaves anything behind but its results",
    async run(tg) {
      const given = operands(tg);
      tg.setDebug(true);
      const leaks: string[] = [];
      try {
        for (const [name, forms] of namespaces.flatMap((space) => Object.entries(space.calls)))
          forms.forEach((call, i) => {
            const round = () => {
              for (const t of tensorsIn(tg, call(tg, given))) t.dispose();
            };
            // The first time may make constants that stay for good.
            round();
            const bytes = liveBytes(tg);
            const before = new Set(tg.memory().tensors!.map((t) => t.created));
            const count = liveTensors(tg).length;
            round();
            const now = liveTensors(tg);
            if (now.length === count && liveBytes(tg) === bytes) return;
            const [first] = now.slice(count).concat(now.filter((at) => !before.has(at)));
            leaks.push(`${name}, form ${i}: ${liveBytes(tg) - bytes} bytes, made${first}`);
          });
      } finally {
        tg.setDebug(false);
        for (const t of Object.values(given)) t.dispose();
      }
      assert(leaks.length === 0, leaks.join("\n\n"));
    },
  },
];

/** Runs `check` and fails if it leaves memory live. */
async function balanced(tg: Tilegrad, check: () => void | Promise<void>): Promise<void> {
  const bytes = liveBytes(tg);
  const buffers = liveBuffers(tg);
  await check();
  expectEqual(liveBytes(tg) - bytes, 0, "bytes left behind");
  expectEqual(liveBuffers(tg) - buffers, 0, "buffers left behind");
}

const scopes: Case[] = [
  {
    name: "a scope frees what it made but its result, in arrays and objects too",
    run: (tg) =>
      balanced(tg, async () => {
        const x = tg.tensor([1, 2, 3]);
        const made: Tensor[] = [];
        const result = tg.scope(() => {
          const a = x.exp();
          const b = a.add(a);
          made.push(a, b);
          return { list: [b.sum()], nested: { x, count: 2 }, plain: "text" };
        });
        expectEqual(
          made.map((t) => t.disposed),
          [true, true],
          "disposed",
        );
        assert(!x.disposed, "a tensor from outside was freed");
        assert(result.nested.x === x && result.nested.count === 2, "the result was changed");
        await result.list[0]!.item();
        result.list[0]!.dispose();
        x.dispose();
      }),
  },
  {
    name: "the result of an inner scope belongs to the scope around it",
    run: (tg) =>
      balanced(tg, () => {
        let inner: Tensor | undefined;
        tg.scope(() => {
          inner = tg.scope(() => tg.ones([2]).add(1));
          assert(!inner.disposed, "freed too early");
        });
        assert(inner!.disposed, "not freed with the outer scope");
      }),
  },
  {
    name: "a scope that throws frees what it made and passes the error on",
    run: (tg) =>
      balanced(tg, () => {
        expectThrows(
          () =>
            tg.scope(() => {
              tg.ones([100]).mul(2);
              throw new RangeError("stop");
            }),
          RangeError,
          /stop/,
        );
      }),
  },
  {
    name: "a scope refuses an async function",
    run: (tg) =>
      balanced(tg, () =>
        expectThrows(() => tg.scope(async () => tg.ones([2])), ArgumentError, /async/),
      ),
  },
  {
    name: "a kept tensor outlives every scope, until it is disposed",
    run: (tg) =>
      balanced(tg, async () => {
        let kept: Tensor | undefined;
        tg.scope(() => {
          tg.scope(() => {
            kept = tg.keep(tg.tensor([5]));
          });
        });
        expectEqual(await kept!.data(), [5]);
        kept!.dispose();
      }),
  },
  {
    name: "using disposes at the end of its block",
    run: (tg) =>
      balanced(tg, () => {
        let seen: Tensor | undefined;
        {
          using t = tg.ones([4]);
          seen = t;
        }
        assert(seen.disposed, "not disposed");
      }),
  },
];

const views: Case[] = [
  {
    name: "views share memory, and keep it until the last of them is disposed",
    run: (tg) =>
      balanced(tg, async () => {
        const before = liveBytes(tg);
        const base = tg.tensor([
          [1, 2, 3],
          [4, 5, 6],
        ]);
        const taken = liveBytes(tg) - before;
        const turned = base.transpose(0, 1);
        const row = base.select(0, 1);
        const wide = tg.scope(() => row.unsqueeze(0).expand([2, 3]));
        assert(liveBytes(tg) - before === taken, "a view took memory");
        base.dispose();
        expectEqual(await turned.data(), [1, 4, 2, 5, 3, 6]);
        turned.dispose();
        expectEqual(await row.data(), [4, 5, 6]);
        row.dispose();
        expectEqual(await wide.data(), [4, 5, 6, 4, 5, 6]);
        wide.dispose();
      }),
  },
  {
    name: "a reshape of a transposed matrix copies, and the copy is its own",
    run: (tg) =>
      balanced(tg, async () => {
        const base = tg.tensor([
          [1, 2],
          [3, 4],
        ]);
        const turned = base.transpose(0, 1);
        const flat = turned.reshape([4]);
        base.dispose();
        turned.dispose();
        expectEqual(await flat.data(), [1, 3, 2, 4]);
        flat.dispose();
      }),
  },
  {
    name: "disposing twice frees once",
    run: (tg) =>
      balanced(tg, async () => {
        const a = tg.tensor([1]);
        const b = a.reshape([1, 1]);
        a.dispose();
        a.dispose();
        expectEqual(await b.data(), [1]);
        b.dispose();
      }),
  },
  {
    name: "a disposed tensor refuses every use by name",
    async run(tg) {
      const a = tg.ones([2, 3]);
      a.dispose();
      const told = /f32 tensor of shape \[2, 3\] was used after it was disposed/;
      expectThrows(() => a.add(1), DisposedError, told);
      expectThrows(() => a.reshape([6]), DisposedError, told);
      expectThrows(() => a.sum(), DisposedError, told);
      expectThrows(() => tg.grad((x: Tensor) => x.sum())(a), DisposedError, told);
      await expectRejects(a.data(), DisposedError, told);
    },
  },
  {
    name: "released memory is used again, and its old contents are not seen",
    run: (tg) =>
      balanced(tg, async () => {
        tg.full([1000], 7).dispose();
        const { pooledBytes } = tg.memory();
        const zeros = tg.zeros([1000]);
        assert(tg.memory().pooledBytes < pooledBytes, "a new buffer was made");
        assert(
          (await zeros.data()).every((v) => v === 0),
          "old contents",
        );
        zeros.dispose();
      }),
  },
];

/** Notes what is live when the backward pass reaches it. */
function probe(tg: Tilegrad, note: (bytes: number) => void) {
  return tg.customVjp({
    name: "probe",
    forward: (x) => ({ output: x.mul(1), residuals: [] }),
    backward: (_, g) => {
      note(liveBytes(tg));
      return [g];
    },
  });
}

const elements = 4096;

const gradients: Case[] = [
  {
    name: "after the gradient of a deep chain only the results are live",
    run: (tg) =>
      balanced(tg, async () => {
        const x = tg.full([elements], 0.5);
        const before = liveBytes(tg);
        const { value, grad } = tg.valueAndGrad((t: Tensor) => {
          let y = t;
          for (let i = 0; i < 40; i++) y = y.tanh().mul(1.1);
          return y.sum();
        })(x);
        expectEqual(liveBytes(tg) - before, bytesOf(tg, elements) + bytesOf(tg, 1), "live bytes");
        for (const t of [x, value, grad as Tensor]) t.dispose();
      }),
  },
  {
    name: "the backward pass frees activations as it goes",
    run: (tg) =>
      balanced(tg, () => {
        const x = tg.full([elements], 0.5);
        const one = bytesOf(tg, elements);
        const before = liveBytes(tg);
        const live: number[] = [];
        const watch = probe(tg, (bytes) => live.push((bytes - before) / one));
        const gradient = tg.grad((t: Tensor) => {
          let y = watch(t);
          for (let i = 0; i < 30; i++) y = y.tanh();
          y = watch(y);
          return y.sum();
        })(x) as Tensor;
        const [atStart, atEnd] = live as [number, number];
        assert(atStart >= 30 && atStart <= 36, `${atStart} activations live at the start`);
        assert(atEnd <= 5, `${atEnd} activations still live at the end`);
        gradient.dispose();
        x.dispose();
      }),
  },
  {
    name: "summing the cotangents of a value used 50 times holds a few at a time",
    run: (tg) =>
      balanced(tg, () => {
        const x = tg.full([elements], 0.5);
        const one = bytesOf(tg, elements);
        const before = liveBytes(tg);
        let live = 0;
        const watch = probe(tg, (bytes) => {
          live = (bytes - before) / one;
        });
        const gradient = tg.grad((t: Tensor) => {
          const y = watch(t);
          let total = y.mul(1);
          for (let i = 0; i < 50; i++) total = total.add(y.mul(i));
          return total.sum();
        })(x) as Tensor;
        assert(live <= 6, `${live} cotangents live at the end`);
        gradient.dispose();
        x.dispose();
      }),
  },
  {
    name: "a function that throws, forward or backward, leaves nothing behind",
    run: (tg) =>
      balanced(tg, () => {
        const x = tg.ones([100]);
        const failing = tg.customVjp({
          forward: (t) => ({ output: t.exp(), residuals: [t, t.mul(3)] }),
          backward: () => {
            throw new RangeError("backward");
          },
        });
        const forward = tg.grad((t: Tensor) => {
          t.exp().mul(t);
          throw new RangeError("forward");
        });
        const backward = tg.grad((t: Tensor) => failing(t.mul(2)).mul(t.sin()).sum());
        const notScalar = tg.grad((t: Tensor) => t.exp().mul(t));
        expectThrows(() => forward(x), RangeError, /forward/);
        expectThrows(() => backward(x), RangeError, /backward/);
        expectThrows(() => notScalar(x), ShapeError, /single number/);
        expectThrows(() => tg.grad((_: Tensor) => backward(x))(x), RangeError, /backward/);
        x.dispose();
      }),
  },
  {
    name: "second derivatives leave only their result",
    run: (tg) =>
      balanced(tg, () => {
        const x = tg.full([elements], 0.5);
        const first = tg.grad((t: Tensor) => t.tanh().mul(t).sum());
        const second = tg.grad((t: Tensor) => (first(t) as Tensor).sum())(x) as Tensor;
        second.dispose();
        x.dispose();
      }),
  },
  {
    name: "1,000 steps of a small training loop end with the memory of step 10",
    async run(tg) {
      const x = tg.tensor([0.5, -1, 2, 0.25], { shape: [2, 2] });
      const target = tg.tensor([1, 0], { shape: [2, 1] });
      let weight = tg.tensor([0.1, -0.2], { shape: [2, 1] });
      const loss = tg.valueAndGrad((w: Tensor) =>
        tg.square(tg.matmul(x, w).sigmoid().sub(target)).mean(),
      );
      const held = () => {
        const { liveBytes: live, liveBuffers: buffers, pooledBytes } = tg.memory();
        return [live, buffers, pooledBytes];
      };
      let early: number[] = [];
      for (let step = 1; step <= 1000; step++) {
        const [next, value] = tg.scope(() => {
          const result = loss(weight);
          return [weight.sub((result.grad as Tensor).mul(0.5)), result.value];
        });
        weight.dispose();
        weight = next!;
        if (step % 100 === 0) await value!.item();
        value!.dispose();
        if (step === 10) early = held();
      }
      expectEqual(held(), early, "live bytes, buffers and pooled bytes");
      for (const t of [x, target, weight]) t.dispose();
    },
  },
];

export const cases: Case[] = [...noOperationLeaves, ...scopes, ...views, ...gradients];
