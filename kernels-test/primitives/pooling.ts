/** Samples of pooling. */
import type { PoolAttrs } from "../../src/ops/pooling";
import { at, generate, type HostArray, indices, position, sizeOf } from "../reference/array";
import { type Operand, real } from "./operand";
import type { PrimitiveSamples, Sample, SampleTable } from "./sample";

interface Attrs extends PoolAttrs {
  readonly divisor: number | "padded" | "inside";
}

/** Positions of window q along dimension i that lie inside, by the definition. */
function seen(attrs: PoolAttrs, i: number, q: number): number[] {
  const [size, pixels] = [attrs.size[i]!, attrs.pixels[i]!];
  if (attrs.kind === "adaptive") {
    const first = Math.floor((q * size) / pixels);
    const end = Math.ceil(((q + 1) * size) / pixels);
    return Array.from({ length: end - first }, (_, k) => first + k);
  }
  return Array.from(
    { length: attrs.window[i]! },
    (_, k) => q * attrs.stride[i]! - attrs.low[i]! + k * attrs.dilation[i]!,
  ).filter((s) => s >= 0 && s < size);
}

/** The positions that window q sees, row by row. */
function places(attrs: PoolAttrs, q: readonly number[]): number[][] {
  return q.reduce<number[][]>(
    (all, p, i) => all.flatMap((s) => seen(attrs, i, p).map((next) => [...s, next])),
    [[]],
  );
}

function divisorOf(attrs: Attrs, q: readonly number[]): number {
  if (typeof attrs.divisor === "number") return attrs.divisor;
  if (attrs.divisor === "inside") return places(attrs, q).length;
  return q.reduce((product, p, i) => {
    const start = p * attrs.stride[i]! - attrs.low[i]!;
    return product * (Math.min(start + attrs.window[i]!, attrs.size[i]! + attrs.low[i]!) - start);
  }, 1);
}

const lead = (x: HostArray, attrs: PoolAttrs): readonly number[] =>
  x.shape.slice(0, x.shape.length - attrs.size.length);

function maxima(x: HostArray, attrs: PoolAttrs): [HostArray, HostArray] {
  const rows = lead(x, attrs);
  const best = (index: readonly number[]): number[] => {
    const row = index.slice(0, rows.length);
    const value = (s: number[]) => at(x, [...row, ...s]);
    return places(attrs, index.slice(rows.length)).reduce((a, b) => (value(b) > value(a) ? b : a));
  };
  const shape = [...rows, ...attrs.pixels];
  return [
    generate(shape, (index) => at(x, [...index.slice(0, rows.length), ...best(index)])),
    generate(shape, (index) => position(attrs.size, best(index))),
  ];
}

/** Adds weight(q) g_q, to each place that `targets` gives for q. */
function spread(
  g: HostArray,
  attrs: PoolAttrs,
  targets: (index: readonly number[], q: readonly number[]) => readonly number[][],
  weight: (q: readonly number[]) => number,
): HostArray {
  const rows = lead(g, attrs);
  const y = generate([...rows, ...attrs.size], () => 0);
  for (const index of indices(g.shape)) {
    const q = index.slice(rows.length);
    for (const s of targets(index, q))
      y.data[position(y.shape, [...index.slice(0, rows.length), ...s])]! +=
        at(g, index) * weight(q);
  }
  return y;
}

/** Row-major place as positions. */
function apart(flat: number, size: readonly number[]): number[] {
  let rest = flat;
  return [...size]
    .reverse()
    .map((d) => {
      const i = rest % d;
      rest = Math.floor(rest / d);
      return i;
    })
    .reverse();
}

const regular = (
  size: readonly number[],
  window: readonly number[],
  options: Partial<Attrs> = {},
): Attrs => {
  const each = (value: number) => size.map(() => value);
  const attrs = { stride: window, low: each(0), dilation: each(1), ...options };
  const pixels = size.map((s, i) => {
    const span = (window[i]! - 1) * attrs.dilation[i]! + 1;
    return Math.floor((s + 2 * attrs.low[i]! - span) / attrs.stride[i]!) + 1;
  });
  return { kind: "regular", size, window, pixels, divisor: sizeOf(window), ...attrs };
};

const adaptive = (size: readonly number[], pixels: readonly number[]): Attrs => ({
  ...regular(
    size,
    size.map(() => 1),
  ),
  kind: "adaptive",
  pixels,
  divisor: "inside",
});

