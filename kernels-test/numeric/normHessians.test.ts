/** Hessian products of attention and normalisation: forward mode over reverse, and reverse over reverse. */
import { beforeAll, expect, test } from "vitest";
import {
  batchNorm,
  grad,
  groupNorm,
  hvp,
  init,
  layerNorm,
  mul,
  packedAttention,
  random,
  reshape,
  rmsNorm,
  rotaryEmbedding,
  scaledDotProductAttention,
  square,
  sum,
  type Tensor,
  tanh,
  tensor,
} from "../../src/node";
import { expectClose } from "../harness";
import { normals } from "../samples";

beforeAll(async () => {
  await init();
});

const shape = [2, 2, 3, 4];
const draw = (of: readonly number[], seed: number): Tensor =>
  tensor(
    normals(
      of.reduce((a, b) => a * b, 1),
      seed,
    ),
    { shape: of },
  );

/** Functions of one tensor of that shape that use it in every operand. */
const functions: Readonly<Record<string, () => (x: Tensor) => Tensor>> = {
  attention: () => (x) => scaledDotProductAttention(x, tanh(x), x, { causal: true }),
  "attention with a mask of itself and dropout": () => {
    const key = random.key(3);
    return (x) =>
      scaledDotProductAttention(x, x, tanh(x), {
        attnMask: sum(x, { dim: -1, keepdim: true }),
        dropoutP: 0.3,
        key,
      });
  },
  "packed attention": () => (x) => packedAttention(reshape(x, [1, 4, 3, 1, 4]), { scale: 0.7 }),
  "rotary positions": () => (x) => tanh(rotaryEmbedding(x, { offset: 2 })),
  layerNorm: () => (x) => layerNorm(x, 4, sum(x, { dim: [0, 1, 2] }), sum(x, { dim: [0, 1, 2] })),
  rmsNorm: () => (x) => rmsNorm(x, 4, sum(x, { dim: [0, 1, 2] })),
  groupNorm: () => (x) => groupNorm(x, 2, sum(x, { dim: [0, 2, 3] })),
  batchNorm: () => (x) => {
    const weight = sum(x, { dim: [0, 2, 3] });
    return batchNorm(x, { training: true, weight, bias: weight }).output;
  },
};

test.each(Object.entries(functions))("%s: both agree", async (name, make) => {
  const size = name === "packed attention" ? [1, 4, 3, 4] : shape;
  const [x, v] = [draw(size, 1), draw(size, 2)];
  const fn = make();
  const loss = (t: Tensor): Tensor => {
    const y = fn(t);
    return sum(mul(square(y), draw(y.shape, 5)));
  };
  const forward = hvp(loss, [x], [v]);
  const reverse = grad((t: Tensor) => sum(mul(grad(loss)(t), v)))(x);
  const product = await forward.hvp[0].data();
  expect([...product].some((n) => Math.abs(n) > 1e-3)).toBe(true);
  expectClose(product, await reverse.data(), { relative: 1e-4, absolute: 2e-4 });
});
