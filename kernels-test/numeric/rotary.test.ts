import { beforeAll, expect, test } from "vitest";
import {
  grad,
  init,
  mul,
  nn,
  rotaryEmbedding,
  sum,
  type Tensor,
  tensor,
  transpose,
} from "../../src/node";
import { expectClose } from "../harness";
import { normals } from "../samples";

/** One rounding of sin and cos and of two products. */
const close = { relative: 1e-6, absolute: 2e-6 };

beforeAll(async () => {
  await init();
});

const draw = (shape: number[], seed: number): Tensor =>
  tensor(
    normals(
      shape.reduce((a, b) => a * b, 1),
      seed,
    ),
    { shape },
  );

test("one radian at position 1 for the first pair: [1, 0] becomes [cos 1, sin 1]", async () => {
  const y = await rotaryEmbedding(
    tensor([
      [1, 0],
      [1, 0],
    ]),
  ).data();
  expectClose(y, [1, 0, Math.cos(1), Math.sin(1)], close);
});

test("products of queries and keys depend on their distance alone, however far they are", async () => {
  const [q, k] = [draw([1, 8], 1), draw([1, 8], 2)];
  const product = async (i: number, j: number): Promise<number> => {
    const turned = mul(rotaryEmbedding(q, { offset: i }), rotaryEmbedding(k, { offset: j }));
    return (await sum(turned).data())[0]!;
  };
  const near = await product(3, 0);
  for (const shift of [5, 1000, 1_000_000, -2_000_000_000])
    expect(Math.abs((await product(3 + shift, shift)) - near)).toBeLessThan(2e-5);
  expect(Math.abs((await product(4, 0)) - near)).toBeGreaterThan(1e-3);
});

test("positions one by one are the offset, and time may lie before the heads", async () => {
  const x = draw([2, 3, 5, 6], 1);
  const wanted = await rotaryEmbedding(x, { offset: 7 }).data();
  const positions = tensor(Int32Array.of(7, 8, 9, 10, 11));
  expect(await rotaryEmbedding(x, { positions }).data()).toEqual(wanted);
  const heads = transpose(x, 1, 2);
  const early = rotaryEmbedding(heads, { offset: 7, dim: -3 });
  expect(await transpose(early, 1, 2).data()).toEqual(wanted);
});

test("neighbours as pairs are halves in another order", async () => {
  const x = draw([4, 6], 1);
  const order = [0, 2, 4, 1, 3, 5];
  const values = await x.data();
  const sorted = Float32Array.from(
    values,
    (_, i) => values[Math.floor(i / 6) * 6 + order[i % 6]!]!,
  );
  const halves = await rotaryEmbedding(tensor(sorted, { shape: [4, 6] })).data();
  const neighbours = await rotaryEmbedding(x, { interleaved: true }).data();
  halves.forEach((v, i) => {
    expect(v).toBe(neighbours[Math.floor(i / 6) * 6 + order[i % 6]!]);
  });
});

test("the gradient is turned back: the length of rows stays, elements beyond dims pass", async () => {
  const x = draw([3, 10], 1);
  const options = { dims: 4, offset: 2 };
  const y = await rotaryEmbedding(x, options).data();
  const before = await x.data();
  for (let row = 0; row < 3; row++)
    expect(y.slice(row * 10 + 4, row * 10 + 10)).toEqual(before.slice(row * 10 + 4, row * 10 + 10));
  const gradient = grad((t: Tensor) => {
    const turned = rotaryEmbedding(t, options);
    return sum(mul(turned, turned));
  })(x);
  expectClose(await gradient.data(), await mul(x, 2).data(), { relative: 1e-5, absolute: 1e-5 });
});

test("the layer does the same", async () => {
  const x = draw([2, 4, 8], 1);
  const layer = new nn.RotaryEmbedding({ base: 500, interleaved: true });
  const expected = rotaryEmbedding(x, { base: 500, interleaved: true, offset: 3 });
  expect(await layer.forward(x, { offset: 3 }).data()).toEqual(await expected.data());
});

test("what does not fit is refused, with the cure", () => {
  const x = draw([4, 6], 1);
  expect(() => rotaryEmbedding(draw([4, 5], 1))).toThrow(/5 of the 5.*even number.*Pass dims/);
  expect(() => rotaryEmbedding(x, { dims: 8 })).toThrow(/8 of the 6/);
  expect(() => rotaryEmbedding(x, { base: 0 })).toThrow(/base 0/);
  expect(() => rotaryEmbedding(x, { offset: 0.5 })).toThrow(/offset 0.5/);
  expect(() => rotaryEmbedding(x, { dim: 1 })).toThrow(/rows' own/);
  expect(() => rotaryEmbedding(tensor([1, 2]))).toThrow(/needs rows/);
  expect(() => rotaryEmbedding(x, { positions: draw([4], 1) })).toThrow(/to\("i32"\)/);
  const positions = tensor(Int32Array.of(1, 2, 3));
  expect(() => rotaryEmbedding(x, { positions })).toThrow(/broadcast to \[4\]/);
  expect(() => rotaryEmbedding(x, { positions, offset: 1 })).toThrow(/either offset or positions/);
  expect(() => rotaryEmbedding(tensor(Int32Array.of(1, 2), { shape: [1, 2] }))).toThrow(
    /dtype i32/,
  );
});
