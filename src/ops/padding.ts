/** Rims around a tensor: a constant, or what its own elements give. */
import { ArgumentError } from "../errors";
import { requireOptions } from "../options";
import { scope } from "../tensor/scope";
import { show } from "../tensor/shape";
import type { Tensor } from "../tensor/tensor";
import { flip } from "./rearrange";
import { cat, embedPrimitive, expand, narrow } from "./shape";
import { bind } from "./trace";

/**
 * What lies in the rim. constant: `value`. reflect: mirrored at the edge, which is not repeated.
 * replicate: the edge. circular: the other end.
 */
export type PadMode = "constant" | "reflect" | "replicate" | "circular";

export interface PadOptions {
  /** Default constant. */
  mode?: PadMode;
  /** Only for mode constant. Default 0. */
  value?: number;
}

const modes: readonly PadMode[] = ["constant", "reflect", "replicate", "circular"];

/**
 * Padding (PyTorch `functional.pad`). `padding` lists [before, after] from the last dimension backwards,
 * flattened, as in PyTorch: `pad(x, [1, 2])` pads the last dimension, `pad(x, [1, 2, 3, 4])` the last two.
 * Negative numbers crop.
 *
 * @param options mode and value, or the value alone
 * @returns differentiable in x
 * @throws ArgumentError for an odd number of entries, more pairs than dimensions, too much cropping, an
 * unknown mode, or a rim that is wider than what its mode takes it from
 */
export function pad(
  x: Tensor,
  padding: readonly number[],
  options: PadOptions | number = {},
): Tensor {
  const given = typeof options === "number" ? { value: options } : (options ?? {});
  const { mode = "constant", value = 0 } = requireOptions("pad", given, "mode");
  if (!modes.includes(mode))
    throw new ArgumentError(`pad: mode "${mode}" is none of ${modes.join(", ")}.`);
  const at = (dim: number, side: 0 | 1): number => padding[2 * (x.rank - 1 - dim) + side] ?? 0;
  const pairs = padding.length / 2;
  const cropped = x.shape.map((d, i) => d + Math.min(at(i, 0), 0) + Math.min(at(i, 1), 0));
  const fits = cropped.every((d) => d >= 0) && padding.every(Number.isInteger);
  if (!Number.isInteger(pairs) || pairs > x.rank || !fits)
    throw new ArgumentError(
      `pad: padding ${show(padding)} must hold a [before, after] pair of whole numbers for each of up to ${x.rank} trailing dimensions of ${show(x.shape)}, and leave no size below 0.`,
    );
  const rims = x.shape.map((_, i) => [Math.max(at(i, 0), 0), Math.max(at(i, 1), 0)] as const);
  rims.forEach((rim, i) => {
    requireSource(mode, rim, cropped[i]!, i);
  });
  return scope(() => {
    const kept = cropped.reduce(
      (t, size, i) => (size === t.shape[i] ? t : narrow(t, i, Math.max(-at(i, 0), 0), size)),
      x,
    );
    if (mode !== "constant")
      return rims.reduceRight(
        (t, rim, i) => (rim[0] || rim[1] ? rimmed(t, i, rim, mode) : t),
        kept,
      );
    return bind(embedPrimitive, [kept], {
      starts: rims.map(([before]) => before),
      sizes: kept.shape,
      steps: kept.shape.map(() => 1),
      shape: kept.shape.map((d, i) => d + rims[i]![0] + rims[i]![1]),
      value: x.dtype === "bool" ? Number(value !== 0) : value,
    })[0]!;
  });
}

/** @throws ArgumentError where a dimension has too few elements for its rim */
function requireSource(
  mode: PadMode,
  [before, after]: readonly [number, number],
  size: number,
  dim: number,
): void {
  const width = Math.max(before, after);
  const widest = { constant: width, reflect: size - 1, replicate: size && width, circular: size };
  if (width > Math.max(widest[mode], 0))
    throw new ArgumentError(
      `pad: a rim of ${width} in mode ${mode} is too wide for the ${size} elements of dimension ${dim}; it may be ${Math.max(widest[mode], 0)}.`,
    );
}

/** x between what comes before it and after it along `dim`. */
function rimmed(
  x: Tensor,
  dim: number,
  [before, after]: readonly [number, number],
  mode: PadMode,
): Tensor {
  const size = x.shape[dim]!;
  const part = (start: number, length: number) => narrow(x, dim, start, length);
  const repeated = (edge: Tensor, width: number) =>
    expand(
      edge,
      x.shape.map((d, i) => (i === dim ? width : d)),
    );
  const [first, last] = {
    constant: () => [x, x],
    reflect: () => [
      flip(part(Math.min(1, size - 1), before), dim),
      flip(part(size - 1 - after, after), dim),
    ],
    replicate: () => [repeated(part(0, 1), before), repeated(part(size - 1, 1), after)],
    circular: () => [part(size - before, before), part(0, after)],
  }[mode]() as [Tensor, Tensor];
  return cat([...(before ? [first] : []), x, ...(after ? [last] : [])], dim);
}
