/**
 * Sinkhorn-Knopp: a matrix of logits becomes one whose rows and columns have given sums, by normalising columns and
 * rows in turn (Sinkhorn, Knopp 1967). With sums of 1 that is the doubly stochastic matrix that softmax is to one
 * row: P = diag(u) exp(logits / temperature) diag(v), of which a permutation is the limit at temperature 0 (Mena et
 * al. 2018, "Learning latent permutations with Gumbel-Sinkhorn networks"). Many tiny ones are what manifold-
 * constrained hyper-connections mix their residual streams with (Xie et al. 2025, "mHC": 4 x 4, 20 rounds).
 *
 * All rounds of all matrices are one dispatch, in logarithms, and so is the backward pass, which computes the rounds
 * again and undoes them: the gradient is that of the rounds that were made.
 */
import { ArgumentError, ShapeError } from "../errors";
import { div, gt, where } from "../ops/arithmetic";
import { likeOperand } from "../ops/autocast";
import { log } from "../ops/functions";
import type { Primitive, Spec } from "../ops/primitive";
import { sum } from "../ops/reduce";
import { requireRounds } from "../ops/rounds";
import { batchOfRows } from "../ops/rules";
import { dense, expand, reshape, to } from "../ops/shape";
import { bind } from "../ops/trace";
import { requireOptions } from "../options";
import { tensor } from "../tensor/creation";
import { DeviceTensor } from "../tensor/deviceTensor";
import { requireDType } from "../tensor/dtype";
import { scope } from "../tensor/scope";
import { sameShape, show, sizeOf } from "../tensor/shape";
import { Tensor } from "../tensor/tensor";
import { largest, launchKnopp, launchKnoppBackward } from "./knoppLaunch";
import {
  forbidden,
  type KnoppAttrs,
  knoppBackwardPlain,
  knoppPlain,
  type LogMarginals,
} from "./knoppPlain";
import { checkWeights } from "./weights";

const op = "transport.sinkhornKnopp";

/** Marginals among the operands of the primitives, which have both or none. */
const logsOf = ([rows, cols]: readonly Tensor[]): LogMarginals | null =>
  rows && cols ? [rows, cols] : null;

/** x [..., n, m], or with logarithms of marginals [..., n], [..., m]; then g [..., n, m]. */
const backwardPrimitive: Primitive<KnoppAttrs> = {
  name: "sinkhornKnoppBackward",
  formula: "the rounds of sinkhornKnopp undone: d - exp(log P) Σ d along rows, then along columns",
  derivative: "the derivatives of that formula",
  saves: "inputs",
  outputs: (inputs) => inputs.slice(0, -1).map(({ shape }) => ({ shape, dtype: "f32" })),
  run: (inputs, attrs, outputs) => {
    if (outputs[0]!.shape.includes(0)) return emptyResults(inputs[0]!, outputs);
    const operands = inputs.map((t) => dense(t));
    const slopes = launchKnoppBackward(
      operands[0]!,
      operands.slice(1, -1),
      operands.at(-1)!,
      attrs,
    );
    for (const t of operands) t.dispose();
    return slopes;
  },
  vjp: (cotangents, { inputs, attrs, pullback }) =>
    pullback(plainBackward(attrs), inputs, cotangents),
  jvp: (tangents, { inputs, attrs, pushforward }) =>
    pushforward(plainBackward(attrs), inputs, tangents),
  batch: batchOfRows(() => backwardPrimitive),
};

const plainBackward =
  (attrs: KnoppAttrs) =>
  (...inputs: Tensor[]): readonly Tensor[] => {
    const marginals = logsOf(inputs.slice(1, -1));
    const { x, rows, cols } = knoppBackwardPlain(inputs[0]!, marginals, inputs.at(-1)!, attrs);
    return marginals ? [x, rows, cols] : [x];
  };

const emptyResults = (x: DeviceTensor, outputs: readonly Spec[]): DeviceTensor[] =>
  outputs.map(({ shape, dtype }) => DeviceTensor.empty(x.device, shape, dtype));

