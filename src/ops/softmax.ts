/** Softmax, its logarithm, and the logarithm of its denominator, stable for scores of any size. */

import type { Device } from "../device/device";
import type { AdapterClass } from "../device/executor";
import { launch, softmaxBackward, softmaxForward, softmaxLogSumExp } from "../kernels";
import { requireOptions } from "../options";
import { DeviceTensor } from "../tensor/deviceTensor";
import { requireDType } from "../tensor/dtype";
import { scope } from "../tensor/scope";
import { normalizeDim, normalizeDims, sizeOf } from "../tensor/shape";
import type { Tensor } from "../tensor/tensor";
import { mul, sub } from "./arithmetic";
import { likeOperand } from "./autocast";
import { exp } from "./functions";
import type { BatchContext, Primitive, Spec } from "./primitive";
import { type ReduceOptions, sum } from "./reduce";
import { planRows } from "./rowTeam";
import { batchOfRows, withLanes } from "./rules";
import { dense, permute, reshape, to, transpose, unsqueeze } from "./shape";
import { bind } from "./trace";
import { choose } from "./variants";

/** Length of the rows: the last dimension; a scalar is one row of one element. */
const rowLength = (x: Spec): number => x.shape.at(-1) ?? 1;
const rowCount = (x: Spec): number => sizeOf(x.shape.slice(0, -1));

/** How softmax comes by its exponentials a second time: computes them again, or has kept them in the result. */
export type SoftmaxVariant = "recompute" | "keep";

export const softmaxVariants = {
  /** A logarithm needs them once. */
  isApplicable: (variant: SoftmaxVariant, kind: Kind["name"]): boolean =>
    variant === "recompute" || kind === "softmax",
  defaultChoice: (adapter: AdapterClass): SoftmaxVariant =>
    adapter === "wasm" ? "keep" : "recompute",
  candidates: (): readonly SoftmaxVariant[] => ["recompute", "keep"],
};

/** For tests: one variant wherever it is applicable; null lets `defaultChoice` decide. */
export const forcedSoftmaxVariant: { current: SoftmaxVariant | null } = { current: null };

/** 1 for `keep`: the kernel's constant. */
function keeping(device: Device, kind: Kind["name"], rows: number, cols: number): 0 | 1 {
  if (!softmaxVariants.isApplicable("keep", kind)) return 0;
  const variant =
    forcedSoftmaxVariant.current ??
    choose(device, {
      family: "softmax",
      problem: [rows, cols],
      candidates: softmaxVariants.candidates,
      defaultChoice: () => softmaxVariants.defaultChoice(device.executor.adapter.class),
    });
  return variant === "keep" ? 1 : 0;
}

const along = { dim: -1, keepdim: true } as const;

/** More rows; lanes of scalars are rows of one element. */
function batchRows(
  primitive: Primitive<null>,
  inputs: readonly Tensor[],
  context: BatchContext<null>,
): Tensor[] {
  const rows = withLanes(inputs, context);
  if (rows[0]!.rank > 1) return bind(primitive, rows, null);
  const [y] = bind(
    primitive,
    rows.map((t) => unsqueeze(t, -1)),
    null,
  );
  return [reshape(y!, [context.size])];
}

interface Kind {
  readonly name: "softmax" | "logSoftmax";
  readonly formula: string;
  readonly derivative: string;
  readonly result: "probability" | "log_probability";
  readonly backward: {
    readonly formula: string;
    readonly slots: {
      readonly TERM: "softmax_term" | "log_softmax_term";
      readonly COTANGENT: "softmax_cotangent" | "log_softmax_cotangent";
    };
    readonly derivative: string;
    /** The same in plain operations, for its own derivatives. */
    readonly plain: (y: Tensor, g: Tensor) => Tensor;
  };
  /** The tangent of y from y and the tangent of x. */
  readonly tangent: (y: Tensor, t: Tensor) => Tensor;
}

