/**
 * Scaled dot-product attention. The fused kernels never store the matrix of scores; the plain composition
 * of two products and a softmax is the reference, and serves where the fused ones do not apply. See
 * docs/attention.md.
 */
import { ArgumentError, DTypeError, ShapeError } from "../errors";
import { requireOptions } from "../options";
import { DeviceTensor } from "../tensor/deviceTensor";
import { isFloat, requireDType } from "../tensor/dtype";
import { scope } from "../tensor/scope";
import { type Shape, sameShape, show, sizeOf } from "../tensor/shape";
import type { Tensor } from "../tensor/tensor";
import {
  type AttentionAttrs,
  type AttentionRule,
  emptyHeads,
  extrasOf,
  headsOf,
  headsView,
  rowsFirst,
  runBackward,
  runForward,
  unpackedViews,
} from "./attentionLaunch";
import {
  attentionPlainRecords,
  plainAttention,
  plainBackward,
  plainPacked,
  plainPackedBackward,
} from "./attentionPlain";
import { chooseVariant } from "./attentionVariants";
import type { PlainFunction, Primitive, VjpContext } from "./primitive";
import { checkKey, checkProbability, checkStream } from "./randomBits";
import { withLanes } from "./rules";
import { expand, reshape, to } from "./shape";
import { bind } from "./trace";

export interface AttentionOptions {
  /** Query i sees only the keys 0 to i. Default false. */
  causal?: boolean;
  /** Factor of the scores. Default 1 / √D. */
  scale?: number;
  /**
   * Broadcasts to [..., T, S]. bool: true takes part. Floating-point: added to the scores; -Infinity, or
   * anything from -1e30 down, hides. Default: none.
   */
  attnMask?: Tensor;
  /** Probability with which a weight is dropped; the others are divided by 1 - dropoutP. Default 0. */
  dropoutP?: number;
  /** What dropout draws from: see random.key. Needed where dropoutP > 0. */
  key?: Tensor;
  /** Of the key; distinct draws take distinct streams. Default 0. */
  stream?: number;
}

export interface HeadsOptions extends AttentionOptions {
  /** Lets q have more heads, dimension -3, than k and v: so many neighbouring ones share. Default false. */
  enableGqa?: boolean;
}

/** Number of operands at the end that a rule adds: see `Extras`. */
const extraCount = ({ masked, dropout }: AttentionRule): number =>
  (masked ? 1 : 0) + (dropout ? 1 : 0);

/**
 * The vectorising rule of an operation on batches: lanes of batches are one longer batch. A mask that all
 * batches share, and a key, stay as they are, since kernels find their place from the batch.
 */
function batchOfBatches(
  primitive: () => Primitive<AttentionAttrs>,
): NonNullable<Primitive<AttentionAttrs>["batch"]> {
  return (inputs, context) => {
    const { attrs, size, batched } = context;
    const extras = inputs.length - extraCount(attrs);
    const batch = inputs[0]!.shape[batched[0] ? 1 : 0]!;
    const lanes = withLanes(inputs, context);
    const folded = lanes.map((x, i) => {
      if (i >= extras && !batched[i] && inputs[i]!.shape[0] === 1) return inputs[i]!;
      const [, own, ...rest] = x.shape as [number, number, ...number[]];
      const isMask = i >= extras && attrs.masked && i === extras;
      const rows = isMask ? batch : own;
      return reshape(rows === own ? x : expand(x, [size, rows, ...rest]), [size * rows, ...rest]);
    });
    return bind(primitive(), folded, attrs).map((x) =>
      reshape(x, [size, x.shape[0]! / size, ...x.shape.slice(1)]),
    );
  };
}

/**
 * The cotangents of a mask and a key. A mask of floats that wants one gets it through the plain formula,
 * which stores the scores; a key has none.
 * @param first position of the extras among the inputs
 * @param fn of the extras alone
 */
function extraCotangents(
  g: Tensor,
  first: number,
  { inputs, attrs, needs, pullback }: VjpContext<AttentionAttrs>,
  fn: PlainFunction,
): readonly (Tensor | null)[] {
  const extras = inputs.slice(first);
  const wanted = attrs.masked && needs[first] && isFloat(extras[0]!.dtype);
  if (!wanted) return extras.map(() => null);
  const [dmask] = pullback((mask) => fn(mask!, ...extras.slice(1)), [extras[0]!], [g]);
  return extras.map((_, i) => (i === 0 ? dmask! : null));
}

