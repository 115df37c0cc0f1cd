/**
 * Which kernel computes a matrix product. Pure functions of the problem and the target, so that the
 * choice can be tested without a device. How the figures were found: docs/matmul.md.
 */
import type { AdapterClass, ExecutorLimits } from "../device/executor";

/** How the rows and columns of one matrix lie in memory; strides in elements. */
export interface MatrixLayout {
  readonly row: number;
  readonly col: number;
  /** True if the first element of every matrix of the batch is a whole number of vec4s from the start. */
  readonly aligned: boolean;
}

/** c[batch, m, n] = a[batch, m, k] · b[batch, k, n] */
export interface MatmulProblem {
  readonly batch: number;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly a: MatrixLayout;
  readonly b: MatrixLayout;
}

/** Products of elements below which a copy takes longer than it saves. */
const worthCopying = 2 ** 22;
/** And how often each element of b must be used, in the rows of all products. */
const usesWorthCopying = 256;

/**
 * Whether the variant is faster on a copy of b whose rows are dense: the register kernels read vec4s along
 * n, a third faster than what lies along k. Measured on lavapipe.
 * @param elements of b, each of which is used in several products where it is broadcast
 */
export function isBetterCopied(
  { batch, m, n, k, b }: MatmulProblem,
  variant: OnePassVariant,
  elements: number,
): boolean {
  const { kernel } = variant;
  if ((kernel !== "subgroup" && kernel !== "register") || variant.along !== "n") return false;
  const work = batch * m * n * k;
  return (
    !vectorAlongCols(b) &&
    n % 4 === 0 &&
    work >= worthCopying &&
    work >= usesWorthCopying * elements
  );
}

/** Sizes of one product of matrices in hardware. */
export interface MatrixUnit {
  readonly m: number;
  readonly n: number;
  readonly k: number;
}

export interface MatmulTarget {
  readonly adapter: AdapterClass;
  /** Invocations per subgroup; 0 where the device has no subgroups or their size varies. */
  readonly subgroupSize: number;
  /** What subgroups multiply as matrices of the operands' type with sums in f32; absent where they do not. */
  readonly matrix?: MatrixUnit;
  readonly limits: Pick<
    ExecutorLimits,
    "maxInvocationsPerWorkgroup" | "maxWorkgroupBytes" | "maxStorageBuffers"
  >;
}

/**
 * - subgroup, register: tiles in registers, no workgroup memory. The invocations of a workgroup lie
 *   `along` n, or along m, in which case the kernel computes the transposed product.
 * - tiled: tiles in workgroup memory, `side` squared invocations with `groups` squared 4x4 blocks each.
 * - packed: a block of c per workgroup of one invocation; the operands are packed for SIMD registers.
 * - subgroupMatrix: 64 x 64 of c by a workgroup of four subgroups, on matrix units.
 * - skinny: 1 or 4 rows and 4 columns of c in registers, `team` invocations along k. Few rows lie `along` n; for
 *   few columns the kernel computes the transposed product.
 * - vector: `lanes` invocations per element of c.
 */
export type OnePassVariant =
  | { readonly kernel: "subgroup" | "register"; readonly along: "n" | "m" }
  | { readonly kernel: "tiled"; readonly side: 8 | 16; readonly groups: 1 | 2 }
  | { readonly kernel: "packed" }
  | { readonly kernel: "subgroupMatrix" }
  | { readonly kernel: "skinny"; readonly team: 1 | 16; readonly along: "n" | "m" }
  | { readonly kernel: "vector"; readonly lanes: 1 | 64 };

/**
 * Or split: one pass gives the sums of at most `parts` parts of k, as so many products of whatever variant suits
 * them, and a second adds them up in order.
 */
export type MatmulVariant =
  | OnePassVariant
  | { readonly kernel: "split"; readonly parts: (typeof splits)[number] };

const splits = [4, 16, 64] as const;

/** Rows of c per invocation of the register kernels. */
export const registerRows = 16;
/** Columns of c per invocation of the register kernels. */
export const registerCols = 8;
/** Columns of a, and rows of b, that the tiled kernel keeps in workgroup memory. */
const tileDepth = 16;

