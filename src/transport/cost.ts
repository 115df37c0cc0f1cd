/**
 * What it costs to move mass from x_i to y_j: a matrix of any numbers, or a function of points, which kernels compute
 * as they need it and never store.
 *
 * A cost of points is finish(Σ_k term(x_ik, y_jk)): two functions of WGSL that see one coordinate of a point x and
 * of four points y at a time, and the slopes of both.
 */
import { ArgumentError, ShapeError } from "../errors";
import { square, sub } from "../ops/arithmetic";
import { matmul } from "../ops/matmul";
import { sum } from "../ops/reduce";
import { rootOrZero } from "../ops/root";
import { transpose, unsqueeze } from "../ops/shape";
import { normalize } from "../ops/vectorNorm";
import { show } from "../tensor/shape";
import { Tensor } from "../tensor/tensor";

/** Names of the WGSL functions of a pair: see shaders/include/transport_pairs.wgsl and shaders/transport/pull.wgsl. */
export interface PairFunctions {
  readonly TERM: string;
  readonly FINISH: string;
  readonly SLOPE: string;
  readonly FINISH_SLOPE: string;
}

interface CostParts {
  readonly name: string;
  /** With the points x as rows, and with the points y. */
  readonly forward: PairFunctions;
  readonly swapped: PairFunctions;
  /** The text of those that the kernels lack. */
  readonly functions?: string;
  /** Nothing can flow back to the points. */
  readonly withoutSlope?: boolean;
  /** The matrix by tensor operations, [..., n, m]: what second derivatives go through. */
  readonly plain: ((x: Tensor, y: Tensor) => Tensor) | null;
}

/** A function of two points: made here alone, so that its names are those of functions that exist. */
export class CostFunction implements CostParts {
  readonly name: string;
  readonly forward: PairFunctions;
  readonly swapped: PairFunctions;
  readonly functions: string;
  readonly withoutSlope: boolean;
  readonly plain: ((x: Tensor, y: Tensor) => Tensor) | null;

  constructor({ name, forward, swapped, functions = "", withoutSlope = false, plain }: CostParts) {
    this.name = name;
    this.forward = forward;
    this.swapped = swapped;
    this.functions = functions;
    this.withoutSlope = withoutSlope;
    this.plain = plain;
  }

  /** The same with the points y as rows. */
  get turned(): CostFunction {
    const { forward, swapped, plain } = this;
    return new CostFunction({
      ...this,
      forward: swapped,
      swapped: forward,
      plain: plain && ((x, y) => transpose(plain(y, x), -1, -2)),
    });
  }
}

/** A cost of points, which is never stored: see `squaredEuclidean`, `euclidean`, `cosine`, `pointCost`. */
export interface PointCost {
  /** f32 [..., n, d]. */
  readonly x: Tensor;
  /** f32 [..., m, d]. */
  readonly y: Tensor;
  readonly of: CostFunction;
}

/** A matrix [..., n, m], in which Infinity forbids a pair, or a function of points. */
export type Cost = Tensor | PointCost;

/** The same functions whichever points are the rows. */
const symmetric = (functions: PairFunctions) => ({ forward: functions, swapped: functions });

const differences = (x: Tensor, y: Tensor): Tensor =>
  sum(square(sub(unsqueeze(x, -2), unsqueeze(y, -3))), { dim: -1 });

export const squareCost = new CostFunction({
  name: "squared Euclidean",
  ...symmetric({
    TERM: "square_term",
    FINISH: "sum_finish",
    SLOPE: "square_slope",
    FINISH_SLOPE: "sum_finish_slope",
  }),
  plain: differences,
});

export const rootCost = new CostFunction({
  name: "Euclidean",
  ...symmetric({ ...squareCost.forward, FINISH: "root_finish", FINISH_SLOPE: "root_finish_slope" }),
  plain: (x, y) => rootOrZero(differences(x, y)),
});

export const cosineCost = new CostFunction({
  name: "cosine",
  ...symmetric({
    TERM: "product_term",
    FINISH: "cosine_finish",
    SLOPE: "product_slope",
    FINISH_SLOPE: "cosine_finish_slope",
  }),
  plain: (x, y) => sub(1, matmul(x, transpose(y, -1, -2))),
});

function points(op: string, x: Tensor, y: Tensor): void {
  for (const [name, of] of [
    ["x", x],
    ["y", y],
  ] as const) {
    if (!(of instanceof Tensor))
      throw new ArgumentError(`${op}: ${name} must be a tensor of points, [..., points, width].`);
    if (of.rank < 2 || of.shape.at(-1) === 0 || of.shape.at(-2) === 0)
      throw new ShapeError(
        `${op}: ${name} has shape ${show(of.shape)}; points are [..., points, width], at least one of width 1.`,
      );
  }
  if (x.shape.at(-1) !== y.shape.at(-1))
    throw new ShapeError(
      `${op}: the points x ${show(x.shape)} and y ${show(y.shape)} must be equally wide.`,
    );
}

/**
 * ‖x_i − y_j‖², of which no matrix is stored (POT `ot.dist`, its default). GeomLoss' cost is half of it: there, take
 * half the epsilon for the same plan.
 *
 * @param x f32 [..., n, d]
 * @param y f32 [..., m, d]; leading dimensions broadcast
 * @throws ShapeError
 * @example sinkhorn(null, null, squaredEuclidean(x, y), { epsilon: 0.05 })
 */
export function squaredEuclidean(x: Tensor, y: Tensor): PointCost {
  points("transport.squaredEuclidean", x, y);
  return { x, y, of: squareCost };
}

/**
 * ‖x_i − y_j‖, of which no matrix is stored. Its slope is 0 where two points coincide.
 *
 * @param x f32 [..., n, d]
 * @param y f32 [..., m, d]; leading dimensions broadcast
 * @throws ShapeError
 */
