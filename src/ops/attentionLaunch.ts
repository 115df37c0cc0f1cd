/** Running the fused attention kernels: bindings, layouts and grids. */
import type { Device } from "../device/device";
import type { BufferBinding } from "../device/executor";
import {
  attentionBackwardKeys,
  attentionBackwardKeysPacked,
  attentionBackwardKeysSubgroup,
  attentionBackwardQueries,
  attentionBackwardQueriesPacked,
  attentionBackwardQueriesSubgroup,
  attentionBackwardRows,
  attentionDropout,
  attentionForward,
  attentionForwardPacked,
  attentionForwardSubgroup,
  gridFor,
  launch,
} from "../kernels";
import { DeviceTensor } from "../tensor/deviceTensor";
import type { Shape } from "../tensor/shape";
import { type FusedAttention, kernelsOf, tilesFor } from "./attentionVariants";
import { matmulTarget } from "./matmulLaunch";
import type { Spec } from "./primitive";
import { hitsOf } from "./randomBits";
import { dense } from "./shape";

/** What a dropout of probabilities is drawn from, besides its key. */
export interface AttentionDraw {
  readonly p: number;
  readonly stream: number;
  /**
   * Heads of all batches that one draw goes through. There are more where lanes of a vectorised call were
   * folded into the batch: each lane then draws what it would draw alone.
   */
  readonly drawn: number;
}

/** What is the same in all dtypes and forms of attention. */
export interface AttentionRule {
  readonly causal: boolean;
  readonly scale: number;
  /** Whether there is a mask among the operands. */
  readonly masked?: boolean;
  /** Without it, no dropout, and no key among the operands. */
  readonly dropout?: AttentionDraw;
}

export interface AttentionAttrs extends AttentionRule {
  readonly variant: FusedAttention;
}

/** The operands that not every call has. */
export interface Extras<T> {
  /** bool or f32, [batch or 1, heads or 1, queries or 1, keys or 1] */
  readonly mask?: T;
  /** u32 [draws, 2]; equally many heads of batches take each. */
  readonly key?: T;
}

/** The extras at the end of a list of operands. */
export function extrasOf<T>(operands: readonly T[], { masked, dropout }: AttentionRule): Extras<T> {
  const key = dropout ? operands.at(-1) : undefined;
  const mask = masked ? operands.at(dropout ? -2 : -1) : undefined;
  return { ...(mask !== undefined && { mask }), ...(key !== undefined && { key }) };
}

/** [batch, heads, rows, width] in any order of the outer dimensions. */
export type Heads = readonly [batch: number, heads: number, rows: number, width: number];

export const headsOf = (x: Spec): Heads => x.shape as unknown as Heads;

/** Rows that share a workgroup of the kernels without subgroups. */
const rowsPerGroup = 64;

/** Rows that share a workgroup of the subgroup kernels: at most what their two vec4s of scores hold. */
function subgroupStep(device: Device): 4 | 8 {
  return matmulTarget(device).subgroupSize >= 8 ? 8 : 4;
}

/** The grid over the rows of `over`, and the choices of the kernels. */
function launchPlan(
  device: Device,
  over: DeviceTensor,
  { variant, causal, dropout }: AttentionAttrs,
  { mask }: Extras<DeviceTensor>,
) {
  const [batch, heads, rows, width] = headsOf(over);
  const step = subgroupStep(device);
  const { rows: block, size } = tilesFor(matmulTarget(device), width) ?? { rows: 8, size: 0 };
  const perGroup = { subgroup: step, packed: block, unrolled: rowsPerGroup, rolled: rowsPerGroup }[
    variant
  ];
  const grid = gridFor(device, batch * heads * Math.ceil(rows / perGroup), 1);
  const constants = { D: width };
  const MASK = !mask ? 0 : mask.dtype === "bool" ? 1 : 2;
  const shared = { CAUSAL: causal ? 1 : 0, MASK, DROP: dropout ? 1 : 0 };
  return {
    grid,
    subgroup: { constants, overrides: { ...shared, STEP: step } },
    packed: { overrides: { ...shared, ROWS: block, STEP: block, SIZE: size } },
    plain: { constants, overrides: { ...shared, ROLLED: variant === "rolled" ? 1 : 0 } },
  };
}

