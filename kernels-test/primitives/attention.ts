/** Samples of attention. */
import { philox4x32 } from "../../src/random/philox";
import { array, at, generate, type HostArray } from "../reference/array";
import { byRows, matmul, softmax, total, transpose } from "../reference/matrix";
import { given, type Operand, real, truth } from "./operand";
import { exact, type PrimitiveSamples, primitive, type SampleTable } from "./sample";

interface Dropout {
  p: number;
  stream: number;
  drawn: number;
}

interface AttentionAttrs {
  causal: boolean;
  scale: number;
  variant: "rolled" | "packed";
  masked?: boolean;
  dropout?: Dropout;
}

/** 0 or 1 / (1 - p) for each score, by the rule of shaders/include/attention_dropout.wgsl. */
function factors(
  keys: HostArray,
  shape: readonly number[],
  { p, stream, drawn }: Dropout,
): HostArray {
  const pairs = shape[0]! * shape[1]!;
  return generate(shape, ([b, h, i, j]) => {
    const pair = b! * shape[1]! + h!;
    const draw = Math.floor(pair / (pairs / keys.shape[0]!));
    const key = [at(keys, [draw, 0]), at(keys, [draw, 1])] as const;
    const purpose = (0x80000000 + (pair % drawn)) >>> 0;
    const word = philox4x32(key, [Math.floor(j! / 4), i!, purpose, stream])[j! % 4]!;
    return word >>> 1 < Math.round((1 - p) * 2 ** 31) ? 1 / (1 - p) : 0;
  });
}

const bounded = (x: HostArray, index: readonly number[]): number =>
  at(
    x,
    index.map((n, d) => (x.shape[d] === 1 ? 0 : n)),
  );

/** Keys or values, each head as often as query heads share it. */
const sharedOut = (x: HostArray, heads: number): HostArray =>
  generate([x.shape[0]!, heads, ...x.shape.slice(2)], ([b, h, ...rest]) =>
    at(x, [b!, Math.floor((h! * x.shape[1]!) / heads), ...rest]),
  );

/** Operands: q, k, then mask and key where they are there. */
function weights(
  q: HostArray,
  k: HostArray,
  extras: readonly HostArray[],
  { causal, scale, masked, dropout }: AttentionAttrs,
  bools: boolean,
): { p: HostArray; z: HostArray } {
  const scores = matmul(q, transpose(k));
  const biased = generate(scores.shape, (index) => {
    const [i, j] = index.slice(-2) as [number, number];
    if (causal && j > i) return Number.NEGATIVE_INFINITY;
    const score = at(scores, index) * scale;
    if (!masked) return score;
    const m = bounded(extras[0]!, index);
    if (bools) return m ? score : Number.NEGATIVE_INFINITY;
    return score + m;
  });
  const p = byRows(biased, (row) =>
    row.every((s) => s === Number.NEGATIVE_INFINITY) ? row.map(() => 0) : softmax(row),
  );
  const z = dropout
    ? factors(extras.at(-1)!, scores.shape, dropout)
    : generate(scores.shape, () => 1);
  return { p, z };
}

const product = (a: HostArray, b: HostArray): HostArray =>
  array(
    a.shape,
    a.data.map((v, i) => v * b.data[i]!),
  );

function forward(
  [q, k, v, ...extras]: readonly HostArray[],
  attrs: AttentionAttrs,
  bools: boolean,
) {
  const heads = q!.shape[1]!;
  const { p, z } = weights(q!, sharedOut(k!, heads), extras, attrs, bools);
  return matmul(product(p, z), sharedOut(v!, heads));
}

/** The sum over the query heads that share a key head. */
const gatheredIn = (x: HostArray, heads: number): HostArray => {
  const group = x.shape[1]! / heads;
  return generate([x.shape[0]!, heads, ...x.shape.slice(2)], ([b, h, ...rest]) =>
    total(Array.from({ length: group }, (_, n) => at(x, [b!, h! * group + n, ...rest]))),
  );
};

