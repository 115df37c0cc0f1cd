/**
 * Draws among finitely many: coins, classes, items, orders. Classes are drawn by Gumbel noise: the greatest of
 * logits + noise is a draw from their softmax, and the k greatest are k draws without replacement.
 */
import { ArgumentError, ShapeError } from "../errors";
import { add, lt, mul, sub } from "../ops/arithmetic";
import { arange } from "../ops/creation";
import { log } from "../ops/functions";
import { gather, indexSelect } from "../ops/indexing";
import type { Operand } from "../ops/operand";
import * as draws from "../ops/randomBits";
import { bits, type DrawOptions, randint } from "../ops/randomBits";
import { argmax } from "../ops/reduce";
import { flatten, narrow, permute, reshape, select, to, transpose } from "../ops/shape";
import { argsort, topK } from "../ops/sort";
import { requireOptions } from "../options";
import { isFloat } from "../tensor/dtype";
import { scope } from "../tensor/scope";
import { checkShape, normalizeDim, type Shape, sameShape, show, sizeOf } from "../tensor/shape";
import { requireTensor, type Tensor } from "../tensor/tensor";
import { gumbel } from "./continuous";
import { checkParameter, probability } from "./parameters";

export interface BernoulliOptions extends DrawOptions {
  /** The probability of 1: a number, or a tensor that broadcasts to the shape. Default 0.5. */
  p?: Operand;
  /** "bool" (default) or "f32". */
  dtype?: "bool" | "f32";
}

/**
 * 1 (true) with probability p, to the nearest 2^-31 (2^-24 for a tensor), else 0; the same bits on every
 * adapter.
 * @throws ArgumentError unless p is from 0 to 1 (numbers; tensors are not looked at)
 */
export function bernoulli(key: Tensor, shape: Shape, options: BernoulliOptions = {}): Tensor {
  const { p = 0.5, dtype = "bool", ...rest } = requireOptions("bernoulli", options, "p");
  if (typeof p === "number") return draws.bernoulli(key, shape, { ...rest, p, dtype });
  checkParameter("bernoulli", "p", p, shape, probability);
  return scope(() => to(lt(draws.uniform(key, shape, rest), p), dtype));
}

export interface RademacherOptions extends DrawOptions {
  /** "f32" (default) or "i32". */
  dtype?: "f32" | "i32";
}

/** -1 or 1, with probability 1/2 each; the same on every adapter. */
export function rademacher(key: Tensor, shape: Shape, options: RademacherOptions = {}): Tensor {
  const { dtype = "f32", ...rest } = requireOptions("rademacher", options, "dtype");
  return scope(() => {
    const coins = draws.bernoulli(key, shape, { ...rest, dtype: "f32" });
    return to(sub(mul(coins, 2), 1), dtype);
  });
}

export interface CategoricalOptions extends DrawOptions {
  /** The dimension of the classes. Default -1, the last. */
  dim?: number;
  /**
   * Of what is drawn; it ends with the shape of logits without `dim`, and what comes before says how many
   * draws each distribution gives. Default: one each.
   */
  shape?: Shape;
  /** Whether the draws of one distribution may repeat. Default true. */
  replacement?: boolean;
}

/**
 * Class numbers with probabilities softmax(logits); i32. One Gumbel number is drawn per class and draw.
 * @param logits floating-point, any number of leading dimensions; -Infinity for a class that is never drawn
 * @throws ShapeError for a scalar, or a shape that does not end with that of the logits without dim;
 * ArgumentError for more draws without replacement than classes
 * @example categorical(key, log(tensor([0.2, 0.8])), { shape: [100] })
 */
export function categorical(key: Tensor, logits: Tensor, options: CategoricalOptions = {}): Tensor {
  const {
    dim = -1,
    replacement = true,
    shape,
    ...rest
  } = requireOptions("categorical", options, "dim");
  if (logits.rank === 0)
    throw new ShapeError("categorical: logits are a scalar; they need a dimension of classes.");
  if (!isFloat(logits.dtype))
    throw new ArgumentError(
      `categorical: logits have dtype ${logits.dtype}; they must be floating-point. Convert with .to("f32").`,
    );
  const at = normalizeDim("categorical", dim, logits.rank);
  const batch = logits.shape.filter((_, i) => i !== at);
  const classes = logits.shape[at]!;
  const drawn = shape ?? batch;
  checkShape("categorical", drawn);
  const extra = drawn.length - batch.length;
  if (extra < 0 || !sameShape(drawn.slice(extra), batch))
    throw new ShapeError(
      `categorical: shape ${show(drawn)} does not end with ${show(batch)}, the shape of the logits without their classes.`,
    );
  const prefix = drawn.slice(0, extra);
  const count = sizeOf(prefix);
  if (classes === 0 || (!replacement && count > classes))
    throw new ArgumentError(
      `categorical: ${count} draws without replacement, or any at all, need as many classes; there are ${classes}.`,
    );
  return scope(() => {
    const scores = to(logits, "f32");
    if (replacement) {
      const noise = gumbel(key, [...prefix, ...logits.shape], rest);
      return argmax(add(scores, noise), { dim: extra + at });
    }
    const noisy = add(scores, gumbel(key, logits.shape, rest));
    const { indices } = topK(noisy, count, { dim: at });
    const order = [at, ...batch.map((_, i) => (i < at ? i : i + 1))];
    return reshape(permute(indices, order), drawn);
  });
}

