/** Samples of normalisation. */
import { array, type HostArray, reduceDims } from "../reference/array";
import { rowsOf, total } from "../reference/matrix";
import { type Operand, real } from "./operand";
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

export const normSamples: SampleTable = {
  layerNorm: rowNormSamples("layerNorm"),
  rmsNorm: rowNormSamples("rmsNorm"),
  normBackward,
  normParametersBackward,
};
