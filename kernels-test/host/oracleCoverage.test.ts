/** Every public operation is compared with PyTorch, NumPy or SciPy on at least three shapes, or says why not. */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import * as fft from "../../src/fft/index";
import * as linalg from "../../src/linalg/index";
import * as losses from "../../src/nn/losses";
import { fold, unfold } from "../../src/ops/imageWindows";
import * as operations from "../../src/ops/index";
import { decodeSafetensors } from "../../src/train/safetensors";

const least = 3;

/** Functions that the fixtures try under other names, too or only. */
const triedAs: Readonly<Record<string, string>> = {
  bincount: "bincountWeights",
  fold: "imageFold",
  inverseRoot: "matrixRoot",
  inverseSqrtm: "matrixRoot",
  ones: "full",
  sqrtm: "matrixRoot",
  to: "brainRound",
  topK: "topk",
  variance: "var",
  zeros: "full",
};

/** Functions without cases of their own, and what holds them instead. */
const held: Readonly<Record<string, string>> = {
  argwhere: "another name of nonzero",
  broadcastTo: "another name of expand",
  cg: "the solution of solve; numeric/cg holds it and its derivatives to an f64 reference",
  choleskyEx: "the factor of cholesky; numeric/linalg claims what info says",
  dropout: "draws; numeric/random claims the share it keeps and the scale of what stays",
  fullLike: "full of the shape of its operand",
  luFactorEx: "the factors of luFactor; numeric/linalg claims what info says",
  moveaxis: "another name of movedim",
  onesLike: "full of the shape of its operand",
  orthonormalize: "a basis is not unique; numeric/subspaceAlgebra claims that it is orthonormal",
  ravel: "another name of flatten",
  solveEx: "the solution of solve; numeric/linalg claims what info says",
  stopGradient: "the values of its operand; cases/autodiff claims that nothing flows back",
  subspaceIteration: "draws; numeric/subspaceAlgebra claims what it captures",
  svdLowrank: "draws; numeric/svd claims how near the product comes",
  swapdims: "another name of transpose",
  zerosLike: "full of the shape of its operand",
};

/** Functions whose results are integers or bools, or that make a tensor of numbers: nothing flows back. */
const withoutGradients: readonly string[] = [
  "all",
  "allclose",
  "any",
  "arange",
  "argmax",
  "argmin",
  "argsort",
  "bitwiseAnd",
  "bitwiseLeftShift",
  "bitwiseNot",
  "bitwiseOr",
  "bitwiseRightShift",
  "bitwiseXor",
  "bucketize",
  "countNonzero",
  "eq",
  "eye",
  "fftfreq",
  "full",
  "ge",
  "gt",
  "heaviside",
  "histc",
  "isclose",
  "isfinite",
  "isin",
  "isinf",
  "isnan",
  "isneginf",
  "isposinf",
  "le",
  "linspace",
  "logicalAnd",
  "logicalNot",
  "logicalOr",
  "logicalXor",
  "logspace",
  "lt",
  "matrixRank",
  "ne",
  "nonzero",
  "oneHot",
  "ones",
  "rfftfreq",
  "searchsorted",
  "signbit",
  "trilIndices",
  "triuIndices",
  "unique",
  "zeros",
];

interface Tried {
  /** The shapes of the operands of its cases; of the results where there are no operands. */
  readonly shapes: Set<string>;
  /** Those of the cases that have gradients. */
  readonly differentiated: Set<string>;
}

const folder = fileURLToPath(new URL("../oracles/fixtures/", import.meta.url));

/** By the name the fixtures give an operation. */
function everythingTried(): Map<string, Tried> {
  const tried = new Map<string, Tried>();
  for (const name of readdirSync(folder)) {
    const { tensors, metadata } = decodeSafetensors(readFileSync(folder + name), name);
    const shapeOf = (of: string, role: string): string =>
      [...tensors]
        .filter(([key]) => key.startsWith(`${of}/${role}`))
        .map(([, { shape }]) => `[${shape}]`)
        .join();
    const cases = JSON.parse(metadata["cases"]!) as Record<string, { readonly op: string }>;
    for (const [of, { op }] of Object.entries(cases)) {
      const known = tried.get(op) ?? { shapes: new Set(), differentiated: new Set() };
      tried.set(op, known);
      const shape = shapeOf(of, "in") || shapeOf(of, "out");
      known.shapes.add(shape);
      if (shapeOf(of, "grad")) known.differentiated.add(shape);
    }
  }
  return tried;
}

const tried = everythingTried();
const functions = [operations, fft, linalg, losses, { fold, imageUnfold: unfold }].flatMap((room) =>
  Object.entries(room).flatMap(([name, value]) => (typeof value === "function" ? [name] : [])),
);
const needed = [...new Set(functions)].filter((name) => !(name in held)).sort();
const shapesOf = (name: string, what: keyof Tried): number => {
  const [own, other] = [name, triedAs[name]].map((of) => [...(tried.get(of ?? "")?.[what] ?? [])]);
  return new Set([...own!, ...other!]).size;
};

test("every public operation is compared with PyTorch, NumPy or SciPy on three shapes", () => {
  expect(needed.filter((name) => shapesOf(name, "shapes") < least)).toEqual([]);
});

test("and so is its gradient, unless nothing flows back", () => {
  expect(needed.filter((name) => shapesOf(name, "differentiated") < least)).toEqual(
    withoutGradients,
  );
});

test("the exceptions name functions that exist, and no case tries them", () => {
  const known = new Set(functions);
  expect([...Object.keys(held), ...Object.keys(triedAs)].filter((n) => !known.has(n))).toEqual([]);
  expect(Object.keys(held).filter((name) => tried.has(name))).toEqual([]);
});
