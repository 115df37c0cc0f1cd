/** Samples of factors and solutions of matrices. */
import { add, mul } from "../../src/ops/arithmetic";
import { eye } from "../../src/ops/creation";
import { matmul } from "../../src/ops/matmul";
import { transpose } from "../../src/ops/shape";
import type { Tensor } from "../../src/tensor/tensor";
import { array, generate, type HostArray } from "../reference/array";
import {
  arrayOf,
  cholesky,
  determinant,
  lu,
  type Matrix,
  matricesOf,
  qr,
  solve,
  turned,
} from "../reference/factors";
import { transpose as exchanged, matmul as product } from "../reference/matrix";
import { type Operand, real } from "./operand";
import { type PrimitiveSamples, primitive, type Sample, type SampleTable } from "./sample";

const tolerance = { relative: 2e-5, absolute: 2e-5 };

/** x plus a multiple of the identity, which keeps it away from singular matrices. */
const shifted = (x: Tensor, by: number): Tensor =>
  add(x, mul(eye(x.shape.at(-1)!, x.shape.at(-1)!, { device: x.device }), by));
const shiftedHost = (x: HostArray, by: number): HostArray =>
  generate(x.shape, (index) => {
    const [i, j] = index.slice(-2) as [number, number];
    const at = index.reduce((p, v, d) => p * x.shape[d]! + v, 0);
    return x.data[at]! + (i === j ? by : 0);
  });

const infoOf = (x: HostArray): HostArray => generate(x.shape.slice(0, -2), () => 0);

/** x xᵀ + I, which is positive definite and stays so for every x. */
const definite = (x: Tensor): Tensor => shifted(matmul(x, transpose(x, -1, -2)), 1);

const square = (seed: number, n: number, layout: "dense" | "transposed" | "sliced" = "dense") =>
  real([n, n], seed, { low: -1, high: 1.3, layout });

const choleskyOf = (claim: string, x: Operand, differentiate = true): Sample => ({
  claim,
  operands: [x],
  attrs: { checked: true },
  differentiate,
  call: ([a]) => primitive("cholesky", { checked: true })(definite(a!)),
});

const choleskySamples: PrimitiveSamples = {
  tolerance,
  reference: ([x]) => {
    const a = shiftedHost(product(x!, exchanged(x!)), 1);
    return [
      arrayOf(
        a.shape,
        matricesOf(a).map((m) => cholesky(m)!),
      ),
      infoOf(a),
    ];
  },
  samples: [
    choleskyOf("3 x 3", square(1, 3)),
    choleskyOf(
      "a batch, transposed",
      real([2, 4, 4], 2, { low: -1, high: 1, layout: "transposed" }),
    ),
    choleskyOf("1 x 1", square(3, 1)),
    choleskyOf("no rows", real([2, 0, 0], 4)),
    choleskyOf("no matrices", real([0, 3, 3], 5)),
    choleskyOf("a whole block", square(6, 32), false),
    choleskyOf("past a block, sliced", square(7, 33, "sliced"), false),
    choleskyOf("past two blocks", real([2, 65, 65], 8, { low: -0.3, high: 0.3 }), false),
  ],
};

interface Triangle {
  upper: boolean;
  unitriangular: boolean;
}

/** Operands x, of which a + 3 I is the triangle, and b. */
const triangleOf = (
  claim: string,
  a: Operand,
  b: Operand,
  { upper, unitriangular }: Triangle,
  differentiate = true,
): Sample => {
  const attrs = { upper, unitriangular, op: "solveTriangular" };
  return {
    claim,
    operands: [a, b],
    attrs,
    differentiate,
    call: ([x, y]) => primitive("solveTriangular", attrs)(shifted(x!, 3), y!),
  };
};

const lower = { upper: false, unitriangular: false };
const upper = { upper: true, unitriangular: false };

/** Small enough that products of many do not grow. */
const small = (shape: readonly number[], seed: number): Operand =>
  real(shape, seed, { low: -0.1, high: 0.1 });

