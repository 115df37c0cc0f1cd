/**
 * Attention in plain operations: products and a softmax, with the matrix of scores. What the fused kernels
 * compute, for their further derivatives and for what they do not take. Operands have four dimensions.
 */

import type { Shape } from "../tensor/shape";
import type { Tensor } from "../tensor/tensor";
import { add, ge, gt, logicalAnd, mul, sub, where } from "./arithmetic";
import {
  type AttentionDraw,
  type AttentionRule,
  type Extras,
  extrasOf,
  runDropout,
} from "./attentionLaunch";
import { arange } from "./creation";
import { matmul } from "./matmul";
import type { Primitive } from "./primitive";
import { checkStream } from "./randomBits";
import { sum } from "./reduce";
import { expand, reshape, select, stack, transpose } from "./shape";
import { softmax } from "./softmax";
import { bind } from "./trace";

export interface DropoutAttrs extends AttentionDraw {
  /** [batch, heads, queries, keys] */
  readonly shape: Shape;
}

/** Input: key u32 [draws, 2]. Output: 0 or 1 / (1 - p) for each probability. */
const attentionDropoutPrimitive: Primitive<DropoutAttrs> = {
  name: "attentionDropout",
  formula: "hit with probability 1 - p ? 1 / (1 - p) : 0, for each score of attention",
  saves: "nothing",
  outputs: (_, { shape, stream }) => {
    checkStream("scaledDotProductAttention", stream);
    return [{ shape, dtype: "f32" }];
  },
  run: ([key], attrs) => [runDropout(key!, attrs.shape, attrs)],
  vjp: null,
  jvp: null,
  batch: ([key], { attrs, size }) => {
    const [batch, ...rest] = attrs.shape as [number, ...number[]];
    const keys = reshape(key!, [size * key!.shape[1]!, 2]);
    const [z] = bind(attentionDropoutPrimitive, [keys], {
      ...attrs,
      shape: [size * batch, ...rest],
    });
    return [reshape(z!, [size, ...attrs.shape])];
  },
};

/** Far below any score, so that its exponential is 0; not -Infinity, which WGSL need not respect. */
const notSeen = -1e30;

/** Keys or values [B, H / group, S, D], each head as often as query heads share it. */
function sharedOut(x: Tensor, heads: number): Tensor {
  const [batch, own, rows, width] = x.shape as [number, number, number, number];
  if (own === heads) return x;
  const repeated = expand(reshape(x, [batch, own, 1, rows, width]), [
    batch,
    own,
    heads / own,
    rows,
    width,
  ]);
  return reshape(repeated, [batch, heads, rows, width]);
}

/** The sum over the query heads that share a key head. */
function gatheredIn(x: Tensor, heads: number): Tensor {
  const [batch, all, rows, width] = x.shape as [number, number, number, number];
  if (all === heads) return x;
  return sum(reshape(x, [batch, heads, all / heads, rows, width]), { dim: 2 });
}

/** Which keys each query sees, or null if all see all. */
function visibility(scores: Tensor, causal: boolean, mask: Tensor | undefined): Tensor | null {
  const seen: Tensor[] = [];
  if (causal) {
    const [queries, keys] = scores.shape.slice(-2) as [number, number];
    const { device } = scores;
    const rows = reshape(arange(0, queries, 1, { device }), [queries, 1]);
    seen.push(ge(rows, arange(0, keys, 1, { device })));
  }
  if (mask) seen.push(mask.dtype === "bool" ? mask : gt(mask, notSeen));
  return seen.length === 0 ? null : seen.reduce((a, b) => logicalAnd(a, b));
}

/** Probabilities [B, H, T, S]; keys that are not seen get exactly 0, also where none is. */
function probabilities(q: Tensor, k: Tensor, rule: AttentionRule, mask?: Tensor): Tensor {
  const scores = mul(matmul(q, transpose(k, -1, -2)), rule.scale);
  const seen = visibility(scores, rule.causal, mask);
  if (!seen) return softmax(scores, -1);
  const biased =
    mask && mask.dtype !== "bool" ? add(scores, where(gt(mask, notSeen), mask, 0)) : scores;
  const p = softmax(where(seen, biased, notSeen), -1);
  return mask ? where(seen, p, 0) : p;
}

function dropped(p: Tensor, { dropout }: AttentionRule, { key }: Extras<Tensor>): Tensor | null {
  if (!dropout || !key) return null;
  return bind(attentionDropoutPrimitive, [key], { ...dropout, shape: p.shape })[0]!;
}

/** @param operands q [B, H, T, D], k and v [B, H / group, S, D], then what `rule` says there is */
export function plainAttention(operands: readonly Tensor[], rule: AttentionRule): Tensor {
  const [q, k, v] = operands as [Tensor, Tensor, Tensor];
  const extras = extrasOf(operands, rule);
  const heads = q.shape[1]!;
  const p = probabilities(q, sharedOut(k, heads), rule, extras.mask);
  const z = dropped(p, rule, extras);
  return matmul(z ? mul(p, z) : p, sharedOut(v, heads));
}

/** The cotangents of q, k and v. @param operands g, then as for `plainAttention` */
export function plainBackward(
  operands: readonly Tensor[],
  rule: AttentionRule,
): [Tensor, Tensor, Tensor] {
  const [g, q, k, v] = operands as [Tensor, Tensor, Tensor, Tensor];
  const extras = extrasOf(operands, rule);
  const heads = q.shape[1]!;
  const keys = sharedOut(k, heads);
  const p = probabilities(q, keys, rule, extras.mask);
  const z = dropped(p, rule, extras);
  const product = matmul(g, transpose(sharedOut(v, heads), -1, -2));
  const dp = z ? mul(product, z) : product;
  const ds = mul(mul(p, sub(dp, sum(mul(dp, p), { dim: -1, keepdim: true }))), rule.scale);
  const own = k.shape[1]!;
  return [
    matmul(ds, keys),
    gatheredIn(matmul(transpose(ds, -1, -2), q), own),
    gatheredIn(matmul(transpose(z ? mul(p, z) : p, -1, -2), g), own),
  ];
}

/** q, k and v [B, H, T, D] of a packed [B, T, 3, H, D]. */
function unpack(qkv: Tensor): [Tensor, Tensor, Tensor] {
  const part = (i: number): Tensor => transpose(select(qkv, 2, i), 1, 2);
  return [part(0), part(1), part(2)];
}

/** [B, T, H, D]. @param operands qkv [B, T, 3, H, D], then what `rule` says there is */
export function plainPacked([qkv, ...extras]: readonly Tensor[], rule: AttentionRule): Tensor {
  return transpose(plainAttention([...unpack(qkv!), ...extras], rule), 1, 2);
}

/** The cotangent of qkv, packed likewise. @param operands g, then as for `plainPacked` */
export function plainPackedBackward(
  [g, qkv, ...extras]: readonly Tensor[],
  rule: AttentionRule,
): Tensor {
  const parts = plainBackward([transpose(g!, 1, 2), ...unpack(qkv!), ...extras], rule);
  return stack(
    parts.map((part) => transpose(part, 1, 2)),
    2,
  );
}

export const attentionPlainRecords = [attentionDropoutPrimitive];
