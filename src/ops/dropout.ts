/** Dropout, with a mask that is drawn from a key wherever it is needed and stored nowhere. */
import { DTypeError } from "../errors";
import { gridFor, launch, randomDropout } from "../kernels";
import { requireOptions } from "../options";
import { DeviceTensor } from "../tensor/deviceTensor";
import { isFloat } from "../tensor/dtype";
import { sizeOf } from "../tensor/shape";
import type { Tensor } from "../tensor/tensor";
import type { Primitive } from "./primitive";
import {
  checkKey,
  checkKeys,
  checkProbability,
  checkStream,
  type DrawOptions,
  hitsOf,
  keyRows,
  lanesOf,
} from "./randomBits";
import { batchOfRows, jvpOfLinear } from "./rules";
import { dense, rowMajor } from "./shape";
import { bind } from "./trace";

interface DropoutAttrs {
  readonly p: number;
  readonly stream: number;
}

const dropoutPrimitive: Primitive<DropoutAttrs> = {
  name: "dropout",
  formula: "hit with probability 1 - p ? x / (1 - p) : 0",
  derivative: "the same mask and factor on g",
  saves: { inputs: [1] },
  outputs: ([x, keys], { stream }) => {
    checkKeys("dropout", keys!);
    checkStream("dropout", stream);
    if (!isFloat(x!.dtype))
      throw new DTypeError(`dropout: not defined for ${x!.dtype}; convert with .to("f32").`);
    return [{ shape: x!.shape, dtype: x!.dtype }];
  },
  run: ([x, keys], { p, stream }, [out]) => {
    const source = dense(x!);
    const y = DeviceTensor.empty(x!.device, out!.shape, out!.dtype);
    const count = Math.ceil(y.size / 4);
    const words = rowMajor(keys!);
    const { params, overrides } = keyRows(words, y.size / sizeOf(lanesOf(words)));
    launch(
      y.device,
      randomDropout,
      { x: source.binding, keys: words.binding, y: y.binding },
      {
        count,
        ...params,
        stream,
        bound: hitsOf(1 - p),
        scale: p < 1 ? 1 / (1 - p) : 0,
      },
      gridFor(y.device, count, 64),
      { types: { T: out!.dtype as "f32" | "f16" }, overrides },
    );
    words.dispose();
    source.dispose();
    return [y];
  },
  vjp: ([g], { inputs, attrs }) => [bind(dropoutPrimitive, [g!, inputs[1]!], attrs)[0]!, null],
  jvp: jvpOfLinear(() => dropoutPrimitive, [0]),
  // Lanes that share a key share the mask.
  batch: batchOfRows(() => dropoutPrimitive),
};

/**
 * Zeroes each element with probability p (to the nearest 2^-31) and divides the others by 1 - p. The
 * backward pass draws the same mask again, so neither the mask nor x is kept for it.
 *
 * @param x f32 or f16, any shape
 * @param key u32 [2]: see random.key
 * @throws ArgumentError unless p is from 0 to 1; DTypeError for integers
 */
export function dropout(x: Tensor, p: number, key: Tensor, options: DrawOptions = {}): Tensor {
  requireOptions("dropout", options, "stream");
  checkProbability("dropout", p);
  checkKey("dropout", key);
  return bind(dropoutPrimitive, [x, key], { p, stream: options.stream ?? 0 })[0]!;
}

export const dropoutPrimitives = [dropoutPrimitive];
