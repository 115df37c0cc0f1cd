/** From two tensors to one dispatch of a matmul kernel, or two where sums are cut into parts. */
import type { Device } from "../device/device";
import {
  gridFor,
  type MatmulTiledParams,
  matmulPacked,
  matmulRegister,
  matmulSkinny,
  matmulSubgroup,
  matmulSubgroupMatrix,
  matmulSumParts,
  matmulTiled,
  matmulVector,
} from "../kernels";
import { DeviceTensor } from "../tensor/deviceTensor";
import type { DType } from "../tensor/dtype";
import { coalesce, type Shape, sizeOf } from "../tensor/shape";
import { type Epilogue, infinity, launchWith } from "./epilogue";
import {
  forcedMatmulVariant,
  isBetterCopied,
  type MatmulProblem,
  type MatmulTarget,
  type MatmulVariant,
  type MatrixLayout,
  matmulSplit,
  matmulVariants,
  matrixTile,
  type OnePassVariant,
  packedBlock,
  packedSplit,
  registerCols,
  registerRows,
  registerWorkgroup,
  skinnyWorkgroup,
  tileSize,
  transposed,
  vectorAlongCols,
} from "./matmulVariants";
import { dense } from "./shape";
import { choose } from "./variants";

/** @param dtype of the operands */
export function matmulTarget(device: Device, dtype: DType = "f32"): MatmulTarget {
  const { adapter, limits } = device.executor;
  const fixed =
    adapter.features.includes("subgroups") && adapter.subgroupMinSize === adapter.subgroupMaxSize;
  const matrix = adapter.subgroupMatrices?.find(
    ({ operands, sums }) => operands === dtype && sums === "f32",
  );
  return {
    adapter: adapter.class,
    subgroupSize: fixed ? adapter.subgroupMaxSize : 0,
    limits,
    ...(matrix ? { matrix } : {}),
  };
}

/** The strides with which an operand walks the batch; 0 where it is broadcast. */
function batchStrides(t: DeviceTensor, batch: Shape): number[] {
  const missing = batch.length + 2 - t.rank;
  return batch.map((_, i) =>
    i < missing || t.shape[i - missing] === 1 ? 0 : t.strides[i - missing]!,
  );
}

function layoutOf(t: DeviceTensor, strides: readonly number[]): MatrixLayout {
  return {
    row: t.strides.at(-2)!,
    col: t.strides.at(-1)!,
    aligned: t.bindingOffset % 4 === 0 && strides.every((s) => s % 4 === 0),
  };
}

interface Walked {
  readonly problem: MatmulProblem;
  readonly batch: { shape: number[]; strides: number[][] };
  /** What the sums of one product add up in all parts, of which `problem` is one, and the products in a part. */
  readonly whole: { k: number; products: number };
}

function walk(a: DeviceTensor, b: DeviceTensor, shape: Shape): Walked {
  const leading = shape.slice(0, -2);
  const batch = coalesce(leading, [batchStrides(a, leading), batchStrides(b, leading)]);
  const k = a.shape.at(-1)!;
  return {
    batch,
    problem: {
      batch: sizeOf(leading),
      m: shape.at(-2)!,
      n: shape.at(-1)!,
      k,
      a: layoutOf(a, batch.strides[0]!),
      b: layoutOf(b, batch.strides[1]!),
    },
    whole: { k, products: Math.max(sizeOf(leading), 1) },
  };
}

/** The parts of a sum are one more dimension of the batch, along which a moves by columns and b by rows. */
function walkParts({ problem, batch, whole }: Walked, parts: number): Walked {
  const split = matmulSplit(problem, parts);
  const { a, b, k } = split;
  return {
    problem: split,
    batch: {
      shape: [split.batch / problem.batch, ...batch.shape],
      strides: [
        [k * a.col, ...batch.strides[0]!],
        [k * b.row, ...batch.strides[1]!],
      ],
    },
    whole,
  };
}