/** Along the last dimension; the functions users call bring another dimension there. */
// @__NO_SIDE_EFFECTS__
function rowPrimitives({
  name,
  formula,
  derivative,
  result,
  backward,
  tangent,
}: Kind): [Primitive<null>, Primitive<null>] {
  const backwardPrimitive: Primitive<null> = {
    name: `${name}Backward`,
    formula: backward.formula,
    derivative: backward.derivative,
    saves: "inputs",
    outputs: ([y]) => [{ shape: y!.shape, dtype: y!.dtype }],
    run: ([y, g], _, [out]) => {
      const dx = DeviceTensor.empty(y!.device, out!.shape, out!.dtype);
      const [denseY, denseG] = [dense(y!), dense(g!)];
      const rows = rowCount(out!);
      const { team, V, cols, grid } = planRows(dx.device, rows, rowLength(out!));
      launch(
        dx.device,
        softmaxBackward,
        { y: denseY.binding, g: denseG.binding, dx: dx.binding },
        { rows, cols },
        grid,
        { types: { V }, constants: { TEAM: team }, slots: backward.slots },
      );
      denseY.dispose();
      denseG.dispose();
      return [dx];
    },
    vjp: ([ct], { inputs: [y, g], pullback }) =>
      pullback((...of) => [backward.plain(of[0]!, of[1]!)], [y!, g!], [ct!]),
    jvp: (tangents, { inputs, pushforward }) =>
      pushforward((...of) => [backward.plain(of[0]!, of[1]!)], inputs, tangents),
    batch: (inputs, context) => batchRows(backwardPrimitive, inputs, context),
  };
  const primitive: Primitive<null> = {
    name,
    formula,
    derivative,
    saves: "outputs",
    outputs: ([x]) => {
      requireDType(name, "x", x!.dtype, ["f32"]);
      return [{ shape: x!.shape, dtype: x!.dtype }];
    },
    run: ([x], _, [out]) => {
      const y = DeviceTensor.empty(x!.device, out!.shape, out!.dtype);
      const source = dense(x!);
      const rows = rowCount(out!);
      const { team, V, cols, grid } = planRows(y.device, rows, rowLength(out!));
      launch(y.device, softmaxForward, { x: source.binding, y: y.binding }, { rows, cols }, grid, {
        types: { V },
        constants: { TEAM: team, KEEP: keeping(y.device, name, rows, cols) },
        slots: { RESULT: result },
      });
      source.dispose();
      return [y];
    },
    vjp: ([g], { outputs: [y] }) => bind(backwardPrimitive, [y!, g!], null),
    jvp: ([t], { outputs: [y] }) => [tangent(y!, t!)],
    batch: (inputs, context) => batchRows(primitive, inputs, context),
  };
  return [primitive, backwardPrimitive];
}

const softmaxPair: [Primitive<null>, Primitive<null>] = rowPrimitives({
  name: "softmax",
  formula: "exp(x) / Σ exp(x)",
  derivative: "y · (g - Σ g y)",
  result: "probability",
  backward: {
    formula: "y · (g - Σ g y)",
    derivative: "the derivatives of that formula",
    slots: { TERM: "softmax_term", COTANGENT: "softmax_cotangent" },
    plain: (y, g) => mul(y, sub(g, sum(mul(g, y), along))),
  },
  // The Jacobian is symmetric.
  tangent: (y, t) => bind(softmaxPair[1], [y, t], null)[0]!,
});

const logSoftmaxPair = rowPrimitives({
  name: "logSoftmax",
  formula: "x - log Σ exp(x)",
  derivative: "g - exp(y) · Σ g",
  result: "log_probability",
  backward: {
    formula: "g - exp(y) · Σ g",
    derivative: "the derivatives of that formula",
    slots: { TERM: "log_softmax_term", COTANGENT: "log_softmax_cotangent" },
    plain: (y, g) => sub(g, mul(exp(y), sum(g, along))),
  },
  tangent: (y, t) => sub(t, sum(mul(exp(y), t), along)),
});

