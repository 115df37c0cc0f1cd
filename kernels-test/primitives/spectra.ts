/**
 * Samples of eigenvalues, singular values and what is made of them. Vectors have a sign that no theory gives,
 * so the calls return sums of v_k v_kᵀ with different weights, which do not depend on it.
 */
import { add, mul } from "../../src/ops/arithmetic";
import { eye } from "../../src/ops/creation";
import { matmul } from "../../src/ops/matmul";
import { expand, transpose } from "../../src/ops/shape";
import { tensor } from "../../src/tensor/creation";
import type { Tensor } from "../../src/tensor/tensor";
import { array, type HostArray } from "../reference/array";
import {
  combined,
  eigen,
  matricesOf,
  ofSymmetric,
  product,
  type Rows,
  singular,
  turned,
} from "../reference/spectral";
import { given, type Layout, type Operand, real } from "./operand";
import { type PrimitiveSamples, primitive, type Sample, type SampleTable } from "./sample";

const turn = (x: Tensor): Tensor => transpose(x, -1, -2);

/** Numbers that go with the first, second, … value: none equal, none 0. */
const weightsOf = (count: number): number[] => Array.from({ length: count }, (_, i) => 1 + i * 0.5);

/** x diag(weights) */
const weighted = (x: Tensor): Tensor => mul(x, tensor(weightsOf(x.shape.at(-1)!)));

/** Square matrices whose eigenvalues keep a distance: what is drawn, and more on the diagonal from row to row. */
function graded(shape: readonly number[], seed: number, layout: Layout = "dense"): Operand {
  const n = shape.at(-1)!;
  const drawn = real(shape, seed, { low: -0.5, high: 0.5 }).value.data;
  const values = drawn.map((v, i) => v + (i % n === Math.floor(i / n) % n ? 2 * (i % n) - 3 : 0));
  return given(shape, values, "f32", layout);
}

const shaped = (x: HostArray, shape: readonly number[], rows: readonly Rows[]): HostArray =>
  array([...x.shape.slice(0, -2), ...shape], rows.flat(2));

/** Errors of f32 relative to the largest value, through a few products and a gap of about 1. */
const tolerance = { relative: 1e-5, absolute: 1e-5 };

const symmetric = (claim: string, x: Operand, differentiate = true): Sample => ({
  claim,
  operands: [x],
  attrs: null,
  differentiate,
  call: ([a]) => {
    const [values, vectors] = primitive("eigh", null)(a!);
    return [values!, matmul(weighted(vectors!), turn(vectors!))];
  },
});

const eigh: PrimitiveSamples = {
  tolerance,
  gradientTolerance: 5e-4,
  reference: ([x]) => {
    const found = matricesOf(x!).map(eigen);
    const n = x!.shape.at(-1)!;
    return [
      array(
        x!.shape.slice(0, -1),
        found.flatMap(({ values }) => values),
      ),
      shaped(
        x!,
        [n, n],
        found.map(({ vectors }) => combined(weightsOf(n), vectors, vectors)),
      ),
    ];
  },
  samples: [
    symmetric("three by three", graded([3, 3], 1)),
    symmetric("a batch of four by four", graded([2, 4, 4], 2)),
    symmetric("five by five, transposed", graded([5, 5], 3, "transposed")),
    symmetric("sliced", graded([4, 4], 4, "sliced")),
    symmetric("one number", graded([1, 1], 5)),
    symmetric("two by two", graded([3, 2, 2], 6)),
    symmetric("seventeen", graded([17, 17], 7), false),
    symmetric("nothing", graded([0, 0], 9)),
    symmetric("no matrices", graded([0, 3, 3], 10)),
  ],
};
const eigvalsh: PrimitiveSamples = {
  tolerance,
  gradientTolerance: 5e-4,
  reference: ([x]) => [
    array(
      x!.shape.slice(0, -1),
      matricesOf(x!).flatMap((a) => eigen(a).values),
    ),
  ],
  samples: [
    ...eigh.samples,
    symmetric("all rows the same, of rank two", real([4, 4], 8, { layout: "expanded" }), false),
  ].map(({ claim, operands, differentiate }) => ({
    claim,
    operands,
    attrs: null,
    ...(differentiate === false && { differentiate }),
  })),
};