function chosen({ problem }: Walked, target: MatmulTarget, device: Device): MatmulVariant {
  const { batch, m, n, k, a, b } = problem;
  const sides = [a, transposed(a), b, transposed(b)].map(vectorAlongCols);
  return (
    forcedMatmulVariant.current ??
    choose(device, {
      family: "matmul",
      problem: [batch, m, n, k, ...sides, ...(target.matrix ? Object.values(target.matrix) : [])],
      candidates: () => matmulVariants.candidates(target),
      defaultChoice: () => matmulVariants.defaultChoice(problem, target),
    })
  );
}

/**
 * Whether a b is better computed element by element: with an inner size of 1 there is nothing to add up,
 * and where the product is too small for tiles, multiplying with broadcasting divides less for each element.
 */
export function isElementwise(a: DeviceTensor, b: DeviceTensor, shape: Shape): boolean {
  if (a.shape.at(-1) !== 1) return false;
  return chosen(walk(a, b, shape), matmulTarget(a.device, a.dtype), a.device).kernel === "vector";
}

/**
 * c = a b + bias, of the broadcast shape; a and b have at least two dimensions and any strides.
 * @param bias [n], or [m, 1]: one for each row; or null for none
 * @param epilogue what is stored instead; c is then its first output
 * @throws LimitError for an epilogue with more operands and outputs than the device can bind
 */
export function matmulInto(
  a: DeviceTensor,
  b: DeviceTensor,
  bias: DeviceTensor | null,
  c: DeviceTensor,
  epilogue: Epilogue | null = null,
): void {
  const walked = walk(a, b, c.shape);
  const target = matmulTarget(c.device, a.dtype);
  const variant = chosen(walked, target, c.device);
  const parts = variant.kernel === "split" ? variant.parts : 1;
  const pass =
    variant.kernel === "split"
      ? (forcedMatmulVariant.ofParts ??
        matmulVariants.onePass(matmulSplit(walked.problem, parts), target))
      : variant;
  // Neighbouring invocations read along a stride of 1; without one, a copy is cheaper on a GPU.
  const copiesBoth = pass.kernel === "tiled" && !(hasUnitStride(a) && hasUnitStride(b));
  if (!copiesBoth && !isBetterCopied(walked.problem, pass, b.size)) {
    run({ a, b, bias, c, epilogue }, walked, pass, parts, target);
    return;
  }
  const y = dense(b);
  const x = copiesBoth ? dense(a) : a;
  run({ a: x, b: y, bias, c, epilogue }, walk(x, y, c.shape), pass, parts, target);
  y.dispose();
  if (copiesBoth) x.dispose();
}

const hasUnitStride = (t: DeviceTensor): boolean =>
  t.strides.at(-1) === 1 || t.strides.at(-2) === 1;

function run(
  operands: Operands,
  walked: Walked,
  variant: OnePassVariant,
  parts: number,
  target: MatmulTarget,
): void {
  if (parts === 1) {
    dispatch(operands, walked, variant, target);
    return;
  }
  const { a, b, c } = operands;
  const divided = walkParts(walked, parts);
  const sums = DeviceTensor.empty(c.device, [divided.batch.shape[0]!, ...c.shape], "f32");
  dispatch({ a, b, bias: null, c: sums, epilogue: null }, divided, variant, target);
  addParts(sums, operands);
  sums.dispose();
}

type Split = Pick<MatmulTiledParams, "groups_n" | "groups_product" | "groups">;

/** One workgroup per `rows` x `cols` of each product. */
function split({ batch, m, n }: MatmulProblem, rows: number, cols: number): Split {
  const across = Math.ceil(n / cols);
  const product = across * Math.ceil(m / rows);
  return { groups_n: across, groups_product: product, groups: product * batch };
}

interface Operands {
  readonly a: DeviceTensor;
  readonly b: DeviceTensor;
  readonly bias: DeviceTensor | null;
  readonly c: DeviceTensor;
  readonly epilogue: Epilogue | null;
}

