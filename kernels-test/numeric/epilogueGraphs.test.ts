/** A compiled function with epilogues gives what the function gives, in fewer kernels. */
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  add,
  compile,
  type Device,
  full,
  grad,
  init,
  linear,
  matmul,
  nn,
  scope,
  type Tensor,
  tensor,
  where,
} from "../../src/node";
import { forcedProductEpilogues } from "../../src/plan/fuseEpilogues";
import { type Shape, sizeOf } from "../../src/tensor/shape";
import { valueAndGradients } from "../../src/transforms/parameters";
import { expectClose } from "../harness";
import { normals } from "../samples";

const { gelu, layerNorm, rmsNorm } = nn.functional;

let device: Device;
beforeAll(async () => {
  device = await init();
  forcedProductEpilogues.current = true;
});
afterAll(() => {
  forcedProductEpilogues.current = null;
});

const drawn = (shape: Shape, seed: number): Tensor =>
  tensor(normals(sizeOf(shape), seed), { shape });

/** The results of `fn`, compiled and not; how many kernels the compiled one runs. */
async function compared(fn: (...args: Tensor[]) => Tensor[], args: Tensor[]): Promise<number> {
  const compiled = compile(fn);
  const actual = compiled(...args);
  const expected = scope(() => fn(...args));
  const exact = device.executor.kind === "cpu";
  for (const [i, t] of actual.entries()) {
    expect(t.shape).toEqual(expected[i]!.shape);
    const values = await expected[i]!.data();
    const size = Math.max(...Array.from(values as Float32Array, Math.abs));
    const tolerance = exact ? 0 : 1e-5;
    expectClose(
      await t.data(),
      values,
      { relative: tolerance, absolute: tolerance * size },
      `result ${i}`,
    );
  }
  const [plan] = compiled.plans;
  compiled.dispose();
  return plan!.dispatches;
}

test("a residual block with its gradient keeps no pointwise kernel around its products", async () => {
  const [rows, width] = [33, 20];
  const args = [
    drawn([3, rows, width], 1),
    drawn([width], 2),
    drawn([4 * width, width], 3),
    drawn([4 * width], 4),
    drawn([width, 4 * width], 5),
    drawn([width], 6),
  ];
  const block = (...[x, w, w1, b1, w2, b2]: Tensor[]): Tensor =>
    add(x!, linear(gelu(linear(layerNorm(x!, width, w!), w1!, b1!)), w2!, b2!));
  // The norm, and a product for each layer.
  expect(await compared((...of) => [block(...of)], args)).toBe(3);
  const loss = (...of: Tensor[]): Tensor => block(...of).sum();
  const all = args.map((_, i) => i);
  const gradients = grad(loss, { argnums: all as [number] }) as unknown as (
    ...of: Tensor[]
  ) => Tensor[];
  const count = await compared(gradients, args);
  // Forward: a norm and the product whose activation the backward pass needs. Backward: two products for each
  // layer, two sums for biases, the norm, and at most two for its weight.
  expect(count).toBeLessThanOrEqual(2 + 4 + 2 + 1 + 2);
});

test("a sum of three products is added up by two of them", async () => {
  const args = [1, 2, 3, 4, 5, 6].map((seed) => drawn([17, 17], seed));
  const count = await compared(
    (a, b, c, d, e, f) => [add(add(matmul(a!, b!), matmul(c!, d!)), matmul(e!, f!))],
    args,
  );
  expect(count).toBe(3);
});

test("rows that are normalised and then added to something are stored once", async () => {
  const args = [drawn([9, 28], 1), drawn([28], 2), drawn([9, 28], 3)];
  expect(await compared((x, w, y) => [add(rmsNorm(x!, 28, w!), y!)], args)).toBe(1);
});

test("a transposed product is written in order, without a copy", async () => {
  const args = [drawn([19, 7], 1), drawn([7, 33], 2)];
  expect(await compared((a, b) => [matmul(a!, b!).transpose(0, 1).contiguous()], args)).toBe(1);
});

test("a GPT's loss and gradients are those of the operations one by one", async () => {
  const [vocab, context, layers] = [24, 16, 2];
  const model = new nn.GPT({ vocab, context, layers, heads: 2, width: 32 });
  const parameters = model.parameters();
  const tokens = Int32Array.from({ length: 3 * context }, (_, i) => (i * i * 7 + i) % vocab);
  const input = tensor(tokens, { shape: [3, context] });
  const target = tensor(
    tokens.map((t) => (5 * t + 1) % vocab),
    { shape: [3 * context] },
  );
  const step = (x: Tensor, y: Tensor): Tensor[] => {
    const { aux, gradients } = valueAndGradients(parameters, () => {
      const loss = nn.functional.crossEntropy(model.forward(x).reshape([-1, vocab]), y);
      return [loss, loss] as const;
    });
    return [aux, ...gradients];
  };
  const count = await compared(step as (...args: Tensor[]) => Tensor[], [input, target]);
  // By layer: 2 norms, 4 products, attention; backward 8 products, 4 sums for biases, attention in 3, and
  // for each norm its own kernel and at most two for its parameters.
  expect(count).toBeLessThanOrEqual(layers * (2 + 4 + 1 + 8 + 4 + 3 + 2 * 3) + 16);
});

test("numbers that WGSL has no text for reach an epilogue: infinities and the negative zero", async () => {
  const [x, w, keep] = [drawn([9, 16], 1), drawn([16, 12], 2), drawn([9, 12], 3).gt(0)];
  for (const number of [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY, -0, 3e38]) {
    const masked = (a: Tensor, b: Tensor): Tensor =>
      where(keep, matmul(a, b), full([], number)).mul(1 / 3);
    const compiled = compile((a: Tensor, b: Tensor) => masked(a, b));
    const bits = async (t: Tensor) => [...new Uint32Array((await t.data()).buffer)];
    const normalised = compile((a: Tensor) =>
      where(keep, layerNorm(matmul(a, w), 12), full([], number)),
    );
    expect(await bits(compiled(x, w))).toEqual(await bits(masked(x, w)));
    const expected = where(keep, layerNorm(matmul(x, w), 12), full([], number));
    expect(await bits(normalised(x))).toEqual(await bits(expected));
    expect(compiled.plans[0]!.dispatches).toBe(1);
    compiled.dispose();
    normalised.dispose();
  }
});
