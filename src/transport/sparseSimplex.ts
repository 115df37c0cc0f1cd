/**
 * Projections onto the simplex { p ≥ 0, Σ p = mass }, also with at most so many nonzeros: max(y − τ, 0) for the
 * greatest scores y, with the one threshold τ that leaves the mass (Kyrillidis, Becker, Cevher, Koch, Sparse projections
 * onto the simplex, 2013). The projection is the slope of max ⟨y, p⟩ − ‖p‖² / 2 over the same set, the conjugate of the
 * squared norm.
 *
 * Derivatives hold the support S: dp = 1_S (dy − mean_S dy) + 1_S dmass / |S|. They are exact wherever the projection has
 * any: it has none where a score equals the threshold, or the greatest of those left out.
 */
import { ArgumentError, ShapeError } from "../errors";
import { gridFor, launch, transportSparseList, transportSparseSearch } from "../kernels";
import { requireReal } from "../linalg/batches";
import { add, div, gt, maximum, mul, neg } from "../ops/arithmetic";
import { full } from "../ops/creation";
import type { Primitive } from "../ops/primitive";
import { sum } from "../ops/reduce";
import { batchOfRows } from "../ops/rules";
import { dense, expand, squeeze, to, transpose, unsqueeze } from "../ops/shape";
import { bind } from "../ops/trace";
import { requireOptions } from "../options";
import { DeviceTensor } from "../tensor/deviceTensor";
import { scope } from "../tensor/scope";
import { denseStrides, normalizeDim, sameShape, show, sizeOf } from "../tensor/shape";
import { Tensor } from "../tensor/tensor";
import { padded } from "./pairs";

/**
 * How thresholds are found. `list`: one walk that keeps the greatest scores in order. `search`: several walks, for any
 * number of nonzeros.
 */
export type ThresholdVariant = "list" | "search";

const longestList = 64;

export const thresholdVariants = {
  isApplicable: (variant: ThresholdVariant, most: number): boolean =>
    variant === "search" || most <= longestList,
  /** Where all elements may be nonzero, a list sorts them all. */
  defaultChoice: (most: number, length: number): ThresholdVariant =>
    most <= longestList && (most < length || length <= 16) ? "list" : "search",
  candidates: (): readonly ThresholdVariant[] => ["list", "search"],
};

/** For tests: one variant wherever it is applicable; null lets `defaultChoice` decide. */
export const forcedThresholdVariant: { current: ThresholdVariant | null } = { current: null };

/** Planes of thresholds that the kernels write: see shaders/include/sparse_threshold.wgsl. */
export const thresholdPlanes = 5;

export interface ThresholdWork {
  readonly problems: number;
  /** Rows of each problem, and those that there is room for in `thresholds` and `conjugates`. */
  readonly rows: number;
  readonly rowsPad: number;
  readonly length: number;
  /** Nonzeros at most. */
  readonly most: number;
  /** [problems, rows, length padded], of scores, or of costs if `potentials` are given. */
  readonly x: DeviceTensor;
  readonly mass: DeviceTensor;
  /** [5, problems, rowsPad] */
  readonly thresholds: DeviceTensor;
  /** [problems, rowsPad] */
  readonly conjugates: DeviceTensor;
  /** As x; where it is not wanted, any memory of its own. */
  readonly projection: DeviceTensor;
  readonly wanted: boolean;
  /** Scores are (f − x) scale, with f from `offset` on of each `stride` elements: see sparse_step. */
  readonly potentials?: {
    readonly work: DeviceTensor;
    readonly offset: number;
    readonly stride: number;
    readonly scale: number;
  };
}

/** One dispatch. */
export function findThresholds(of: ThresholdWork): void {
  const { problems, rows, rowsPad, length, x, potentials } = of;
  const most = Math.min(of.most, length);
  const { device } = x;
  const forced = forcedThresholdVariant.current;
  const variant =
    forced && thresholdVariants.isApplicable(forced, most)
      ? forced
      : thresholdVariants.defaultChoice(most, length);
  const bindings = {
    x: x.binding,
    f: (potentials?.work ?? x).binding,
    mass: of.mass.binding,
    thresholds: of.thresholds.binding,
    conjugates: of.conjugates.binding,
    projection: of.projection.binding,
  };
  const step = x.shape.at(-1)! / 4;
  const params = {
    problems,
    problem_rows: rows,
    problem_pad: rowsPad,
    length,
    cols4: Math.ceil(length / 4),
    row_step: step,
    most,
    f_step: (potentials?.stride ?? 0) / 4,
    f_offset: (potentials?.offset ?? 0) / 4,
    scale: potentials?.scale ?? 1,
  };
  const grid = gridFor(device, problems * rowsPad, 64);
  const slots = potentials
    ? ({ SCORE: "potential_score", ENDED: "state_ended" } as const)
    : ({ SCORE: "given_score", ENDED: "never_ended" } as const);
  const WRITE = of.wanted ? 1 : 0;
  if (variant === "search")
    launch(device, transportSparseSearch, bindings, params, grid, { slots, constants: { WRITE } });
  else {
    const ROOM = most <= 4 ? 4 : most <= 16 ? 16 : longestList;
    launch(device, transportSparseList, bindings, params, grid, {
      slots,
      constants: { WRITE, ROOM },
    });
  }
}

