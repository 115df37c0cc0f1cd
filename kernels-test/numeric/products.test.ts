import { beforeAll, expect, test } from "vitest";
import { ArgumentError, DTypeError, ShapeError } from "../../src/errors";
import * as tg from "../../src/node";
import { forcedMatmulVariant } from "../../src/ops/matmulVariants";

beforeAll(async () => {
  await tg.init();
});

const values = async (t: tg.Tensor): Promise<number[]> => [...(await tg.contiguous(t).data())];

test("a product with an inner size of 1 has the same values with and without tiles", async () => {
  const a = tg.linspace(-1, 1, 60).reshape([4, 15, 1]);
  const b = tg.linspace(2, 3, 52).reshape([4, 1, 13]);
  const chosen = await values(tg.matmul(a, b));
  forcedMatmulVariant.current = { kernel: "register", along: "n" };
  const tiled = await values(tg.matmul(a, b));
  forcedMatmulVariant.current = null;
  expect(chosen).toEqual(tiled);
});

test("einsum multiplies the cheapest pair first", async () => {
  const { counters } = tg.currentDevice().executor;
  const [a, b, c] = [tg.ones([64, 2]), tg.ones([2, 64]), tg.ones([64, 1])];
  const before = counters.dispatches;
  const y = tg.einsum("ij,jk,kl->il", a, b, c);
  expect(counters.dispatches - before).toBe(2);
  expect(new Set(await values(y))).toEqual(new Set([128]));
});

test("einsum of integers stays in integers", async () => {
  const a = tg.tensor(Int32Array.of(1, 2, 3, 4), { shape: [2, 2] });
  const y = tg.einsum("ij,jk->ki", a, a);
  expect(y.dtype).toBe("i32");
  expect(await values(y)).toEqual([7, 15, 10, 22]);
});

test("einsum gives a tensor of its own where there is nothing to do", async () => {
  const a = tg.ones([2, 3]);
  const y = tg.einsum("ij->ij", a);
  a.dispose();
  expect(await values(y)).toEqual([1, 1, 1, 1, 1, 1]);
});

test("einsum of nothing is 0", async () => {
  expect(await values(tg.einsum("ij,jk->ik", tg.ones([2, 0]), tg.ones([0, 1])))).toEqual([0, 0]);
  expect(await values(tg.einsum("ii->i", tg.ones([0, 0])))).toEqual([]);
});

test("products say what is wrong with their arguments", () => {
  const [m, v] = [tg.ones([2, 3]), tg.ones([3])];
  const bad: [() => unknown, new (...args: never[]) => Error, RegExp][] = [
    [() => tg.einsum("ij,jk", m), ArgumentError, /2 operands, and 1/],
    [() => tg.einsum("i1", m), ArgumentError, /"1" in "i1"/],
    [() => tg.einsum("i", m), ShapeError, /operand 0 has 2 dimensions and 1/],
    [() => tg.einsum("......", m), ArgumentError, /"\."/],
    [() => tg.einsum("ij->k", m), ArgumentError, /"k" of the result names no/],
    [() => tg.einsum("ij->ii", m), ArgumentError, /"i" of the result occurs twice/],
    [() => tg.einsum("ij,ij", m, tg.ones([2, 4])), ShapeError, /"j" has 3 elements.*4/],
    [() => tg.einsum("ij", m.to("bool")), DTypeError, /operand 0 is bool/],
    [() => tg.einsum("i->j->k", v), ArgumentError, /more than once/],
    [() => tg.tensordot(m, v, 2), ArgumentError, /dims 2/],
    [
      () =>
        tg.tensordot(m, m, [
          [0, 0],
          [0, 1],
        ]),
      ArgumentError,
      /dimension of a twice/,
    ],
    [() => tg.tensordot(m, v, [[0], [0]]), ShapeError, /2 elements and dimension 0 of b/],
    [() => tg.dot(m, v), ShapeError, /dot: takes two vectors/],
    [() => tg.mm(m, v), ShapeError, /mm: takes two matrices/],
    [() => tg.bmm(tg.ones([2, 1, 1]), tg.ones([3, 1, 1])), ShapeError, /bmm/],
    [() => tg.addmm(tg.ones([4]), m, tg.ones([3, 2])), ShapeError, /addmm/],
    [() => tg.kron(tg.ones([1, 1, 1, 1, 1]), v), ShapeError, /at most 4/],
    [() => tg.multiDot([m]), ArgumentError, /two or more/],
    [() => tg.multiDot([m, v, m]), ShapeError, /tensor 1/],
    [() => tg.bilinear(m, m, tg.ones([1, 2, 3])), ShapeError, /bilinear/],
    [() => tg.cross(m, tg.ones([2, 4])), ShapeError, /cross/],
  ];
  for (const [call, kind, message] of bad) {
    expect(call).toThrow(kind);
    expect(call).toThrow(message);
  }
});