function backward(
  [g, q, k, v, ...extras]: readonly HostArray[],
  attrs: AttentionAttrs,
  bools: boolean,
): readonly [HostArray, HostArray, HostArray] {
  const heads = q!.shape[1]!;
  const own = k!.shape[1]!;
  const keys = sharedOut(k!, heads);
  const { p, z } = weights(q!, keys, extras, attrs, bools);
  const dp = product(matmul(g!, transpose(sharedOut(v!, heads))), z);
  const columns = p.shape.at(-1)!;
  const ds = byRows(product(p, dp), (row, r) =>
    row.map((x, c) => (x - p.data[r * columns + c]! * total(row)) * attrs.scale),
  );
  return [
    matmul(ds, keys),
    gatheredIn(matmul(transpose(ds), q!), own),
    gatheredIn(matmul(transpose(product(p, z)), g!), own),
  ];
}

const key = given([1, 2], [123, 45], "u32");
const dropout = { p: 0.4, stream: 2, drawn: 4 };
const tolerance = { relative: 5e-6, absolute: 5e-6 };

/**
 * What there is besides q, k and v, for [batch, heads, queries, keys]. Packed kernels with masks or dropout take
 * software drivers minutes to compile; numeric/attentionFeatures holds them to f64 where they are chosen.
 */
interface Form {
  readonly claim: string;
  readonly attrs: AttentionAttrs;
  extras(shape: readonly number[], seed: number): Operand[];
}

const forms: readonly Form[] = [
  {
    claim: "all see all",
    attrs: { causal: false, scale: 0.5, variant: "rolled" },
    extras: () => [],
  },
  { claim: "causal", attrs: { causal: true, scale: 0.4, variant: "rolled" }, extras: () => [] },
  {
    claim: "packed, all see all",
    attrs: { causal: false, scale: 0.5, variant: "packed" },
    extras: () => [],
  },
  {
    claim: "packed, causal",
    attrs: { causal: true, scale: 0.4, variant: "packed" },
    extras: () => [],
  },
  {
    claim: "a bool mask for each batch, and dropout",
    attrs: { causal: false, scale: 0.5, variant: "rolled", masked: true, dropout },
    extras: ([batch, , queries, keys], seed) => [truth([batch!, 1, queries!, keys!], seed), key],
  },
  {
    claim: "causal, a mask of floats that all batches share, and dropout",
    attrs: { causal: true, scale: 0.4, variant: "rolled", masked: true, dropout },
    extras: ([, heads, queries, keys], seed) => [
      real([1, heads!, queries!, keys!], seed, { layout: "transposed" }),
      key,
    ],
  },
  {
    claim: "a mask of floats for the keys alone",
    attrs: { causal: false, scale: 0.4, variant: "rolled", masked: true },
    extras: ([, , , keys], seed) => [real([1, 1, 1, keys!], seed)],
  },
  {
    claim: "dropout alone",
    attrs: {
      causal: false,
      scale: 0.4,
      variant: "rolled",
      dropout: { p: 0.5, stream: 0, drawn: 4 },
    },
    extras: () => [key],
  },
];

const isBools = (extras: readonly Operand[]): boolean => extras[0]?.dtype === "bool";

/** Samples of a primitive whose first operands are `operands`, for each form. */
function inEachForm(
  operands: readonly Operand[],
  shape: readonly number[],
  seed: number,
  call: (attrs: AttentionAttrs) => PrimitiveSamples["samples"][number]["call"],
): PrimitiveSamples["samples"] {
  return forms.map(({ claim, attrs, extras }, i) => {
    const own = extras(shape, seed + i);
    return {
      claim,
      operands: [...operands, ...own],
      attrs: { ...attrs, bools: isBools(own) },
      call: call(attrs)!,
    };
  });
}

type SampleAttrs = AttentionAttrs & { bools: boolean };

const qShape = [2, 2, 3, 4];
const kShape = [2, 1, 5, 4];
const scoreShape = [2, 2, 3, 5];
const noQueries = {
  claim: "no queries",
  operands: [real([1, 2, 0, 4], 61), real([1, 2, 3, 4], 62), real([1, 2, 3, 4], 63)],
  attrs: { causal: false, scale: 1, variant: "rolled", bools: false },
};

