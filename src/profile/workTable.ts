/**
 * How many floating-point operations a dispatch of each kernel does, from the parameters and the choices it was
 * dispatched with. A multiplication, an addition, a comparison of floats, a division and a call of a function
 * such as exp count one each, a multiply-add two; work on integers, addresses and random bits counts nothing.
 * Products, convolutions and attention count what their formulas need and not what a tile computes beyond the
 * edge. Attention counts its products only, as is usual.
 */

/** What a rule of the table sees of a dispatch. */
export interface DispatchFacts {
  /** A parameter by name, one of several numbers as `name.2`. Not a number where the kernel has none such. */
  param(name: string): number;
  /** Workgroups. */
  readonly groups: number;
  /** A choice by name: an override, constant, type or slot; `otherwise` where the dispatch made none. */
  choice(name: string, otherwise: string): string;
}

export type OperationCount = (dispatch: DispatchFacts) => number;

const times =
  (each: number, ...names: readonly string[]): OperationCount =>
  ({ param }) =>
    names.reduce((product, name) => product * param(name), each);

const lanes: OperationCount = ({ choice }) => Number(choice("LANES", "1"));
const vectorLanes: OperationCount = ({ choice }) => (choice("V", "f32") === "vec4f" ? 4 : 1);

/** Of `rows` rows of `cols` scalars or vec4s. */
const byElement =
  (each: number, ...names: readonly string[]): OperationCount =>
  (dispatch) =>
    times(each, ...names)(dispatch) * vectorLanes(dispatch);

/** Functions that move, convert or select, or that look at bits. */
const movesOnly = /^op_(id|truth|not|to|where|is\w+|signbit|copysign)(_|$)|_[iu]32$/;

const pointwise =
  (perItem: OperationCount): OperationCount =>
  (dispatch) =>
    dispatch.choice("C", "f32") !== "f32" || movesOnly.test(dispatch.choice("OP", "op_neg"))
      ? 0
      : dispatch.param("count") * perItem(dispatch);

const onFloats =
  (count: OperationCount): OperationCount =>
  (dispatch) =>
    dispatch.choice("C", "f32") === "f32" ? count(dispatch) : 0;

const product: OperationCount = ({ param }) =>
  2 * param("m") * param("n") * param("k_all") * param("part_products");

const arrangedConvolution: OperationCount = ({ param }) =>
  2 * param("rows") * param("cols") * param("inner") * (param("groups") / param("groups_product"));

const directConvolution: OperationCount = ({ param }) => {
  const { lines, pixels } = directPixels(param);
  const taps = param("taps_0") * param("taps_1") * param("taps_2");
  return 2 * lines * pixels * param("channels") * taps;
};

/** An item is four neighbours of a line of pixels, the last of a line fewer. */
function directPixels(param: DispatchFacts["param"]): { lines: number; pixels: number } {
  const pixels = param("pixels_2");
  return { lines: param("count") / Math.ceil(pixels / 4), pixels };
}

/** Pairs of a query and a key it sees, in one head. */
function visiblePairs({ param, choice }: DispatchFacts): number {
  const queries = param("queries");
  const keys = param("keys");
  if (choice("CAUSAL", "1") === "0") return queries * keys;
  const short = Math.min(queries, keys);
  return (short * (short + 1)) / 2 + Math.max(queries - keys, 0) * keys;
}

/** `products` dot products of D elements for each pair of a query and a key. */
const alongRows =
  (products: number): OperationCount =>
  (dispatch) =>
    products * 8 * dispatch.param("width") * dispatch.param("pairs") * visiblePairs(dispatch);

/** The grid covers key heads, each with the queries of the heads that share it. */
const downColumns: OperationCount = (dispatch) => alongRows(4)(dispatch) * dispatch.param("group");

/** Windows that reach beyond the edge count as whole ones; adaptive ones as if they did not overlap. */
const pooledWindows: OperationCount = ({ param, choice }) =>
  choice("TAPS", choice("MET", "")).includes("adaptive")
    ? param("count") * Math.max(param("size_row") / param("pixels_row"), 1)
    : param("count") * param("window.0") * param("window.1") * param("window.2");

/** `own` operations for each pair of a row and a column, and three for each coordinate of a cost of points. */
const eachPair =
  (own: number): OperationCount =>
  ({ param, choice }) => {
    const cost = choice("COST", "points_cost") === "points_cost" ? 3 * param("dims") : 0;
    return 4 * param("problems") * param("rows") * param("cols4") * (own + cost);
  };

/** Of an element of the input, the windows that see it. */
const seenWindows: OperationCount = (dispatch) =>
  (pooledWindows(dispatch) * dispatch.param("pixels_row")) / dispatch.param("size_row");

const fourier: OperationCount = ({ param, choice }) => {
  const radix = Number(choice("RADIX", "4"));
  return param("count") * 5 * radix * Math.log2(radix);
};

const hadamard: OperationCount = ({ param, choice }) => {
  const radix = Number(choice("RADIX", "8"));
  return param("count") * radix * (Math.log2(radix) + 1);
};