interface SimplexAttrs {
  /** Nonzeros at most. */
  readonly most: number;
}

const ones = (p: Tensor): Tensor => to(gt(p, 0), "f32");
const rowSum = (x: Tensor): Tensor => sum(x, { dim: -1, keepdim: true });
const last = (x: Tensor): Tensor => unsqueeze(x, -1);

/** a + b, of which either may be zero. */
const total = (a: Tensor | null | undefined, b: Tensor | null | undefined): Tensor | null =>
  a && b ? add(a, b) : (a ?? b ?? null);

/** The support, and the number of its elements with a dimension for them; 1 for a row without any. */
function supportOf(p: Tensor): [Tensor, Tensor] {
  const support = ones(p);
  return [support, maximum(rowSum(support), 1)];
}

/** Inputs: scores [..., n], mass [...]. Outputs: the projection [..., n], τ [...], the conjugate [...]. */
const projectionPrimitive: Primitive<SimplexAttrs> = {
  name: "projectionSparseSimplex",
  formula: "p = argmax ⟨y, p⟩ − ‖p‖² / 2 over p ≥ 0, Σ p = mass, ‖p‖₀ ≤ most; its τ; the maximum",
  derivative: "on the support g − mean g; g_τ / |S|; g_conjugate p",
  saves: { inputs: [], outputs: [0, 1] },
  outputs: ([y, mass]) => {
    const rows = y!.shape.slice(0, -1);
    if (!sameShape(rows, mass!.shape))
      throw new ShapeError(
        `transport.projectionSparseSimplex: mass has shape ${show(mass!.shape)}; rows of shape ${show(y!.shape)} need ${show(rows)}.`,
      );
    return [y!, { shape: rows, dtype: "f32" }, { shape: rows, dtype: "f32" }].map(({ shape }) => ({
      shape,
      dtype: "f32",
    }));
  },
  run: ([y, mass], { most }, specs) => {
    const { device, shape } = y!;
    const [length, rows] = [shape.at(-1)!, sizeOf(shape.slice(0, -1))];
    if (y!.size === 0)
      return specs.map((spec) => DeviceTensor.empty(device, spec.shape, spec.dtype));
    return scope(() => {
      const lying = dense(y!).view([1, rows, length], [rows * length, length, 1], 0);
      const x = padded(lying);
      const [thresholds, conjugates, projection] = [[thresholdPlanes, rows], [rows], x.shape].map(
        (of) => DeviceTensor.empty(device, of, "f32"),
      );
      findThresholds({
        problems: 1,
        rows,
        rowsPad: rows,
        length,
        most,
        x,
        mass: dense(mass!),
        thresholds: thresholds!,
        conjugates: conjugates!,
        projection: projection!,
        wanted: true,
      });
      const leading = shape.slice(0, -1);
      const wide = [...leading, x.shape.at(-1)!];
      return [
        projection!.view(shape, denseStrides(wide)),
        thresholds!.view(leading, denseStrides(leading), (thresholdPlanes - 1) * rows),
        conjugates!.view(leading, denseStrides(leading)),
      ];
    });
  },
  vjp: ([gp, gTau, gConjugate], { outputs: [p, tau], needs }) => {
    const [support, count] = supportOf(p!);
    const mean = gp && div(rowSum(mul(support, gp)), count);
    // What flows to the mass, and with the opposite sign to every score of the support alike.
    const common = total(mean, gTau && neg(div(last(gTau), count)));
    const held = total(gp, common && neg(common));
    return [
      total(held && mul(support, held), gConjugate && mul(last(gConjugate), p!)),
      needs[1] ? total(common && squeeze(common, -1), gConjugate && mul(gConjugate, tau!)) : null,
    ];
  },
  jvp: ([ty, tMass], { outputs: [p, tau] }) => {
    const [support, count] = supportOf(p!);
    const rise = total(
      ty && div(rowSum(mul(support, ty)), count),
      tMass && neg(div(last(tMass), count)),
    )!;
    return [
      mul(support, total(ty, neg(rise))!),
      squeeze(rise, -1),
      total(ty && sum(mul(p!, ty), { dim: -1 }), tMass && mul(tau!, tMass)),
    ];
  },
  batch: batchOfRows(() => projectionPrimitive),
};

