/** Reverse mode as users meet it: nesting, closures, structures, rules of their own, and what it refuses. */
import {
  ArgumentError,
  DisposedError,
  DTypeError,
  ShapeError,
  TilegradError,
} from "../../src/errors";
import type { Tensor } from "../../src/tensor/tensor";
import type { Case, Tilegrad } from "../caseModules";
import { assert, expectClose, expectEqual, expectThrows } from "../harness";

const tolerance = { relative: 2e-6, absolute: 1e-6 };

/** Reads and compares, inside a scope of its own. */
async function expectGradient(
  tg: Tilegrad,
  f: (x: Tensor) => Tensor,
  at: number | readonly number[],
  expected: number | readonly number[],
): Promise<void> {
  const gradient = tg.scope(() => tg.grad(f)(tg.tensor(at as number[])) as Tensor);
  const wanted = typeof expected === "number" ? [expected] : expected;
  expectClose(await gradient.data(), wanted, tolerance, "gradient");
  gradient.dispose();
}

/** `tg.grad` of a function of one tensor. */
const derivative = (tg: Tilegrad, f: (x: Tensor) => Tensor) => tg.grad(f) as (x: Tensor) => Tensor;

const nesting: Case[] = [
  {
    name: "the gradient of Σ x³ at [1, 2, 3] is [3, 12, 27], and of its sum [6, 12, 18]",
    async run(tg) {
      const f = (x: Tensor) => tg.sum(tg.mul(x, tg.mul(x, x)));
      const x = tg.tensor([1, 2, 3]);
      expectEqual(await tg.grad(f)(x).data(), [3, 12, 27]);
      expectEqual(
        await tg
          .grad((y: Tensor) => tg.sum(tg.grad(f)(y)))(x)
          .data(),
        [6, 12, 18],
      );
    },
  },
  {
    name: "derivatives nest to the fourth",
    async run(tg) {
      let f = (x: Tensor): Tensor => x.mul(x).mul(x).mul(x).mul(x);
      for (const expected of [5 * 16, 20 * 8, 60 * 4, 120 * 2]) {
        await expectGradient(tg, f, 2, expected);
        f = derivative(tg, f);
      }
    },
  },
  {
    name: "an inner gradient does not confuse the outer variable with its own",
    async run(tg) {
      // d/dx [x · d/dy (x + y)] = 1: the inner derivative is 1, whatever x is.
      await expectGradient(tg, (x) => x.mul(derivative(tg, (y) => x.add(y))(tg.tensor(1))), 1, 1);
      // d/dx [x · d/dy (x y²) at y = 3] = d/dx 6 x² = 12 x.
      await expectGradient(
        tg,
        (x) => x.mul(derivative(tg, (y) => x.mul(y).mul(y))(tg.tensor(3))),
        2,
        24,
      );
      // The same value in both roles: d/dx [d/dy (x y) at y = x] = d/dx x = 1.
      await expectGradient(tg, (x) => derivative(tg, (y) => x.mul(y))(x), 5, 1);
      // Three deep: d/dx [x · d/dy (y · d/dz (x y z))] = d/dx [x · 2 x y] = 4 x y at y = 3.
      await expectGradient(
        tg,
        (x) =>
          x.mul(
            derivative(tg, (y) => y.mul(derivative(tg, (z) => x.mul(y).mul(z))(tg.tensor(7))))(
              tg.tensor(3),
            ),
          ),
        2,
        24,
      );
    },
  },
  {
    name: "a gradient taken in the middle of a function is differentiated with it",
    async run(tg) {
      // f(x) = (sin' x)² = cos² x, f' = -sin 2x
      const cosine = derivative(tg, (x) => x.sin());
      await expectGradient(tg, (x) => tg.square(cosine(x)), 0.7, -Math.sin(1.4));
    },
  },
];

