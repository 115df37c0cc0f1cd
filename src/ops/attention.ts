/**
 * Scaled dot-product attention. The fused kernels never store the matrix of scores; the plain composition
 * of two products and a softmax is the reference, and serves where the fused ones do not apply. See
 * docs/attention.md.
 */
import type { Device } from "../device/device";
import type { AdapterClass } from "../device/executor";
import { ArgumentError, ShapeError } from "../errors";
import {
  attentionBackwardKeys,
  attentionBackwardKeysPacked,
  attentionBackwardKeysSubgroup,
  attentionBackwardQueries,
  attentionBackwardQueriesPacked,
  attentionBackwardQueriesSubgroup,
  attentionForward,
  attentionForwardPacked,
  attentionForwardSubgroup,
  gridFor,
  launch,
} from "../kernels";
import { DeviceTensor } from "../tensor/deviceTensor";
import { requireDType } from "../tensor/dtype";
import { scope } from "../tensor/scope";
import { type Shape, sameShape, show, sizeOf } from "../tensor/shape";
import type { Tensor } from "../tensor/tensor";
import { ge, mul, sub, where } from "./arithmetic";
import { arange } from "./creation";
import { matmul } from "./matmul";
import { matmulTarget } from "./matmulLaunch";
import type { MatmulTarget } from "./matmulVariants";
import type { Primitive, Spec } from "./primitive";
import { sum } from "./reduce";
import { withLanes } from "./rules";
import { dense, expand, reshape, select, stack, to, transpose } from "./shape";
import { softmax } from "./softmax";
import { bind } from "./trace";

export interface AttentionOptions {
  /** Query i sees only the keys 0 to i. Default false. */
  causal?: boolean;
  /** Factor of the scores. Default 1 / √D. */
  scale?: number;
}

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

