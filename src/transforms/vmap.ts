/** Functions of one example as functions of many. */
import { ArgumentError, ShapeError } from "../errors";
import { cat, narrow, stack } from "../ops/shape";
import { resolve } from "../ops/trace";
import { movedim } from "../ops/views";
import { requireOptions } from "../options";
import { split } from "../random/random";
import { scope } from "../tensor/scope";
import { normalizeDim, show } from "../tensor/shape";
import { Tensor } from "../tensor/tensor";
import { mapTensors, tensorsOf, withTensors } from "../tensor/tree";
import { freshHandles } from "./freshHandles";
import { type Randomness, withLaneKeys } from "./laneKeys";
import { withLanes } from "./vectorise";

/**
 * Which dimension of a tensor counts the lanes; null: all lanes share the tensor; "split": the tensor is
 * one key, u32 [2], and each lane gets a key of its own (`random.split`).
 */
export type InDim = number | null | "split";
/** One choice for a whole tree, or a tree of choices. */
export type InDims = InDim | { readonly [key: string]: InDims } | readonly InDims[];
export type OutDims = number | null | { readonly [key: string]: OutDims } | readonly OutDims[];

export interface VmapOptions {
  /** For all arguments, or a list with one entry per argument. Default 0. */
  inDims?: InDim | readonly InDims[];
  /**
   * Where the lanes stand in the results: for all, or a tree. null: the result is the same in all lanes,
   * and is given once. Default 0.
   */
  outDims?: OutDims;
  /**
   * What layers such as dropout draw that no key was given to: "different" numbers in each lane (the
   * default), the "same", or an "error".
   */
  randomness?: Randomness;
  /** At most so many lanes at once, for less memory. Default: all. */
  chunkSize?: number;
}

/** The choice for each tensor of `tree`, in order. */
function perTensor<D>(
  what: string,
  tree: unknown,
  dims: unknown,
  isChoice: (d: unknown) => d is D,
): D[] {
  if (isChoice(dims)) return tensorsOf(tree).map(() => dims);
  if (tree instanceof Tensor || typeof tree !== "object" || tree === null) {
    if (!(tree instanceof Tensor)) return [];
    throw new ArgumentError(
      `vmap: ${what} has no choice for a tensor of shape ${show(tree.shape)}; got ${JSON.stringify(dims)}. Give a dimension or null.`,
    );
  }
  if (typeof dims !== "object" || dims === null)
    throw new ArgumentError(
      `vmap: ${what} has ${JSON.stringify(dims)} where a dimension or null belongs.`,
    );
  return Object.entries(tree).flatMap(([key, part]) =>
    perTensor(`${what}[${key}]`, part, (dims as Record<string, unknown>)[key], isChoice),
  );
}

const isInDim = (d: unknown): d is InDim => typeof d === "number" || d === null || d === "split";
const isOutDim = (d: unknown): d is number | null => typeof d === "number" || d === null;

interface Mapped {
  readonly args: readonly unknown[];
  readonly tensors: readonly Tensor[];
  /** With dimensions from 0 on. */
  readonly dims: readonly InDim[];
  readonly size: number;
}

function mapped(args: readonly unknown[], inDims: VmapOptions["inDims"]): Mapped {
  const tensors = tensorsOf(args).map(resolve);
  if (Array.isArray(inDims) && inDims.length !== args.length)
    throw new ArgumentError(
      `vmap: inDims has ${inDims.length} entries for ${args.length} arguments; give one per argument, or one for all.`,
    );
  const dims = perTensor("inDims", args, inDims, isInDim).map((d, i) => {
    if (typeof d !== "number") return d;
    const { shape, rank } = tensors[i]!;
    if (rank === 0)
      throw new ShapeError(
        `vmap: inDims maps dimension ${d} of a scalar, which has none. Give null for values that all lanes share.`,
      );
    return normalizeDim(`vmap: inDims for shape ${show(shape)}`, d, rank);
  });
  let size: number | null = null;
  dims.forEach((d, i) => {
    if (typeof d !== "number") return;
    const found = tensors[i]!.shape[d]!;
    if (size !== null && size !== found)
      throw new ShapeError(
        `vmap: tensors disagree on the number of lanes: ${size}, but ${found} in dimension ${d} of ${show(tensors[i]!.shape)}. Check inDims.`,
      );
    size = found;
  });
  if (size === null)
    throw new ArgumentError(
      "vmap: no argument is mapped. At least one entry of inDims must be a dimension.",
    );
  if (size === 0)
    throw new ShapeError("vmap: the mapped dimension has size 0; there is no lane to run.");
  return { args, tensors, dims, size };
}