const solveTriangular: PrimitiveSamples = {
  tolerance,
  reference: ([x, b], attrs: Triangle) => {
    const right = matricesOf(b!);
    const solved = matricesOf(shiftedHost(x!, 3)).map((m, i) => {
      const t: Matrix = m.map((row, r) =>
        row.map((v, c) => {
          if (r === c) return attrs.unitriangular ? 1 : v;
          return c > r === attrs.upper ? v : 0;
        }),
      );
      return solve(t, right[i]!);
    });
    return [arrayOf(b!.shape, solved)];
  },
  samples: [
    triangleOf("lower", square(11, 3), real([3, 2], 12), lower),
    triangleOf(
      "upper, a batch of views",
      real([2, 4, 4], 13, { low: -1, high: 1, layout: "transposed" }),
      real([2, 4, 3], 14, { layout: "sliced" }),
      upper,
    ),
    triangleOf("ones on the diagonal", square(15, 4), real([4, 5], 16), {
      upper: false,
      unitriangular: true,
    }),
    triangleOf(
      "an expanded batch",
      real([2, 3, 3], 17, { layout: "expanded" }),
      real([2, 3, 1], 18),
      {
        upper: true,
        unitriangular: true,
      },
    ),
    triangleOf("1 x 1", square(19, 1), real([1, 4], 20), lower),
    triangleOf("no columns", square(21, 3), real([3, 0], 22), lower),
    triangleOf("no rows", real([0, 0], 23), real([0, 2], 24), lower),
    triangleOf("two blocks, lower", small([63, 63], 25), real([63, 3], 26), lower, false),
    triangleOf("three blocks, upper", small([65, 65], 27), real([65, 6], 28), upper, false),
  ],
};

const luOf = (claim: string, x: Operand, differentiate = true): Sample => ({
  claim,
  operands: [x],
  attrs: { checked: null },
  differentiate,
});

const luFactor: PrimitiveSamples = {
  tolerance,
  reference: ([x]) => {
    const [m, n] = x!.shape.slice(-2) as [number, number];
    const batch = x!.shape.slice(0, -2);
    const factors = matricesOf(x!).map(lu);
    const lists = (shape: number[], parts: number[][]) => array(shape, parts.flat());
    const firstZero = (packed: Matrix): number =>
      packed.slice(0, Math.min(m, n)).findIndex((row, i) => row[i] === 0) + 1;
    return [
      arrayOf(
        x!.shape,
        factors.map(({ packed }) => packed),
      ),
      lists(
        [...batch, Math.min(m, n)],
        factors.map(({ pivots }) => pivots),
      ),
      lists(
        [...batch, m],
        factors.map(({ permutation }) => permutation),
      ),
      array(
        batch,
        factors.map(({ packed }) => firstZero(packed)),
      ),
    ];
  },
  gradientTolerance: 1e-3,
  samples: [
    luOf("3 x 3", square(31, 3)),
    luOf("a batch, transposed", real([2, 4, 4], 32, { high: 2.3, layout: "transposed" })),
    luOf("tall", real([5, 3], 33, { high: 2.3 })),
    luOf("wide, sliced", real([3, 5], 34, { high: 2.3, layout: "sliced" })),
    luOf("1 x 1", square(35, 1)),
    luOf("no columns", real([3, 0], 36)),
    luOf("a matrix of zeros", real([3, 3], 37, { place: () => 0 }), false),
    luOf("a whole block", square(38, 32), false),
    luOf("tall, past a block", real([65, 33], 39, { low: -1, high: 1.3 }), false),
    luOf("wide, past a block", real([33, 65], 43, { low: -1, high: 1.3 }), false),
    luOf("a batch, two blocks", real([2, 63, 63], 41, { low: -1, high: 1.3 }), false),
  ],
};

const solveOf = (
  claim: string,
  a: Operand,
  b: Operand,
  transposed: boolean,
  differentiate = true,
): Sample => ({
  claim,
  operands: [a, b],
  attrs: { transposed },
  differentiate,
  call: ([x, y]) => {
    const matrices = shifted(x!, 3);
    const [packed, , permutation] = primitive("luFactor", { checked: null })(
      primitive("stopGradient", null)(matrices)[0]!,
    );
    return primitive("solve", { transposed })(matrices, packed!, permutation!, y!);
  },
});

