/** The cotangents of a normalisation's weight and bias: sums over all rows, in a fixed order. */
import type { AdapterClass } from "../device/executor";
import {
  gridFor,
  launch,
  normParameterPartials,
  normParameterSums,
  normParameterTotals,
} from "../kernels";
import { DeviceTensor } from "../tensor/deviceTensor";
import type { Spec } from "./primitive";
import { dense } from "./shape";

/**
 * How many dispatches the sums take. One: an invocation for each column goes down all rows. Two: invocations
 * for blocks of rows, then for their sums; more run at once. Both add up in the same order.
 */
export type ParameterStages = 1 | 2;

/** Elements that one stage goes through in the time that a second dispatch costs. */
const fewElements = 2 ** 18;

export const parameterStages = {
  isApplicable: (_stages: ParameterStages): boolean => true,
  defaultChoice: (adapter: AdapterClass, rows: number, cols: number): ParameterStages =>
    adapter !== "hardware" && rows * cols <= fewElements ? 1 : 2,
  candidates: (): readonly ParameterStages[] => [1, 2],
};

/** For tests: one number of stages everywhere; null lets `defaultChoice` decide. */
export const forcedParameterStages: { current: ParameterStages | null } = { current: null };

/**
 * @param rows the cotangent g, x, mean and rstd of the rows
 * @param cols elements per row
 * @param outputs of weight, and of bias if it is wanted
 */
export function sumParameters(
  [g, x, mean, rstd]: readonly DeviceTensor[],
  rows: number,
  cols: number,
  outputs: readonly Spec[],
): DeviceTensor[] {
  const { device } = x!;
  const sums = outputs.map((o) => DeviceTensor.empty(device, o.shape, o.dtype));
  const [weight, bias = DeviceTensor.empty(device, weight!.shape, weight!.dtype)] = sums;
  const held = [dense(g!), dense(x!)] as const;
  const own = {
    g: held[0].binding,
    x: held[1].binding,
    mean: mean!.binding,
    rstd: rstd!.binding,
  };
  const results = { weight_sum: weight!.binding, bias_sum: bias.binding };
  const options = { types: { V: cols % 4 === 0 ? "vec4f" : "f32" } } as const;
  const columns = cols % 4 === 0 ? cols / 4 : cols;
  // Both stages then add up about as many terms, which also keeps the rounding error low.
  const depth = Math.max(Math.ceil(Math.sqrt(rows)), 1);
  const blocks = Math.max(Math.ceil(rows / depth), 1);
  const params = { rows, cols: columns, depth, blocks };
  const stages =
    forcedParameterStages.current ??
    parameterStages.defaultChoice(device.executor.adapter.class, rows, cols);
  const grid = gridFor(device, columns, 64);
  if (stages === 1) {
    launch(device, normParameterTotals, { ...own, ...results }, params, grid, options);
  } else {
    const block = DeviceTensor.empty(device, [blocks, 2, cols], "f32");
    const bindings = { ...own, block_sums: block.binding };
    const many = gridFor(device, blocks * columns, 64);
    launch(device, normParameterPartials, bindings, params, many, options);
    const from = { ...results, block_sums: block.binding };
    launch(device, normParameterSums, from, params, grid, options);
    block.dispose();
  }
  for (const t of held) t.dispose();
  if (bias !== sums[1]) bias.dispose();
  return sums;
}