/** Inputs: the cotangent of the output, q, k, v, output, lse, extras. Outputs: the cotangents of q, k, v. */
const attentionBackwardPrimitive: Primitive<AttentionAttrs> = {
  name: "attentionBackward",
  formula: "dV = (P · Z)ᵀ g, dQ = s dS K, dK = s dSᵀ Q, dS = P · (Z · g Vᵀ - Σ g o)",
  derivative: "of the formula in plain operations, which store the scores",
  saves: { inputs: [0, 1, 2, 3, 6, 7] },
  outputs: ([, q, k, v]) => [q!, k!, v!].map(({ shape, dtype }) => ({ shape, dtype })),
  run: ([g, q, k, v, o, lse, ...extras], attrs) => {
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
    runBackward(
      { g: g!, q: q!, k: k!, v: v!, o: o!, lse: lse!, dq, dk: dk!, dv: dv! },
      attrs,
      extrasOf(extras, attrs),
    );
    return [dq, dk!, dv!];
  },
  // The output and the lse belong to q, k and v: what moves with them moves within the plain formula.
  vjp: (cotangents, { inputs: [g, q, k, v, , , ...extras], attrs, pullback }) => {
    const operands = [g!, q!, k!, v!, ...extras];
    const [dg, dq, dk, dv, ...more] = pullback(
      (...of) => plainBackward(of, attrs),
      operands,
      cotangents,
    );
    return [dg!, dq!, dk!, dv!, null, null, ...more];
  },
  jvp: ([dg, dq, dk, dv, , , ...moved], { inputs, attrs, pushforward }) => {
    const [g, q, k, v, , , ...extras] = inputs;
    return pushforward(
      (...of) => plainBackward(of, attrs),
      [g!, q!, k!, v!, ...extras],
      [dg!, dq!, dk!, dv!, ...moved],
    );
  },
  batch: batchOfBatches(() => attentionBackwardPrimitive),
};

/**
 * Inputs: q [B, H, T, D], k and v [B, H / group, S, D], extras. Outputs: o like q, and log2 Σ 2^score of
 * each row, which only goes to the backward operation: its rules do without it, so nothing else needs its
 * derivatives.
 */
const attentionPrimitive: Primitive<AttentionAttrs> = {
  name: "attention",
  formula: "softmax(scale · Q Kᵀ + mask) V, without the matrix of scores",
  derivative: "attentionBackward; a mask of floats: through products and a softmax",
  saves: "everything",
  outputs: (inputs) => {
    const [q] = inputs;
    for (const [i, x] of inputs.slice(0, 3).entries())
      requireDType("scaledDotProductAttention", "qkv"[i]!, x.dtype, ["f32"]);
    return [
      { shape: q!.shape, dtype: q!.dtype },
      { shape: q!.shape.slice(0, 3), dtype: q!.dtype },
    ];
  },
  run: ([q, k, v, ...extras], attrs) => {
    const o = emptyHeads(q!.device, headsOf(q!));
    return [o, runForward(q!, k!, v!, o, attrs, extrasOf(extras, attrs))];
  },
  vjp: ([g], context) => {
    const { inputs, outputs, attrs } = context;
    const [q, k, v, ...extras] = inputs;
    const [dq, dk, dv] = bind(
      attentionBackwardPrimitive,
      [g!, q!, k!, v!, ...outputs, ...extras],
      attrs,
    );
    const more = extraCotangents(g!, 3, context, (...of) => [
      plainAttention([q!, k!, v!, ...of], attrs),
    ]);
    return [dq!, dk!, dv!, ...more];
  },
  jvp: (tangents, { inputs, attrs, pushforward }) => [
    ...pushforward((...of) => [plainAttention(of, attrs)], inputs, tangents),
    null,
  ],
  batch: batchOfBatches(() => attentionPrimitive),
};