const closures: Case[] = [
  {
    name: "a captured tensor is a constant",
    async run(tg) {
      const scale = tg.tensor([2, 3]);
      await expectGradient(tg, (x) => x.mul(scale).sum(), [1, 1], [2, 3]);
    },
  },
  {
    name: "argnums chooses the argument",
    async run(tg) {
      const f = (a: Tensor, b: Tensor) => a.mul(b).mul(b).sum();
      const [a, b] = [tg.tensor([2, 3]), tg.tensor([4, 5])];
      const byFirst = tg.grad(f)(a, b) as Tensor;
      const bySecond = tg.valueAndGrad(f, { argnums: 1 })(a, b).grad as Tensor;
      expectEqual(await byFirst.data(), [16, 25]);
      expectEqual(await bySecond.data(), [16, 30]);
    },
  },
  {
    name: "arrays and objects of tensors give gradients of the same structure",
    async run(tg) {
      const parameters = {
        layers: [{ w: tg.tensor([1, 2]) }, { w: tg.tensor([3, 4]) }],
        bias: tg.tensor(0.5),
        name: "kept as it is",
      };
      const gradients = tg.grad((p: typeof parameters) =>
        p.layers[0]!.w.mul(p.layers[1]!.w).sum().mul(p.bias),
      )(parameters) as typeof parameters;
      expectEqual(gradients.name, "kept as it is");
      expectEqual(await gradients.layers[0]!.w.data(), [1.5, 2]);
      expectEqual(await gradients.layers[1]!.w.data(), [0.5, 1]);
      expectEqual(await gradients.bias.data(), [11]);
    },
  },
  {
    name: "an input the value does not depend on has a gradient of zeros",
    async run(tg) {
      const inputs = { used: tg.tensor([1, 2]), unused: tg.ones([2, 3]) };
      const gradients = tg.grad((p: typeof inputs) => p.used.sum())(inputs) as typeof inputs;
      expectEqual(gradients.unused.shape, [2, 3]);
      expectEqual(await gradients.unused.data(), [0, 0, 0, 0, 0, 0]);
      const constant = tg.tensor(3);
      await expectGradient(tg, () => constant, [1, 2], [0, 0]);
    },
  },
  {
    name: "a value used many times adds up its gradients",
    async run(tg) {
      await expectGradient(
        tg,
        (x) => {
          let y = x;
          for (let i = 0; i < 10; i++) y = y.add(x.mul(i));
          return y.mul(x).sum();
        },
        [1, -2],
        [2 * 46, -2 * 2 * 46],
      );
    },
  },
  {
    name: "the same tensor twice among the inputs has two gradients",
    async run(tg) {
      const x = tg.tensor([3]);
      const gradients = tg.grad(([a, b]: readonly [Tensor, Tensor]) => a.mul(b).mul(b).sum())([
        x,
        x,
      ]) as unknown as [Tensor, Tensor];
      expectEqual(await gradients[0].data(), [9]);
      expectEqual(await gradients[1].data(), [18]);
    },
  },
  {
    name: "views as inputs have gradients of their own shape",
    async run(tg) {
      const x = tg.tensor([
        [1, 2, 3],
        [4, 5, 6],
      ]);
      const turned = x.transpose(0, 1);
      const gradient = tg.grad((t: Tensor) => t.mul(t).sum())(turned) as Tensor;
      expectEqual(gradient.shape, [3, 2]);
      expectEqual(await gradient.data(), [2, 8, 4, 10, 6, 12]);
      const wide = tg.tensor([2]).expand([3]);
      expectEqual(await (tg.grad((t: Tensor) => t.mul(t).sum())(wide) as Tensor).data(), [4, 4, 4]);
    },
  },
  {
    name: "work for gradients nobody asked for is left out",
    async run(tg) {
      const { executor } = tg.currentDevice();
      const [a, b] = [tg.ones([8]), tg.ones([8])];
      const count = (run: () => void): number => {
        const before = executor.counters.dispatches;
        run();
        return executor.counters.dispatches - before;
      };
      const f = (x: Tensor, y: Tensor) => x.mul(y).sum();
      const one = count(() => tg.grad(f)(a, b));
      const both = count(() => tg.grad(([x, y]: Tensor[]) => f(x!, y!))([a, b]));
      expectEqual(both - one, 1, "further dispatches");
    },
  },
];