const norm: OperationCount = (dispatch) => {
  const { choice } = dispatch;
  const affine = Number(choice("HAS_WEIGHT", "1")) + Number(choice("HAS_BIAS", "1"));
  const own = choice("CENTERED", "1") === "1" ? 6 : 3;
  return byElement(own + affine, "rows", "cols")(dispatch);
};

const channelNorm: OperationCount = (dispatch) => {
  const { choice } = dispatch;
  const affine = Number(choice("HAS_WEIGHT", "1")) + Number(choice("HAS_BIAS", "1"));
  return byElement(2 + affine, "count")(dispatch);
};

/** Blocks of a triangle: n^3 / 3. */
const choleskyBlock: OperationCount = ({ param }) => (param("batch") * param("size") ** 3) / 3;

const solveBlock: OperationCount = ({ param }) => param("items") * 4 * param("size") ** 2;

/** By kernel; a name that ends in * stands for all that begin like it. */
export const operationCounts: Readonly<Record<string, OperationCount>> = {
  "attention/backward_keys*": downColumns,
  "attention/backward_queries*": alongRows(3),
  "attention/backward_rows": times(8, "count", "width"),
  "attention/forward*": alongRows(2),
  "attention/rotary": times(6, "rows", "pairs"),
  "conv/direct": directConvolution,
  "conv/packed": arrangedConvolution,
  "conv/register": arrangedConvolution,
  "conv/tiled": arrangedConvolution,
  "fft/hadamard": hadamard,
  "fft/pass": fourier,
  "linalg/cg": byElement(14, "problems", "cols"),
  "linalg/cholesky_block": choleskyBlock,
  "linalg/solve_block": solveBlock,
  "loss/cross_entropy_backward": times(4, "rows", "cols"),
  "loss/cross_entropy_rows": byElement(5, "rows", "cols"),
  "loss/cross_entropy_total": times(1, "rows"),
  "matmul/*": product,
  "matmul/sum_parts": (dispatch) => times(1, "count", "parts")(dispatch) * lanes(dispatch),
  "norm/backward": byElement(9, "rows", "cols"),
  "norm/channel_backward": byElement(8, "count"),
  "norm/channel_forward": channelNorm,
  "norm/channel_statistics": byElement(5, "rows", "depth", "inner"),
  "norm/channel_sums": byElement(5, "rows", "depth", "inner"),
  "norm/forward": norm,
  "norm/parameter_partials": byElement(5, "rows", "cols"),
  "norm/parameter_sums": byElement(2, "blocks", "cols"),
  "norm/parameter_totals": byElement(5, "rows", "cols"),
  "optim/gradient_norm": times(8, "items"),
  "pointwise/binary": pointwise(() => 4),
  "pointwise/binary_rows": pointwise(() => 4),
  "pointwise/binary_strided": pointwise(lanes),
  "pointwise/ternary_rows": pointwise(() => 4),
  "pointwise/ternary_strided": pointwise(() => 1),
  "pointwise/unary": pointwise(() => 4),
  "pointwise/unary_strided": pointwise(lanes),
  "pool/average": pooledWindows,
  "pool/average_backward": seenWindows,
  "pool/max": pooledWindows,
  "pool/max_backward": seenWindows,
  "profile/multiply_add": ({ param, choice, groups }) =>
    groups * 64 * param("rounds") * Number(choice("CHAINS", "4")) * 32,
  "quant/affine": times(16, "items"),
  "quant/affine_values": times(8, "items"),
  "quant/dequantize": times(4, "items"),
  "quant/quantize": times(8, "items"),
  "random/dropout": times(4, "count"),
  "recurrent/gru_backward": times(23, "count"),
  "recurrent/gru_forward": times(10, "count"),
  "recurrent/lstm_backward": times(34, "count"),
  "recurrent/lstm_forward": times(13, "count"),
  "reduce/arg": onFloats(times(1, "outer", "reduced")),
  // Four results at a time.
  "reduce/columns": onFloats(times(4, "outer", "reduced")),
  "reduce/rows": onFloats(times(4, "outer", "reduced")),
  "reduce/serial": onFloats(times(1, "outer", "reduced")),
  "reduce/workgroup": onFloats(times(1, "outer", "reduced")),
  "scan/cumulative": onFloats(times(1, "rows", "length")),
  "scan/extremum": onFloats(times(1, "rows", "length")),
  "scan/recurrence": times(2, "rows", "length"),
  "scan/recurrence_segments": times(3, "rows", "length"),
  "scan/segment_totals": onFloats(times(1, "rows", "length")),
  "shape/overlap_add": onFloats(({ param }) => (param("count") * param("size")) / param("step")),
  "softmax/backward": byElement(4, "rows", "cols"),
  "softmax/forward": byElement(5, "rows", "cols"),
  "softmax/log_sum_exp": byElement(4, "rows", "cols"),
  "transport/apply": (dispatch) => eachPair(7 + 2 * dispatch.param("channels"))(dispatch),
  "transport/barycenter": times(6, "problems", "count", "rows"),
  "transport/cost": eachPair(1),
  "transport/dykstra_columns": times(20, "problems", "rank"),
  "transport/dykstra_rows": times(4, "problems", "rows", "rank"),
  "transport/knopp": times(12, "batch", "rows", "cols", "iterations"),
  "transport/knopp_backward": times(24, "batch", "rows", "cols", "iterations"),
  "transport/knopp_backward_team": times(24, "batch", "rows", "cols", "iterations"),
  "transport/knopp_team": times(12, "batch", "rows", "cols", "iterations"),
  "transport/newton_move": times(4, "problems", "rows"),
  "transport/newton_sums": times(160, "problems", "rows", "cols4"),
  "transport/partial": times(20, "problems", "rows"),
  "transport/pull": (dispatch) =>
    eachPair(7 + 2 * dispatch.param("channels") + 3 * dispatch.param("dims"))(dispatch),
  "transport/schur": times(8, "items"),
  "transport/softmin": eachPair(8),
  "transport/sparse_sums": times(28, "problems", "rows", "cols4"),
};