const rectangular = (claim: string, x: Operand, differentiate = true): Sample => ({
  claim,
  operands: [x],
  attrs: null,
  differentiate,
  call: ([a]) => {
    const [u, s, vh] = primitive("svd", null)(a!);
    return [s!, matmul(weighted(u!), vh!)];
  },
});

/** Columns of quite different lengths, so that singular values keep a distance. */
function stretched(shape: readonly number[], seed: number, layout: Layout = "dense"): Operand {
  const n = shape.at(-1)!;
  const m = shape.at(-2)!;
  const drawn = real(shape, seed, { low: -0.5, high: 0.5 }).value.data;
  const values = drawn.map((v, i) => v + (i % n === Math.floor(i / n) % m ? 2 + 1.5 * (i % n) : 0));
  return given(shape, values, "f32", layout);
}

const svd: PrimitiveSamples = {
  tolerance,
  gradientTolerance: 5e-4,
  reference: ([x]) => {
    const [m, n] = x!.shape.slice(-2) as [number, number];
    const found = matricesOf(x!).map((a) => singular(a, n));
    return [
      array(
        [...x!.shape.slice(0, -2), n],
        found.flatMap(({ values }) => values),
      ),
      shaped(
        x!,
        [m, n],
        found.map(({ left, right }) => combined(weightsOf(n), left, right)),
      ),
    ];
  },
  samples: [
    rectangular("three by three", stretched([3, 3], 21)),
    rectangular("five by three", stretched([5, 3], 22)),
    rectangular("a batch of four by two", stretched([2, 4, 2], 23)),
    rectangular("six by four, transposed", stretched([6, 4], 24, "transposed")),
    rectangular("sliced", stretched([4, 4], 25, "sliced")),
    rectangular("one column", stretched([5, 1], 26)),
    rectangular("sixty-five by nine", stretched([65, 9], 27), false),
    rectangular("nothing", stretched([0, 0], 28)),
    rectangular("no columns", stretched([3, 0], 29)),
  ],
};

const svdvals: PrimitiveSamples = {
  tolerance,
  gradientTolerance: 5e-4,
  reference: ([x]) => {
    const n = x!.shape.at(-1)!;
    return [
      array(
        [...x!.shape.slice(0, -2), n],
        matricesOf(x!).flatMap((a) => singular(a, n).values),
      ),
    ];
  },
  samples: svd.samples.map(({ claim, operands, differentiate }) => ({
    claim,
    operands,
    attrs: null,
    ...(differentiate === false && { differentiate }),
  })),
};

const pinv: PrimitiveSamples = {
  tolerance,
  gradientTolerance: 5e-4,
  reference: ([x]) => {
    const [m, n] = x!.shape.slice(-2) as [number, number];
    return [
      shaped(
        x!,
        [n, m],
        matricesOf(x!).map((a) => {
          const { values, left, right } = singular(a, n);
          return combined(
            values.map((s) => 1 / s),
            right,
            left,
          );
        }),
      ),
    ];
  },
  samples: [
    { claim: "tall", operands: [stretched([4, 3], 31)], attrs: { rtol: 1e-6 } },
    { claim: "wide, in a batch", operands: [stretched([2, 2, 4], 32)], attrs: { rtol: 1e-6 } },
    {
      claim: "square, transposed",
      operands: [stretched([3, 3], 33, "transposed")],
      attrs: { rtol: 1e-6 },
    },
    { claim: "sliced", operands: [stretched([5, 2], 34, "sliced")], attrs: { rtol: 1e-6 } },
    { claim: "nothing", operands: [stretched([3, 0], 35)], attrs: { rtol: 1e-6 } },
  ],
};

