/** Cross entropy: of class indices as one fused operation, of weighted or soft targets in several. */
import { ArgumentError, DTypeError, ShapeError } from "../errors";
import {
  launch,
  lossCrossEntropyBackward,
  lossCrossEntropyRows,
  lossCrossEntropyTotal,
} from "../kernels";
import { requireOptions } from "../options";
import { DeviceTensor } from "../tensor/deviceTensor";
import { type DType, isFloat, requireDType } from "../tensor/dtype";
import { scope } from "../tensor/scope";
import { normalizeDim, type Shape, sameShape, show } from "../tensor/shape";
import type { Tensor } from "../tensor/tensor";
import { add, div, eq, mul, ne, neg, sub, where } from "./arithmetic";
import { likeOperand } from "./autocast";
import { arange, ones } from "./creation";
import { gather, indexSelect } from "./indexing";
import type { PlainFunction, Primitive } from "./primitive";
import { mean, sum } from "./reduce";
import { forcedRowTeam, planRows, rowTeams } from "./rowTeam";
import { withLanes } from "./rules";
import {
  dense,
  expand,
  flatten,
  permute,
  reshape,
  squeeze,
  stopGradient,
  to,
  unsqueeze,
} from "./shape";
import { logSoftmax, softmax } from "./softmax";
import { bind } from "./trace";

export type Reduction = "mean" | "sum" | "none";

export interface CrossEntropyOptions {
  /** Rows whose target is this count neither in the loss nor in the mean. Default -100. */
  ignoreIndex?: number;
  /** Share of the target's probability spread evenly over all classes, 0 to 1. Default 0. */
  labelSmoothing?: number;
  /** Mean over the rows that are not ignored (NaN if there are none), sum, or each row's loss. Default "mean". */
  reduction?: Reduction;
  /** Which dimension of the logits holds the classes. Default: told from the shapes. */
  classDim?: number;
  /** A factor for each class; f32 [classes]. A mean is divided by the factors of its rows' targets. */
  weight?: Tensor;
}

interface CrossEntropyAttrs {
  readonly ignoreIndex: number;
  readonly labelSmoothing: number;
  readonly reduction: Reduction;
  /** Names the call in the error for a target out of range. */
  readonly description: string;
}

/** Sent as data: WGSL has no literal for it. */
const nanBits = 0x7fc00000;

/** How the cotangent of the loss becomes that of a row: see loss/cross_entropy_backward. */
const scaling: Record<Reduction, number> = { none: 0, sum: 1, mean: 2 };

/** Inputs: the cotangent of the loss, logits, target, lse, and the count of rows unless reduction is none. */
const crossEntropyBackwardPrimitive: Primitive<CrossEntropyAttrs> = {
  name: "crossEntropyBackward",
  formula: "g · (softmax(x) - target distribution), per row",
  saves: "inputs",
  outputs: ([, logits]) => [{ shape: logits!.shape, dtype: logits!.dtype }],
  run: ([g, logits, target, lse, count], attrs, [out]) => {
    const dx = DeviceTensor.empty(logits!.device, out!.shape, out!.dtype);
    const [rows, cols] = out!.shape as [number, number];
    const held = [dense(g!), dense(logits!), dense(target!)] as const;
    const { team, grid } = planRows(dx.device, rows, cols);
    launch(
      dx.device,
      lossCrossEntropyBackward,
      {
        g: held[0].binding,
        x: held[1].binding,
        target_class: held[2].binding,
        lse: lse!.binding,
        count: (count ?? lse!).binding,
        dx: dx.binding,
      },
      { rows, cols, ignore_index: attrs.ignoreIndex, smoothing: attrs.labelSmoothing },
      grid,
      { constants: { TEAM: team }, overrides: { SCALING: scaling[attrs.reduction] } },
    );
    for (const t of held) t.dispose();
    return [dx];
  },
  derivative: "the derivatives of that formula in g and x",
  vjp: ([ct], { inputs: [g, logits, target, , count], attrs, pullback }) => {
    const plain = plainBackward(logits!, target!, count, attrs);
    const pulled = pullback(plain, [g!, logits!], [ct!]);
    return [...pulled, null, null, ...(count ? [null] : [])];
  },
  jvp: ([tg, tx], { inputs: [g, logits, target, , count], attrs, pushforward }) =>
    tg || tx
      ? pushforward(
          plainBackward(logits!, target!, count, attrs),
          [g!, logits!],
          [tg ?? null, tx ?? null],
        )
      : [null],
  // The rows of all lanes, each with its own cotangent.
  batch: (inputs, context) => {
    const [g, logits, target, lse, count] = withLanes(inputs, context);
    const [lanes, rows, classes] = logits!.shape as [number, number, number];
    const each = count ? div(g!, count) : g!;
    const ofRow = isByRow(context.attrs) ? each : expand(unsqueeze(each, -1), [lanes, rows]);
    const [dx] = bind(
      crossEntropyBackwardPrimitive,
      [flatten(ofRow), flatten(logits!, 0, 1), flatten(target!), flatten(lse!, 0, 1)],
      { ...context.attrs, reduction: "none" },
    );
    return [reshape(dx!, [lanes, rows, classes])];
  },
};