/**
 * Kernels without a count: they move data, work on integers or random bits, or the data decide how much they do
 * (iterations until something is small enough, draws until one is accepted). Their bytes are counted.
 */
export const bytesOnly: readonly string[] = [
  "attention/dropout",
  "conv/arrange",
  "conv/winograd_*",
  "indexing/add_rows",
  "indexing/flat_index",
  "indexing/gather",
  "indexing/positions",
  "indexing/put",
  "indexing/scatter_reduce",
  "indexing/unravel",
  "interpolate/along",
  "linalg/bidiagonal",
  "linalg/bidiagonal_qr",
  "linalg/check",
  "linalg/determinant",
  "linalg/lower",
  "linalg/lu_columns",
  "linalg/lu_panel",
  "linalg/order",
  "linalg/orient",
  "linalg/panel",
  "linalg/peaks",
  "linalg/permute_rows",
  "linalg/powers",
  "linalg/qr_panel",
  "linalg/qr_split",
  "linalg/rank",
  "linalg/reflect",
  "linalg/rotate",
  "linalg/scaled",
  "linalg/subtract",
  "linalg/tridiagonal",
  "linalg/tridiagonal_ql",
  "optim/finish",
  "optim/measure",
  "optim/measure_8bit",
  "optim/step_control",
  "optim/update",
  "optim/update_8bit",
  "pointwise/where_rows",
  "pointwise/where_strided",
  "pool/max_backward_tiles",
  "profile/copy",
  "quant/round_bf16",
  "random/binomial",
  "random/draw",
  "random/fold_in",
  "random/gamma",
  "random/gamma_slope",
  "random/poisson",
  "random/split",
  "shape/copy_rows",
  "shape/fill",
  "shape/transpose_elements",
  "shape/transpose_tiles",
  "shape/transpose_vectors",
  "sort/*",
  "storage/*",
  "transport/anderson",
  "transport/check",
  "transport/finite",
  "transport/matrix",
  "transport/newton_list",
  "transport/newton_product",
  "transport/sparse_list",
  "transport/sparse_search",
  "transport/sparse_step",
  "transport/verdict",
  "transport/weights",
];

/** Bindings that a kernel reads and writes, so that their ranges count twice. */
export const readAndWritten: Readonly<Record<string, readonly string[]>> = {
  "linalg/cg": ["p", "x", "r", "control"],
  "linalg/cholesky_block": ["w"],
  "linalg/lu_columns": ["w"],
  "linalg/lu_panel": ["p"],
  "linalg/orient": ["x", "y"],
  "linalg/qr_panel": ["p"],
  "linalg/rotate": ["z"],
  "linalg/solve_block": ["x"],
  "linalg/subtract": ["y"],
  "optim/update": ["parameter", "first", "second", "third", "fourth"],
  "optim/update_8bit": ["parameter", "codes", "absmax", "fourth"],
  "transport/anderson": ["f", "level", "history", "state"],
  "transport/barycenter": ["level", "account", "log_d"],
  "transport/check": ["control"],
  "transport/dykstra_columns": ["state", "v", "control"],
  "transport/dykstra_rows": ["u"],
  "transport/partial": ["f", "level", "before", "goal", "control"],
  "transport/schur": ["q"],
  "transport/softmin": ["f", "level", "account"],
  "transport/sparse_step": ["work"],
};

/** Elements of four bytes, of which a kernel takes a few from a large range. */
export const touchedElements: Readonly<Record<string, Readonly<Record<string, OperationCount>>>> = {
  "indexing/gather": { x: (dispatch) => dispatch.param("count") * lanes(dispatch) },
  "indexing/put": { y: times(1, "count") },
};

/** The entry for a kernel: by its name, or by what it begins like. */
export function entryOf<T>(table: Readonly<Record<string, T>>, name: string): T | undefined {
  const exact = table[name];
  if (exact !== undefined) return exact;
  const pattern = Object.keys(table).find((key) => matches(key, name));
  return pattern === undefined ? undefined : table[pattern];
}

/** Whether `pattern` is `name`, or ends in * and `name` begins like it. */
export function matches(pattern: string, name: string): boolean {
  return pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : pattern === name;
}