/** The tensors that go into `count` lanes from `start` on, lanes first. */
function lanesOf(
  { tensors, dims, size }: Mapped,
  keys: readonly (readonly Tensor[])[],
  start: number,
  count: number,
): Tensor[] {
  let key = 0;
  return tensors.map((t, i) => {
    const d = dims[i]!;
    if (d === null) return t;
    if (d === "split") return stack(keys[key++]!.slice(start, start + count));
    const first = movedim(t, d, 0);
    return count === size ? first : narrow(first, 0, start, count);
  });
}

/**
 * `f` for every lane of its mapped arguments at once, in as many kernels as one call takes
 * (`torch.func.vmap`, `jax.vmap`).
 *
 * Inside, each mapped tensor has one dimension less. Transforms compose: `vmap(grad(f))` gives a gradient
 * per example.
 *
 * @param f a function of trees of tensors that returns a tree of tensors
 * @throws ShapeError where numbers of lanes differ; ArgumentError where inDims or outDims do not fit
 * @example vmap((a, b) => a.mul(b).sum())(x, y) // the dot product of each pair of rows
 * @example vmap(grad(loss), { inDims: [null, 0, 0] })(params, inputs, targets) // per-sample gradients
 */
export function vmap<A extends readonly unknown[], T>(
  f: (...args: A) => T,
  options: VmapOptions = {},
): (...args: A) => T {
  const {
    inDims = 0,
    outDims = 0,
    randomness = "different",
    chunkSize,
  } = requireOptions("vmap", options, "inDims");
  if (chunkSize !== undefined && !(Number.isInteger(chunkSize) && chunkSize > 0))
    throw new ArgumentError(`vmap: chunkSize ${chunkSize} must be a whole number > 0.`);
  return (...args) =>
    scope(() => {
      const all = mapped(args, inDims);
      const keys = all.tensors.flatMap((t, i) =>
        all.dims[i] === "split" ? [split(t, all.size)] : [],
      );
      const step = chunkSize ?? all.size;
      const parts: { tree: T; tensors: Tensor[]; dims: (number | null)[] }[] = [];
      for (let start = 0; start < all.size; start += step) {
        const count = Math.min(step, all.size - start);
        const inputs = lanesOf(all, keys, start, count);
        parts.push(runLanes(f, all, inputs, count, outDims, randomness));
      }
      const [first] = parts;
      if (parts.length === 1)
        return withTensors(first!.tree, freshHandles(first!.tensors, all.tensors));
      return withTensors(
        first!.tree,
        first!.tensors.map((t, i) => {
          const d = first!.dims[i]!;
          return d === null
            ? t
            : cat(
                parts.map((part) => part.tensors[i]!),
                d,
              );
        }),
      );
    });
}

function runLanes<A extends readonly unknown[], T>(
  f: (...args: A) => T,
  { args, dims }: Mapped,
  inputs: readonly Tensor[],
  count: number,
  outDims: OutDims,
  randomness: Randomness,
): { tree: T; tensors: Tensor[]; dims: (number | null)[] } {
  return withLanes(count, (lanes) => {
    const followed = inputs.map((t, i) => (dims[i] === null ? t : lanes.follow(t)));
    const result = withLaneKeys(lanes, randomness, () =>
      f(...(withTensors(args, followed) as unknown as A)),
    );
    const chosen = perTensor("outDims", result, outDims, isOutDim);
    const places: (number | null)[] = [];
    const tensors = tensorsOf(result).map((t, i) => {
      const d = chosen[i]!;
      if (d === null) {
        if (lanes.isBatched(resolve(t)))
          throw new ArgumentError(
            `vmap: outDims says null for a result of shape ${show(t.shape)} that differs between lanes. Give a dimension.`,
          );
        places.push(null);
        return lanes.lower(resolve(t));
      }
      const at = normalizeDim(`vmap: outDims for shape ${show(t.shape)}`, d, t.rank + 1);
      places.push(at);
      return movedim(lanes.materialise(t), 0, at);
    });
    return { tree: mapTensors(result, (t) => t), tensors, dims: places };
  });
}