const all: readonly MatmulVariant[] = [
  { kernel: "subgroup", along: "n" },
  { kernel: "subgroup", along: "m" },
  { kernel: "register", along: "n" },
  { kernel: "register", along: "m" },
  { kernel: "tiled", side: 16, groups: 2 },
  { kernel: "tiled", side: 8, groups: 2 },
  { kernel: "tiled", side: 8, groups: 1 },
  { kernel: "packed" },
  { kernel: "subgroupMatrix" },
  { kernel: "skinny", team: 1, along: "n" },
  { kernel: "skinny", team: 1, along: "m" },
  { kernel: "skinny", team: 16, along: "n" },
  { kernel: "skinny", team: 16, along: "m" },
  { kernel: "vector", lanes: 1 },
  { kernel: "vector", lanes: 64 },
  ...splits.map((parts) => ({ kernel: "split", parts }) as const),
];

/** True where vec4s of four neighbouring columns can be loaded. */
export function vectorAlongCols({ row, col, aligned }: MatrixLayout): boolean {
  return aligned && col === 1 && row % 4 === 0;
}

export function transposed({ row, col, aligned }: MatrixLayout): MatrixLayout {
  return { row: col, col: row, aligned };
}

/** Rows and columns of c that one workgroup of the tiled kernel computes. */
export function tileSize({ side, groups }: { side: number; groups: number }): number {
  return side * groups * 4;
}

/** The largest block of c of a workgroup of the packed kernel, and how many k it packs at a time. */
export interface PackedBlock {
  readonly rows: number;
  readonly cols: number;
  readonly depth: number;
}

/** From the best to what the smallest granted workgroup memory holds. */
const packedBlocks: readonly PackedBlock[] = [
  { rows: 128, cols: 128, depth: 128 },
  { rows: 32, cols: 32, depth: 64 },
];

/** What it keeps in workgroup memory: four packed rows of a, the packed columns of b, and the sums. */
const packedBytes = ({ rows, cols, depth }: PackedBlock): number =>
  4 * (4 * depth + depth * cols + rows * cols);

/** @param beside bytes of workgroup memory that a kernel keeps beside the block */
export function packedBlock(
  { limits }: MatmulTarget,
  beside: (block: PackedBlock) => number = () => 0,
): PackedBlock | undefined {
  return packedBlocks.find(
    (block) => packedBytes(block) + beside(block) <= limits.maxWorkgroupBytes,
  );
}

/** Multiplications and additions of a product that is worth sharing among 4 threads, and among 8. */
const worthSharing = [2 ** 18, 2 ** 25] as const;

/**
 * Into how many blocks the packed kernel cuts the rows and the columns of each product: few, because each
 * block packs its rows and columns anew, but enough for some threads.
 */
export function packedSplit(
  { batch, m, n, k }: MatmulProblem,
  block: PackedBlock,
): { down: number; across: number } {
  const work = batch * m * n * k;
  const wanted = worthSharing.reduce((blocks, least, i) => (work >= least ? 4 << i : blocks), 1);
  let down = Math.ceil(m / block.rows);
  let across = Math.ceil(n / block.cols);
  while (batch * down * across < wanted && down * across * smallestBlock ** 2 < m * n) {
    if (m / down >= n / across) down++;
    else across++;
  }
  // The kernel rounds blocks to whole tiles: fewer may do.
  const needed = (size: number, unit: number, parts: number): number => {
    const units = Math.ceil(size / unit);
    return Math.ceil(units / Math.ceil(units / parts));
  };
  return { down: needed(m, 4, down), across: needed(n, 8, across) };
}

/** Side of a square block that packs as much as it computes. */
const smallestBlock = 16;

/** Invocations per workgroup of the skinny kernel: on a CPU few, so that there is work for every thread. */
export function skinnyWorkgroup(target: MatmulTarget, team: number): number {
  return target.adapter === "hardware" || team > 8 ? 64 : 8;
}

/** Invocations per workgroup of the register kernels: one subgroup, so that tiles stay small. */
export function registerWorkgroup(target: MatmulTarget): number {
  return Math.max(target.subgroupSize, 8);
}

/** Rows and columns of c of a workgroup of the subgroup matrix kernel. */
export const matrixTile = 64;
/** What it keeps in workgroup memory at most: 64 x 16 of a and of b, and 32 x 64 sums. */
const matrixBytes = 4 * (2 * 64 * 16 + 2 * 16 * 64);

