/** Running sums. */
import type { AdapterClass } from "../device/executor";
import { DTypeError } from "../errors";
import {
  type Grid,
  gridFor,
  launch,
  type ScanSegmentSumsOptions,
  type ScanSegmentSumsParams,
  scanCumsum,
  scanSegmentSums,
} from "../kernels";
import { DeviceTensor } from "../tensor/deviceTensor";
import { storageType } from "../tensor/dtype";
import { scope } from "../tensor/scope";
import { normalizeDim } from "../tensor/shape";
import type { Tensor } from "../tensor/tensor";
import { computeType } from "./pointwise";
import type { Primitive } from "./primitive";
import { jvpOfLinear } from "./rules";
import { reshape } from "./shape";
import { bind } from "./trace";
import { walkRows } from "./walk";

/**
 * `serial`: one invocation per row. `segmented`: one per 128 elements, which start from the running sums
 * of the segments' totals: two more dispatches. Both add in the same order.
 */
export type CumsumVariant = "serial" | "segmented";

export const cumsumVariants = {
  isApplicable: (_variant: CumsumVariant): boolean => true,
  defaultChoice: (adapter: AdapterClass, rows: number, length: number): CumsumVariant =>
    adapter === "hardware"
      ? length > 512 && rows < 16384
        ? "segmented"
        : "serial"
      : length > 16384 && rows < 64
        ? "segmented"
        : "serial",
  candidates: (): readonly CumsumVariant[] => ["serial", "segmented"],
};

/** For tests: runs one variant everywhere; null lets `defaultChoice` decide. */
export const forcedCumsumVariant: { current: CumsumVariant | null } = { current: null };

/** The runs of shaders/scan/cumsum. */
const segmentLength = 128;

interface CumsumAttrs {
  readonly dim: number;
  /** From the last element backwards. */
  readonly reverse: boolean;
}

function runCumsum(x: DeviceTensor, { dim, reverse }: CumsumAttrs): DeviceTensor {
  const { device } = x;
  const y = DeviceTensor.empty(device, x.shape, x.dtype);
  const length = x.shape[dim]!;
  const C = computeType(x.dtype);
  const { rank, rows, shape, strides } = walkRows(dim, [x, y]);
  const adapter = device.executor.adapter.class;
  const variant =
    forcedCumsumVariant.current ?? cumsumVariants.defaultChoice(adapter, rows, length);
  const segment = variant === "serial" ? length : segmentLength;
  const segments = Math.ceil(length / segment);
  const from = (t: DeviceTensor) => ({
    offset: t.bindingOffset + (reverse ? (length - 1) * t.strides[dim]! : 0),
    step: reverse ? -t.strides[dim]! : t.strides[dim]!,
  });
  const common = {
    outer_shape: shape,
    x_strides: strides[0]!,
    rows,
    length,
    segments,
    segment,
    x_offset: from(x).offset,
    x_step: from(x).step,
  };
  const grid = gridFor(device, rows * segments, 64);
  const types = { T: storageType(x.dtype), C };
  const before = segments > 1 ? totalsBefore(x, common, grid, { types, rank }) : null;
  launch(
    device,
    scanCumsum,
    { x: x.binding, carries: (before ?? x).binding, y: y.binding },
    { ...common, y_strides: strides[1]!, y_offset: from(y).offset, y_step: from(y).step },
    grid,
    { types, overrides: { RANK: rank, CARRY: before ? 1 : 0 } },
  );
  before?.dispose();
  return y;
}

/** The running sums of the totals of all segments, [rows, segments]. */
function totalsBefore(
  x: DeviceTensor,
  params: ScanSegmentSumsParams,
  grid: Grid,
  { types, rank }: { types: Required<NonNullable<ScanSegmentSumsOptions["types"]>>; rank: number },
): DeviceTensor {
  const totals = DeviceTensor.empty(x.device, [params.rows, params.segments], types.C);
  const bindings = { x: x.binding, totals: totals.binding };
  launch(x.device, scanSegmentSums, bindings, params, grid, { types, overrides: { RANK: rank } });
  const running = runCumsum(totals, { dim: 1, reverse: false });
  totals.dispose();
  return running;
}

const cumsumPrimitive: Primitive<CumsumAttrs> = {
  name: "cumsum",
  formula: "y_i = x_0 + … + x_i (reverse: x_i + … + x_n)",
  saves: "nothing",
  outputs: ([x]) => {
    if (x!.dtype === "bool")
      throw new DTypeError('cumsum: not defined for bool; convert with .to("i32") to count.');
    return [{ shape: x!.shape, dtype: x!.dtype }];
  },
  run: ([x], attrs) => [runCumsum(x!, attrs)],
  derivative: "the sum of the g of all later elements",
  vjp: ([g], { attrs }) => [bind(cumsumPrimitive, [g!], { ...attrs, reverse: !attrs.reverse })[0]!],
  jvp: jvpOfLinear(() => cumsumPrimitive),
  batch: (inputs, { attrs }) => bind(cumsumPrimitive, inputs, { ...attrs, dim: attrs.dim + 1 }),
};

export interface CumsumOptions {
  /** Sum from the last element backwards. Default false. */
  reverse?: boolean;
}

/**
 * Running sums along `dim` (PyTorch `cumsum`), in a fixed order of additions. Integers wrap around.
 *
 * @param x f32, f16, i32 or u32
 * @returns the shape and dtype of x; differentiable
 * @throws DTypeError for bool, ShapeError for a dim out of range
 * @example cumsum(tensor([1, 2, 3]), 0) // 1, 3, 6
 */
export function cumsum(x: Tensor, dim: number, options: CumsumOptions = {}): Tensor {
  const { reverse = false } = options;
  const at = normalizeDim("cumsum", dim, x.rank);
  if (x.rank > 0) return bind(cumsumPrimitive, [x], { dim: at, reverse })[0]!;
  return scope(() => reshape(cumsum(reshape(x, [1]), 0), []));
}

export const cumulativePrimitives = [cumsumPrimitive];