/** How c is stored: where its rows are whole vec4s, as such. */
function storing(c: DeviceTensor) {
  return c.shape.at(-1)! % 4 === 0
    ? ({
        width: 4,
        type: c.dtype === "f16" ? "vec4h" : "vec4f",
        slots: { PICK: "pick_all" },
      } as const)
    : ({
        width: 1,
        type: c.dtype === "f16" ? "f16" : "f32",
        slots: { PICK: "pick_lane" },
      } as const);
}

/** c = the sum of x over its first dimension, and the bias. */
function addParts(x: DeviceTensor, { a, bias, c, epilogue }: Operands): void {
  const { width, type, slots } = storing(c);
  const count = sizeOf(c.shape) / width;
  const byRow = bias?.rank === 2;
  const biasStride = bias ? bias.strides[0]! : 0;
  launchWith(
    c.device,
    matmulSumParts,
    { x: x.binding, bias: (bias ?? x).binding, c: c.binding },
    {
      count,
      parts: x.shape[0]!,
      rows: c.shape.at(-2)!,
      cols: c.shape.at(-1)! / width,
      biased: bias ? 1 : 0,
      bias_row: byRow ? biasStride : 0,
      bias_col: byRow ? 0 : biasStride,
      bias_offset: bias ? bias.bindingOffset : 0,
      infinity,
    },
    gridFor(c.device, count, 64),
    {
      types: { T: typeOf(a), X: width === 4 ? "vec4f" : "f32", V: type },
      slots,
      overrides: { LANES: width },
    },
    width,
    epilogue,
  );
}

const typeOf = ({ dtype }: DeviceTensor): "f16" | "f32" => (dtype === "f16" ? "f16" : "f32");

