/** Counts of the Poisson and the binomial distribution, by rejection. */

import type { BufferBinding } from "../device/executor";
import { ShapeError } from "../errors";
import { gridFor, launch, randomBinomial, randomPoisson } from "../kernels";
import { DeviceTensor } from "../tensor/deviceTensor";
import { sameShape, show, sizeOf } from "../tensor/shape";
import type { Tensor } from "../tensor/tensor";
import type { Primitive } from "./primitive";
import { checkRows, checkStream, type DrawOptions, lanesOf } from "./randomBits";
import { batchOfRows } from "./rules";
import { dense, rowMajor } from "./shape";
import { bind } from "./trace";

/** One count per element of a dense parameter; `record` launches the kernel. */
function counts(
  keys: DeviceTensor,
  { device, shape, size }: DeviceTensor,
  stream: number,
  record: (
    bindings: { keys: BufferBinding; y: BufferBinding },
    params: { count: number; per_key: number; stream: number; key_offset: number },
    grid: ReturnType<typeof gridFor>,
  ) => void,
): DeviceTensor {
  const y = DeviceTensor.empty(device, shape, "i32");
  const words = rowMajor(keys);
  record(
    { keys: words.binding, y: y.binding },
    {
      count: size,
      per_key: size / sizeOf(lanesOf(words)),
      stream,
      key_offset: words.bindingOffset,
    },
    gridFor(device, size, 64),
  );
  words.dispose();
  return y;
}

const poissonPrimitive: Primitive<{ stream: number }> = {
  name: "poisson",
  formula: "a count with probability rate^k e^-rate / k!",
  saves: "nothing",
  outputs: ([keys, rate], { stream }) => {
    checkStream("poisson", stream);
    checkRows("poisson", "rate", keys!, rate!);
    return [{ shape: rate!.shape, dtype: "i32" }];
  },
  run: ([keys, rate], { stream }) => {
    const rates = dense(rate!);
    const result = counts(keys!, rates, stream, (bindings, params, grid) =>
      launch(rates.device, randomPoisson, { ...bindings, rates: rates.binding }, params, grid),
    );
    rates.dispose();
    return [result];
  },
  vjp: null,
  jvp: null,
  batch: batchOfRows(() => poissonPrimitive),
};

/** Counts with the means `rate`, f32 of any shape. */
export function poissonDraw(key: Tensor, rate: Tensor, { stream = 0 }: DrawOptions): Tensor {
  return bind(poissonPrimitive, [key, rate], { stream })[0]!;
}

const binomialPrimitive: Primitive<{ stream: number }> = {
  name: "binomial",
  formula: "a count with probability (n over k) p^k (1 - p)^(n - k)",
  saves: "nothing",
  outputs: ([keys, trials, p], { stream }) => {
    checkStream("binomial", stream);
    checkRows("binomial", "trials", keys!, trials!, "i32");
    checkRows("binomial", "p", keys!, p!);
    if (!sameShape(trials!.shape, p!.shape))
      throw new ShapeError(
        `binomial: trials of shape ${show(trials!.shape)} and p of shape ${show(p!.shape)} must agree.`,
      );
    return [{ shape: p!.shape, dtype: "i32" }];
  },
  run: ([keys, trials, p], { stream }) => {
    const [n, chance] = [dense(trials!), dense(p!)];
    const result = counts(keys!, n, stream, (bindings, params, grid) =>
      launch(
        n.device,
        randomBinomial,
        { ...bindings, trials: n.binding, probability: chance.binding },
        params,
        grid,
      ),
    );
    n.dispose();
    chance.dispose();
    return [result];
  },
  vjp: null,
  jvp: null,
  batch: batchOfRows(() => binomialPrimitive),
};

/** Counts of successes in `trials` (i32), each with probability `p` (f32), both of one shape. */
export function binomialDraw(
  key: Tensor,
  trials: Tensor,
  p: Tensor,
  { stream = 0 }: DrawOptions,
): Tensor {
  return bind(binomialPrimitive, [key, trials, p], { stream })[0]!;
}

export const countPrimitives = [poissonPrimitive, binomialPrimitive];
