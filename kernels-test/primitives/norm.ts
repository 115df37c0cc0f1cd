/** Samples of normalisation. */
import { array, at, generate, type HostArray, reduceDims } from "../reference/array";
import { rowsOf, total } from "../reference/matrix";
import { type Layout, type Operand, real } from "./operand";
import { type PrimitiveSamples, primitive, type Sample, type SampleTable } from "./sample";

const rowTolerance = { relative: 3e-6, absolute: 2e-6 };

interface NormAttrs {
  cols: number;
  eps: number;
  centered: boolean;
  hasWeight: boolean;
  hasBias: boolean;
}

const norm = (
  cols: number,
  centered: boolean,
  hasWeight = true,
  hasBias = centered,
): NormAttrs => ({
  cols,
  eps: 1e-3,
  centered,
  hasWeight,
  hasBias,
});

/** (x - mean) · rstd by rows of `cols`, which may span several dimensions. */
function normalized(x: HostArray, { cols, eps, centered }: NormAttrs): number[][] {
  return rowsOf(array([x.data.length / cols, cols], x.data)).map((row) => {
    const mean = centered ? total(row) / cols : 0;
    const square = total(row.map((v) => (v - mean) ** 2)) / cols;
    return row.map((v) => (v - mean) / Math.sqrt(square + eps));
  });
}

function normForward([x, ...parameters]: readonly HostArray[], attrs: NormAttrs): HostArray[] {
  const weight = attrs.hasWeight ? parameters[0]! : null;
  const bias = attrs.hasBias ? parameters.at(-1)! : null;
  const out = normalized(x!, attrs).flatMap((row) =>
    row.map((v, i) => v * (weight?.data[i] ?? 1) + (bias?.data[i] ?? 0)),
  );
  return [array(x!.shape, out)];
}

function rowNormSamples(name: "layerNorm" | "rmsNorm"): PrimitiveSamples {
  const centered = name === "layerNorm";
  const sample = (claim: string, attrs: NormAttrs, ...operands: Operand[]): Sample => ({
    claim,
    operands,
    attrs,
    call: (inputs) => primitive(name, attrs)(...inputs).slice(0, 1),
  });
  const bias = (shape: number[], seed: number) => (centered ? [real(shape, seed)] : []);
  return {
    tolerance: rowTolerance,
    reference: normForward,
    samples: [
      sample("rows of five", norm(5, centered), real([3, 5], 21), real([5], 22), ...bias([5], 23)),
      sample("rows of eight", norm(8, centered), real([2, 8], 24), real([8], 25), ...bias([8], 26)),
      sample("without parameters", norm(5, centered, false, false), real([3, 5], 27)),
      sample(
        "over two dimensions, transposed",
        norm(6, centered),
        real([2, 2, 3], 28, { layout: "transposed" }),
        real([2, 3], 29, { layout: "sliced" }),
        ...bias([2, 3], 30),
      ),
      sample("no rows", norm(3, centered, false, false), real([0, 3], 31)),
    ],
  };
}

/** Operands: the cotangent of y, x and weight; mean and rstd come from the forward operation. */
const normBackward: PrimitiveSamples = {
  tolerance: rowTolerance,
  reference: ([g, x, weight], attrs: NormAttrs) => {
    const n = normalized(x!, attrs);
    const gs = rowsOf(array([n.length, attrs.cols], g!.data));
    const out = rowsOf(array([n.length, attrs.cols], x!.data)).flatMap((row, r) => {
      const mean = attrs.centered ? total(row) / attrs.cols : 0;
      const square = total(row.map((v) => (v - mean) ** 2)) / attrs.cols;
      const rstd = 1 / Math.sqrt(square + attrs.eps);
      const h = gs[r]!.map((v, i) => v * (weight?.data[i] ?? 1));
      const plain = attrs.centered ? total(h) / attrs.cols : 0;
      const along = total(h.map((v, i) => v * n[r]![i]!)) / attrs.cols;
      return h.map((v, i) => rstd * (v - plain - n[r]![i]! * along));
    });
    return [array(x!.shape, out)];
  },
  samples: [
    ["layerNorm", norm(5, true)] as const,
    ["rmsNorm", norm(4, false, true, false)] as const,
  ].map(([name, attrs]) => ({
    claim: `of ${name}`,
    operands: [real([3, attrs.cols], 41), real([3, attrs.cols], 42), real([attrs.cols], 43)],
    attrs,
    call: ([g, x, weight]) => {
      const forward = attrs.hasBias ? [x!, weight!, weight!] : [x!, weight!];
      const [, mean, rstd] = primitive(name, attrs)(...forward);
      return primitive("normBackward", attrs)(g!, x!, mean!, rstd!, weight!);
    },
  })),
};

const normParametersBackward: PrimitiveSamples = {
  tolerance: { relative: 3e-6, absolute: 5e-6 },
  reference: ([g, x], attrs: NormAttrs) => {
    const n = normalized(x!, attrs);
    const shape = [n.length, attrs.cols];
    const products = array(
      shape,
      n.flat().map((v, i) => v * g!.data[i]!),
    );
    const sums = [products, array(shape, g!.data)].map((t) => reduceDims(t, [0], total));
    return attrs.hasBias ? sums : sums.slice(0, 1);
  },
  samples: [
    ["layerNorm", norm(5, true)] as const,
    ["rmsNorm", norm(4, false, true, false)] as const,
  ].map(([name, attrs]) => ({
    claim: `of ${name}`,
    operands: [real([7, attrs.cols], 51), real([7, attrs.cols], 52)],
    attrs,
    call: ([g, x]) => {
      const bare = { ...attrs, hasWeight: false, hasBias: false };
      const [, mean, rstd] = primitive(name, bare)(x!);
      return primitive("normParametersBackward", attrs)(g!, x!, mean!, rstd!);
    },
  })),
};