function dispatch(
  { a, b, bias, c, epilogue }: Operands,
  { problem, batch, whole }: Walked,
  variant: OnePassVariant,
  target: MatmulTarget,
): void {
  const { device } = c;
  const flipped = "along" in variant && variant.along === "m";
  // The transposed product: c^T = b^T a^T.
  const p: MatmulProblem = flipped
    ? { ...problem, m: problem.n, n: problem.m, a: transposed(problem.b), b: transposed(problem.a) }
    : problem;
  const [first, second] = flipped ? [b, a] : [a, b];
  const strides = flipped ? [...batch.strides].reverse() : batch.strides;
  const byRow = bias?.rank === 2;
  const biasStride = bias ? bias.strides[0]! : 0;
  const shared = {
    m: p.m,
    n: p.n,
    k: p.k,
    a_row: p.a.row,
    a_col: p.a.col,
    b_row: p.b.row,
    b_col: p.b.col,
    c_row: flipped ? 1 : problem.n,
    c_col: flipped ? problem.n : 1,
    a_offset: first.bindingOffset,
    b_offset: second.bindingOffset,
    biased: bias ? 1 : 0,
    bias_row: flipped === byRow ? 0 : biasStride,
    bias_col: flipped === byRow ? biasStride : 0,
    bias_offset: bias ? bias.bindingOffset : 0,
    column_row: flipped ? 1 : 0,
    column_col: flipped ? 0 : 1,
    infinity,
    c_batch: problem.m * problem.n,
    k_all: whole.k,
    part_products: whole.products,
    batch_rank: batch.shape.length,
    batch_shape: batch.shape,
    a_batch: strides[0]!,
    b_batch: strides[1]!,
  };
  const bindings = {
    a: first.binding,
    b: second.binding,
    bias: (bias ?? second).binding,
    c: c.binding,
  };
  const { width, type, slots } = storing(c);
  const types = { T: typeOf(a), V: type };
  switch (variant.kernel) {
    case "subgroup":
    case "register": {
      const workgroup = registerWorkgroup(target);
      const parts = split(p, registerRows, registerCols * workgroup);
      launchWith(
        device,
        variant.kernel === "subgroup" ? matmulSubgroup : matmulRegister,
        { ...bindings, b4: bindings.b },
        { ...shared, ...parts },
        gridFor(device, parts.groups, 1),
        {
          types,
          slots,
          overrides: { WG: workgroup, VECTOR_B: vectorAlongCols(p.b) ? 1 : 0, LANES: width },
        },
        width,
        epilogue,
      );
      return;
    }
    case "tiled": {
      const { side, groups } = variant;
      const parts = split(p, tileSize(variant), tileSize(variant));
      launchWith(
        device,
        matmulTiled,
        { ...bindings, a4: bindings.a, b4: bindings.b },
        { ...shared, ...parts },
        gridFor(device, parts.groups, 1),
        {
          types,
          slots,
          constants: { GROUPS: groups },
          overrides: { SIDE: side, LANES: width, ...loadModes(transposed(p.a), p.b) },
        },
        width,
        epilogue,
      );
      return;
    }
    case "packed": {
      const block = packedBlock(target)!;
      const { down, across } = packedSplit(p, block);
      const parts = {
        groups_n: across,
        groups_product: down * across,
        groups: down * across * p.batch,
      };
      launchWith(
        device,
        matmulPacked,
        { ...bindings, a4: bindings.a, b4: bindings.b },
        { ...shared, ...parts },
        gridFor(device, parts.groups, 1),
        {
          types,
          slots,
          overrides: {
            LANES: width,
            ROWS: block.rows,
            COLS: block.cols,
            DEPTH: block.depth,
            LOAD_A: loadMode(transposed(p.a)),
            LOAD_B: loadMode(p.b),
          },
        },
        width,
        epilogue,
      );
      return;
    }
    case "subgroupMatrix": {
      const parts = split(p, matrixTile, matrixTile);
      const unit = target.matrix!;
      launchWith(
        device,
        matmulSubgroupMatrix,
        { ...bindings, a4: bindings.a, b4: bindings.b },
        { ...shared, ...parts },
        gridFor(device, parts.groups, 1),
        {
          types,
          slots,
          constants: { SIZE_M: unit.m, SIZE_N: unit.n, SIZE_K: unit.k },
          overrides: {
            WG: 4 * target.subgroupSize,
            LANES: width,
            LOAD_A: loadMode(transposed(p.a)),
            LOAD_B: loadMode(p.b),
          },
        },
        width,
        epilogue,
      );
      return;
    }
    case "skinny": {
      const workgroup = skinnyWorkgroup(target, variant.team);
      const rows = p.m === 1 ? 1 : 4;
      const parts = split(p, rows, (workgroup / variant.team) * 4);
      launchWith(
        device,
        matmulSkinny,
        { ...bindings, a4: bindings.a, b4: bindings.b },
        { ...shared, ...parts },
        gridFor(device, parts.groups, 1),
        {
          types,
          slots,
          overrides: {
            WG: workgroup,
            TEAM: variant.team,
            ROWS: rows,
            LANES: width,
            LOAD_A: loadMode(transposed(p.a)),
            LOAD_B: loadMode(p.b),
          },
        },
        width,
        epilogue,
      );
      return;
    }
    case "vector": {
      const product = Math.ceil((p.m * p.n * variant.lanes) / 64);
      const parts = { groups_n: 1, groups_product: product, groups: product * p.batch };
      launchWith(
        device,
        matmulVector,
        bindings,
        { ...shared, ...parts },
        gridFor(device, parts.groups, 1),
        {
          types: { T: typeOf(a), V: typeOf(c) },
          overrides: { LANES: variant.lanes },
        },
        1,
        epilogue,
      );
    }
  }
}

/** How blocks are read (`LOAD`) of an operand whose columns go along m or n and rows along k. */
const loadMode = (x: MatrixLayout): number =>
  vectorAlongCols(x) ? 1 : vectorAlongCols(transposed(x)) ? 2 : 0;

/** The tiled kernel's modes: vec4s only where both operands allow them, so that the pipelines stay few. */
function loadModes(a: MatrixLayout, b: MatrixLayout): { LOAD_A: number; LOAD_B: number } {
  const [first, second] = [loadMode(a), loadMode(b)];
  return first && second ? { LOAD_A: first, LOAD_B: second } : { LOAD_A: 0, LOAD_B: 0 };
}