const logSumExpPrimitive: Primitive<null> = {
  name: "logSumExp",
  formula: "log Σ exp(x)",
  saves: "everything",
  outputs: ([x]) => {
    requireDType("logSumExp", "x", x!.dtype, ["f32"]);
    return [{ shape: x!.shape.slice(0, -1), dtype: x!.dtype }];
  },
  run: ([x], _, [out]) => {
    const y = DeviceTensor.empty(x!.device, out!.shape, out!.dtype);
    const source = dense(x!);
    const { team, V, cols, grid } = planRows(y.device, y.size, rowLength(x!));
    launch(
      y.device,
      softmaxLogSumExp,
      { x: source.binding, y: y.binding },
      { rows: y.size, cols },
      grid,
      { types: { V }, constants: { TEAM: team } },
    );
    source.dispose();
    return [y];
  },
  derivative: "g · exp(x - y)",
  vjp: ([g], { inputs: [x], outputs: [y] }) => [mul(unsqueeze(g!, -1), shares(x!, y!))],
  jvp: ([t], { inputs: [x], outputs: [y] }) => [sum(mul(shares(x!, y!), t!), { dim: -1 })],
  batch: batchOfRows(() => logSumExpPrimitive),
};

/** softmax(x) from its logSumExp. */
const shares = (x: Tensor, y: Tensor): Tensor => exp(sub(x, unsqueeze(y, -1)));

function alongDim(op: string, primitive: Primitive<null>, x: Tensor, dim: number): Tensor {
  const at = normalizeDim(op, dim, x.rank);
  const run = (t: Tensor): Tensor => bind(primitive, [t], null)[0]!;
  const last = at >= x.rank - 1;
  return scope(() => {
    const wide = to(x, "f32");
    const y = last ? run(wide) : transpose(run(transpose(wide, at, -1)), at, -1);
    return likeOperand(y, x);
  });
}

/**
 * exp(x) / Σ exp(x) along one dimension: positive, and adding up to 1.
 *
 * Computed relative to the maximum, so that no score overflows. A row that holds NaN or +Infinity, or
 * nothing but -Infinity, gives non-finite values.
 * @param x floating-point, any shape; f16 is computed in f32 and rounded once, integers are taken as f32
 * @param dim which dimension. Default: the last
 * @throws ShapeError for a dimension out of range
 * @example softmax(tensor([0, Math.log(3)])) // 0.25, 0.75
 */
export function softmax(x: Tensor, dim = -1): Tensor {
  return alongDim("softmax", softmaxPair[0], x, dim);
}

/**
 * x - log Σ exp(x) along one dimension: the logarithm of `softmax`, without its underflow.
 *
 * @param x floating-point, any shape; f16 is computed in f32 and rounded once, integers are taken as f32
 * @param dim which dimension. Default: the last
 * @throws ShapeError for a dimension out of range
 */
export function logSoftmax(x: Tensor, dim = -1): Tensor {
  return alongDim("logSoftmax", logSoftmaxPair[0], x, dim);
}

/**
 * log Σ exp(x) over some dimensions, relative to the maximum, so that nothing overflows.
 *
 * @param x floating-point, any shape; f16 is computed in f32 and rounded once, integers are taken as f32
 * @param options `dim`: one or several dimensions, default all; `keepdim`: keep them with size 1
 * @throws ShapeError for a dimension out of range or named twice
 */
export function logSumExp(x: Tensor, options: ReduceOptions = {}): Tensor {
  requireOptions("logSumExp", options, "dim");
  const reduced = normalizeDims("logSumExp", options.dim, x.rank);
  const kept = x.shape.map((_, i) => i).filter((i) => !reduced.includes(i));
  const keptShape = kept.map((i) => x.shape[i]!);
  const shape = x.shape.map((d, i) => (reduced.includes(i) ? 1 : d));
  return scope(() => {
    const moved = permute(to(x, "f32"), [...kept, ...reduced]);
    const rows = reshape(moved, [...keptShape, sizeOf(reduced.map((i) => x.shape[i]!))]);
    const y = bind(logSumExpPrimitive, [rows], null)[0]!;
    const result = options.keepdim ? reshape(y, shape) : y;
    return likeOperand(result, x);
  });
}

// Reading a pair has no effects, which bundlers cannot know.
export const softmaxPrimitives = /* @__PURE__ */ (() => [
  softmaxPair[0],
  softmaxPair[1],
  logSoftmaxPair[0],
  logSoftmaxPair[1],
  logSumExpPrimitive,
])();