/** Where the rows of a view lie, in vec4s: see shaders/include/attention_rows.wgsl. */
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
export function emptyHeads(device: Device, heads: Heads): DeviceTensor {
  const owner = DeviceTensor.empty(device, rowsFirst(heads), "f32");
  const view = headsView(owner);
  owner.dispose();
  return view;
}

export const rowsFirst = ([batch, heads, rows, width]: Heads): Shape => [batch, rows, heads, width];

/** [batch, rows, heads, width] seen as [batch, heads, rows, width]. */
export function headsView(x: DeviceTensor): DeviceTensor {
  const swap = <T>([a, b, c, d]: readonly T[]): T[] => [a!, c!, b!, d!];
  return x.view(swap(x.shape), swap(x.strides));
}

/** q, k and v [batch, heads, rows, width] as views of a packed [batch, rows, 3, heads, width]. */
export function unpackedViews(packed: DeviceTensor): [DeviceTensor, DeviceTensor, DeviceTensor] {
  const [batch, rows, , heads, width] = packed.shape as [number, number, number, number, number];
  const [b, t, part, h, d] = packed.strides as [number, number, number, number, number];
  const view = (i: number): DeviceTensor =>
    packed.view([batch, heads, rows, width], [b, h, t, d], packed.offset + i * part);
  return [view(0), view(1), view(2)];
}

/** How the kernels draw: see shaders/include/attention_dropout.wgsl. */
function drawParams(dropout: AttentionDraw | undefined, key: DeviceTensor | undefined) {
  const p = dropout?.p ?? 0;
  return {
    key_offset: key?.bindingOffset ?? 0,
    draws: key?.shape[0] ?? 1,
    drawn: dropout?.drawn ?? 1,
    stream: dropout?.stream ?? 0,
    keep_bound: hitsOf(1 - p),
    keep_scale: p < 1 ? 1 / (1 - p) : 0,
  };
}

/** The bindings and parameters of the mask and the key; `spare` is bound where there is none. */
function bindExtras(
  { mask, key }: Extras<DeviceTensor>,
  { dropout }: AttentionRule,
  spare: BufferBinding,
) {
  const words = key && dense(key);
  const steps = mask ? mask.strides.map((s, i) => (mask.shape[i] === 1 ? 0 : s)) : [0, 0, 0, 0];
  return {
    bindings: { mask: mask?.binding ?? spare, drop_key: words?.binding ?? spare },
    params: {
      mask_layout: [mask?.bindingOffset ?? 0, ...steps.slice(0, 3)],
      mask_step: steps[3]!,
      ...drawParams(dropout, words),
    },
    release: () => words?.dispose(),
  };
}

export function runForward(
  q: DeviceTensor,
  k: DeviceTensor,
  v: DeviceTensor,
  o: DeviceTensor,
  attrs: AttentionAttrs,
  extras: Extras<DeviceTensor>,
): DeviceTensor {
  const { device } = q;
  const [batch, heads, queries, width] = headsOf(q);
  const lse = DeviceTensor.empty(device, [batch, heads, queries], "f32");
  const held = [q, k, v].map(readable);
  const [rq, rk, rv] = held;
  const more = bindExtras(extras, attrs, rq!.binding);
  const bindings = {
    q: rq!.binding,
    k: rk!.binding,
    v: rv!.binding,
    o: o.binding,
    lse: lse.binding,
    ...more.bindings,
  };
  const params = {
    q_layout: layoutOf(rq!),
    k_layout: layoutOf(rk!),
    v_layout: layoutOf(rv!),
    o_layout: layoutOf(o),
    queries,
    keys: k.shape[2]!,
    heads,
    group: heads / k.shape[1]!,
    pairs: batch * heads,
    width: width / 4,
    scale: attrs.scale * Math.LOG2E,
    ...more.params,
  };
  const sizes = { heads: headsOf(q), keys: k.shape[2]!, causal: attrs.causal };
  const variant = kernelsOf("forward", attrs.variant, device, sizes);
  const { grid, subgroup, packed, plain } = launchPlan(device, q, { ...attrs, variant }, extras);
  if (variant === "subgroup")
    launch(device, attentionForwardSubgroup, bindings, params, grid, subgroup);
  else if (variant === "packed")
    launch(device, attentionForwardPacked, bindings, params, grid, packed);
  else launch(device, attentionForward, bindings, params, grid, plain);
  more.release();
  for (const t of held) t.dispose();
  return lse;
}