export function euclidean(x: Tensor, y: Tensor): PointCost {
  points("transport.euclidean", x, y);
  return { x, y, of: rootCost };
}

/**
 * 1 − the cosine of the angle between x_i and y_j, of which no matrix is stored.
 *
 * @param x f32 [..., n, d]; of any lengths, a vector of zeros is orthogonal to all
 * @param y f32 [..., m, d]; leading dimensions broadcast
 * @throws ShapeError
 */
export function cosine(x: Tensor, y: Tensor): PointCost {
  points("transport.cosine", x, y);
  return { x: normalize(x, { dim: -1 }), y: normalize(y, { dim: -1 }), of: cosineCost };
}

export interface PointCostRule {
  /** Names the cost in errors, and its functions in programs: the same name always means the same rule. */
  name: string;
  /** WGSL expression of `x`, `y` (vec4f, one coordinate) and `k` (u32, which): what is summed over the coordinates. */
  term: string;
  /** WGSL expression of `sum` (vec4f). Default "sum". */
  finish?: string;
  /** d term / d x, an expression like `term`. Needed for gradients. */
  slopeX?: string;
  /** d term / d y. Default: −slopeX, as for functions of x − y. */
  slopeY?: string;
  /** d finish / d sum, an expression of `sum`. Default "vec4f(1.0)". */
  finishSlope?: string;
  /** The same matrix [..., n, m] by tensor operations: needed for second derivatives and forward mode. */
  plain?: (x: Tensor, y: Tensor) => Tensor;
}

/** What an expression may call. */
const known = new Set(
  (
    "abs acos acosh asin asinh atan atan2 atanh ceil clamp cos cosh exp exp2 f32 floor fma fract i32 inverseSqrt log " +
    "log2 max min mix pow round select sign sin sinh smoothstep sqrt step tan tanh trunc u32 vec4f"
  ).split(" "),
);

/** @throws ArgumentError for what is no text, or names something that kernels do not know there */
function requireExpression(
  op: string,
  part: string,
  text: string | undefined,
  variables: readonly string[],
): void {
  if (text === undefined) return;
  if (typeof text !== "string" || text.trim() === "")
    throw new ArgumentError(`${op}: ${part} must be an expression in WGSL, got ${text}.`);
  const foreign = (text.match(/(?<![\w.])[a-zA-Z_]\w*/g) ?? []).find(
    (word) => !known.has(word) && !variables.includes(word),
  );
  if (foreign !== undefined || /[;{}]/.test(text))
    throw new ArgumentError(
      `${op}: ${part} "${text}" names ${foreign ?? "a statement"}; it is one expression of ${variables.join(", ")}, numbers and WGSL's functions of numbers.`,
    );
}

/** The cost that a rule describes. @throws ArgumentError for a name that is no identifier, or an empty term */
export function costOfRule(rule: PointCostRule): CostFunction {
  const op = "transport.pointCost";
  const { name, term, finish = "sum", slopeX, finishSlope = "vec4f(1.0)", plain = null } = rule;
  if (typeof name !== "string" || !/^[a-zA-Z]\w*$/.test(name))
    throw new ArgumentError(`${op}: name "${name}" must be letters, digits and underscores.`);
  const { slopeY } = rule;
  for (const [part, text] of Object.entries({ term, slopeX, slopeY }))
    requireExpression(op, part, text, ["x", "y", "k"]);
  for (const [part, text] of Object.entries({ finish, finishSlope }))
    requireExpression(op, part, text, ["sum"]);
  if (term === undefined)
    throw new ArgumentError(`${op}: term is missing. Give a WGSL expression of x and y.`);
  const slopes = {
    x: slopeX ?? "vec4f(0.0)",
    y: slopeY ?? (slopeX === undefined ? "vec4f(0.0)" : `-(${slopeX})`),
  };
  const pair = (row: "x" | "y"): PairFunctions => ({
    TERM: `${name}_term_${row}`,
    FINISH: `${name}_finish`,
    SLOPE: `${name}_slope_${row}`,
    FINISH_SLOPE: `${name}_finish_slope`,
  });
  const ofRow = (row: "x" | "y"): string => {
    const sides =
      row === "x" ? "let x = vec4f(row); let y = col;" : "let x = col; let y = vec4f(row);";
    const { TERM, SLOPE } = pair(row);
    return `
fn ${TERM}(sum: vec4f, row: f32, col: vec4f, k: u32) -> vec4f { ${sides} return sum + (${term}); }
fn ${SLOPE}(row: f32, col: vec4f, k: u32) -> vec4f { ${sides} return ${slopes[row]}; }`;
  };
  return new CostFunction({
    name,
    forward: pair("x"),
    swapped: pair("y"),
    functions: `${ofRow("x")}${ofRow("y")}
fn ${name}_finish(sum: vec4f) -> vec4f { return ${finish}; }
fn ${name}_finish_slope(sum: vec4f) -> vec4f { return ${finishSlope}; }
`,
    plain,
    withoutSlope: slopeX === undefined,
  });
}

/**
 * A cost of points that you write: finish(Σ_k term(x_ik, y_jk)), in WGSL, computed in the kernels and never stored.
 *
 * @param x f32 [..., n, d]
 * @param y f32 [..., m, d]; leading dimensions broadcast
 * @throws ShapeError; ArgumentError for a name that is no identifier. A text that does not compile is a device error
 * at the next read
 * @example
 * pointCost(x, y, { name: "manhattan", term: "abs(x - y)", slopeX: "sign(x - y)" })
 */
export function pointCost(x: Tensor, y: Tensor, rule: PointCostRule): PointCost {
  points("transport.pointCost", x, y);
  return { x, y, of: costOfRule(rule) };
}