/** Inputs: the cotangent of the output, qkv, output, lse, extras. Output: the cotangent of qkv, packed likewise. */
const packedAttentionBackwardPrimitive: Primitive<AttentionAttrs> = {
  name: "packedAttentionBackward",
  formula: attentionBackwardPrimitive.formula,
  derivative: "of the formula in plain operations, which store the scores",
  saves: { inputs: [0, 1, 4, 5] },
  outputs: ([, qkv]) => [{ shape: qkv!.shape, dtype: qkv!.dtype }],
  run: ([g, qkv, o, lse, ...extras], attrs, [out]) => {
    const dqkv = DeviceTensor.empty(qkv!.device, out!.shape, out!.dtype);
    const [q, k, v] = unpackedViews(qkv!);
    const [dq, dk, dv] = unpackedViews(dqkv);
    const [gHeads, oHeads] = [headsView(g!), headsView(o!)];
    const operands = { g: gHeads, q, k, v, o: oHeads, lse: lse!, dq, dk, dv };
    runBackward(operands, attrs, extrasOf(extras, attrs));
    for (const t of [q, k, v, dq, dk, dv, gHeads, oHeads]) t.dispose();
    return [dqkv];
  },
  vjp: ([ct], { inputs: [g, qkv, , , ...extras], attrs, pullback }) => {
    const operands = [g!, qkv!, ...extras];
    const [dg, dqkv, ...more] = pullback((...of) => [plainPackedBackward(of, attrs)], operands, [
      ct!,
    ]);
    return [dg!, dqkv!, null, null, ...more];
  },
  jvp: ([dg, dqkv, , , ...moved], { inputs: [g, qkv, , , ...extras], attrs, pushforward }) =>
    pushforward(
      (...of) => [plainPackedBackward(of, attrs)],
      [g!, qkv!, ...extras],
      [dg!, dqkv!, ...moved],
    ),
  batch: batchOfBatches(() => packedAttentionBackwardPrimitive),
};

/** Inputs: qkv [B, T, 3, H, D], extras. Outputs: o [B, T, H, D], and log2 Σ 2^score [B, H, T] as above. */
const packedAttentionPrimitive: Primitive<AttentionAttrs> = {
  name: "packedAttention",
  formula: attentionPrimitive.formula,
  derivative: "packedAttentionBackward; a mask of floats: through products and a softmax",
  saves: "everything",
  outputs: ([qkv]) => {
    requireDType("packedAttention", "qkv", qkv!.dtype, ["f32"]);
    const [batch, rows, , heads, width] = qkv!.shape as [number, number, number, number, number];
    return [
      { shape: [batch, rows, heads, width], dtype: qkv!.dtype },
      { shape: [batch, heads, rows], dtype: qkv!.dtype },
    ];
  },
  run: ([qkv, ...extras], attrs, [out]) => {
    const o = DeviceTensor.empty(qkv!.device, out!.shape, out!.dtype);
    const views = unpackedViews(qkv!);
    const oHeads = headsView(o);
    const lse = runForward(...views, oHeads, attrs, extrasOf(extras, attrs));
    for (const t of [...views, oHeads]) t.dispose();
    return [o, lse];
  },
  vjp: ([g], context) => {
    const { inputs, outputs, attrs } = context;
    const [qkv, ...extras] = inputs;
    const operands = [g!, qkv!, ...outputs, ...extras];
    const [dqkv] = bind(packedAttentionBackwardPrimitive, operands, attrs);
    const more = extraCotangents(g!, 1, context, (...of) => [plainPacked([qkv!, ...of], attrs)]);
    return [dqkv!, ...more];
  },
  jvp: (tangents, { inputs, attrs, pushforward }) => [
    ...pushforward((...of) => [plainPacked(of, attrs)], inputs, tangents),
    null,
  ],
  batch: batchOfBatches(() => packedAttentionPrimitive),
};

/** The options, checked: the rule, and the extras with four dimensions and two. */
interface Settled {
  readonly rule: AttentionRule;
  readonly extras: readonly Tensor[];
}

/**
 * @param full the dimensions that a mask broadcasts to, [..., heads, queries, keys]
 * @throws ArgumentError, DTypeError, ShapeError
 */
function settled(op: string, width: number, full: Shape, options: AttentionOptions): Settled {
  const { causal = false, scale = 1 / Math.sqrt(width), dropoutP = 0, stream = 0 } = options;
  const { attnMask, key } = options;
  if (!Number.isFinite(scale))
    throw new ArgumentError(`${op}: scale ${scale} must be a finite number.`);
  checkProbability(op, dropoutP);
  checkStream(op, stream);
  if (dropoutP > 0 && !key)
    throw new ArgumentError(
      `${op}: dropoutP ${dropoutP} needs a key to draw from. Pass key: random.key(seed).`,
    );
  const heads = full.at(-3) ?? 1;
  const drawn = sizeOf(full.slice(0, -3)) * heads;
  const drops = dropoutP > 0 && key !== undefined;
  if (drops) checkKey(op, key);
  const extras = [
    ...(attnMask ? [settledMask(op, attnMask, full)] : []),
    ...(drops ? [reshape(key, [1, 2])] : []),
  ];
  const rule = {
    causal,
    scale,
    ...(attnMask && { masked: true }),
    ...(drops && { dropout: { p: dropoutP, stream, drawn } }),
  };
  return { rule, extras };
}