const isByRow = ({ reduction }: CrossEntropyAttrs): boolean => reduction === "none";

/** The backward kernel in plain operations on g and the logits. */
function plainBackward(
  logits: Tensor,
  target: Tensor,
  count: Tensor | undefined,
  { ignoreIndex, labelSmoothing }: CrossEntropyAttrs,
): PlainFunction {
  const classes = logits.shape[1]!;
  const classIndices = arange(0, classes, 1, { device: logits.device });
  const here = to(eq(unsqueeze(target, -1), classIndices), "f32");
  const wanted = add(mul(here, 1 - labelSmoothing), labelSmoothing / classes);
  const counted = to(ne(target, ignoreIndex), "f32");
  const weights = count ? div(counted, stopGradient(count)) : counted;
  return (g, x) => [mul(unsqueeze(mul(weights, g!), -1), sub(softmax(x!), wanted))];
}

/**
 * Inputs: logits [rows, classes], target [rows]. Outputs: the loss, [] or [rows]; each row's logSumExp in
 * two parts, [rows, 2], for the reverse rule; and, unless reduction is none, the divisor of a mean, which
 * never leaves the device.
 */
const crossEntropyPrimitive: Primitive<CrossEntropyAttrs> = {
  name: "crossEntropy",
  formula: "logSumExp(x) - x[target], per row; mean or sum over rows",
  saves: { inputs: [0, 1], outputs: [1, 2] },
  outputs: ([logits, target], { reduction }) => {
    requireDType("crossEntropy", "logits", logits!.dtype, ["f32"]);
    requireDType("crossEntropy", "target", target!.dtype, ["i32"]);
    const { dtype } = logits!;
    const one = { shape: [], dtype };
    const lse = { shape: [...target!.shape, 2], dtype };
    return reduction === "none" ? [{ shape: target!.shape, dtype }, lse] : [one, lse, one];
  },
  run: ([logits, target], attrs, outputs) => {
    const { device } = logits!;
    const [rows, classes] = logits!.shape as [number, number];
    const [loss, lse, count] = outputs.map((o) => DeviceTensor.empty(device, o.shape, o.dtype));
    const rowLoss = count ? DeviceTensor.empty(device, [rows], "f32") : loss!;
    const [x, classIndex] = [dense(logits!), dense(target!)];
    const { team, V, cols, grid } = planRows(device, rows, classes);
    launch(
      device,
      lossCrossEntropyRows,
      {
        x: x.binding,
        target_class: classIndex.binding,
        loss: rowLoss.binding,
        lse: lse!.binding,
        faults: device.faults,
      },
      {
        rows,
        cols,
        ignore_index: attrs.ignoreIndex,
        fault_site: device.faultSite(attrs.description),
        smoothing: attrs.labelSmoothing,
      },
      grid,
      { types: { V }, constants: { TEAM: team } },
    );
    if (count) {
      const columnTeam =
        forcedRowTeam.current ?? rowTeams.defaultChoice(device.executor.adapter.class, rows);
      launch(
        device,
        lossCrossEntropyTotal,
        {
          loss: rowLoss.binding,
          target_class: classIndex.binding,
          total: loss!.binding,
          count: count.binding,
        },
        { rows, ignore_index: attrs.ignoreIndex, nan_bits: nanBits },
        [1, 1, 1],
        {
          constants: { TEAM: columnTeam },
          overrides: { MEAN: attrs.reduction === "mean" ? 1 : 0 },
        },
      );
      rowLoss.dispose();
    }
    x.dispose();
    classIndex.dispose();
    return count ? [loss!, lse!, count] : [loss!, lse!];
  },
  derivative: "g · (softmax(x) - target distribution), per row; divided by their count for a mean",
  vjp: ([g], { inputs: [logits, target], outputs: [, lse, count], attrs }) => [
    bind(
      crossEntropyBackwardPrimitive,
      [g!, logits!, target!, lse!, ...(attrs.reduction === "mean" ? [count!] : [])],
      attrs,
    )[0]!,
    null,
  ],
  // lse and the count serve the reverse rule, whose derivatives take lse as a function of the logits.
  jvp: ([t], { inputs: [logits, target], outputs: [, lse, count], attrs }) => {
    if (!t) return isByRow(attrs) ? [null, null] : [null, null, null];
    const [slope] = bind(
      crossEntropyBackwardPrimitive,
      [ones(target!.shape, { device: target!.device }), logits!, target!, lse!],
      { ...attrs, reduction: "none" },
    );
    const rows = sum(mul(slope!, t), { dim: 1 });
    if (isByRow(attrs)) return [rows, null];
    const total = sum(rows);
    return [attrs.reduction === "mean" ? div(total, count!) : total, null, null];
  },
  // The rows of all lanes at once, then a sum for each.
  batch: (inputs, context) => {
    const { reduction, ignoreIndex } = context.attrs;
    const [logits, target] = withLanes(inputs, context);
    const [lanes, rows] = target!.shape as [number, number];
    const [losses, lses] = bind(crossEntropyPrimitive, [flatten(logits!, 0, 1), flatten(target!)], {
      ...context.attrs,
      reduction: "none",
    });
    const loss = reshape(losses!, [lanes, rows]);
    const lse = reshape(lses!, [lanes, rows, 2]);
    if (reduction === "none") return [loss, lse];
    const count = sum(to(ne(target!, ignoreIndex), "f32"), { dim: 1 });
    const total = sum(loss, { dim: 1 });
    return [reduction === "mean" ? div(total, count) : total, lse, count];
  },
};