export interface MultinomialOptions extends DrawOptions {
  /** Whether one row may give a class twice. Default false. */
  replacement?: boolean;
}

/**
 * `count` class numbers per row of weights (PyTorch `multinomial`); i32.
 * @param weights floating-point [n] or [rows, n], >= 0, not all 0 in a row; they need not sum to 1. Without
 * replacement at least `count` of a row must be above 0.
 * @returns [count] or [rows, count]
 * @throws ShapeError for another rank; ArgumentError unless count is a whole number >= 1, and without replacement
 * at most n
 */
export function multinomial(
  key: Tensor,
  weights: Tensor,
  count: number,
  options: MultinomialOptions = {},
): Tensor {
  const { replacement = false, ...rest } = requireOptions("multinomial", options, "replacement");
  if (weights.rank !== 1 && weights.rank !== 2)
    throw new ShapeError(
      `multinomial: weights of shape ${show(weights.shape)} must be [n] or [rows, n].`,
    );
  if (!Number.isInteger(count) || count < 1)
    throw new ArgumentError(`multinomial: count ${count} must be a whole number >= 1.`);
  const shape = [count, ...weights.shape.slice(0, -1)];
  return scope(() => {
    const drawn = categorical(key, log(weights), { ...rest, shape, replacement });
    return weights.rank === 1 ? drawn : transpose(drawn, 0, 1);
  });
}

export interface PermutationOptions extends DrawOptions {
  /** Of a tensor, the dimension to shuffle. Default 0. */
  dim?: number;
}

/**
 * The numbers 0 to n - 1 in random order, i32 [n]; or a tensor whose slices along `dim` are in random order. Sorts
 * random words stably, again and again until equal words are too rare to matter (as in JAX): once up to
 * 1,625 numbers, twice up to 2.6 million. The same on every adapter.
 * @param items n, a whole number from 0 to 2^31 - 1, or a tensor; differentiable in it
 * @throws ArgumentError for another n; ShapeError for a scalar, and for a dim out of range
 */
export function permutation(
  key: Tensor,
  items: number | Tensor,
  options: PermutationOptions = {},
): Tensor {
  const { dim = 0, ...rest } = requireOptions("permutation", options, "dim");
  if (typeof items !== "number") {
    requireTensor("permutation", items);
    const at = normalizeDim("permutation", dim, items.rank);
    return scope(() => indexSelect(items, at, permutation(key, items.shape[at] ?? 1, rest)));
  }
  if (!Number.isInteger(items) || items < 0 || items >= 2 ** 31)
    throw new ArgumentError(`permutation: n ${items} must be a whole number from 0 to 2^31 - 1.`);
  const rounds = Math.max(Math.ceil((3 * Math.log(items)) / Math.log(2 ** 32 - 1)), 1);
  return scope(() => {
    const words = bits(key, [rounds, items], rest);
    let order = arange(0, items, 1, { device: key.device });
    for (let round = 0; round < rounds; round++)
      order = gather(order, 0, argsort(select(words, 0, round)));
    return order;
  });
}

export interface ChoiceOptions extends DrawOptions {
  /** How many are drawn, in what shape. Default []: one. */
  shape?: Shape;
  /** Whether an item may be drawn twice. Default true. */
  replacement?: boolean;
  /** Weights of the items, f32 [n], >= 0; they need not sum to 1. Default: all equal. */
  p?: Tensor;
  /** Of a tensor, the dimension of the items. Default 0. */
  dim?: number;
}

/**
 * Items drawn at random (NumPy and JAX `choice`).
 * @param items n for the numbers 0 to n - 1 (i32), or a tensor, of which slices along `dim` are drawn;
 * differentiable in it
 * @returns `shape`, or the shape of the tensor with `shape` in place of `dim`
 * @throws ArgumentError without items, or for more draws without replacement than items; ShapeError
 * @example choice(key, tensor([[1, 2], [3, 4], [5, 6]]), { shape: [2], replacement: false }) // two of the rows
 */
export function choice(key: Tensor, items: number | Tensor, options: ChoiceOptions = {}): Tensor {
  const {
    shape = [],
    replacement = true,
    p,
    dim = 0,
    ...rest
  } = requireOptions("choice", options, "shape");
  if (typeof items !== "number") requireTensor("choice", items);
  const at = typeof items === "number" ? 0 : normalizeDim("choice", dim, items.rank);
  const n = typeof items === "number" ? items : (items.shape[at] ?? 1);
  const count = sizeOf(shape);
  checkShape("choice", shape);
  if (!Number.isInteger(n) || n < 1)
    throw new ArgumentError(`choice: there must be a whole number >= 1 of items, got ${n}.`);
  if (!replacement && count > n)
    throw new ArgumentError(
      `choice: ${count} draws without replacement from ${n} items. Pass replacement: true, or draw fewer.`,
    );
  if (p && !sameShape(p.shape, [n]))
    throw new ShapeError(
      `choice: p of shape ${show(p.shape)} must hold one weight per item, [${n}].`,
    );
  return scope(() => {
    const indices = p
      ? categorical(key, log(p), { ...rest, shape, replacement })
      : replacement
        ? randint(key, 0, n, shape, rest)
        : reshape(narrow(permutation(key, n, rest), 0, 0, count), shape);
    if (typeof items === "number") return indices;
    const picked = indexSelect(items, at, flatten(indices));
    return reshape(picked, [...items.shape.slice(0, at), ...shape, ...items.shape.slice(at + 1)]);
  });
}
