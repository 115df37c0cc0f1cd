/** The stable sort below sort, topK and the sorted form of scatter: u32 keys, row by row. */
import type { AdapterClass } from "../device/executor";
import { gridFor, launch, sortKeys, sortMerge, sortRank } from "../kernels";
import { DeviceTensor } from "../tensor/deviceTensor";
import { choose } from "./variants";
import { walkRows } from "./walk";

/**
 * How rows are sorted. `count`: each element counts those that come before it; one dispatch, length²
 * comparisons. `merge`: blocks by counting, then merged in pairs; log2(length / block) more dispatches.
 */
export type SortVariant = "count" | "merge";

/** Sorted by counting before merging begins. A multiple of what one invocation of sort/merge writes. */
const blockLength: Record<AdapterClass, number> = { hardware: 64, software: 32, wasm: 32 };

export const sortVariants = {
  isApplicable: (_variant: SortVariant): boolean => true,
  defaultChoice: (adapter: AdapterClass, rows: number, length: number): SortVariant => {
    // Comparisons that cost less than the dispatches they save.
    const few = adapter === "hardware" ? 2 ** 24 : 2 ** 18;
    return length <= 2 * blockLength[adapter] || rows * length ** 2 <= few ? "count" : "merge";
  },
  candidates: (): readonly SortVariant[] => ["count", "merge"],
};

/** For tests: runs one variant everywhere; null lets `defaultChoice` decide. */
export const forcedSortVariant: { current: SortVariant | null } = { current: null };

/** Elements that one invocation of sort/merge writes, after one search. */
const mergedPerInvocation: Record<AdapterClass, number> = { hardware: 8, software: 8, wasm: 16 };

export interface SortedRows {
  /** The keys in order, u32 [rows, width]. */
  readonly keys: DeviceTensor;
  /** Where in its row each came from, u32 [rows, width]. */
  readonly order: DeviceTensor;
  /** Distance between rows: the length rounded up to a multiple of 4. What lies past it is undefined. */
  readonly width: number;
}

/**
 * Sorts each row of a non-empty `x` along `dim`, equal keys in the order of their places.
 * @param how the order-preserving map of x's bits to u32, and whether greater keys come first
 */
export function sortRows(
  x: DeviceTensor,
  dim: number,
  how: { key: "key_f32" | "key_i32" | "key_u32"; descending: boolean },
): SortedRows {
  const { device } = x;
  const { rank, rows, shape, strides } = walkRows(dim, [x]);
  const length = x.shape[dim]!;
  const width = Math.ceil(length / 4) * 4;
  const buffer = () => DeviceTensor.empty(device, [rows, width], "u32");
  const keys = buffer();
  const count = rows * width;
  launch(
    device,
    sortKeys,
    { x: x.binding, keys: keys.binding },
    {
      outer_shape: shape,
      x_strides: strides[0]!,
      count,
      length,
      width,
      x_offset: x.bindingOffset,
      x_step: x.strides[dim]!,
      flip: how.descending ? 0xffffffff : 0,
    },
    gridFor(device, count, 64),
    { slots: { OP: how.key }, overrides: { RANK: rank } },
  );
  const adapter = device.executor.adapter.class;
  const variant =
    forcedSortVariant.current ??
    choose(device, {
      family: "sort",
      problem: [rows, length],
      candidates: sortVariants.candidates,
      defaultChoice: () => sortVariants.defaultChoice(adapter, rows, length),
    });
  const merged = mergedPerInvocation[adapter];
  const block = variant === "count" ? width : blockLength[adapter];
  let sorted = buffer();
  let order = buffer();
  launch(
    device,
    sortRank,
    { keys: keys.binding, sorted: sorted.binding, order: order.binding },
    { count, length, width, block },
    gridFor(device, count, 64),
  );
  let spareKeys = keys;
  let spareOrder = block < length ? buffer() : null;
  for (let run = block; run < length; run *= 2) {
    const chunks = Math.ceil(length / merged);
    launch(
      device,
      sortMerge,
      {
        keys: sorted.binding,
        order: order.binding,
        merged_keys: spareKeys.binding,
        merged_order: spareOrder!.binding,
      },
      { count: rows * chunks, chunks, length, width, run },
      gridFor(device, rows * chunks, 64),
      { overrides: { ITEMS: merged } },
    );
    [sorted, spareKeys] = [spareKeys, sorted];
    [order, spareOrder] = [spareOrder!, order];
  }
  spareKeys.dispose();
  spareOrder?.dispose();
  return { keys: sorted, order, width };
}