function tilesFor({ limits }: AttentionTarget, width: number): PackedTiles | undefined {
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

function chooseVariant(device: Device, width: number, valueWidth: number): AttentionVariant {
  const target = matmulTarget(device);
  const forced = forcedAttentionVariant.current;
  return forced && attentionVariants.isApplicable(forced, target, width, valueWidth)
    ? forced
    : attentionVariants.defaultChoice(target, width, valueWidth);
}

interface AttentionAttrs {
  readonly causal: boolean;
  readonly scale: number;
  readonly variant: FusedAttention;
}

/** [batch, heads, rows, width] in any order of the outer dimensions. */
type Heads = readonly [batch: number, heads: number, rows: number, width: number];

const headsOf = (x: Spec): Heads => x.shape as unknown as Heads;

/** Rows that share a workgroup of the kernels without subgroups. */
const rowsPerGroup = 64;

/** Rows that share a workgroup of the subgroup kernels: at most what their two vec4s of scores hold. */
function subgroupStep(device: Device): 4 | 8 {
  return matmulTarget(device).subgroupSize >= 8 ? 8 : 4;
}

/** The grid over the rows of `over`, and the choices of the kernels. */
function launchPlan(device: Device, over: DeviceTensor, { variant, causal }: AttentionAttrs) {
  const [batch, heads, rows, width] = headsOf(over);
  const CAUSAL = causal ? 1 : 0;
  const step = subgroupStep(device);
  const { rows: block, size } = tilesFor(matmulTarget(device), width) ?? { rows: 8, size: 0 };
  const perGroup = { subgroup: step, packed: block, unrolled: rowsPerGroup, rolled: rowsPerGroup }[
    variant
  ];
  const grid = gridFor(device, batch * heads * Math.ceil(rows / perGroup), 1);
  const constants = { D: width };
  return {
    grid,
    subgroup: { constants, overrides: { CAUSAL, STEP: step } },
    packed: { overrides: { CAUSAL, ROWS: block, STEP: block, SIZE: size } },
    plain: { constants, overrides: { CAUSAL, ROLLED: variant === "rolled" ? 1 : 0 } },
  };
}

/** Where the rows of a view lie, in vec4s: see shaders/include/attention.wgsl. */
function layoutOf(x: DeviceTensor): readonly number[] {
  const outer = x.strides.slice(0, 3).map((s, i) => (x.shape[i] === 1 ? 0 : s));
  return [x.bindingOffset, ...outer].map((n) => n / 4);
}

/** The tensor itself if the kernels can read its rows in vec4s, or a dense copy. */
function readable(x: DeviceTensor): DeviceTensor {
  const adjacent = x.strides[3] === 1 && layoutOf(x).every(Number.isInteger);
  return adjacent ? x.view(x.shape, x.strides) : dense(x);
}

/** A new tensor whose memory holds [batch, rows, heads, width], so that merging the heads is a view. */
function emptyHeads(device: Device, heads: Heads): DeviceTensor {
  const owner = DeviceTensor.empty(device, rowsFirst(heads), "f32");
  const view = headsView(owner);
  owner.dispose();
  return view;
}

const rowsFirst = ([batch, heads, rows, width]: Heads): Shape => [batch, rows, heads, width];

/** [batch, rows, heads, width] seen as [batch, heads, rows, width]. */
function headsView(x: DeviceTensor): DeviceTensor {
  const swap = <T>([a, b, c, d]: readonly T[]): T[] => [a!, c!, b!, d!];
  return x.view(swap(x.shape), swap(x.strides));
}

/** q, k and v [batch, heads, rows, width] as views of a packed [batch, rows, 3, heads, width]. */
function unpackedViews(packed: DeviceTensor): [DeviceTensor, DeviceTensor, DeviceTensor] {
  const [batch, rows, , heads, width] = packed.shape as [number, number, number, number, number];
  const [b, t, part, h, d] = packed.strides as [number, number, number, number, number];
  const view = (i: number): DeviceTensor =>
    packed.view([batch, heads, rows, width], [b, h, t, d], packed.offset + i * part);
  return [view(0), view(1), view(2)];
}

function runForward(
  q: DeviceTensor,
  k: DeviceTensor,
  v: DeviceTensor,
  o: DeviceTensor,
  attrs: AttentionAttrs,
): DeviceTensor {
  const { device } = q;
  const [batch, heads, queries, width] = headsOf(q);
  const lse = DeviceTensor.empty(device, [batch, heads, queries], "f32");
  const held = [q, k, v].map(readable);
  const [rq, rk, rv] = held;
  const bindings = {
    q: rq!.binding,
    k: rk!.binding,
    v: rv!.binding,
    o: o.binding,
    lse: lse.binding,
  };
  const params = {
    q_layout: layoutOf(rq!),
    k_layout: layoutOf(rk!),
    v_layout: layoutOf(rv!),
    o_layout: layoutOf(o),
    queries,
    keys: k.shape[2]!,
    heads,
    pairs: batch * heads,
    width: width / 4,
    scale: attrs.scale * Math.LOG2E,
  };
  const { grid, subgroup, packed, plain } = launchPlan(device, q, attrs);
  if (attrs.variant === "subgroup")
    launch(device, attentionForwardSubgroup, bindings, params, grid, subgroup);
  else if (attrs.variant === "packed")
    launch(device, attentionForwardPacked, bindings, params, grid, packed);
  else launch(device, attentionForward, bindings, params, grid, plain);
  for (const t of held) t.dispose();
  return lse;
}

interface BackwardOperands {
  readonly q: DeviceTensor;
  readonly k: DeviceTensor;
  readonly v: DeviceTensor;
  readonly o: DeviceTensor;
  readonly lse: DeviceTensor;
  readonly g: DeviceTensor;
  readonly dq: DeviceTensor;
  /** In one storage: see attention/backward_keys. */
  readonly dk: DeviceTensor;
  readonly dv: DeviceTensor;
}

function runBackward(operands: BackwardOperands, attrs: AttentionAttrs): void {
  const { lse, dq, dk, dv } = operands;
  const { device } = lse;
  const held = [operands.q, operands.k, operands.v, operands.g, operands.o].map(readable);
  const [q, k, v, g, o] = held as [
    DeviceTensor,
    DeviceTensor,
    DeviceTensor,
    DeviceTensor,
    DeviceTensor,
  ];
  const [batch, heads, queries, width] = headsOf(q);
  const delta = DeviceTensor.empty(device, [batch, heads, queries], "f32");
  const read = { q: q.binding, k: k.binding, v: v.binding, g: g.binding, lse: lse.binding };
  const shared = {
    q_layout: layoutOf(q),
    k_layout: layoutOf(k),
    v_layout: layoutOf(v),
    g_layout: layoutOf(g),
    queries,
    keys: k.shape[2]!,
    heads,
    pairs: batch * heads,
    width: width / 4,
    scale: attrs.scale * Math.LOG2E,
    slope: attrs.scale,
  };
  const rowBindings = { ...read, o: o.binding, delta: delta.binding, dq: dq.binding };
  const rowParams = { ...shared, o_layout: layoutOf(o), dq_layout: layoutOf(dq) };
  const { buffer } = dk.storage;
  const dkv = { buffer, offset: 0, bytes: buffer.bytes };
  const columnBindings = { ...read, delta: delta.binding, dkv };
  const columnParams = {
    ...shared,
    dk_layout: [dk.offset / 4, ...layoutOf(dk).slice(1)],
    dv_layout: [dv.offset / 4, ...layoutOf(dv).slice(1)],
  };
  const rows = launchPlan(device, q, attrs);
  const columns = launchPlan(device, k, attrs);
  if (attrs.variant === "subgroup") {
    const [first, second] = [attentionBackwardQueriesSubgroup, attentionBackwardKeysSubgroup];
    launch(device, first, rowBindings, rowParams, rows.grid, rows.subgroup);
    launch(device, second, columnBindings, columnParams, columns.grid, columns.subgroup);
  } else if (attrs.variant === "packed") {
    const [first, second] = [attentionBackwardQueriesPacked, attentionBackwardKeysPacked];
    launch(device, first, rowBindings, rowParams, rows.grid, rows.packed);
    launch(device, second, columnBindings, columnParams, columns.grid, columns.packed);
  } else {
    launch(device, attentionBackwardQueries, rowBindings, rowParams, rows.grid, rows.plain);
    launch(
      device,
      attentionBackwardKeys,
      columnBindings,
      columnParams,
      columns.grid,
      columns.plain,
    );
  }
  for (const t of [...held, delta]) t.dispose();
}

/** Scores [..., queries, keys] in plain operations; keys that are not seen get a weight of exactly 0. */
function plainProbabilities(
  q: Tensor,
  k: Tensor,
  { causal, scale }: Required<AttentionOptions>,
): Tensor {
  const scores = mul(matmul(q, transpose(k, -1, -2)), scale);
  if (!causal) return softmax(scores, -1);
  const [queries, keys] = scores.shape.slice(-2) as [number, number];
  const { device } = q;
  const rows = reshape(arange(0, queries, 1, { device }), [queries, 1]);
  const seen = ge(rows, arange(0, keys, 1, { device }));
  return softmax(where(seen, scores, notSeen), -1);
}

/** Far below any score, so that its exponential is 0; not -Infinity, which WGSL need not respect. */
const notSeen = -1e30;

function plainAttention(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  attrs: Required<AttentionOptions>,
): Tensor {
  return matmul(plainProbabilities(q, k, attrs), v);
}

/** The cotangents of q, k and v in plain operations: what the backward kernels compute. */
function plainBackward(
  g: Tensor,
  q: Tensor,
  k: Tensor,
  v: Tensor,
  attrs: Required<AttentionOptions>,
) {
  const p = plainProbabilities(q, k, attrs);
  const dp = matmul(g, transpose(v, -1, -2));
  const ds = mul(mul(p, sub(dp, sum(mul(dp, p), { dim: -1, keepdim: true }))), attrs.scale);
  return [
    matmul(ds, k),
    matmul(transpose(ds, -1, -2), q),
    matmul(transpose(p, -1, -2), g),
  ] as const;
}

/** The vectorising rule of an operation on batches: lanes of batches are one longer batch. */
function batchOfBatches<A>(primitive: () => Primitive<A>): NonNullable<Primitive<A>["batch"]> {
  return (inputs, context) => {
    const folded = withLanes(inputs, context).map((x) => {
      const [lanes, batch, ...rest] = x.shape as [number, number, ...number[]];
      return reshape(x, [lanes * batch, ...rest]);
    });
    return bind(primitive(), folded, context.attrs).map((x) => {
      const [all, ...rest] = x.shape as [number, ...number[]];
      return reshape(x, [context.size, all / context.size, ...rest]);
    });
  };
}

/** Inputs: the cotangent of the output, q, k, v, output, lse. Outputs: the cotangents of q, k, v. */
const attentionBackwardPrimitive: Primitive<AttentionAttrs> = {
  name: "attentionBackward",
  formula: "dV = Pᵀ g, dQ = s dS K, dK = s dSᵀ Q, dS = P · (g Vᵀ - Σ g o)",
  derivative: "of the formula in plain operations, which store the scores",
  saves: "inputs",
  outputs: ([, q, k, v]) => [q!, k!, v!].map(({ shape, dtype }) => ({ shape, dtype })),
  run: ([g, q, k, v, o, lse], attrs) => {
    const { device } = q!;
    const dq = emptyHeads(device, headsOf(q!));
    const both = DeviceTensor.empty(device, [2, ...rowsFirst(headsOf(k!))], "f32");
    const [dk, dv] = [0, 1].map((i) => {
      const half = both.view(both.shape.slice(1), both.strides.slice(1), i * both.strides[0]!);
      const view = headsView(half);
      half.dispose();
      return view;
    });
    both.dispose();
    runBackward({ g: g!, q: q!, k: k!, v: v!, o: o!, lse: lse!, dq, dk: dk!, dv: dv! }, attrs);
    return [dq, dk!, dv!];
  },
  vjp: (cotangents, { inputs: [g, q, k, v], attrs, pullback }) => [
    ...pullback(
      (...of) => plainBackward(of[0]!, of[1]!, of[2]!, of[3]!, attrs),
      [g!, q!, k!, v!],
      cotangents,
    ),
    null,
    null,
  ],
  // The output and the lse belong to q, k and v: what moves with them moves within the plain formula.
  jvp: ([dg, dq, dk, dv], { inputs: [g, q, k, v], attrs, pushforward }) =>
    pushforward(
      (...of) => plainBackward(of[0]!, of[1]!, of[2]!, of[3]!, attrs),
      [g!, q!, k!, v!],
      [dg!, dq!, dk!, dv!],
    ),
  batch: batchOfBatches(() => attentionBackwardPrimitive),
};

/** Inputs: q [B, H, T, D], k and v [B, H, S, D]. Outputs: o like q, and log2 Σ 2^score of each row. */
const attentionPrimitive: Primitive<AttentionAttrs> = {
  name: "attention",
  formula: "softmax(scale · Q Kᵀ) V, without the matrix of scores",
  derivative: "attentionBackward",
  saves: "everything",
  outputs: (inputs) => {
    const [q] = inputs;
    for (const [i, x] of inputs.entries())
      requireDType("scaledDotProductAttention", "qkv"[i]!, x.dtype, ["f32"]);
    return [
      { shape: q!.shape, dtype: q!.dtype },
      { shape: q!.shape.slice(0, 3), dtype: q!.dtype },
    ];
  },
  run: ([q, k, v], attrs) => {
    const o = emptyHeads(q!.device, headsOf(q!));
    return [o, runForward(q!, k!, v!, o, attrs)];
  },
  vjp: ([g], { inputs, outputs, attrs }) =>
    bind(attentionBackwardPrimitive, [g!, ...inputs, ...outputs], attrs),
  // The lse only goes to the backward operation, whose rules do without it: no tangent, no cotangent.
  jvp: (tangents, { inputs, attrs, pushforward }) => [
    ...pushforward((...of) => [plainAttention(of[0]!, of[1]!, of[2]!, attrs)], inputs, tangents),
    null,
  ],
  batch: batchOfBatches(() => attentionPrimitive),
};

/** Inputs: the cotangent of the output, qkv, output, lse. Output: the cotangent of qkv, packed likewise. */
const packedAttentionBackwardPrimitive: Primitive<AttentionAttrs> = {
  name: "packedAttentionBackward",
  formula: attentionBackwardPrimitive.formula,
  derivative: "of the formula in plain operations, which store the scores",
  saves: "inputs",
  outputs: ([, qkv]) => [{ shape: qkv!.shape, dtype: qkv!.dtype }],
  run: ([g, qkv, o, lse], attrs, [out]) => {
    const dqkv = DeviceTensor.empty(qkv!.device, out!.shape, out!.dtype);
    const [q, k, v] = unpackedViews(qkv!);
    const [dq, dk, dv] = unpackedViews(dqkv);
    const [gHeads, oHeads] = [headsView(g!), headsView(o!)];
    runBackward({ g: gHeads, q, k, v, o: oHeads, lse: lse!, dq, dk, dv }, attrs);
    for (const t of [q, k, v, dq, dk, dv, gHeads, oHeads]) t.dispose();
    return [dqkv];
  },
  vjp: ([ct], { inputs: [g, qkv], attrs, pullback }) => [
    ...pullback((...of) => [plainPackedBackward(of[0]!, of[1]!, attrs)], [g!, qkv!], [ct!]),
    null,
    null,
  ],
  jvp: ([dg, dqkv], { inputs: [g, qkv], attrs, pushforward }) =>
    pushforward((...of) => [plainPackedBackward(of[0]!, of[1]!, attrs)], [g!, qkv!], [dg!, dqkv!]),
  batch: batchOfBatches(() => packedAttentionBackwardPrimitive),
};

function plainPackedBackward(g: Tensor, qkv: Tensor, attrs: Required<AttentionOptions>): Tensor {
  const parts = plainBackward(transpose(g, 1, 2), ...unpack(qkv), attrs);
  return stack(
    parts.map((part) => transpose(part, 1, 2)),
    2,
  );
}

const plainPacked = (qkv: Tensor, attrs: Required<AttentionOptions>): Tensor =>
  transpose(plainAttention(...unpack(qkv), attrs), 1, 2);

/** Inputs: qkv [B, T, 3, H, D]. Outputs: o [B, T, H, D], and log2 Σ 2^score [B, H, T]. */
const packedAttentionPrimitive: Primitive<AttentionAttrs> = {
  name: "packedAttention",
  formula: attentionPrimitive.formula,
  derivative: "packedAttentionBackward",
  saves: "everything",
  outputs: ([qkv]) => {
    requireDType("packedAttention", "qkv", qkv!.dtype, ["f32"]);
    const [batch, rows, , heads, width] = qkv!.shape as [number, number, number, number, number];
    return [
      { shape: [batch, rows, heads, width], dtype: qkv!.dtype },
      { shape: [batch, heads, rows], dtype: qkv!.dtype },
    ];
  },
  run: ([qkv], attrs, [out]) => {
    const o = DeviceTensor.empty(qkv!.device, out!.shape, out!.dtype);
    const views = unpackedViews(qkv!);
    const oHeads = headsView(o);
    const lse = runForward(...views, oHeads, attrs);
    for (const t of [...views, oHeads]) t.dispose();
    return [o, lse];
  },
  vjp: ([g], { inputs, outputs, attrs }) =>
    bind(packedAttentionBackwardPrimitive, [g!, ...inputs, ...outputs], attrs),
  jvp: (tangents, { inputs, attrs, pushforward }) => [
    ...pushforward((...of) => [plainPacked(of[0]!, attrs)], inputs, tangents),
    null,
  ],
  batch: batchOfBatches(() => packedAttentionPrimitive),
};

/** q, k and v [B, H, T, D] of a packed [B, T, 3, H, D]. */
function unpack(qkv: Tensor): readonly [Tensor, Tensor, Tensor] {
  const part = (i: number): Tensor => transpose(select(qkv, 2, i), 1, 2);
  return [part(0), part(1), part(2)];
}

function settled(op: string, width: number, options: AttentionOptions): Required<AttentionOptions> {
  const { causal = false, scale = 1 / Math.sqrt(width) } = options;
  if (!Number.isFinite(scale))
    throw new ArgumentError(`${op}: scale ${scale} must be a finite number.`);
  return { causal, scale };
}

/** Outer dimensions of the three, broadcast against each other as NumPy does. */
function broadcastOuter(q: Tensor, k: Tensor, v: Tensor): Shape {
  const outers = [q, k, v].map((x) => x.shape.slice(0, -2));
  const rank = Math.max(...outers.map((s) => s.length));
  return Array.from({ length: rank }, (_, i) => {
    const sizes = outers.map((s) => s[i - rank + s.length] ?? 1);
    return sizes.find((d) => d !== 1) ?? 1;
  });
}

function checkHeads(q: Tensor, k: Tensor, v: Tensor): Shape {
  const shapes = `q ${show(q.shape)}, k ${show(k.shape)}, v ${show(v.shape)}`;
  const fail = (what: string): never => {
    throw new ShapeError(`scaledDotProductAttention: ${what}; got ${shapes}.`);
  };
  if (Math.min(q.rank, k.rank, v.rank) < 2)
    fail("q, k and v are at least matrices, [..., rows, width]");
  if (q.shape.at(-1) !== k.shape.at(-1) || q.shape.at(-1) === 0)
    fail("the rows of q and k must be equally long, and not empty");
  if (k.shape.at(-2) !== v.shape.at(-2) || k.shape.at(-2) === 0)
    fail("k and v must have equally many rows, at least one");
  const outer = broadcastOuter(q, k, v);
  for (const x of [q, k, v]) {
    const own = x.shape.slice(0, -2);
    const skip = outer.length - own.length;
    if (own.some((d, i) => d !== 1 && d !== outer[i + skip]))
      fail("the dimensions before the last two must agree or broadcast");
  }
  return outer;
}

/**
 * softmax(scale · Q Kᵀ) V, for each batch and head, as PyTorch's `scaled_dot_product_attention`.
 *
 * Where the head width D is a multiple of 4 up to 256 and the values are as wide as the keys, nothing of
 * size T · S is stored: memory is linear in T, forward and backward. Any strides are taken as they are if
 * rows are contiguous and aligned to 4 elements, so the views that split a packed projection cost nothing.
 * The result lies in memory as [B, T, H, D]: `transpose(1, 2)` and a reshape that merges the heads are views.
 *
 * @param q [..., T, D]; f16 is computed in f32
 * @param k [..., S, D], S >= 1
 * @param v [..., S, E]
 * @param options `causal`: query i sees the keys 0 to i, also where T and S differ; `scale`
 * @returns [..., T, E]
 * @throws ShapeError where the shapes do not fit; ArgumentError for a scale that is not finite
 * @example scaledDotProductAttention(q, k, v, { causal: true })
 */
export function scaledDotProductAttention(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  options: AttentionOptions = {},
): Tensor {
  const outer = checkHeads(q, k, v);
  const width = q.shape.at(-1)!;
  const settings = settled("scaledDotProductAttention", width, options);
  const variant = chooseVariant(q.device, width, v.shape.at(-1)!);
  return scope(() => {
    const wide = [q, k, v].map((x) => {
      const full = to(x, "f32");
      const shape = [...outer, ...x.shape.slice(-2)];
      return sameShape(full.shape, shape) ? full : expand(full, shape);
    }) as [Tensor, Tensor, Tensor];
    const o =
      variant === "composite"
        ? plainAttention(...wide, settings)
        : fusedAttention(wide, outer, { ...settings, variant });
    return q.dtype === "f16" ? to(o, "f16") : o;
  });
}

/** The fused kernels take four dimensions: others are merged or added. */
function fusedAttention(qkv: readonly Tensor[], outer: Shape, attrs: AttentionAttrs): Tensor {
  if (outer.length === 2) return bind(attentionPrimitive, qkv, attrs)[0]!;
  const heads = outer.at(-1) ?? 1;
  const four = qkv.map((x) =>
    reshape(x, [sizeOf(outer.slice(0, -1)), heads, ...x.shape.slice(-2)]),
  );
  return reshape(bind(attentionPrimitive, four, attrs)[0]!, qkv[0]!.shape);
}

/**
 * Self-attention of queries, keys and values packed in one tensor, as a single projection gives them. The
 * same as `scaledDotProductAttention` of the three parts, but the gradient is written packed as well: no
 * part is copied on the way forth or back.
 *
 * @param qkv [B, T, 3, H, D]; f16 is computed in f32
 * @param options `causal`: position i sees the positions 0 to i; `scale`
 * @returns [B, T, H, D], row-major: reshape to [B, T, H · D] is a view
 * @throws ShapeError unless qkv has such a shape; ArgumentError for a scale that is not finite
 * @example packedAttention(linear(x, weight).reshape([batch, time, 3, heads, width]), { causal: true })
 */
export function packedAttention(qkv: Tensor, options: AttentionOptions = {}): Tensor {
  const [, , three, , width] = qkv.shape;
  if (qkv.rank !== 5 || three !== 3 || width === 0)
    throw new ShapeError(
      `packedAttention: qkv must have shape [batch, time, 3, heads, width], got ${show(qkv.shape)}.`,
    );
  const settings = settled("packedAttention", width!, options);
  const variant = chooseVariant(qkv.device, width!, width!);
  return scope(() => {
    const wide = to(qkv, "f32");
    const o =
      variant === "composite"
        ? plainPacked(wide, settings)
        : bind(packedAttentionPrimitive, [wide], { ...settings, variant })[0]!;
    return qkv.dtype === "f16" ? to(o, "f16") : o;
  });
}

export const attentionPrimitives = [
  attentionPrimitive,
  attentionBackwardPrimitive,
  packedAttentionPrimitive,
  packedAttentionBackwardPrimitive,
];
