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

export interface MatmulTarget {
  readonly adapter: AdapterClass;
  /** Invocations per subgroup; 0 where the device has no subgroups or their size varies. */
  readonly subgroupSize: number;
  readonly limits: Pick<
    ExecutorLimits,
    "maxInvocationsPerWorkgroup" | "maxWorkgroupBytes" | "maxStorageBuffers"
  >;
}

/**
 * - subgroup, register: tiles in registers, no workgroup memory. The invocations of a workgroup lie
 *   `along` n, or along m, in which case the kernel computes the transposed product.
 * - tiled: tiles in workgroup memory, `side` squared invocations with `groups` squared 4x4 blocks each.
 * - vector: `lanes` invocations per element of c.
 */
export type MatmulVariant =
  | { readonly kernel: "subgroup" | "register"; readonly along: "n" | "m" }
  | { readonly kernel: "tiled"; readonly side: 8 | 16; readonly groups: 1 | 2 }
  | { readonly kernel: "vector"; readonly lanes: 1 | 64 };

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
  { kernel: "vector", lanes: 1 },
  { kernel: "vector", lanes: 64 },
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

/** Invocations per workgroup of the register kernels: one subgroup, so that tiles stay small. */
export function registerWorkgroup(target: MatmulTarget): number {
  return Math.max(target.subgroupSize, 8);
}

function isApplicable(variant: MatmulVariant, target: MatmulTarget): boolean {
  const { limits } = target;
  switch (variant.kernel) {
    case "subgroup":
      // A GPU may run a workgroup as partly filled subgroups; the software drivers fill them in order.
      return target.adapter === "software" && [4, 8, 16, 32, 64].includes(target.subgroupSize);
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

function softwareChoice(problem: MatmulProblem, target: MatmulTarget): MatmulVariant {
  const width = registerCols * registerWorkgroup(target);
  const alongN =
    tiles(problem, registerRows, width) * (vectorAlongCols(problem.b) ? vectorLoadCost : 1);
  const alongM =
    tiles(problem, width, registerRows) *
    (vectorAlongCols(transposed(problem.a)) ? vectorLoadCost : 1);
  const elements = problem.batch * problem.m * problem.n;
  if (elements < tileCost * Math.min(alongN, alongM))
    return { kernel: "vector", lanes: elements <= 16 && problem.k >= 1024 ? 64 : 1 };
  const along = alongM < alongN ? "m" : "n";
  const subgroup: MatmulVariant = { kernel: "subgroup", along };
  return isApplicable(subgroup, target) ? subgroup : { kernel: "register", along };
}

/** Workgroups that keep a large GPU busy; smaller tiles below that. */
const busy = 128;
/** Products with fewer rows or columns waste most of even the smallest tile. */
const skinny = 8;

function hardwareChoice(problem: MatmulProblem, target: MatmulTarget): MatmulVariant {
  const { m, n, k } = problem;
  if (Math.min(m, n) < skinny) {
    const few = problem.batch * m * n < 16384;
    return { kernel: "vector", lanes: few && k >= 128 ? 64 : 1 };
  }
  const tiled = all.filter((v) => v.kernel === "tiled").filter((v) => isApplicable(v, target));
  const fits = tiled.find((v) => tiles(problem, tileSize(v), tileSize(v)) >= busy);
  return fits ?? tiled.at(-1) ?? { kernel: "register", along: "n" };
}

export const matmulVariants = {
  isApplicable,
  defaultChoice: (problem: MatmulProblem, target: MatmulTarget): MatmulVariant =>
    target.adapter === "software"
      ? softwareChoice(problem, target)
      : hardwareChoice(problem, target),
  candidates: (target: MatmulTarget): readonly MatmulVariant[] =>
    all.filter((variant) => isApplicable(variant, target)),
};

/** For tests: one variant everywhere; null lets `defaultChoice` decide. */
export const forcedMatmulVariant: { current: MatmulVariant | null } = { current: null };