/** The mask as [batch or 1, heads or 1, queries or 1, keys or 1]. */
function settledMask(op: string, mask: Tensor, full: Shape): Tensor {
  if (mask.dtype !== "bool" && !isFloat(mask.dtype))
    throw new DTypeError(
      `${op}: attnMask has dtype ${mask.dtype}; it must be bool (true takes part) or floating-point (added to the scores). Convert with .to("bool").`,
    );
  const missing = full.length - mask.rank;
  if (missing < 0 || mask.shape.some((d, i) => d !== 1 && d !== full[i + missing]))
    throw new ShapeError(
      `${op}: attnMask has shape ${show(mask.shape)}; it must broadcast to ${show(full)}, a value for each query and key.`,
    );
  const wide = mask.dtype === "bool" ? mask : to(mask, "f32");
  const all = [...new Array<number>(missing).fill(1), ...mask.shape];
  const [heads = 1, rows, columns] = all.length < 3 ? [1, ...all] : all.slice(-3);
  const outer = all.slice(0, -3);
  const kept = [heads, rows!, columns!];
  if (outer.every((d) => d === 1)) return reshape(wide, [1, ...kept]);
  const whole = full.slice(0, -3);
  return reshape(expand(reshape(wide, all), [...whole, ...kept]), [sizeOf(whole), ...kept]);
}

/** Dimensions of several operands, broadcast against each other as NumPy does. */
function broadcastOuter(outers: readonly Shape[]): number[] {
  const rank = Math.max(...outers.map((s) => s.length));
  return Array.from({ length: rank }, (_, i) => {
    const sizes = outers.map((s) => s[i - rank + s.length] ?? 1);
    return sizes.find((d) => d !== 1) ?? 1;
  });
}

/** The outer dimensions of q, and of k and v: the same but for the heads, if those may differ. */
function checkHeads(q: Tensor, k: Tensor, v: Tensor, grouped: boolean): [Shape, Shape] {
  const shapes = `q ${show(q.shape)}, k ${show(k.shape)}, v ${show(v.shape)}`;
  const fail = (what: string): never => {
    throw new ShapeError(`scaledDotProductAttention: ${what}; got ${shapes}.`);
  };
  const least = grouped ? 3 : 2;
  if (Math.min(q.rank, k.rank, v.rank) < least)
    fail(
      grouped
        ? "with enableGqa q, k and v have a dimension of heads, [..., heads, rows, width]"
        : "q, k and v are at least matrices, [..., rows, width]",
    );
  if (q.shape.at(-1) !== k.shape.at(-1) || q.shape.at(-1) === 0)
    fail("the rows of q and k must be equally long, and not empty");
  if (k.shape.at(-2) !== v.shape.at(-2) || k.shape.at(-2) === 0)
    fail("k and v must have equally many rows, at least one");
  const heads = q.shape.at(-3) ?? 1;
  const keyHeads = k.shape.at(-3) ?? 1;
  if (grouped && (keyHeads !== v.shape.at(-3) || keyHeads === 0 || heads % keyHeads !== 0))
    fail("the heads of q must be a multiple of those of k and v, which must agree");
  const outers = [q, k, v].map((x) => x.shape.slice(0, grouped ? -3 : -2));
  const outer = broadcastOuter(outers);
  for (const own of outers) {
    const skip = outer.length - own.length;
    if (own.some((d, i) => d !== 1 && d !== outer[i + skip]))
      fail("the dimensions before the last two must agree or broadcast");
  }
  return grouped
    ? [
        [...outer, heads],
        [...outer, keyHeads],
      ]
    : [outer, outer];
}

/** x with these outer dimensions, as [batch, heads, rows, width]: f32, and a view where it can be. */
function fourDimensions(x: Tensor, outer: Shape): Tensor {
  const wide = to(x, "f32");
  const shape = [...outer, ...x.shape.slice(-2)];
  const full = sameShape(wide.shape, shape) ? wide : expand(wide, shape);
  if (outer.length === 2) return full;
  return reshape(full, [sizeOf(outer.slice(0, -1)), outer.at(-1) ?? 1, ...x.shape.slice(-2)]);
}

