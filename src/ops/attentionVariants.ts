/** Which kernels compute attention: those that never store the scores, or the plain composition. */
import type { Device } from "../device/device";
import type { AdapterClass } from "../device/executor";
import { matmulTarget } from "./matmulLaunch";
import type { MatmulTarget } from "./matmulVariants";
import { choose } from "./variants";

/**
 * The fused kernels, one invocation per row but for `packed`:
 *
 * - subgroup: the invocations of a subgroup load one row each and hand it round; for software drivers
 * - unrolled: a row lives in registers; for GPUs
 * - rolled: the same without unrolling; for software drivers without subgroups of a fixed size
 * - packed: a block of rows per invocation, as products of packed tiles; for the CPU executor
 */
export type FusedAttention = "subgroup" | "unrolled" | "rolled" | "packed";
/** Or the plain composition, which stores the scores. */
export type AttentionVariant = FusedAttention | "composite";

/** What the choice of a variant depends on. */
export type AttentionTarget = MatmulTarget;

/** Widest head whose row an invocation keeps. */
const widestHead = 256;

const allVariants: readonly AttentionVariant[] = [
  "subgroup",
  "unrolled",
  "rolled",
  "packed",
  "composite",
];

/** How the `packed` kernels divide their work. */
interface PackedTiles {
  /** Rows that a workgroup owns, and that it walks at a time. */
  readonly rows: number;
  /** Workgroup memory, vec4s. */
  readonly size: number;
}

/** From the best to what little memory holds; few, because each is a pipeline of its own. */
const packedTiles: readonly PackedTiles[] = [
  { rows: 32, size: 2560 },
  { rows: 32, size: 5120 },
  { rows: 32, size: 10240 },
  { rows: 16, size: 10240 },
  { rows: 8, size: 2048 },
  { rows: 8, size: 1024 },
];

/** What the kernel that needs most keeps in workgroup memory, vec4s: attention/backward_keys_packed. */
const packedSize = (rows: number, width: number): number => 2 * rows * width + 4 * rows;

export function tilesFor({ limits }: AttentionTarget, width: number): PackedTiles | undefined {
  return packedTiles.find(
    ({ rows, size }) => packedSize(rows, width) <= size && 16 * size <= limits.maxWorkgroupBytes,
  );
}

/** The first of these that applies is taken. */
const wantedVariants: Readonly<Record<AdapterClass, readonly AttentionVariant[]>> = {
  software: ["subgroup", "rolled"],
  wasm: ["packed", "rolled"],
  hardware: ["unrolled"],
};

/** How attention over heads of `width` elements, with values of `valueWidth`, may run. */
export const attentionVariants = {
  isApplicable(
    variant: AttentionVariant,
    target: AttentionTarget,
    width: number,
    valueWidth: number,
  ): boolean {
    if (variant === "composite") return true;
    if (width !== valueWidth || width % 4 !== 0 || width > widestHead) return false;
    if (variant === "packed")
      return target.adapter !== "hardware" && tilesFor(target, width) !== undefined;
    // A GPU may run a workgroup as partly filled subgroups; the software drivers fill them in order.
    return (
      variant !== "subgroup" ||
      (target.adapter !== "hardware" && [4, 8, 16, 32, 64].includes(target.subgroupSize))
    );
  },
  defaultChoice(target: AttentionTarget, width: number, valueWidth: number): AttentionVariant {
    const wanted = wantedVariants[target.adapter];
    const applies = (v: AttentionVariant): boolean =>
      attentionVariants.isApplicable(v, target, width, valueWidth);
    return wanted.find(applies) ?? "composite";
  },
  candidates: (
    target: AttentionTarget,
    width: number,
    valueWidth: number,
  ): readonly AttentionVariant[] =>
    allVariants.filter((v) => attentionVariants.isApplicable(v, target, width, valueWidth)),
};

/** For tests: one variant wherever it applies; null lets `defaultChoice` decide. */
export const forcedAttentionVariant: { current: AttentionVariant | null } = { current: null };

export function chooseVariant(device: Device, width: number, valueWidth: number): AttentionVariant {
  const target = matmulTarget(device);
  const forced = forcedAttentionVariant.current;
  return forced && attentionVariants.isApplicable(forced, target, width, valueWidth)
    ? forced
    : attentionVariants.defaultChoice(target, width, valueWidth);
}

/**
 * The kernels of one pass over [batch, heads, queries, width] and `keys` keys. Both passes keep the same, so that
 * they may run by different kernels.
 * @param planned what the operation was bound with, and the default
 */
export function kernelsOf(
  pass: "forward" | "backward",
  planned: FusedAttention,
  device: Device,
  sizes: { readonly heads: readonly number[]; readonly keys: number; readonly causal: boolean },
): FusedAttention {
  if (forcedAttentionVariant.current) return planned;
  const [batch, heads, queries, width] = sizes.heads as [number, number, number, number];
  return choose<FusedAttention>(device, {
    family: `attention ${pass}`,
    problem: [batch * heads, queries, sizes.keys, width, sizes.causal],
    candidates: () =>
      attentionVariants
        .candidates(matmulTarget(device), width, width)
        .filter((variant) => variant !== "composite"),
    defaultChoice: () => planned,
  });
}