interface ChannelAttrs {
  eps: number;
  hasWeight: boolean;
  hasBias: boolean;
}

/** Statistics and normalised values of x [batches, depth, channels, inner], by channels of batches. */
function byChannels(x: HostArray, eps: number) {
  const [batches, depth, channels, inner] = x.shape as [number, number, number, number];
  const means = array([batches, channels], new Float64Array(batches * channels));
  const variances = array([batches, channels], new Float64Array(batches * channels));
  for (let b = 0; b < batches; b++)
    for (let c = 0; c < channels; c++) {
      const own = Array.from({ length: depth * inner }, (_, i) =>
        at(x, [b, Math.floor(i / inner), c, i % inner]),
      );
      const mean = total(own) / own.length;
      means.data[b * channels + c] = mean;
      variances.data[b * channels + c] = total(own.map((v) => (v - mean) ** 2)) / own.length;
    }
  const rstd = generate(means.shape, (index) => 1 / Math.sqrt(at(variances, index) + eps));
  const n = generate(
    x.shape,
    ([b, d, c, i]) => (at(x, [b!, d!, c!, i!]) - at(means, [b!, c!])) * at(rstd, [b!, c!]),
  );
  return { means, variances, rstd, n };
}

/** Sums of products over all but batches and channels. */
const channelSums = (x: HostArray, y: HostArray): HostArray => {
  const [batches, depth, channels, inner] = x.shape as [number, number, number, number];
  return generate([batches, channels], ([b, c]) =>
    total(
      Array.from({ length: depth * inner }, (_, i) => {
        const index = [b!, Math.floor(i / inner), c!, i % inner];
        return at(x, index) * at(y, index);
      }),
    ),
  );
};

const channelAttrs = { eps: 1e-3, hasWeight: true, hasBias: true };
const plainChannels = { eps: 1e-3, hasWeight: false, hasBias: false };
const channelShapes: readonly (readonly [string, number[], Layout])[] = [
  ["positions in vec4s", [1, 2, 3, 4], "dense"],
  ["ghost batches", [2, 3, 2, 3], "transposed"],
  ["no positions", [1, 5, 3, 1], "sliced"],
  ["over a workgroup", [1, 9, 1, 8], "dense"],
];

const batchNorm: PrimitiveSamples = {
  tolerance: rowTolerance,
  reference: ([x, ...parameters], { eps, hasWeight, hasBias }: ChannelAttrs) => {
    const { n } = byChannels(x!, eps);
    const weight = hasWeight ? parameters[0] : undefined;
    const bias = hasBias ? parameters.at(-1) : undefined;
    return [
      generate(x!.shape, (index) => {
        const c = index[2]!;
        return at(n, index) * (weight?.data[c] ?? 1) + (bias?.data[c] ?? 0);
      }),
    ];
  },
  samples: [
    ...channelShapes.map(
      ([claim, shape, layout], i): Sample => ({
        claim,
        operands: [
          real(shape, 61 + i, { layout }),
          real([shape[2]!], 71 + i),
          real([shape[2]!], 81 + i),
        ],
        attrs: channelAttrs,
        call: (inputs) => primitive("batchNorm", channelAttrs)(...inputs).slice(0, 1),
      }),
    ),
    {
      claim: "without parameters",
      operands: [real([1, 4, 2, 2], 66)],
      attrs: plainChannels,
      call: (inputs) => primitive("batchNorm", plainChannels)(...inputs).slice(0, 1),
    },
    {
      claim: "no positions at all",
      operands: [real([1, 4, 2, 0], 67)],
      attrs: plainChannels,
      call: (inputs) => primitive("batchNorm", plainChannels)(...inputs).slice(0, 1),
    },
  ],
};

/** Operands: the cotangent of y, x and weight; mean and rstd come from the forward operation. */
const batchNormBackward: PrimitiveSamples = {
  tolerance: { relative: 3e-6, absolute: 5e-6 },
  reference: ([g, x, weight], { eps }: ChannelAttrs) => {
    const { n, rstd } = byChannels(x!, eps);
    const along = channelSums(g!, n);
    const plain = channelSums(
      g!,
      generate(g!.shape, () => 1),
    );
    const [, depth, , inner] = x!.shape as [number, number, number, number];
    const count = depth * inner;
    const dx = generate(x!.shape, (index) => {
      const row = [index[0]!, index[2]!];
      const slope =
        at(g!, index) - at(plain, row) / count - (at(n, index) * at(along, row)) / count;
      return slope * at(rstd, row) * (weight?.data[index[2]!] ?? 1);
    });
    return [dx, along, plain];
  },
  samples: channelShapes.map(([claim, shape, layout], i) => ({
    claim,
    operands: [real(shape, 91 + i), real(shape, 95 + i, { layout }), real([shape[2]!], 99 + i)],
    attrs: channelAttrs,
    call: ([g, x, weight]) => {
      const [, mean, rstd] = primitive("batchNorm", plainChannels)(x!);
      const attrs = { ...channelAttrs, hasBias: false };
      return primitive("batchNormBackward", attrs)(g!, x!, mean!, rstd!, weight!);
    },
  })),
};

export const normSamples: SampleTable = {
  batchNorm,
  batchNormBackward,
  layerNorm: rowNormSamples("layerNorm"),
  rmsNorm: rowNormSamples("rmsNorm"),
  normBackward,
  normParametersBackward,
};