/** x xᵀ + I / 2, so that any operand makes a positive definite matrix. */
const positive = (x: Tensor): Tensor => {
  const gram = matmul(x, turn(x));
  return add(gram, expand(mul(eye(x.shape.at(-1)!), 0.5), gram.shape));
};
const hostPositive = (a: Rows): Rows =>
  product(a, turned(a)).map((row, i) => row.map((v, j) => v + (i === j ? 0.5 : 0)));

interface RootAttrs {
  readonly p: number;
  readonly inverse: boolean;
}

const root = (claim: string, x: Operand, p: number, inverse: boolean): Sample => {
  const attrs = { p, inverse, op: "linalg.sqrtm" };
  return {
    claim,
    operands: [x],
    attrs,
    call: ([a]) => primitive("matrixRoot", attrs)(positive(a!)),
  };
};

const matrixRoot: PrimitiveSamples = {
  tolerance,
  gradientTolerance: 5e-4,
  reference: ([x], { p, inverse }: RootAttrs) => {
    const n = x!.shape.at(-1)!;
    const power = (inverse ? -1 : 1) / p;
    return [
      shaped(
        x!,
        [n, n],
        matricesOf(x!).map((a) => ofSymmetric(hostPositive(a), (v) => v ** power)),
      ),
    ];
  },
  samples: [
    root("square root", real([3, 3], 41), 2, false),
    root("inverse square root of a batch", real([2, 4, 4], 42), 2, true),
    root("inverse fourth root, transposed", real([4, 4], 43, { layout: "transposed" }), 4, true),
    root("third root, sliced", real([3, 3], 44, { layout: "sliced" }), 3, false),
    root("inverse", real([3, 3], 45), 1, true),
    root("repeated eigenvalues", given([3, 3], [1, 0, 0, 0, 1, 0, 0, 0, 1]), 2, false),
    root("nothing", real([0, 0], 46), 2, false),
  ],
};

const equation = (claim: string, x: Operand, g: Operand, p: number): Sample => ({
  claim,
  operands: [x, g],
  attrs: { p },
  call: ([a, b]) => primitive("rootSylvester", { p })(positive(a!), b!),
});

const rootSylvester: PrimitiveSamples = {
  tolerance,
  gradientTolerance: 5e-4,
  reference: ([x, g], { p }: { p: number }) => {
    const gs = matricesOf(g!);
    const n = x!.shape.at(-1)!;
    return [
      shaped(
        x!,
        [n, n],
        matricesOf(x!).map((a, b) => {
          const { values, vectors } = eigen(hostPositive(a));
          const inner = product(product(vectors, gs[b]!), turned(vectors));
          const divided = inner.map((row, i) =>
            row.map((v, j) => {
              let divisor = 0;
              for (let k = 0; k < p; k++) divisor += values[i]! ** k * values[j]! ** (p - 1 - k);
              return v / divisor;
            }),
          );
          return product(product(turned(vectors), divided), vectors);
        }),
      ),
    ];
  },
  samples: [
    equation("Sylvester's", real([3, 3], 51), real([3, 3], 52), 2),
    equation("of a batch", real([2, 2, 2], 53), real([2, 2, 2], 54), 2),
    equation("for third roots", real([3, 3], 55), real([3, 3], 56, { layout: "transposed" }), 3),
    equation(
      "for fourth roots, sliced",
      real([2, 2], 57, { layout: "sliced" }),
      real([2, 2], 58),
      4,
    ),
    equation(
      "repeated eigenvalues",
      given([3, 3], [1, 0, 0, 0, 1, 0, 0, 0, 1]),
      real([3, 3], 59),
      2,
    ),
  ],
};

export const spectraSamples: SampleTable = {
  eigh,
  eigvalsh,
  matrixRoot,
  pinv,
  rootSylvester,
  svd,
  svdvals,
};