/**
 * softmax(scale · Q Kᵀ + mask) V, for each batch and head, as PyTorch's `scaled_dot_product_attention`.
 *
 * Where the head width D is a multiple of 4 up to 256 and the values are as wide as the keys, nothing of
 * size T · S is stored: memory is linear in T, forward and backward, with masks and dropout too. Only the
 * gradient of a mask itself, and second derivatives, store the scores. Any strides are taken as they are if
 * rows are contiguous and aligned to 4 elements, so the views that split a packed projection cost nothing,
 * and a mask is read where it lies.
 * The result lies in memory as [B, T, H, D]: `transpose(1, 2)` and a reshape that merges the heads are views.
 *
 * A query that sees no key gives zeros, and no gradient flows through it, where PyTorch gives NaN.
 *
 * @param q [..., T, D]; f16 is computed in f32
 * @param k [..., S, D], S >= 1
 * @param v [..., S, E]
 * @param options `causal`: query i sees the keys 0 to i, also where T and S differ; `scale`; `attnMask`, also
 * together with `causal`; `dropoutP` with `key` and `stream`; `enableGqa`: q [..., H, T, D] with k and v
 * [..., H / n, S, D], of which n neighbouring query heads share one
 * @returns [..., T, E]
 * @throws ShapeError where the shapes do not fit; DTypeError for a mask of integers; ArgumentError for a scale
 * that is not finite, a dropoutP that is no probability, or dropout without a key
 * @example scaledDotProductAttention(q, k, v, { causal: true })
 */
export function scaledDotProductAttention(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  options: HeadsOptions = {},
): Tensor {
  requireOptions("scaledDotProductAttention", options, "attnMask");
  const [outer, keyOuter] = checkHeads(q, k, v, options.enableGqa ?? false);
  const [rows, width] = q.shape.slice(-2) as [number, number];
  const valueWidth = v.shape.at(-1)!;
  const variant = chooseVariant(q.device, width, valueWidth);
  return scope(() => {
    const full = [...outer, rows, k.shape.at(-2)!];
    const { rule, extras } = settled("scaledDotProductAttention", width, full, options);
    const operands = [
      fourDimensions(q, outer),
      fourDimensions(k, keyOuter),
      fourDimensions(v, keyOuter),
      ...extras,
    ];
    const four =
      variant === "composite"
        ? plainAttention(operands, rule)
        : bind(attentionPrimitive, operands, { ...rule, variant })[0]!;
    const o = outer.length === 2 ? four : reshape(four, [...outer, rows, valueWidth]);
    return isFloat(q.dtype) ? to(o, q.dtype) : o;
  });
}

/**
 * Self-attention of queries, keys and values packed in one tensor, as a single projection gives them. The
 * same as `scaledDotProductAttention` of the three parts, but the gradient is written packed as well: no
 * part is copied on the way forth or back.
 *
 * @param qkv [B, T, 3, H, D]; f16 is computed in f32
 * @param options `causal`: position i sees the positions 0 to i; `scale`; `attnMask`, which broadcasts to
 * [B, H, T, T]; `dropoutP` with `key` and `stream`
 * @returns [B, T, H, D], row-major: reshape to [B, T, H · D] is a view
 * @throws ShapeError unless qkv has such a shape and the mask fits; DTypeError for a mask of integers;
 * ArgumentError for a scale that is not finite, a dropoutP that is no probability, or dropout without a key
 * @example packedAttention(linear(x, weight).reshape([batch, time, 3, heads, width]), { causal: true })
 */
export function packedAttention(qkv: Tensor, options: AttentionOptions = {}): Tensor {
  requireOptions("packedAttention", options, "causal");
  const [batch, time, three, heads, width] = qkv.shape;
  if (qkv.rank !== 5 || three !== 3 || width === 0)
    throw new ShapeError(
      `packedAttention: qkv must have shape [batch, time, 3, heads, width], got ${show(qkv.shape)}.`,
    );
  const variant = chooseVariant(qkv.device, width!, width!);
  return scope(() => {
    const full = [batch!, heads!, time!, time!];
    const { rule, extras } = settled("packedAttention", width!, full, options);
    const operands = [to(qkv, "f32"), ...extras];
    const o =
      variant === "composite"
        ? plainPacked(operands, rule)
        : bind(packedAttentionPrimitive, operands, { ...rule, variant })[0]!;
    return isFloat(qkv.dtype) ? to(o, qkv.dtype) : o;
  });
}

export const attentionPrimitives = [
  attentionPrimitive,
  attentionBackwardPrimitive,
  packedAttentionPrimitive,
  packedAttentionBackwardPrimitive,
  ...attentionPlainRecords,
];