/** x [..., n, m], or with logarithms of marginals [..., n], [..., m] of the same batch. */
const knoppPrimitive: Primitive<KnoppAttrs> = {
  name: "sinkhornKnopp",
  formula: "exp of x · scale, its columns and rows normalised in turn in logarithms",
  derivative: "the rounds undone one by one: sinkhornKnoppBackward",
  saves: "inputs",
  outputs: (inputs) => {
    for (const t of inputs) requireDType(op, "logits", t.dtype, ["f32"]);
    return [{ shape: inputs[0]!.shape, dtype: "f32" }];
  },
  run: (inputs, attrs, outputs) => {
    if (outputs[0]!.shape.includes(0)) return emptyResults(inputs[0]!, outputs);
    const operands = inputs.map((t) => dense(t));
    const p = launchKnopp(operands[0]!, operands.slice(1), attrs);
    for (const t of operands) t.dispose();
    return [p];
  },
  vjp: ([g], { inputs, attrs }) => bind(backwardPrimitive, [...inputs, g!], attrs),
  jvp: (tangents, { inputs, attrs, pushforward }) =>
    pushforward((...of) => [knoppPlain(of[0]!, logsOf(of.slice(1)), attrs)], inputs, tangents),
  batch: batchOfRows(() => knoppPrimitive),
};

export const knoppPrimitives = [knoppPrimitive, backwardPrimitive] as const;

export interface SinkhornKnoppOptions {
  /** Rounds of columns and then rows. Default 20. */
  iterations?: number;
  /** What logits are divided by: the smaller, the nearer to a permutation, and the more rounds. Default 1. */
  temperature?: number;
  /** Sums of the rows, [n] or [..., n]. Default 1 each, or an equal part of what the columns add up to. */
  rowMarginals?: Tensor | readonly number[];
  /** Sums of the columns, [m] or [..., m]. Default n/m each, or an equal part of what the rows add up to. */
  columnMarginals?: Tensor | readonly number[];
}

type Side = "rowMarginals" | "columnMarginals";

/** Floats that were added up in f32 differ by less than this, relative. */
const slack = 1e-4;

function checkedNumbers(side: Side, values: readonly number[]): number {
  const bad = values.findIndex((v) => !(v >= 0 && v < Number.POSITIVE_INFINITY));
  if (bad >= 0)
    throw new ArgumentError(
      `${op}: ${side}[${bad}] is ${values[bad]}; what rows and columns add up to is at least 0 and finite.`,
    );
  const total = values.reduce((a, b) => a + b, 0);
  if (!(total > 0)) throw new ArgumentError(`${op}: ${side} add up to 0; some must be positive.`);
  return total;
}

/** One side as a tensor [..., length] in f32. */
function marginal(
  side: Side,
  given: Tensor | readonly number[] | undefined,
  length: number,
  batch: readonly number[],
  like: Tensor,
): Tensor | null {
  if (given === undefined) return null;
  const t =
    given instanceof Tensor ? to(given, "f32") : tensor([...given], { device: like.device });
  const fits =
    t.shape.at(-1) === length && (t.rank === 1 || sameShape(t.shape.slice(0, -1), batch));
  if (!fits)
    throw new ShapeError(
      `${op}: ${side} has shape ${show(t.shape)}; for logits of shape ${show(like.shape)} it must be [${length}] or ${show([...batch, length])}.`,
    );
  return expand(t, [...batch, length]);
}

/** An equal part for each of `length` of what `other` adds up to. */
const equalParts = (other: Tensor, length: number): Tensor =>
  expand(div(sum(other, { dim: -1, keepdim: true }), length), [
    ...other.shape.slice(0, -1),
    length,
  ]);

/** log w, and `forbidden` where w is 0, with a derivative of 0 there. */
function logWeights(w: Tensor): Tensor {
  const positive = gt(w, 0);
  return where(positive, log(where(positive, w, 1)), forbidden);
}