const solveSamples: PrimitiveSamples = {
  tolerance,
  reference: ([x, b], { transposed }: { transposed: boolean }) => {
    const right = matricesOf(b!);
    const solved = matricesOf(shiftedHost(x!, 3)).map((m, i) =>
      solve(transposed ? turned(m) : m, right[i]!),
    );
    return [arrayOf(b!.shape, solved)];
  },
  samples: [
    solveOf("3 x 3", square(51, 3), real([3, 2], 52), false),
    solveOf("transposed", square(53, 4), real([4, 3], 54, { layout: "sliced" }), true),
    solveOf(
      "a batch of views",
      real([2, 3, 3], 55, { low: -1, high: 1, layout: "transposed" }),
      real([2, 3, 1], 56, { layout: "expanded" }),
      false,
    ),
    solveOf("1 x 1", square(57, 1), real([1, 1], 58), true),
    solveOf("no columns", square(59, 2), real([2, 0], 60), false),
    solveOf("past a block", small([33, 33], 61), real([33, 5], 62), false, false),
    solveOf("past two blocks, transposed", small([65, 65], 63), real([65, 2], 64), true, false),
  ],
};

const rowsOf = (claim: string, inverse: boolean, x: Operand, order: Operand): Sample => ({
  claim,
  operands: [x, order],
  attrs: { inverse },
});

const order = (shape: readonly number[], values: readonly number[]): Operand => ({
  value: array(shape, values),
  dtype: "i32",
  layout: "dense",
});

const permuteRows: PrimitiveSamples = {
  tolerance: { relative: 0, absolute: 0 },
  reference: ([x, permutation], { inverse }: { inverse: boolean }) => {
    const m = x!.shape.at(-2)!;
    const moved = matricesOf(x!).map((rows, b) => {
      const to = [...permutation!.data.slice(b * m, (b + 1) * m)];
      return inverse ? rows.map((_, i) => rows[to.indexOf(i)]!) : to.map((i) => rows[i]!);
    });
    return [arrayOf(x!.shape, moved)];
  },
  samples: [
    rowsOf("rows", false, real([3, 2], 71), order([3], [2, 0, 1])),
    rowsOf(
      "back, transposed",
      true,
      real([3, 4], 72, { layout: "transposed" }),
      order([3], [2, 0, 1]),
    ),
    rowsOf(
      "a batch, sliced",
      true,
      real([2, 3, 2], 73, { layout: "sliced" }),
      order([2, 3], [2, 0, 1, 1, 0, 2]),
    ),
    rowsOf("one row", false, real([1, 65], 74), order([1], [0])),
  ],
};

const determinantOf = (claim: string, x: Operand, differentiate = true): Sample => ({
  claim,
  operands: [x],
  attrs: { op: "det" },
  differentiate,
  call: ([a]) => {
    const matrices = shifted(a!, 2);
    const [packed, pivots] = primitive("luFactor", { checked: null })(
      primitive("stopGradient", null)(matrices)[0]!,
    );
    return primitive("determinant", { op: "det" })(matrices, packed!, pivots!);
  },
});

const determinantSamples: PrimitiveSamples = {
  tolerance,
  reference: ([x]) => {
    const values = matricesOf(shiftedHost(x!, 2)).map(determinant);
    const shape = x!.shape.slice(0, -2);
    return [values, values.map(Math.sign), values.map((v) => Math.log(Math.abs(v)))].map((v) =>
      array(shape, v),
    );
  },
  samples: [
    determinantOf("3 x 3", square(81, 3)),
    determinantOf(
      "a batch of views",
      real([2, 4, 4], 82, { low: -1, high: 1, layout: "transposed" }),
    ),
    determinantOf("1 x 1", square(83, 1)),
    determinantOf("no rows", real([2, 0, 0], 84)),
    determinantOf("past a block", small([33, 33], 85), false),
    determinantOf("past two blocks", small([65, 65], 86), false),
  ],
};