/** Its quarters of 32 x 32, 16 k deep, are cut into these. */
const isMatrixUnit = (unit: MatrixUnit | undefined): boolean =>
  unit !== undefined && [unit.m, unit.n, unit.k].every((size) => size === 8 || size === 16);

function isApplicable(variant: MatmulVariant, target: MatmulTarget): boolean {
  const { limits } = target;
  switch (variant.kernel) {
    case "subgroup":
      // Of one size, so that workgroups, of 8 invocations at least, are whole subgroups.
      return [4, 8, 16, 32, 64].includes(target.subgroupSize);
    case "subgroupMatrix":
      return (
        target.adapter === "hardware" &&
        isMatrixUnit(target.matrix) &&
        [8, 16, 32, 64].includes(target.subgroupSize) &&
        4 * target.subgroupSize <= limits.maxInvocationsPerWorkgroup &&
        matrixBytes <= limits.maxWorkgroupBytes &&
        limits.maxStorageBuffers >= 6
      );
    case "skinny":
      return limits.maxStorageBuffers >= 6;
    case "packed":
      // A workgroup of one invocation leaves the rest of a GPU's subgroup idle.
      return (
        target.adapter !== "hardware" &&
        packedBlock(target) !== undefined &&
        limits.maxStorageBuffers >= 6
      );
    case "tiled": {
      const bytes = 2 * tileDepth * tileSize(variant) * 4;
      return (
        variant.side ** 2 <= limits.maxInvocationsPerWorkgroup &&
        bytes <= limits.maxWorkgroupBytes &&
        limits.maxStorageBuffers >= 6
      );
    }
    default:
      return true;
  }
}

const tiles = (problem: MatmulProblem, rows: number, cols: number): number =>
  problem.batch * Math.ceil(problem.m / rows) * Math.ceil(problem.n / cols);

/**
 * Relative costs on software drivers, measured on lavapipe: what one tile of a register kernel costs, in
 * elements that the vector kernel would compute in that time; and the gain of vec4 loads.
 */
const tileCost = 40;
const vectorLoadCost = 0.85;

/** Rows, or columns, of products that the skinny kernel computes faster than kernels with tiles. */
const fewRows = { software: 4, wasm: 1, hardware: 7 } as const;

const skinny = ({ m, n }: MatmulProblem, team: 1 | 16 = 1): OnePassVariant => ({
  kernel: "skinny",
  team,
  along: m <= n ? "n" : "m",
});

function softwareChoice(problem: MatmulProblem, target: MatmulTarget): OnePassVariant {
  const width = registerCols * registerWorkgroup(target);
  const alongN =
    tiles(problem, registerRows, width) * (vectorAlongCols(problem.b) ? vectorLoadCost : 1);
  const alongM =
    tiles(problem, width, registerRows) *
    (vectorAlongCols(transposed(problem.a)) ? vectorLoadCost : 1);
  const elements = problem.batch * problem.m * problem.n;
  if (elements < tileCost * Math.min(alongN, alongM))
    return { kernel: "vector", lanes: elements <= 16 && problem.k >= 1024 ? 64 : 1 };
  if (Math.min(problem.m, problem.n) <= fewRows.software && isApplicable(skinny(problem), target))
    return skinny(problem);
  const along = alongM < alongN ? "m" : "n";
  const subgroup: OnePassVariant = { kernel: "subgroup", along };
  return isApplicable(subgroup, target) ? subgroup : { kernel: "register", along };
}

/** Multiplications that the vector kernel does while the packed kernel's tiles are zeroed. */
const fewMultiplications = 2048;
/** Elements of c that fill so little of the packed kernel's 4 x 8 sums that one by one is faster. */
const fewElements = 8;

function wasmChoice(problem: MatmulProblem, target: MatmulTarget): OnePassVariant {
  const { m, n, k } = problem;
  if (m * n <= fewElements || m * n * k <= fewMultiplications)
    return { kernel: "vector", lanes: 1 };
  if (Math.min(m, n) <= fewRows.wasm && isApplicable(skinny(problem), target))
    return skinny(problem);
  const packed: OnePassVariant = { kernel: "packed" };
  return isApplicable(packed, target) ? packed : { kernel: "register", along: "n" };
}

