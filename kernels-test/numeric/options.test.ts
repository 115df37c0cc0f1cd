/** Options are given by name: what other libraries take by position is refused, not ignored. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ArgumentError } from "../../src/errors";
import * as tg from "../../src/node";
import { expectThrows } from "../harness";
import { takenForOptions } from "../wrongArguments";

let device: tg.Device;
beforeAll(async () => {
  device = await tg.init();
});
afterAll(() => device.destroy());

test.each([
  ...["all", "argmax", "argmin", "argsort", "avgPool1d", "conv1d", "conv2d"],
  ...["convTranspose1d", "countNonzero", "kthvalue", "logSumExp", "max", "maxPool1d", "mean"],
  ...["median", "mode", "nanmean", "nanmedian", "norm", "prod"],
  ...["quantile", "sort", "std", "sum", "varMean", "variance"],
  ...["fft.fft", "fft.rfft", "random.normal", "random.uniform"],
  ...["nn.functional.huberLoss", "nn.functional.l1Loss"],
  ...["transport.maxSlicedWasserstein", "transport.sinkhornKnopp"],
  ...["transport.slicedWasserstein", "transport.softQuantile", "transport.softRank"],
  ...["transport.softSort", "transport.softTopK"],
])("%s takes no number, string, boolean or tensor for its options", (name) => {
  expect(takenForOptions(tg, name)).toEqual([]);
});

test("the message names the operation, what it got, and how options are given", () => {
  const x = tg.ones([2, 3]);
  const options = 1 as unknown as tg.ArgOptions;
  expectThrows(
    () => tg.argmax(x, options),
    ArgumentError,
    /^argmax: got 1 in place of options\. Give them by name, in an object: \{ dim: 1 \}\.$/,
  );
  expectThrows(() => x.sum(options), ArgumentError, /^sum: got 1 .*\{ dim: 1 \}/);
  const bias = tg.ones([3]) as unknown as { bias: tg.Tensor };
  expectThrows(() => tg.conv1d(x, tg.ones([3, 2, 1]), bias), ArgumentError, /got a tensor/);
});

describe("modules", () => {
  const by = (value: unknown) => value as object;
  test.each([
    ["Linear", () => new tg.nn.Linear(2, 3, by(false)), /^Linear: got false .*bias: false/],
    ["Conv2d", () => new tg.nn.Conv2d(1, 2, 3, by(2)), /^Conv2d: got 2 .*stride: 2/],
    ["ConvTranspose1d", () => new tg.nn.ConvTranspose1d(1, 2, 3, by(2)), /^ConvTranspose1d/],
  ] as const)("%s", (_, make, pattern) => {
    expectThrows(make, ArgumentError, pattern);
  });
});