const problems: readonly (readonly [string, Attrs])[] = [
  ["one dimension", regular([9], [3])],
  ["windows that overlap", regular([7, 6], [3, 2], { stride: [2, 1] })],
  ["padding", regular([6, 5], [3, 3], { stride: [2, 2], low: [1, 1], divisor: "padded" })],
  ["padding that does not count", regular([5, 5], [2, 3], { low: [1, 1], divisor: "inside" })],
  [
    "a last window beyond the end",
    { ...regular([8], [3], { stride: [2], divisor: "padded" }), pixels: [4] },
  ],
  ["gaps between windows", regular([2, 9], [1, 2], { stride: [1, 4], divisor: 3 })],
  ["three dimensions", regular([4, 3, 5], [2, 2, 2], { stride: [2, 1, 3] })],
  ["adaptive, windows of different sizes", adaptive([7, 5], [3, 2])],
  ["adaptive, more windows than elements", adaptive([3], [5])],
];
const dilated: readonly (readonly [string, Attrs])[] = [
  ["dilated windows", regular([9, 8], [3, 2], { dilation: [2, 3], stride: [1, 2], low: [1, 0] })],
];

const over = (
  list: readonly (readonly [string, Attrs])[],
  operands: (attrs: Attrs, seed: number) => readonly Operand[],
): Sample[] =>
  list.map(([claim, attrs], i) => ({ claim, attrs, operands: operands(attrs, i + 1) }));

const f16: Sample = {
  claim: "f16",
  attrs: regular([6], [2]),
  operands: [real([2, 6], 91, { dtype: "f16" })],
};
const rest = (seed: number): Sample[] => [
  {
    claim: "a transposed layout",
    attrs: regular([4, 6], [2, 3]),
    operands: [real([2, 3, 4, 6], seed, { layout: "transposed" })],
  },
  {
    claim: "a sliced layout",
    attrs: regular([5], [2], { stride: [1] }),
    operands: [real([13, 5], seed + 1, { layout: "sliced" })],
  },
  { claim: "no rows", attrs: regular([4], [2]), operands: [real([0, 4], seed + 2)] },
  f16,
];

/** Values are 0.01 and more apart: steps of differences must not exchange them. */
const step = 2 ** -9;

const maxPool: PrimitiveSamples = {
  tolerance: { relative: 0, absolute: 0 },
  gradientTolerance: 2e-3,
  reference: ([x], attrs: Attrs) => maxima(x!, attrs),
  samples: [
    ...over([...problems, ...dilated], (attrs, seed) => [real([2, 2, ...attrs.size], seed)]),
    ...rest(21),
  ].map((sample) => ({ ...sample, step })),
};

const maxPoolBackward: PrimitiveSamples = {
  tolerance: { relative: 1e-6, absolute: 1e-6 },
  reference: ([g, index], attrs: Attrs) => [
    spread(
      g!,
      attrs,
      (place) => [apart(at(index!, place), attrs.size)],
      () => 1,
    ),
  ],
  samples: over([...problems, ...dilated], (attrs, seed) => {
    const x = real([2, 2, ...attrs.size], seed + 30);
    const [, index] = maxima(x.value, attrs);
    return [
      real([2, 2, ...attrs.pixels], seed + 40),
      { value: index, dtype: "i32", layout: "dense" },
    ];
  }),
};

const avgPool: PrimitiveSamples = {
  tolerance: { relative: 1e-6, absolute: 1e-6 },
  reference: ([x], attrs: Attrs) => {
    const rows = lead(x!, attrs);
    return [
      generate([...rows, ...attrs.pixels], (index) => {
        const q = index.slice(rows.length);
        const sum = places(attrs, q).reduce(
          (total, s) => total + at(x!, [...index.slice(0, rows.length), ...s]),
          0,
        );
        return sum / divisorOf(attrs, q);
      }),
    ];
  },
  samples: [
    ...over(problems, (attrs, seed) => [real([2, 2, ...attrs.size], seed + 50)]),
    ...rest(61),
  ],
};

const avgPoolBackward: PrimitiveSamples = {
  tolerance: { relative: 1e-6, absolute: 1e-6 },
  reference: ([g], attrs: Attrs) => [
    spread(
      g!,
      attrs,
      (_, q) => places(attrs, q),
      (q) => 1 / divisorOf(attrs, q),
    ),
  ],
  samples: over(problems, (attrs, seed) => [real([3, ...attrs.pixels], seed + 70)]),
};

export const poolingSamples: SampleTable = { maxPool, maxPoolBackward, avgPool, avgPoolBackward };