/** Workgroups that keep a large GPU busy; smaller tiles below that. */
const busy = 128;
/** Elements of c that are fewer than the invocations of a busy GPU: several share the sum of each. */
const fewForAll = 16384;

function hardwareChoice(problem: MatmulProblem, target: MatmulTarget): OnePassVariant {
  const { m, n, k } = problem;
  if (Math.min(m, n) <= fewRows.hardware) {
    const few = problem.batch * m * n < fewForAll;
    if (m * n <= 4 || !isApplicable(skinny(problem), target))
      return { kernel: "vector", lanes: few && k >= 128 ? 64 : 1 };
    // Neighbours read along k where the larger matrix is contiguous there.
    const alongK = m <= n ? problem.b.row === 1 : problem.a.col === 1;
    return skinny(problem, k >= 128 && (few || alongK) ? 16 : 1);
  }
  const tiled = all.filter((v) => v.kernel === "tiled").filter((v) => isApplicable(v, target));
  const fits = tiled.find((v) => tiles(problem, tileSize(v), tileSize(v)) >= busy);
  return fits ?? tiled.at(-1) ?? { kernel: "register", along: "n" };
}

const choices = { software: softwareChoice, wasm: wasmChoice, hardware: hardwareChoice };

/**
 * The products that the parts of each sum are: of a batch at most `parts` times as large. Parts are whole vec4s of
 * k, the last but what is left.
 */
export function matmulSplit(problem: MatmulProblem, parts: number): MatmulProblem {
  const units = Math.ceil(problem.k / 4);
  const each = Math.max(Math.ceil(units / parts), 1);
  const count = Math.max(Math.ceil(units / each), 1);
  return { ...problem, batch: problem.batch * count, k: count === 1 ? problem.k : each * 4 };
}

/** The workgroups of a GPU that a variant keeps busy. */
function workgroups(variant: OnePassVariant, problem: MatmulProblem): number {
  switch (variant.kernel) {
    case "tiled":
      return tiles(problem, tileSize(variant), tileSize(variant));
    case "skinny":
      return Math.ceil((problem.batch * problem.m * problem.n * variant.team) / 256);
    case "vector":
      return Math.ceil((problem.batch * problem.m * problem.n * variant.lanes) / 64);
    default:
      return Number.POSITIVE_INFINITY;
  }
}

/** Elements that each part of a sum should have at least: the second pass costs one addition for each part. */
const leastPart = 256;

/**
 * On the CPU executor, products so small that one thread computes all of c, and sums so long that it pays to share
 * them. Software drivers gain nothing: their tiles are small.
 */
const sharedSums = { elements: 4096, depth: 2048, multiplications: 2 ** 22 } as const;

/** Into how many parts to cut sums; 1 for none. */
function defaultParts(problem: MatmulProblem, target: MatmulTarget): 1 | (typeof splits)[number] {
  const { batch, m, n, k } = problem;
  const elements = batch * m * n;
  if (target.adapter === "wasm") {
    const few = elements > fewElements && elements <= sharedSums.elements;
    return few && k >= sharedSums.depth && elements * k >= sharedSums.multiplications ? 4 : 1;
  }
  if (target.adapter === "software" || elements === 0) return 1;
  const present = workgroups(hardwareChoice(problem, target), problem);
  if (present * 2 > busy) return 1;
  const worth = splits.filter((parts) => k >= parts * leastPart);
  return worth.find((parts) => present * parts >= busy) ?? worth.at(-1) ?? 1;
}

function defaultChoice(problem: MatmulProblem, target: MatmulTarget): MatmulVariant {
  const parts = defaultParts(problem, target);
  return parts === 1 ? choices[target.adapter](problem, target) : { kernel: "split", parts };
}

export const matmulVariants = {
  isApplicable,
  defaultChoice,
  /** The best in one pass. */
  onePass: (problem: MatmulProblem, target: MatmulTarget): OnePassVariant =>
    choices[target.adapter](problem, target),
  candidates: (target: MatmulTarget): readonly MatmulVariant[] =>
    all.filter((variant) => isApplicable(variant, target)),
};

/** For tests: one variant everywhere, and one for the parts of `split`; null lets the defaults decide. */
export const forcedMatmulVariant: {
  current: MatmulVariant | null;
  ofParts: OnePassVariant | null;
} = { current: null, ofParts: null };
