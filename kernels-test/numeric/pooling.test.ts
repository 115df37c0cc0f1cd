import { beforeAll, expect, test } from "vitest";
import { ArgumentError, DTypeError, ShapeError } from "../../src/errors";
import * as tg from "../../src/node";

beforeAll(async () => {
  await tg.init();
});

const values = async (t: tg.Tensor): Promise<number[]> => [...(await tg.contiguous(t).data())];

test("the gradient of a maximum goes to the first of equal elements", async () => {
  const x = tg.tensor([[1, 5, 5, 5, 2, 2]]);
  const g = tg.grad((t: tg.Tensor) => tg.sum(tg.maxPool1d(t, 3)))(x);
  expect(await values(g)).toEqual([0, 1, 0, 1, 0, 0]);
});

test("elements that are the maximum of several windows add up their gradients", async () => {
  const x = tg.tensor([[0, 9, 0, 0]]);
  const g = tg.grad((t: tg.Tensor) => tg.sum(tg.maxPool1d(t, 2, { stride: 1 })))(x);
  expect(await values(g)).toEqual([0, 2, 1, 0]);
});

test("NaN is the maximum of its windows, and -infinity is none where there is more", async () => {
  const x = tg.tensor([[Number.NaN, 1, 2, Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY, 0]]);
  const { values: y, indices } = tg.maxPool1d(x, 2, { returnIndices: true });
  expect(await values(y)).toEqual([Number.NaN, 2, 0]);
  expect(await values(indices)).toEqual([0, 2, 5]);
  const infinite = tg.full([1, 2], Number.NEGATIVE_INFINITY);
  expect(await values(tg.maxPool1d(infinite, 2))).toEqual([Number.NEGATIVE_INFINITY]);
});

test("padding never wins a maximum", async () => {
  const x = tg.full([1, 4], -7);
  expect(await values(tg.maxPool1d(x, 3, { padding: 1, stride: 1 }))).toEqual([-7, -7, -7, -7]);
});

test("an average divides by what it is told to", async () => {
  const x = tg.ones([1, 4]);
  const pool = (options: object) =>
    values(tg.avgPool1d(x, 4, { padding: 2, stride: 4, ...options }));
  expect(await pool({})).toEqual([0.5, 0.5]);
  expect(await pool({ countIncludePad: false })).toEqual([1, 1]);
  expect(await pool({ divisorOverride: 8 })).toEqual([0.25, 0.25]);
});

test("resizing gives known values", async () => {
  const x = tg.tensor([[[0, 1, 2, 3]]]);
  const to = (options: tg.InterpolateOptions) => values(tg.interpolate(x, options));
  expect(await to({ size: 2 })).toEqual([0, 2]);
  expect(await to({ size: 2, mode: "nearest-exact" })).toEqual([1, 3]);
  expect(await to({ size: 7, mode: "linear", alignCorners: true })).toEqual([
    0, 0.5, 1, 1.5, 2, 2.5, 3,
  ]);
  expect(await to({ scaleFactor: 0.5, mode: "linear" })).toEqual([0.5, 2.5]);
  expect(await to({ size: 2, mode: "area" })).toEqual([0.5, 2.5]);
});

test("a resize to the same size is a tensor of its own", async () => {
  const x = tg.ones([1, 1, 2]);
  const y = tg.interpolate(x, { size: 2, mode: "linear" });
  x.dispose();
  expect(await values(y)).toEqual([1, 1]);
});

test("pixelUnshuffle undoes pixelShuffle", async () => {
  const x = tg.arange(48).reshape([1, 8, 2, 3]);
  expect(await values(tg.pixelUnshuffle(tg.pixelShuffle(x, 2), 2))).toEqual(await values(x));
});

test("pooling and resizing say what is wrong with their arguments", () => {
  const x = tg.zeros([1, 2, 6]);
  const bad: [() => unknown, new (...args: never[]) => Error, RegExp][] = [
    [() => tg.maxPool1d(x, 3, { padding: 2 }), ArgumentError, /at most half/],
    [() => tg.maxPool1d(x, 7), ShapeError, /do not fit/],
    [() => tg.maxPool1d(x, 0), ArgumentError, /kernelSize 0/],
    [() => tg.maxPool2d(x.reshape([12]), 2), ShapeError, /maxPool2d/],
    [() => tg.maxPool1d(x.to("i32"), 2), DTypeError, /i32/],
    [
      () => tg.maxPool1d(tg.zeros([1, 1]), 2, { padding: 1, dilation: 2 }),
      ArgumentError,
      /sees no element/,
    ],
    [() => tg.avgPool1d(x, 2, { divisorOverride: 0 }), ArgumentError, /divisorOverride 0/],
    [() => tg.adaptiveAvgPool1d(x, 0), ArgumentError, /outputSize 0/],
    [() => tg.lpPool1d(x, 0, 2), ArgumentError, /p 0/],
    [() => tg.interpolate(x, {}), ArgumentError, /either size or scaleFactor/],
    [() => tg.interpolate(x, { size: 2, mode: "bilinear" }), ShapeError, /bilinear/],
    [() => tg.interpolate(x, { size: 2, alignCorners: true }), ArgumentError, /alignCorners/],
    [() => tg.interpolate(x, { scaleFactor: 0.1 }), ShapeError, /leaves nothing/],
    [() => tg.interpolate(x, { size: 2, mode: "cubic" as "area" }), ArgumentError, /"cubic"/],
    [() => tg.pixelShuffle(x, 2), ShapeError, /no multiple of 4/],
    [() => tg.pixelUnshuffle(x, 4), ShapeError, /multiples of 4/],
  ];
  for (const [call, kind, message] of bad) {
    expect(call).toThrow(kind);
    expect(call).toThrow(message);
  }
});

test("layers have PyTorch's keys, shapes and bounds of initial values", async () => {
  const { nn } = tg;
  const conv = new nn.Conv2d(4, 6, [3, 5], { groups: 2, padding: "same" });
  expect(Object.entries(conv.stateDict()).map(([key, p]) => [key, p.shape])).toEqual([
    ["weight", [6, 2, 3, 5]],
    ["bias", [6]],
  ]);
  const bound = 1 / Math.sqrt(2 * 3 * 5);
  const weight = await values(conv.weight);
  expect(Math.max(...weight.map(Math.abs))).toBeLessThanOrEqual(bound);
  expect(Math.max(...weight.map(Math.abs))).toBeGreaterThan(0.9 * bound);
  const up = new nn.ConvTranspose1d(4, 6, 3, { groups: 2, bias: false, stride: 2 });
  expect(up.weight.shape).toEqual([4, 3, 3]);
  expect(up.bias).toBe(null);
  const net = new nn.Sequential(
    conv,
    new nn.MaxPool2d(2),
    new nn.AdaptiveAvgPool2d([2, 2]),
    new nn.Upsample({ scaleFactor: 2, mode: "bilinear" }),
    new nn.PixelUnshuffle(2),
    new nn.Flatten(),
  );
  expect(net.forward(tg.ones([2, 4, 8, 8])).shape).toEqual([2, 96]);
  expect(Object.keys(net.stateDict())).toEqual(["0.weight", "0.bias"]);
  expect(up.forward(tg.ones([2, 4, 5])).shape).toEqual([2, 6, 11]);
  const bilinear = new nn.Bilinear(3, 4, 5);
  expect(bilinear.forward(tg.ones([2, 3]), tg.ones([2, 4])).shape).toEqual([2, 5]);
  expect(() => new nn.Conv1d(3, 4, 2, { groups: 2 })).toThrow(ArgumentError);
});