function logMarginals(logits: Tensor, options: SinkhornKnoppOptions): LogMarginals | null {
  const { rowMarginals, columnMarginals } = options;
  if (rowMarginals === undefined && columnMarginals === undefined) return null;
  const [n, m] = logits.shape.slice(-2) as [number, number];
  const batch = logits.shape.slice(0, -2);
  const totals = (["rowMarginals", "columnMarginals"] as const).map((side) => {
    const given = options[side];
    return given === undefined || given instanceof Tensor ? null : checkedNumbers(side, given);
  });
  const [a, b] = totals;
  if (a != null && b != null && Math.abs(a - b) > slack * Math.max(a, b))
    throw new ArgumentError(
      `${op}: rowMarginals add up to ${a} and columnMarginals to ${b}; both must add up to the same.`,
    );
  const givenRows = marginal("rowMarginals", rowMarginals, n, batch, logits);
  const givenCols = marginal("columnMarginals", columnMarginals, m, batch, logits);
  const rows = givenRows ?? equalParts(givenCols!, n);
  const cols = givenCols ?? equalParts(rows, m);
  const problems = (t: Tensor): Tensor => reshape(t, [sizeOf(batch), t.shape.at(-1)!]);
  const checked =
    rowMarginals instanceof Tensor || columnMarginals instanceof Tensor
      ? checkWeights(problems(rows), problems(cols), true, op, ["rowMarginals", "columnMarginals"])
      : rows;
  return [logWeights(reshape(checked, rows.shape)), logWeights(cols)];
}

/**
 * The matrix exp(logits / temperature) with its columns and rows scaled in turn until both have their sums: doubly
 * stochastic if it is square. Rows come last, so their sums are right to rounding; those of the columns are so
 * once the rounds have converged.
 *
 * A logit of -Infinity (or below -1e30) forbids an entry: it is 0, and so is its gradient. A row or column that is
 * all forbidden stays 0. Logits of any other size are fine; one that is NaN or +Infinity makes its matrix NaN.
 * Everything is in logarithms, one dispatch for all matrices of at most 64 x 64, forwards and backwards; larger ones
 * are composed of `logSumExp`.
 *
 * @param logits floating-point [..., n, m]; f16 and bf16 are computed in f32 and rounded once, integers are taken
 * as f32
 * @returns [..., n, m]; differentiable in the logits and in marginals that are tensors. The derivative is that of
 * the finite number of rounds
 * @throws ShapeError for logits that are no matrices, or marginals that do not fit; ArgumentError for rounds that
 * are no whole number from 1 to 100,000, a temperature that is not positive, or marginals that are negative, NaN,
 * infinite, all 0 or do not add up to the same: of tensors at the next read
 * @example const mixing = transport.sinkhornKnopp(logits, { iterations: 20 }); // [batch, 4, 4]
 */
export function sinkhornKnopp(logits: Tensor, options: SinkhornKnoppOptions = {}): Tensor {
  const { iterations = 20, temperature = 1 } = requireOptions(op, options, "iterations");
  if (logits.rank < 2)
    throw new ShapeError(
      `${op}: logits have shape ${show(logits.shape)}; they must be a matrix, or a batch of matrices [..., n, m].`,
    );
  requireRounds(op, "iterations", iterations);
  requireTemperature(op, temperature);
  const attrs: KnoppAttrs = { iterations, scale: 1 / temperature };
  return scope(() => {
    const x = to(logits, "f32");
    const marginals = x.size === 0 ? null : logMarginals(x, options);
    const [n, m] = x.shape.slice(-2) as [number, number];
    const p =
      Math.max(n, m) <= largest || x.size === 0
        ? bind(knoppPrimitive, marginals ? [x, ...marginals] : [x], attrs)[0]!
        : knoppPlain(x, marginals, attrs);
    return likeOperand(p, logits);
  });
}

/** @throws ArgumentError unless it is positive and finite */
export function requireTemperature(name: string, temperature: number): void {
  if (!(temperature > 0 && temperature < Number.POSITIVE_INFINITY))
    throw new ArgumentError(`${name}: temperature ${temperature} must be positive and finite.`);
}