const without = (shape: Shape, dim: number): Shape => shape.filter((_, i) => i !== dim);

/** Which dimension of `logits` the classes are in. @throws ShapeError, or ArgumentError if it is not clear. */
export function findClassDim(
  op: string,
  logits: Tensor,
  target: Tensor,
  given: number | undefined,
): number {
  const last = logits.rank - 1;
  const fits = (dim: number): boolean => sameShape(without(logits.shape, dim), target.shape);
  if (given !== undefined) {
    const dim = normalizeDim(op, given, logits.rank);
    if (fits(dim)) return dim;
    throw new ShapeError(
      `${op}: with classDim ${given}, logits of shape ${show(logits.shape)} take a target of shape ${show(without(logits.shape, dim))}, not ${show(target.shape)}.`,
    );
  }
  if (last >= 0) {
    const second = Math.min(1, last);
    if (fits(second) && fits(last) && second !== last)
      throw new ArgumentError(
        `${op}: for logits of shape ${show(logits.shape)} and a target of shape ${show(target.shape)} the classes may be in dimension 1 or in the last. Say which with classDim.`,
      );
    if (fits(second)) return second;
    if (fits(last)) return last;
  }
  throw new ShapeError(
    `${op}: logits of shape ${show(logits.shape)} and a target of shape ${show(target.shape)} do not fit. The target has the shape of the logits without the dimension of the classes: [N] for [N, C], [N, d1] for [N, C, d1] or [N, d1, C].`,
  );
}