const results: Case[] = [
  {
    name: "valueAndGrad gives the value, and aux as it is",
    async run(tg) {
      const x = tg.tensor([1, 2, 3]);
      const { value, grad, aux } = tg.valueAndGrad(
        (t: Tensor) => {
          const doubled = t.mul(2);
          return [doubled.sum(), { doubled, input: t, note: "text" }] as const;
        },
        { hasAux: true },
      )(x);
      expectEqual(await value.item(), 12);
      expectEqual(await (grad as Tensor).data(), [2, 2, 2]);
      expectEqual(await aux.doubled.data(), [2, 4, 6]);
      expectEqual(await aux.input.data(), [1, 2, 3]);
      expectEqual(aux.note, "text");
      expectEqual(await x.data(), [1, 2, 3], "the input");
    },
  },
  {
    name: "a function may return its argument, or a view of it",
    async run(tg) {
      const x = tg.tensor(3);
      const { value, grad } = tg.valueAndGrad((t: Tensor) => t)(x);
      expectEqual(await value.item(), 3);
      expectEqual(await (grad as Tensor).item(), 1);
      const same = tg.valueAndGrad((t: Tensor) => t.reshape([1, 1]))(x);
      expectEqual(await same.value.item(), 3);
      value.dispose();
      expectEqual(await x.item(), 3, "the input after the value was disposed");
    },
  },
  {
    name: "no gradient flows through stopGradient, a comparison or a rounding",
    async run(tg) {
      await expectGradient(tg, (x) => x.mul(x.detach()).sum(), [2, 3], [2, 3]);
      await expectGradient(tg, (x) => tg.where(x.gt(0), x, 0).sum(), [2, -3], [1, 0]);
      await expectGradient(tg, (x) => x.round().add(x.floor()).add(x.ceil()).sum(), [1.2], [0]);
      await expectGradient(tg, (x) => x.to("i32").to("f32").mul(x).sum(), [2.5], [2]);
      const second = derivative(tg, (x) => tg.stopGradient(x.mul(x)).mul(x).sum());
      await expectGradient(tg, (x) => second(x).sum(), [3], [0]);
    },
  },
  {
    name: "ties and kinks have PyTorch's gradients",
    async run(tg) {
      await expectGradient(tg, (x) => x.max(), [1, 3, 3, 2], [0, 0.5, 0.5, 0]);
      await expectGradient(tg, (x) => x.min({ dim: 0 }), [2, 2, 2, 5], [1 / 3, 1 / 3, 1 / 3, 0]);
      await expectGradient(tg, (x) => x.abs().sum(), [0, -2], [0, -1]);
      await expectGradient(tg, (x) => x.relu().sum(), [0, 2], [0, 1]);
      await expectGradient(tg, (x) => x.clamp(-1, 1).sum(), [-1, 1, 1.5], [1, 1, 0]);
      await expectGradient(tg, (x) => tg.maximum(x, tg.tensor([1, 0])).sum(), [1, 2], [0.5, 1]);
      await expectGradient(tg, (x) => x.sign().sum(), [0, 2], [0, 0]);
    },
  },
  {
    name: "powers have gradients at 0 and at negative bases",
    async run(tg) {
      await expectGradient(tg, (x) => x.pow(2).sum(), [0, -3], [0, -6]);
      await expectGradient(tg, (x) => x.pow(0).sum(), [0, 5], [0, 0]);
      await expectGradient(tg, (x) => x.pow(3).sum(), [-2, 0], [12, 0]);
      await expectGradient(tg, (b) => tg.pow(2, b).sum(), [3], [8 * Math.LN2]);
      await expectGradient(tg, (b) => tg.pow(0, b).sum(), [3], [0]);
      const cube = derivative(tg, (x) => x.pow(3).sum());
      await expectGradient(tg, (x) => cube(x).sum(), [-2, 0], [-12, 0]);
    },
  },
];

