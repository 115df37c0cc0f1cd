/** Counts of the Poisson distribution, by rejection. */
import { gridFor, launch, randomPoisson } from "../kernels";
import { DeviceTensor } from "../tensor/deviceTensor";
import { sizeOf } from "../tensor/shape";
import type { Tensor } from "../tensor/tensor";
import type { Primitive } from "./primitive";
import { checkRows, checkStream, type DrawOptions, keyWords, lanesOf } from "./randomBits";
import { batchOfRows } from "./rules";
import { dense } from "./shape";
import { bind } from "./trace";

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
    const y = DeviceTensor.empty(rate!.device, rate!.shape, "i32");
    const words = keyWords(keys!);
    const rates = dense(rate!);
    launch(
      y.device,
      randomPoisson,
      { keys: words.binding, rates: rates.binding, y: y.binding },
      {
        count: y.size,
        per_key: y.size / sizeOf(lanesOf(words)),
        stream,
        key_offset: words.bindingOffset,
      },
      gridFor(y.device, y.size, 64),
    );
    words.dispose();
    rates.dispose();
    return [y];
  },
  vjp: null,
  jvp: null,
  batch: batchOfRows(() => poissonPrimitive),
};

/** Counts with the means `rate`, f32 of any shape. */
export function poissonDraw(key: Tensor, rate: Tensor, { stream = 0 }: DrawOptions): Tensor {
  return bind(poissonPrimitive, [key, rate], { stream })[0]!;
}

export const poissonPrimitives = [poissonPrimitive];