export interface BackwardOperands {
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

/** [2, batch, heads, queries]: what both kernels of the way back need of each row. */
function backwardRows(o: DeviceTensor, g: DeviceTensor, lse: DeviceTensor): DeviceTensor {
  const { device } = o;
  const [batch, heads, queries, width] = headsOf(o);
  const rows = DeviceTensor.empty(device, [2, batch, heads, queries], "f32");
  const count = batch * heads * queries;
  launch(
    device,
    attentionBackwardRows,
    { o: o.binding, g: g.binding, lse: lse.binding, rows: rows.binding },
    { o_layout: layoutOf(o), g_layout: layoutOf(g), queries, heads, count, width: width / 4 },
    gridFor(device, count, 64),
  );
  return rows;
}

export function runBackward(
  operands: BackwardOperands,
  attrs: AttentionAttrs,
  extras: Extras<DeviceTensor>,
): void {
  const { dq, dk, dv } = operands;
  const { device } = dq;
  const held = [operands.q, operands.k, operands.v, operands.g, operands.o].map(readable);
  const [q, k, v, g, o] = held as [
    DeviceTensor,
    DeviceTensor,
    DeviceTensor,
    DeviceTensor,
    DeviceTensor,
  ];
  const lse = dense(operands.lse);
  const rows = backwardRows(o, g, lse);
  const [batch, heads, queries, width] = headsOf(q);
  const more = bindExtras(extras, attrs, q.binding);
  const read = {
    q: q.binding,
    k: k.binding,
    v: v.binding,
    g: g.binding,
    rows: rows.binding,
    ...more.bindings,
  };
  const shared = {
    q_layout: layoutOf(q),
    k_layout: layoutOf(k),
    v_layout: layoutOf(v),
    g_layout: layoutOf(g),
    queries,
    keys: k.shape[2]!,
    heads,
    group: heads / k.shape[1]!,
    width: width / 4,
    scale: attrs.scale * Math.LOG2E,
    slope: attrs.scale,
    ...more.params,
  };
  const rowBindings = { ...read, dq: dq.binding };
  const rowParams = { ...shared, pairs: batch * heads, dq_layout: layoutOf(dq) };
  const { buffer } = dk.storage;
  const columnBindings = { ...read, dkv: { buffer, offset: 0, bytes: buffer.bytes } };
  const columnParams = {
    ...shared,
    pairs: batch * k.shape[1]!,
    dk_layout: [dk.offset / 4, ...layoutOf(dk).slice(1)],
    dv_layout: [dv.offset / 4, ...layoutOf(dv).slice(1)],
  };
  const sizes = { heads: headsOf(q), keys: k.shape[2]!, causal: attrs.causal };
  const variant = kernelsOf("backward", attrs.variant, device, sizes);
  const along = launchPlan(device, q, { ...attrs, variant }, extras);
  const down = launchPlan(device, k, { ...attrs, variant }, extras);
  if (variant === "subgroup") {
    const [first, second] = [attentionBackwardQueriesSubgroup, attentionBackwardKeysSubgroup];
    launch(device, first, rowBindings, rowParams, along.grid, along.subgroup);
    launch(device, second, columnBindings, columnParams, down.grid, down.subgroup);
  } else if (variant === "packed") {
    const [first, second] = [attentionBackwardQueriesPacked, attentionBackwardKeysPacked];
    launch(device, first, rowBindings, rowParams, along.grid, along.packed);
    launch(device, second, columnBindings, columnParams, down.grid, down.packed);
  } else {
    const [first, second] = [attentionBackwardQueries, attentionBackwardKeys];
    launch(device, first, rowBindings, rowParams, along.grid, along.plain);
    launch(device, second, columnBindings, columnParams, down.grid, down.plain);
  }
  more.release();
  for (const t of [...held, lse, rows]) t.dispose();
}

/** What the probabilities are multiplied with: f32 [batch, heads, queries, keys]. */
export function runDropout(key: DeviceTensor, shape: Shape, dropout: AttentionDraw): DeviceTensor {
  const { device } = key;
  const [batch, heads, queries, keys] = shape as Heads;
  const z = DeviceTensor.empty(device, shape, "f32");
  const words = dense(key);
  const pairs = batch * heads;
  launch(
    device,
    attentionDropout,
    { drop_key: words.binding, z: z.binding },
    { queries, keys, pairs, ...drawParams(dropout, words) },
    gridFor(device, pairs * queries * Math.ceil(keys / 4), 64),
  );
  words.dispose();
  return z;
}