/** Two query heads share a key head. The second result, the lse, is for the backward operation alone. */
const attention: PrimitiveSamples = {
  tolerance,
  reference: (inputs, attrs: SampleAttrs) => [forward(inputs, attrs, attrs.bools)],
  samples: [
    ...inEachForm(
      [real(qShape, 31), real(kShape, 32), real(kShape, 33)],
      scoreShape,
      90,
      (attrs) => (inputs) => primitive("attention", attrs)(...inputs).slice(0, 1),
    ),
    {
      ...noQueries,
      call: (inputs) => primitive("attention", noQueries.attrs)(...inputs).slice(0, 1),
    },
  ],
};

/** Operands: the cotangent, q, k, v, and the extras. */
const attentionBackward: PrimitiveSamples = {
  tolerance,
  reference: (inputs, attrs: SampleAttrs) => backward(inputs, attrs, attrs.bools),
  samples: inEachForm(
    [real(qShape, 41), real(qShape, 42), real(kShape, 43), real(kShape, 44)],
    scoreShape,
    100,
    (attrs) =>
      ([g, q, k, v, ...extras]) => {
        const [o, lse] = primitive("attention", attrs)(q!, k!, v!, ...extras);
        return primitive("attentionBackward", attrs)(g!, q!, k!, v!, o!, lse!, ...extras);
      },
  ),
};

/** Part i of a packed [B, T, 3, H, D], as [B, H, T, D]. */
const part = (qkv: HostArray, i: number): HostArray => {
  const [b, t, , h, d] = qkv.shape as [number, number, number, number, number];
  return generate([b, h, t, d], ([n, head, row, column]) => at(qkv, [n!, row!, i, head!, column!]));
};
/** [B, H, T, D] as [B, T, H, D], or back. */
const exchanged = (x: HostArray): HostArray => {
  const [b, h, t, d] = x.shape as [number, number, number, number];
  return generate([b, t, h, d], ([n, row, head, column]) => at(x, [n!, head!, row!, column!]));
};

const packed = real([2, 4, 3, 2, 4], 51);
const packedScores = [2, 2, 4, 4];

const packedAttention: PrimitiveSamples = {
  tolerance,
  reference: ([qkv, ...extras], attrs: SampleAttrs) => [
    exchanged(forward([...[0, 1, 2].map((i) => part(qkv!, i)), ...extras], attrs, attrs.bools)),
  ],
  samples: inEachForm(
    [packed],
    packedScores,
    110,
    (attrs) => (inputs) => primitive("packedAttention", attrs)(...inputs).slice(0, 1),
  ),
};

/** Operands: the cotangent [B, T, H, D], qkv, and the extras. */
const packedAttentionBackward: PrimitiveSamples = {
  tolerance,
  reference: ([g, qkv, ...extras], attrs: SampleAttrs) => {
    const operands = [exchanged(g!), ...[0, 1, 2].map((i) => part(qkv!, i)), ...extras];
    const parts = backward(operands, attrs, attrs.bools);
    return [
      generate(qkv!.shape, ([n, row, i, head, column]) =>
        at(parts[i!]!, [n!, head!, row!, column!]),
      ),
    ];
  },
  samples: inEachForm(
    [real([2, 4, 2, 4], 52), packed],
    packedScores,
    120,
    (attrs) =>
      ([g, qkv, ...extras]) => {
        const [o, lse] = primitive("packedAttention", attrs)(qkv!, ...extras);
        return primitive("packedAttentionBackward", attrs)(g!, qkv!, o!, lse!, ...extras);
      },
  ),
};