const qrOf = (claim: string, x: Operand, differentiate = true): Sample => ({
  claim,
  operands: [x],
  attrs: null,
  differentiate,
});

const qrSamples: PrimitiveSamples = {
  tolerance: { relative: 3e-5, absolute: 3e-5 },
  reference: ([x]) => {
    const [m, n] = x!.shape.slice(-2) as [number, number];
    const batch = x!.shape.slice(0, -2);
    const k = Math.min(m, n);
    const factors = matricesOf(x!).map(qr);
    return [
      arrayOf(
        [...batch, m, k],
        factors.map(({ q }) => q),
      ),
      arrayOf(
        [...batch, k, n],
        factors.map(({ r }) => r),
      ),
    ];
  },
  gradientTolerance: 1e-3,
  samples: [
    qrOf("3 x 3", square(91, 3)),
    qrOf("tall, a batch of views", real([2, 5, 3], 92, { layout: "transposed" })),
    qrOf("wide, sliced", real([3, 5], 93, { layout: "sliced" })),
    qrOf("one column", real([4, 1], 94)),
    qrOf("1 x 1", square(95, 1)),
    qrOf("no columns", real([3, 0], 96)),
    qrOf("a whole block", square(97, 32), false),
    qrOf("tall, past a block", real([65, 33], 98), false),
    qrOf("wide, past a block", real([33, 65], 99), false),
    qrOf("two blocks of a batch", real([2, 64, 64], 100), false),
  ],
};

const cgOf = (claim: string, a: Operand, b: Operand, differentiate = true): Sample => ({
  claim,
  operands: [a, b],
  attrs: null,
  differentiate,
  call: ([x, y]) => {
    const attrs = {
      ...{ product: null, operands: 1, preconditioner: "none", guess: false },
      ...{ tolerance: 1e-6, maxIterations: 2 * y!.shape.at(-1)! + 2 },
    };
    return [primitive("cg", attrs)(y!, definite(x!))[0]!];
  },
});

const cgSamples: PrimitiveSamples = {
  tolerance,
  reference: ([x, b]) => {
    const matrices = matricesOf(shiftedHost(product(x!, exchanged(x!)), 1));
    const n = b!.shape.at(-1)!;
    const rows = Array.from({ length: b!.data.length / n }, (_, i) =>
      Array.from(b!.data.slice(i * n, (i + 1) * n)),
    );
    const solved = rows.map((row, i) =>
      solve(
        matrices[matrices.length > 1 ? i : 0]!,
        row.map((v) => [v]),
      ),
    );
    return [array(b!.shape, solved.flat(2))];
  },
  gradientTolerance: 1e-3,
  samples: [
    cgOf("3 x 3", square(121, 3), real([3], 122)),
    cgOf(
      "one matrix, a batch of views",
      square(123, 4),
      real([3, 4], 124, { layout: "transposed" }),
    ),
    cgOf(
      "a batch of matrices",
      real([2, 3, 3], 125, { low: -1, high: 1, layout: "transposed" }),
      real([2, 3], 126),
    ),
    cgOf("1 x 1", square(127, 1), real([2, 1], 128)),
    cgOf("no systems", square(129, 2), real([0, 2], 130)),
  ],
};

const rankOf = (claim: string, r: Operand): Sample => ({
  claim,
  operands: [r],
  attrs: { shape: r.value.shape },
  call: ([x]) => primitive("fullRank", { shape: r.value.shape })(shifted(x!, 3)),
});

const fullRank: PrimitiveSamples = {
  tolerance: { relative: 1e-6, absolute: 1e-6 },
  reference: ([r]) => [shiftedHost(r!, 3)],
  samples: [
    rankOf("3 x 3", square(111, 3)),
    rankOf("a batch, transposed", real([2, 4, 4], 112, { layout: "transposed" })),
    rankOf("1 x 1", square(113, 1)),
  ],
};

export const linalgSamples: SampleTable = {
  cg: cgSamples,
  cholesky: choleskySamples,
  solveTriangular,
  luFactor,
  solve: solveSamples,
  permuteRows,
  determinant: determinantSamples,
  qr: qrSamples,
  fullRank,
};
