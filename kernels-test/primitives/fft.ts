/** Samples of Fourier and Walsh-Hadamard transforms. */
import { at, generate, type HostArray } from "../reference/array";
import { type Layout, real } from "./operand";
import type { PrimitiveSamples, SampleTable } from "./sample";

interface DftAttrs {
  dim: number;
  inverse: boolean;
  scale: number;
}

/** Σ_j x[.. j ..] w(j, k) at each k along `dim`. */
function alongDim(x: HostArray, dim: number, weight: (j: number, k: number) => number): HostArray {
  return generate(x.shape, (index) => {
    let sum = 0;
    for (let j = 0; j < x.shape[dim]!; j++)
      sum +=
        weight(j, index[dim]!) *
        at(
          x,
          index.map((i, d) => (d === dim ? j : i)),
        );
    return sum;
  });
}

const dftSample = (
  claim: string,
  shape: readonly number[],
  attrs: DftAttrs,
  layouts: readonly Layout[] = ["dense", "dense"],
) => ({
  claim,
  operands: layouts.map((layout, i) => real(shape, 500 + shape.length + i, { layout })),
  attrs,
});

const forward = (dim: number): DftAttrs => ({ dim, inverse: false, scale: 1 });

const dft: PrimitiveSamples = {
  tolerance: { relative: 2e-6, absolute: 1e-5 },
  reference: ([re, im], { dim, inverse, scale }: DftAttrs) => {
    const n = re!.shape[dim]!;
    const angle = (j: number, k: number): number =>
      ((inverse ? 2 : -2) * Math.PI * ((j * k) % n)) / n;
    const cos = (x: HostArray) => alongDim(x, dim, (j, k) => scale * Math.cos(angle(j, k)));
    const sin = (x: HostArray) => alongDim(x, dim, (j, k) => scale * Math.sin(angle(j, k)));
    const minus = im && sin(im);
    const plus = im && cos(im);
    return [
      generate(re!.shape, (i) => at(cos(re!), i) - (minus ? at(minus, i) : 0)),
      generate(re!.shape, (i) => at(sin(re!), i) + (plus ? at(plus, i) : 0)),
    ];
  },
  samples: [
    dftSample("one element", [3, 1], forward(1)),
    dftSample("two", [2], forward(0)),
    dftSample("a power of four", [2, 16], forward(1)),
    dftSample("an odd power of two, inverse", [8, 3], { dim: 0, inverse: true, scale: 1 / 8 }),
    dftSample("three, five and four", [60], forward(0)),
    dftSample("seven and eleven", [77], { dim: 0, inverse: true, scale: 1 }),
    dftSample("thirteen, in the middle", [2, 13, 3], forward(1)),
    dftSample("real input", [3, 12], forward(1), ["dense"]),
    dftSample("transposed and sliced", [6, 4], forward(0), ["transposed", "sliced"]),
    dftSample("expanded", [4, 10], forward(1), ["expanded", "expanded"]),
    dftSample("no rows", [0, 4], forward(1)),
    dftSample("63 rows", [63, 2], forward(1)),
    dftSample("65 rows of real input", [65, 3], forward(1), ["dense"]),
  ],
};

const bits = (i: number): number => (i === 0 ? 0 : (i & 1) + bits(i >> 1));

const hadamardSample = (
  claim: string,
  shape: readonly number[],
  dim: number,
  options: { layout?: Layout; dtype?: "f16" } = {},
) => ({ claim, operands: [real(shape, 520 + dim, options)], attrs: { dim, scale: 0.5 } });

const hadamard: PrimitiveSamples = {
  tolerance: { relative: 1e-6, absolute: 4e-6 },
  reference: ([x], { dim, scale }: { dim: number; scale: number }) => [
    alongDim(x!, dim, (j, k) => scale * (bits(j & k) % 2 ? -1 : 1)),
  ],
  samples: [
    hadamardSample("one element", [3, 1], 1),
    hadamardSample("two", [2], 0),
    hadamardSample("eight along the first dimension", [8, 5], 0),
    hadamardSample("sixteen in the middle", [2, 16, 3], 1),
    hadamardSample("sixty-four, transposed", [3, 64], 1, { layout: "transposed" }),
    hadamardSample("sliced", [4, 32], 1, { layout: "sliced" }),
    hadamardSample("expanded", [4, 4], 1, { layout: "expanded" }),
    hadamardSample("no rows", [0, 4], 1),
    hadamardSample("65 rows", [65, 2], 1),
    hadamardSample("f16", [3, 4], 1, { dtype: "f16" }),
  ],
};

export const fftSamples: SampleTable = { dft, hadamard };