const attentionDropout: PrimitiveSamples = {
  tolerance: exact,
  reference: ([keys], attrs: Dropout & { shape: number[] }) => [
    generate(attrs.shape, (index) => Math.fround(at(factors(keys!, attrs.shape, attrs), index))),
  ],
  samples: (
    [
      ["rows that end within a block", [2, 3, 4, 5], 6, [1, 2]],
      ["one key for each of two batches", [2, 1, 3, 8], 1, [2, 2]],
      ["a lane of half the batches", [2, 2, 1, 3], 2, [1, 2]],
      ["no queries", [1, 1, 0, 4], 1, [1, 2]],
    ] as const
  ).map(([claim, shape, drawn, keys]) => ({
    claim,
    operands: [given(keys, [1, 2, 3, 4].slice(0, 2 * keys[0]), "u32")],
    attrs: { shape, p: 0.3, stream: 7, drawn },
  })),
};

interface RotaryAttrs {
  pairs: number;
  interleaved: boolean;
  offset: number;
  after: number;
  time: number;
  sense: 1 | -1;
}

/** Turns in fixed point, high words first, each of 24 bits: operands are made from f32. */
const fixedPoint = (turns: readonly number[]): number[] =>
  turns.flatMap((t) => {
    const word = (x: number): number => Math.floor((x % 1) * 2 ** 24) * 2 ** 8;
    return [word(t), word(t * 2 ** 24)];
  });

function rotated(
  [x, frequencies, positions]: readonly HostArray[],
  { pairs, interleaved, offset, after, time, sense }: RotaryAttrs,
): HostArray {
  const width = x!.shape.at(-1)!;
  const out = Float64Array.from(x!.data);
  for (let row = 0; row < x!.data.length / width; row++) {
    const position = positions?.data[row] ?? offset + (Math.floor(row / after) % time);
    for (let i = 0; i < pairs; i++) {
      const [high, low] = [frequencies!.data[2 * i]!, frequencies!.data[2 * i + 1]!];
      const angle = 2 * Math.PI * sense * position * (high / 2 ** 32 + low / 2 ** 64);
      const a = row * width + (interleaved ? 2 * i : i);
      const b = a + (interleaved ? 1 : pairs);
      const [p, q] = [x!.data[a]!, x!.data[b]!];
      out[a] = p * Math.cos(angle) - q * Math.sin(angle);
      out[b] = p * Math.sin(angle) + q * Math.cos(angle);
    }
  }
  return array(x!.shape, out);
}

const table = (pairs: number): Operand =>
  given(
    [pairs, 2],
    fixedPoint(Array.from({ length: pairs }, (_, i) => 100 ** (-i / pairs) / (2 * Math.PI))),
    "u32",
  );
const rows = { offset: 0, after: 1, time: 1, sense: 1, interleaved: false } as const;

const rotaryEmbedding: PrimitiveSamples = {
  tolerance: { relative: 2e-6, absolute: 2e-6 },
  reference: (inputs, attrs: RotaryAttrs) => [rotated(inputs, attrs)],
  samples: [
    {
      claim: "halves, an offset",
      operands: [real([2, 3, 4], 71), table(2)],
      attrs: { ...rows, pairs: 2, offset: 5, time: 3 },
    },
    {
      claim: "neighbours, part of the row, transposed, back",
      operands: [real([2, 3, 7], 72, { layout: "transposed" }), table(2)],
      attrs: { ...rows, pairs: 2, interleaved: true, after: 3, time: 2, sense: -1 },
    },
    {
      claim: "positions, some far, some below zero",
      operands: [real([2, 2, 6], 73), table(3), given([2, 2], [-7, 3, 100_000, -2_000_000], "i32")],
      attrs: { ...rows, pairs: 3 },
    },
    {
      claim: "over a workgroup",
      operands: [real([13, 10], 74, { layout: "sliced" }), table(5)],
      attrs: { ...rows, pairs: 5, time: 13 },
    },
    {
      claim: "no rows",
      operands: [real([0, 4], 75), table(2)],
      attrs: { ...rows, pairs: 2 },
    },
  ],
};

export const attentionSamples: SampleTable = {
  attention,
  attentionBackward,
  attentionDropout,
  packedAttention,
  packedAttentionBackward,
  rotaryEmbedding,
};
