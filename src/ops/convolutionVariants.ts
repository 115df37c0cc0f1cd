/**
 * Which kernel computes a convolution. Pure functions of the problem and the target, so that the choice can
 * be tested without a device. How the figures were found: docs/convolution.md.
 */
import { type MatmulTarget, type PackedBlock, packedBlock, tileSize } from "./matmulVariants";

/** Of one group: y[image, out, pixel] from x[image, channel, ...] by `taps` elements of the kernel each. */
export interface ConvolutionProblem {
  readonly images: number;
  readonly groups: number;
  readonly channels: number;
  readonly outs: number;
  readonly pixels: number;
  readonly taps: number;
  /** One tap, which meets every element of x once. */
  readonly pointwise: boolean;
  /** 3x3 taps, one step from pixel to pixel, no gaps. */
  readonly square: boolean;
  /** How many convolutions without gaps in x it falls apart into; 1 where x has no gaps. */
  readonly phases: number;
  /** Multiplications with zeros in the gaps of x, which these leave out. */
  readonly spared: number;
}

/**
 * - product: a product of matrices, for kernels of one element.
 * - packed, register: a product of matrices that are not stored, from operands that are first brought into
 *   an order where places are sums (shaders/include/conv). `packed` is one invocation per workgroup.
 * - tiled: the same product from operands as they lie, by tiles in workgroup memory.
 * - winograd: products of transformed tiles, for kernels of 3x3: see convolutionWinograd.
 * - direct: four pixels per invocation, from the operands as they lie.
 */
export type ConvolutionVariant =
  | "product"
  | "winograd"
  | "packed"
  | "register"
  | "tiled"
  | "direct";

/** Places of pixels and of taps, beside what the packed product of matrices keeps. */
const placeBytes = ({ rows, depth }: PackedBlock): number => 4 * (rows + depth);

export const convolutionBlock = (target: MatmulTarget): PackedBlock | undefined =>
  packedBlock(target, placeBytes);

/** Input channels are padded to whole vec4s of them where that wastes little; else they are read one by one. */
export const paddedChannels = (channels: number): number =>
  channels % 4 === 0 || channels === 3 || channels > 5 ? Math.ceil(channels / 4) * 4 : channels;

/** Side of a workgroup of the tiled kernel, and blocks of 4x4 of each invocation along a side. */
export interface ConvolutionTile {
  readonly side: 8 | 16;
  readonly groups: 1 | 2;
}

const tiles: readonly ConvolutionTile[] = [
  { side: 16, groups: 2 },
  { side: 8, groups: 2 },
  { side: 8, groups: 1 },
];

/** Workgroups that keep a large GPU busy; smaller tiles below that. */
const busy = 128;

/** The largest tile of which there are enough, else the smallest; undefined where the device grants none. */
export function convolutionTile(
  { rows, cols, groups }: { rows: number; cols: number; groups: number },
  { limits }: MatmulTarget,
): ConvolutionTile | undefined {
  const granted = tiles.filter(
    (tile) =>
      tile.side ** 2 <= limits.maxInvocationsPerWorkgroup &&
      2 * 16 * tileSize(tile) * 4 <= limits.maxWorkgroupBytes,
  );
  const count = (size: number) => groups * Math.ceil(rows / size) * Math.ceil(cols / size);
  return granted.find((tile) => count(tileSize(tile)) >= busy) ?? granted.at(-1);
}

/** Multiplications that take as long as one more dispatch. */
const worthDispatch = 2 ** 18;

/** Channels on both sides, and tiles of 2x2 pixels, from which on the products outweigh the transforms. */
const winogradPays = { channels: 32, outs: 32, tiles: 32 };

/** Below these, most of a tile, or of the work of arranging the operands, would be wasted. */
const few = { rows: 3, outs: 3, channels: 4, pixels: 16 };

export const convolutionVariants = {
  isApplicable(
    variant: ConvolutionVariant,
    problem: ConvolutionProblem,
    target: MatmulTarget,
  ): boolean {
    if (problem.channels * problem.taps === 0) return variant === "direct";
    if (variant === "product") return problem.pointwise;
    if (variant === "winograd") return problem.square;
    if (variant === "tiled") {
      const whole = { rows: 1, cols: 1, groups: 1 };
      return convolutionTile(whole, target) !== undefined;
    }
    if (variant === "packed")
      return target.adapter !== "hardware" && convolutionBlock(target) !== undefined;
    return true;
  },
  defaultChoice(problem: ConvolutionProblem, target: MatmulTarget): ConvolutionVariant {
    if (problem.channels * problem.taps === 0) return "direct";
    if (problem.pointwise && problem.pixels >= few.pixels) return "product";
    const thin = problem.outs < few.outs && problem.channels < few.channels;
    if (thin || problem.images * problem.pixels < few.rows) return "direct";
    const { channels, outs, tiles } = winogradPays;
    if (
      problem.square &&
      problem.channels >= channels &&
      problem.outs >= outs &&
      problem.images * problem.pixels >= 4 * tiles
    )
      return "winograd";
    if (target.adapter === "wasm" && convolutionBlock(target)) return "packed";
    const tiled = convolutionVariants.isApplicable("tiled", problem, target);
    return target.adapter === "hardware" && tiled ? "tiled" : "register";
  },
  /** Whether to compute the convolutions without gaps one by one. `tiled` takes no gaps. */
  isSplit: ({ phases, spared }: ConvolutionProblem, variant: ConvolutionVariant): boolean =>
    phases > 1 &&
    (variant === "tiled" ||
      (forcedConvolutionSplit.current ?? spared >= (phases - 1) * worthDispatch)),
  candidates: (problem: ConvolutionProblem, target: MatmulTarget): readonly ConvolutionVariant[] =>
    (["product", "winograd", "packed", "register", "tiled", "direct"] as const).filter((variant) =>
      convolutionVariants.isApplicable(variant, problem, target),
    ),
};

/** For tests: whether to compute the convolutions without gaps one by one; null lets `isSplit` decide. */
export const forcedConvolutionSplit: { current: boolean | null } = { current: null };

/** For tests: runs one variant wherever it is applicable; null lets `defaultChoice` decide. */
export const forcedConvolutionVariant: { current: ConvolutionVariant | null } = { current: null };
