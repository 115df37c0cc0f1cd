/** Dropout, with a mask that is drawn from a key wherever it is needed and stored nowhere. */
import { DTypeError } from "../errors";
import { gridFor, launch, randomDropout } from "../kernels";
import { DeviceTensor } from "../tensor/deviceTensor";
import { isFloat } from "../tensor/dtype";
import type { Tensor } from "../tensor/tensor";
import type { Primitive } from "./primitive";
import {
  checkKey,
  checkProbability,
  checkStream,
  type DrawOptions,
  hitsOf,
  keyWords,
} from "./randomBits";
import { dense } from "./shape";
import { bind, bindCustom } from "./trace";

interface DropoutAttrs {
  readonly p: number;
  readonly stream: number;
}

const dropoutPrimitive: Primitive<DropoutAttrs> = {
  name: "dropout",
  formula: "hit with probability 1 - p ? x / (1 - p) : 0",
  saves: "inputs",
  outputs: ([x, key], { stream }) => {
    checkKey("dropout", key!);
    checkStream("dropout", stream);
    if (!isFloat(x!.dtype))
      throw new DTypeError(`dropout: not defined for ${x!.dtype}; convert with .to("f32").`);
    return [{ shape: x!.shape, dtype: x!.dtype }];
  },
  run: ([x, key], { p, stream }, [out]) => {
    const from = dense(x!);
    const y = DeviceTensor.empty(x!.device, out!.shape, out!.dtype);
    const count = Math.ceil(y.size / 4);
    const words = keyWords(key!);
    launch(
      y.device,
      randomDropout,
      { x: from.binding, key: words.binding, y: y.binding },
      {
        count,
        stream,
        key_offset: words.bindingOffset,
        bound: hitsOf(1 - p),
        scale: p < 1 ? 1 / (1 - p) : 0,
      },
      gridFor(y.device, count, 64),
      { types: { T: out!.dtype as "f32" | "f16" } },
    );
    words.dispose();
    from.dispose();
    return [y];
  },
  vjp: ([g], { inputs, attrs }) => [dropout(g!, attrs.p, inputs[1]!, attrs), null],
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
  checkProbability("dropout", p);
  const attrs = { p, stream: options.stream ?? 0 };
  // A rule of its own rather than the record's, which would have to keep x to get at the key.
  const rule = {
    name: "dropout",
    forward: (value: Tensor, k: Tensor) => ({
      outputs: bind(dropoutPrimitive, [value, k], attrs),
      residuals: [k],
    }),
    backward: ([k]: readonly Tensor[], [g]: readonly (Tensor | null)[]) => [
      g ? dropout(g, p, k!, options) : null,
      null,
    ],
  };
  return bindCustom(rule, [x, key])[0]!;
}

export const dropoutPrimitives = [dropoutPrimitive];