const indexTypes: readonly DType[] = ["i32", "u32"];

function requireIgnorable(op: string, ignoreIndex: number): void {
  if (!Number.isInteger(ignoreIndex) || Math.abs(ignoreIndex) > 0x7fffffff)
    throw new ArgumentError(
      `${op}: ignoreIndex ${ignoreIndex} must be a whole number that fits i32.`,
    );
}

function requireReduction(op: string, reduction: Reduction): void {
  if (!(reduction in scaling))
    throw new ArgumentError(`${op}: reduction "${reduction}" must be "mean", "sum" or "none".`);
}

function requireWeight(op: string, weight: Tensor | undefined, classes: number): void {
  if (!weight) return;
  requireDType(op, "weight", weight.dtype, ["f32", "f16", "bf16"]);
  if (!sameShape(weight.shape, [classes]))
    throw new ShapeError(
      `${op}: weight has shape ${show(weight.shape)}; for ${classes} classes it must be [${classes}].`,
    );
}

/** @throws ArgumentError for a reduction that is none of the three */
export function reduceLoss(op: string, loss: Tensor, reduction: Reduction): Tensor {
  requireReduction(op, reduction);
  if (reduction === "none") return loss;
  return reduction === "sum" ? sum(loss) : mean(loss);
}

/** The dimension of the classes last. */
function classesLast(x: Tensor, classDim: number): Tensor {
  return permute(x, [...[...x.shape.keys()].filter((i) => i !== classDim), classDim]);
}

interface LikelihoodOptions {
  readonly classDim: number;
  readonly reduction: Reduction;
  readonly ignoreIndex: number;
  readonly labelSmoothing: number;
  readonly weight: Tensor | undefined;
}

/**
 * The loss of class indices under log-probabilities, with a factor for each class: what the fused
 * operation has no kernel for.
 */
export function negativeLogLikelihood(
  op: string,
  logProbabilities: Tensor,
  target: Tensor,
  { classDim, reduction, ignoreIndex, labelSmoothing, weight }: LikelihoodOptions,
): Tensor {
  const classes = logProbabilities.shape[classDim]!;
  requireDType(op, "target", target.dtype, indexTypes);
  requireIgnorable(op, ignoreIndex);
  requireReduction(op, reduction);
  requireWeight(op, weight, classes);
  return scope(() => {
    const wide = classesLast(to(logProbabilities, "f32"), classDim);
    const index = to(target, "i32");
    const counted = ne(index, ignoreIndex);
    const chosen = where(counted, index, 0);
    const factors = weight && to(weight, "f32");
    const own = factors
      ? reshape(indexSelect(factors, 0, reshape(chosen, [chosen.size])), chosen.shape)
      : to(counted, "f32");
    const factor = where(counted, own, 0);
    const log = squeeze(gather(wide, wide.rank - 1, unsqueeze(chosen, -1)), wide.rank - 1);
    let loss = where(counted, mul(neg(log), factor), 0);
    if (labelSmoothing > 0) {
      const all = sum(factors ? mul(wide, factors) : wide, { dim: -1 });
      const even = where(counted, mul(all, -labelSmoothing / classes), 0);
      loss = add(mul(loss, 1 - labelSmoothing), even);
    }
    const result = reduction === "none" ? loss : sum(loss);
    const y = reduction === "mean" ? div(result, sum(factor)) : result;
    return likeOperand(y, logProbabilities);
  });
}

