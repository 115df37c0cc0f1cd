/** Samples of attention. */
import { generate, type HostArray, pointwise } from "../reference/array";
import { byRows, matmul, softmax, transpose } from "../reference/matrix";
import { type Operand, real } from "./operand";
import { type PrimitiveSamples, primitive, type SampleTable } from "./sample";

interface AttentionAttrs {
  causal: boolean;
  scale: number;
  variant: "rolled" | "packed";
}

function probabilities(q: HostArray, k: HostArray, { causal, scale }: AttentionAttrs): HostArray {
  const scores = matmul(q, transpose(k));
  const seen = generate(scores.shape, (index) => {
    const [i, j] = index.slice(-2) as [number, number];
    return causal && j > i ? 0 : 1;
  });
  return byRows(
    pointwise((s, visible) => (visible ? s * scale : -1e30), scores, seen),
    softmax,
  );
}

const heads = (seed: number, rows: number): Operand => real([1, 2, rows, 4], seed);
const attentionAttrs: readonly (readonly [string, AttentionAttrs])[] = [
  ["all see all", { causal: false, scale: 0.5, variant: "rolled" }],
  ["causal", { causal: true, scale: 0.4, variant: "rolled" }],
  ["packed, all see all", { causal: false, scale: 0.5, variant: "packed" }],
  ["packed, causal", { causal: true, scale: 0.4, variant: "packed" }],
];

const attention: PrimitiveSamples = {
  tolerance: { relative: 5e-6, absolute: 3e-6 },
  reference: ([q, k, v], attrs: AttentionAttrs) => [matmul(probabilities(q!, k!, attrs), v!)],
  samples: attentionAttrs.map(([claim, attrs]) => ({
    claim,
    operands: [heads(31, 3), heads(32, 5), heads(33, 5)],
    attrs,
    call: (inputs) => primitive("attention", attrs)(...inputs).slice(0, 1),
  })),
};

function backward(
  [g, q, k, v]: readonly HostArray[],
  attrs: AttentionAttrs,
): readonly [HostArray, HostArray, HostArray] {
  const p = probabilities(q!, k!, attrs);
  const dp = matmul(g!, transpose(v!));
  const columns = p.shape.at(-1)!;
  const ds = byRows(
    generate(p.shape, (index) => {
      const at = index.reduce((sum, i, d) => sum * p.shape[d]! + i, 0);
      return p.data[at]! * dp.data[at]!;
    }),
    (row, r) => {
      const sum = row.reduce((a, b) => a + b, 0);
      return row.map((v, c) => (v - p.data[r * columns + c]! * sum) * attrs.scale);
    },
  );
  return [matmul(ds, k!), matmul(transpose(ds), q!), matmul(transpose(p), g!)];
}

/** Operands: the cotangent, q, k, v. */
const attentionBackward: PrimitiveSamples = {
  tolerance: { relative: 5e-6, absolute: 5e-6 },
  reference: backward,
  samples: attentionAttrs.map(([claim, attrs]) => ({
    claim,
    operands: [heads(41, 3), heads(42, 3), heads(43, 5), heads(44, 5)],
    attrs,
    call: ([g, q, k, v]) => {
      const [o, lse] = primitive("attention", attrs)(q!, k!, v!);
      return primitive("attentionBackward", attrs)(g!, q!, k!, v!, o!, lse!);
    },
  })),
};

/** Part i of a packed [B, T, 3, H, D], as [B, H, T, D]. */
const part = (qkv: HostArray, i: number): HostArray => {
  const [b, t, , h, d] = qkv.shape as [number, number, number, number, number];
  return generate(
    [b, h, t, d],
    ([n, head, row, column]) => qkv.data[(((n! * t + row!) * 3 + i) * h + head!) * d + column!]!,
  );
};
/** [B, H, T, D] as [B, T, H, D], or back. */
const exchanged = (x: HostArray): HostArray => {
  const [b, h, t, d] = x.shape as [number, number, number, number];
  return generate(
    [b, t, h, d],
    ([n, row, head, column]) => x.data[((n! * h + head!) * t + row!) * d + column!]!,
  );
};

const packed = real([1, 4, 3, 2, 4], 51);

const packedAttention: PrimitiveSamples = {
  tolerance: { relative: 5e-6, absolute: 3e-6 },
  reference: ([qkv], attrs: AttentionAttrs) => [
    exchanged(matmul(probabilities(part(qkv!, 0), part(qkv!, 1), attrs), part(qkv!, 2))),
  ],
  samples: attentionAttrs.map(([claim, attrs]) => ({
    claim,
    operands: [packed],
    attrs,
    call: (inputs) => primitive("packedAttention", attrs)(...inputs).slice(0, 1),
  })),
};

/** Operands: the cotangent [B, T, H, D], qkv. */
const packedAttentionBackward: PrimitiveSamples = {
  tolerance: { relative: 5e-6, absolute: 5e-6 },
  reference: ([g, qkv], attrs: AttentionAttrs) => {
    const parts = backward([exchanged(g!), ...[0, 1, 2].map((i) => part(qkv!, i))], attrs);
    const [, t, , h, d] = qkv!.shape as [number, number, number, number, number];
    return [
      generate(
        qkv!.shape,
        ([n, row, i, head, column]) =>
          parts[i!]!.data[((n! * h + head!) * t + row!) * d + column!]!,
      ),
    ];
  },
  samples: attentionAttrs.map(([claim, attrs]) => ({
    claim,
    operands: [real([1, 4, 2, 4], 52), packed],
    attrs,
    call: ([g, qkv]) => {
      const [o, lse] = primitive("packedAttention", attrs)(qkv!);
      return primitive("packedAttentionBackward", attrs)(g!, qkv!, o!, lse!);
    },
  })),
};

export const attentionSamples: SampleTable = {
  attention,
  attentionBackward,
  packedAttention,
  packedAttentionBackward,
};
