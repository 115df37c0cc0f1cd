/**
 * Which kernel computes a convolution. Pure functions of the problem and the target, so that the choice can
 * be tested without a device. How the figures were found: docs/convolution.md.
 */
import { type MatmulTarget, type PackedBlock, packedBlock } from "./matmulVariants";

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
}

/**
 * - product: a product of matrices, for kernels of one element.
 * - packed, register: a product of matrices that are not stored, from operands that are first brought into
 *   an order where places are sums (shaders/include/conv). `packed` is one invocation per workgroup.
 * - direct: four pixels per invocation, from the operands as they lie.
 */
export type ConvolutionVariant = "product" | "packed" | "register" | "direct";

/** Places of pixels and of taps, beside what the packed product of matrices keeps. */
const placeBytes = ({ rows, depth }: PackedBlock): number => 4 * (rows + depth);

export const convolutionBlock = (target: MatmulTarget): PackedBlock | undefined =>
  packedBlock(target, placeBytes);

/** Input channels are padded to whole vec4s of them where that wastes little; else they are read one by one. */
export const paddedChannels = (channels: number): number =>
  channels % 4 === 0 || channels === 3 || channels > 5 ? Math.ceil(channels / 4) * 4 : channels;

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
    if (variant === "packed")
      return target.adapter !== "hardware" && convolutionBlock(target) !== undefined;
    return true;
  },
  defaultChoice(problem: ConvolutionProblem, target: MatmulTarget): ConvolutionVariant {
    if (problem.channels * problem.taps === 0) return "direct";
    if (problem.pointwise && problem.pixels >= few.pixels) return "product";
    const thin = problem.outs < few.outs && problem.channels < few.channels;
    if (thin || problem.images * problem.pixels < few.rows) return "direct";
    return target.adapter === "wasm" && convolutionBlock(target) ? "packed" : "register";
  },
  candidates: (problem: ConvolutionProblem, target: MatmulTarget): readonly ConvolutionVariant[] =>
    (["product", "packed", "register", "direct"] as const).filter((variant) =>
      convolutionVariants.isApplicable(variant, problem, target),
    ),
};

/** For tests: runs one variant wherever it is applicable; null lets `defaultChoice` decide. */
export const forcedConvolutionVariant: { current: ConvolutionVariant | null } = { current: null };