const rules: Case[] = [
  {
    name: "customVjp gives the gradient its rule says",
    async run(tg) {
      const clipped = tg.customVjp({
        forward: (x) => ({ output: x.mul(1), residuals: [] }),
        backward: (_, g) => [g.clamp(-1, 1)],
      });
      await expectGradient(tg, (x) => clipped(x).mul(5).sum(), [1, 2], [1, 1]);
      expectEqual(await clipped(tg.tensor([4])).data(), [4], "the value without a gradient");
    },
  },
  {
    name: "customVjp may leave inputs out, and pass residuals on",
    async run(tg) {
      const product = tg.customVjp({
        forward: (a, b) => ({ output: a!.mul(b!), residuals: [a!, b!] }),
        backward: ([, b], g) => [g.mul(b!).mul(10), null],
      });
      const inputs = [tg.tensor([2]), tg.tensor([3])];
      const [a, b] = tg.grad(([x, y]: Tensor[]) => product(x!, y!).sum())(inputs) as Tensor[];
      expectEqual(await a!.data(), [30]);
      expectEqual(await b!.data(), [0]);
    },
  },
  {
    name: "second derivatives go through the rule of customVjp",
    async run(tg) {
      // A sine whose rule says that its slope is 3 cos.
      const odd = tg.customVjp({
        forward: (x) => ({ output: x.sin(), residuals: [x] }),
        backward: ([x], g) => [g.mul(x!.cos()).mul(3)],
      });
      await expectGradient(tg, (x) => odd(x), 0.5, 3 * Math.cos(0.5));
      await expectGradient(
        tg,
        derivative(tg, (x) => odd(x)),
        0.5,
        -3 * Math.sin(0.5),
      );
    },
  },
  {
    name: "a customVjp of an outer variable keeps its rule inside an inner gradient",
    async run(tg) {
      const tripled = tg.customVjp({
        forward: (x) => ({ output: x.mul(1), residuals: [] }),
        backward: (_, g) => [g.mul(3)],
      });
      await expectGradient(tg, (x) => derivative(tg, (y) => tripled(x).mul(y))(tg.tensor(2)), 5, 3);
    },
  },
  {
    name: "a cotangent of the wrong shape is refused, naming the rule",
    async run(tg) {
      const wrong = tg.customVjp({
        name: "wrong",
        forward: (x) => ({ output: x.mul(1), residuals: [] }),
        backward: (_, g) => [g.sum()],
      });
      expectThrows(
        () => tg.grad((x: Tensor) => wrong(x).sum())(tg.tensor([1, 2])),
        ShapeError,
        /wrong: what backward gives\[0\] has shape \[\]; it must be \[2\]/,
      );
    },
  },
];

const refusals: Case[] = [
  {
    name: "only a single number has a gradient",
    async run(tg) {
      expectThrows(
        () => tg.grad((x: Tensor) => x.mul(2))(tg.tensor([1, 2])),
        ShapeError,
        /returned shape \[2\].*sum\(\) or mean\(\)/,
      );
    },
  },
  {
    name: "integers have no gradients, as arguments or as values",
    async run(tg) {
      expectThrows(
        () => tg.grad((x: Tensor) => x.to("f32").sum())(tg.arange(3)),
        DTypeError,
        /argument 0 holds a i32 tensor/,
      );
      expectThrows(
        () => tg.grad((x: Tensor) => x.argmax())(tg.tensor([1, 2])),
        DTypeError,
        /returned i32/,
      );
    },
  },
  {
    name: "an argument without tensors, a missing argument and a value that is no tensor are refused",
    async run(tg) {
      const f = (x: Tensor): Tensor => x.sum();
      expectThrows(() => tg.grad(f)(3 as unknown as Tensor), ArgumentError, /no tensor/);
      expectThrows(
        () => tg.valueAndGrad(f, { argnums: 2 })(tg.tensor([1])),
        ArgumentError,
        /argument 2.*1 argument/,
      );
      expectThrows(
        () => tg.grad((_: Tensor) => 3 as unknown as Tensor)(tg.tensor([1])),
        ArgumentError,
        /must return a tensor/,
      );
    },
  },
  {
    name: "values cannot be read, nor awaited, inside a transform",
    async run(tg) {
      let reading: Promise<unknown> | undefined;
      const attempt = () =>
        tg.grad((x: Tensor) => {
          reading = (async () => x.data())();
          return x.sum();
        })(tg.tensor([1, 2]));
      (attempt() as Tensor).dispose();
      const error = await reading!.catch((reason: unknown) => reason);
      assert(error instanceof TilegradError, `reading gave ${error}`);
      assert(/inside a transform/.test(error.message), error.message);
      expectThrows(
        () =>
          tg.grad((async (x: Tensor) => x.sum()) as unknown as (x: Tensor) => Tensor)(tg.ones([1])),
        ArgumentError,
        /async/,
      );
    },
  },
  {
    name: "a value that escapes from a transform is refused outside",
    async run(tg) {
      let escaped: Tensor | undefined;
      const gradient = tg.grad((x: Tensor) => {
        escaped = x.mul(2);
        return escaped.sum();
      })(tg.tensor([1, 2])) as Tensor;
      gradient.dispose();
      expectThrows(() => escaped!.add(1), DisposedError, /used after it was disposed/);
    },
  },
];

export const cases: Case[] = [...nesting, ...closures, ...results, ...rules, ...refusals];