export interface SimplexProjection {
  /** The projection, of the scores' shape. */
  readonly p: Tensor;
  /** The threshold τ of each row. */
  readonly tau: Tensor;
  /** max ⟨y, p⟩ − ‖p‖² / 2 of each row. */
  readonly conjugate: Tensor;
}

/** Of rows: scores [..., n], mass [...]. */
export function projectRows(scores: Tensor, mass: Tensor, most: number): SimplexProjection {
  const [p, tau, conjugate] = bind(projectionPrimitive, [scores, mass], { most });
  return { p: p!, tau: tau!, conjugate: conjugate! };
}

export interface SimplexOptions {
  /** What the result sums up to along `dim`: a number, or one for each row. Default 1. */
  mass?: number | Tensor;
  /** Default -1, the last. */
  dim?: number;
}

function project(op: string, x: Tensor, most: number, options: SimplexOptions): Tensor {
  const { mass = 1, dim = -1 } = requireOptions(op, options, "mass");
  requireReal(op, "x", x.dtype);
  if (x.rank === 0 || x.shape.at(normalizeDim(op, dim, x.rank)) === 0)
    throw new ShapeError(
      `${op}: x has shape ${show(x.shape)}; dimension ${dim} must have at least one element.`,
    );
  if (typeof mass === "number" && !(mass >= 0 && mass < Number.POSITIVE_INFINITY))
    throw new ArgumentError(`${op}: mass ${mass} must be finite and not negative.`);
  return scope(() => {
    const rows = transpose(x, dim, -1);
    const shape = rows.shape.slice(0, -1);
    const each =
      mass instanceof Tensor
        ? sameShape(mass.shape, shape)
          ? mass
          : expand(mass, shape)
        : full(shape, mass, { device: x.device });
    return transpose(projectRows(rows, each, most).p, dim, -1);
  });
}

/**
 * The nearest point of the simplex { p ≥ 0, Σ p = mass } (POT `projection_simplex`): max(x − τ, 0), with zeros where x is
 * small. With a mass of 1 this is sparsemax (Martins, Astudillo 2016).
 *
 * @param x f32, finite, of rank 1 or more
 * @returns x's shape; differentiable
 * @throws DTypeError; ShapeError; ArgumentError for a mass that is negative or not finite
 * @example projectionSimplex(tensor([0.5, 1, -1])) // 0.25, 0.75, 0
 */
export function projectionSimplex(x: Tensor, options: SimplexOptions = {}): Tensor {
  const op = "transport.projectionSimplex";
  return project(op, x, Number.MAX_SAFE_INTEGER, options);
}

/**
 * The nearest point of the simplex with at most `maxNonzeros` elements that are not 0 (POT
 * `projection_sparse_simplex`): the projection of the greatest elements, of equal ones the first.
 *
 * @param x f32, finite, of rank 1 or more
 * @param maxNonzeros from 1 on; the length or more is no bound
 * @returns x's shape; differentiable, with the support held
 * @throws DTypeError; ShapeError; ArgumentError for a mass that is negative or not finite, or maxNonzeros that is no whole
 * number from 1 on
 * @example projectionSparseSimplex(tensor([0.5, 1, 0.6]), 2) // 0, 0.7, 0.3
 */
export function projectionSparseSimplex(
  x: Tensor,
  maxNonzeros: number,
  options: SimplexOptions = {},
): Tensor {
  const op = "transport.projectionSparseSimplex";
  requireNonzeros(op, maxNonzeros);
  return project(op, x, maxNonzeros, options);
}

export function requireNonzeros(op: string, maxNonzeros: number): void {
  if (!Number.isInteger(maxNonzeros) || maxNonzeros < 1)
    throw new ArgumentError(
      `${op}: maxNonzeros ${maxNonzeros} must be a whole number, at least 1.`,
    );
}

export const sparseSimplexPrimitives = [projectionPrimitive];