/** Targets are probabilities of the logits' shape. */
function crossEntropyOfProbabilities(
  logits: Tensor,
  target: Tensor,
  classDim: number,
  { reduction, labelSmoothing, weight }: Omit<LikelihoodOptions, "classDim" | "ignoreIndex">,
): Tensor {
  const classes = logits.shape[classDim]!;
  return scope(() => {
    const log = logSoftmax(classesLast(to(logits, "f32"), classDim));
    const given = classesLast(to(target, "f32"), classDim);
    const wanted = labelSmoothing
      ? add(mul(given, 1 - labelSmoothing), labelSmoothing / classes)
      : given;
    const terms = mul(log, weight ? mul(wanted, to(weight, "f32")) : wanted);
    const loss = neg(sum(terms, { dim: -1 }));
    const y = reduceLoss("crossEntropy", loss, reduction);
    return likeOperand(y, logits);
  });
}

/**
 * Cross entropy under softmax(logits), as PyTorch's `nn.functional.cross_entropy`: logSumExp(x) - x[target]
 * for each row, stable for logits of any size. Class indices without a weight are fused, forward and
 * backward.
 *
 * The classes are the second dimension of the logits, as in PyTorch ([N, C] with a target [N], [N, C, d1]
 * with [N, d1]), or the last ([B, T, C] with [B, T]), whichever fits the target's shape; where both do,
 * `classDim` must say which. [C] with a scalar target is one row.
 *
 * @param logits floating-point; f16 is computed in f32
 * @param target i32 or u32, the shape of the logits without the classes; or floating-point, the shape of
 * the logits: the probability of each class, in the second dimension unless `classDim` says otherwise
 * @returns a scalar; with reduction "none" the target's shape. The mean's divisor is counted on the device
 * @throws ShapeError, DTypeError or ArgumentError for arguments that do not fit. A target that is neither
 * `ignoreIndex` nor a class raises IndexError at the next read
 * @example crossEntropy(model.forward(input), target, { ignoreIndex: 0 })
 */
export function crossEntropy(
  logits: Tensor,
  target: Tensor,
  options: CrossEntropyOptions = {},
): Tensor {
  const {
    ignoreIndex = -100,
    labelSmoothing = 0,
    reduction = "mean",
    weight,
  } = requireOptions("crossEntropy", options, "weight");
  requireIgnorable("crossEntropy", ignoreIndex);
  requireReduction("crossEntropy", reduction);
  if (!(labelSmoothing >= 0 && labelSmoothing <= 1))
    throw new ArgumentError(`crossEntropy: labelSmoothing ${labelSmoothing} must be from 0 to 1.`);
  const soft = isFloat(target.dtype) && sameShape(logits.shape, target.shape);
  if (!soft && !indexTypes.includes(target.dtype))
    throw new DTypeError(
      `crossEntropy: target has dtype ${target.dtype}; it takes class indices, i32 or u32, or probabilities of the shape of the logits. Convert with .to("i32").`,
    );
  const classDim = soft
    ? normalizeDim("crossEntropy", options.classDim ?? Math.min(1, logits.rank - 1), logits.rank)
    : findClassDim("crossEntropy", logits, target, options.classDim);
  const classes = logits.shape[classDim]!;
  if (!classes)
    throw new ShapeError(`crossEntropy: logits of shape ${show(logits.shape)} hold no class.`);
  requireWeight("crossEntropy", weight, classes);
  if (soft) {
    const how = { reduction, labelSmoothing, weight };
    return crossEntropyOfProbabilities(logits, target, classDim, how);
  }
  if (weight)
    return scope(() =>
      negativeLogLikelihood("crossEntropy", logSoftmax(logits, classDim), target, {
        classDim,
        reduction,
        ignoreIndex,
        labelSmoothing,
        weight,
      }),
    );
  return scope(() => {
    const moved = classesLast(to(logits, "f32"), classDim);
    const [loss] = bind(
      crossEntropyPrimitive,
      [reshape(moved, [target.size, classes]), reshape(to(target, "i32"), [target.size])],
      {
        ignoreIndex,
        labelSmoothing,
        reduction,
        description: `crossEntropy: target of shape ${show(target.shape)} for ${classes} classes`,
      },
    );
    const shaped = reduction === "none" ? reshape(loss!, target.shape) : loss!;
    return likeOperand(shaped, logits);
  });
}

export const lossPrimitives = [crossEntropyPrimitive, crossEntropyBackwardPrimitive];
