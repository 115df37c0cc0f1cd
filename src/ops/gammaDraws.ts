/**
 * Logarithms of numbers of the gamma distribution, by rejection, and their slope in the concentration. The
 * logarithm stays finite where a small concentration makes the number itself underflow.
 */
import { gridFor, launch, randomGamma, randomGammaSlope } from "../kernels";
import { DeviceTensor } from "../tensor/deviceTensor";
import { sizeOf } from "../tensor/shape";
import type { Tensor } from "../tensor/tensor";
import { mul } from "./arithmetic";
import type { Primitive } from "./primitive";
import { checkRows, checkStream, type DrawOptions, lanesOf } from "./randomBits";
import { batchOfRows } from "./rules";
import { dense, rowMajor } from "./shape";
import { bind } from "./trace";

/** Sent as data: WGSL has no literal for infinity. */
const infinity = 0x7f800000;

const logGammaDrawPrimitive: Primitive<{ stream: number }> = {
  name: "logGammaDraw",
  formula: "ln of a draw from Gamma(α, 1)",
  derivative: "to α: g · d ln x / dα at the quantile of x",
  saves: { inputs: [1], outputs: [0] },
  outputs: ([keys, alpha], { stream }) => {
    checkStream("gamma", stream);
    checkRows("gamma", "concentration", keys!, alpha!);
    return [alpha!];
  },
  run: ([keys, alpha], { stream }) => {
    const y = DeviceTensor.empty(alpha!.device, alpha!.shape, "f32");
    const words = rowMajor(keys!);
    const shapes = dense(alpha!);
    launch(
      y.device,
      randomGamma,
      { keys: words.binding, alpha: shapes.binding, y: y.binding },
      {
        count: y.size,
        per_key: y.size / sizeOf(lanesOf(words)),
        stream,
        key_offset: words.bindingOffset,
        infinity,
      },
      gridFor(y.device, y.size, 64),
    );
    words.dispose();
    shapes.dispose();
    return [y];
  },
  vjp: ([g], { inputs: [, alpha], outputs: [y] }) => [null, mul(g!, slope(alpha!, y!))],
  jvp: ([, t], { inputs: [, alpha], outputs: [y] }) => [t ? mul(t, slope(alpha!, y!)) : null],
  batch: batchOfRows(() => logGammaDrawPrimitive),
};

const gammaSlopePrimitive: Primitive<null> = {
  name: "gammaSlope",
  formula: "d ln x / dα at a fixed quantile of Gamma(α, 1)",
  saves: "nothing",
  outputs: ([alpha]) => [alpha!],
  run: ([alpha, logDraw]) => {
    const y = DeviceTensor.empty(alpha!.device, alpha!.shape, "f32");
    const held = [dense(alpha!), dense(logDraw!)] as const;
    launch(
      y.device,
      randomGammaSlope,
      { alpha: held[0].binding, log_g: held[1].binding, y: y.binding },
      { count: y.size },
      gridFor(y.device, y.size, 64),
    );
    for (const t of held) t.dispose();
    return [y];
  },
  vjp: null,
  jvp: null,
  batch: batchOfRows(() => gammaSlopePrimitive),
};

function slope(alpha: Tensor, logDraw: Tensor): Tensor {
  return bind(gammaSlopePrimitive, [alpha, logDraw], null)[0]!;
}

/** ln of a draw from Gamma(concentration, 1), for a concentration of any shape. */
export function logGammaDraw(
  key: Tensor,
  concentration: Tensor,
  { stream = 0 }: DrawOptions,
): Tensor {
  return bind(logGammaDrawPrimitive, [key, concentration], { stream })[0]!;
}

export const gammaPrimitives = [logGammaDrawPrimitive, gammaSlopePrimitive];
