/**
 * Steps of recurrent networks, fused after their matrix products: one kernel forward and one back, which
 * computes the gates again instead of keeping them.
 */
import { DTypeError, ShapeError } from "../errors";
import {
  gridFor,
  launch,
  recurrentGruBackward,
  recurrentGruForward,
  recurrentLstmBackward,
  recurrentLstmForward,
} from "../kernels";
import { DeviceTensor } from "../tensor/deviceTensor";
import { scope } from "../tensor/scope";
import { type Shape, sameShape, show } from "../tensor/shape";
import { requireTensor, type Tensor } from "../tensor/tensor";
import { add, mul, sub } from "./arithmetic";
import { zerosLike } from "./creation";
import { relu, sigmoid, tanh } from "./functions";
import { linear } from "./matmul";
import type { Primitive, Spec } from "./primitive";
import { batchOfRows } from "./rules";
import { cat, narrow, rowMajor } from "./shape";
import { bind } from "./trace";

/** Runs `work` with row-major handles, and frees them. */
function withRows<T>(inputs: readonly DeviceTensor[], work: (rows: DeviceTensor[]) => T): T {
  const rows = inputs.map(rowMajor);
  const result = work(rows);
  for (const t of rows) t.dispose();
  return result;
}

const emptyLike = (x: Spec & { device: DeviceTensor["device"] }): DeviceTensor =>
  DeviceTensor.empty(x.device, x.shape, x.dtype);

/** Checks gates [..., n · width] against states [..., width], and gives their specs. */
function check(op: string, gates: readonly Spec[], states: readonly Spec[], n: number): void {
  const [state] = states;
  const width = state!.shape.at(-1);
  for (const { dtype } of [...gates, ...states])
    if (dtype !== "f32")
      throw new DTypeError(`${op}: not defined for ${dtype}; convert with .to("f32").`);
  const wanted = [...state!.shape.slice(0, -1), n * (width ?? 0)];
  if (width === undefined || gates.some(({ shape }) => !sameShape(shape, wanted)))
    throw new ShapeError(
      `${op}: gates of shapes ${gates.map((g) => show(g.shape)).join(" and ")} do not fit a state of shape ${show(state!.shape)}; they must be ${show(wanted)}.`,
    );
  if (states.some(({ shape }) => !sameShape(shape, state!.shape)))
    throw new ShapeError(
      `${op}: states of shapes ${states.map((s) => show(s.shape)).join(" and ")} must agree.`,
    );
}

const specOf = ({ shape, dtype }: Spec): Spec => ({ shape, dtype });

/** The parts of equal size along the last dimension. */
function parts(gates: Tensor, n: number): Tensor[] {
  const width = gates.shape.at(-1)! / n;
  return Array.from({ length: n }, (_, i) => narrow(gates, -1, i * width, width));
}

function plainLstm(gi: Tensor, gh: Tensor, c: Tensor) {
  const [a, b, g, d] = parts(add(gi, gh), 4) as [Tensor, Tensor, Tensor, Tensor];
  const [i, f, o] = [sigmoid(a), sigmoid(b), sigmoid(d)];
  const next = add(mul(f, c), mul(i, tanh(g)));
  return { i, f, g: tanh(g), o, t: tanh(next), next };
}

function plainLstmForward(gi: Tensor, gh: Tensor, c: Tensor): Tensor[] {
  const { o, t, next } = plainLstm(gi, gh, c);
  return [mul(o, t), next];
}

function plainLstmBackward(gi: Tensor, gh: Tensor, c: Tensor, dh: Tensor, dc: Tensor): Tensor[] {
  const { i, f, g, o, t } = plainLstm(gi, gh, c);
  const rest = (y: Tensor): Tensor => mul(y, sub(1, y));
  const cell = add(dc, mul(mul(dh, o), sub(1, mul(t, t))));
  const gates = [
    mul(mul(cell, g), rest(i)),
    mul(mul(cell, c), rest(f)),
    mul(mul(cell, i), sub(1, mul(g, g))),
    mul(mul(dh, t), rest(o)),
  ];
  return [cat(gates, -1), mul(cell, f)];
}

/** Inputs: gi, gh, c, and the cotangents of h' and c'. Outputs: the cotangent of gi (and of gh), and of c. */
const lstmBackward: Primitive<null> = {
  name: "lstmGatesBackward",
  formula: "d(gates), d(c) from d(h'), d(c')",
  derivative: "that of the formulas",
  saves: "inputs",
  outputs: ([gi, _gh, c]) => [specOf(gi!), specOf(c!)],
  run: (inputs) =>
    withRows(inputs, ([gi, gh, c, dh, dc]) => {
      const [dgates, before] = [emptyLike(gi!), emptyLike(c!)];
      launch(
        gi!.device,
        recurrentLstmBackward,
        {
          gi: gi!.binding,
          gh: gh!.binding,
          c: c!.binding,
          dh: dh!.binding,
          dc: dc!.binding,
          dgates: dgates.binding,
          dc_before: before.binding,
        },
        {
          count: c!.size,
          width: c!.shape.at(-1)!,
          gi_offset: gi!.bindingOffset,
          gh_offset: gh!.bindingOffset,
          c_offset: c!.bindingOffset,
          dh_offset: dh!.bindingOffset,
          dc_offset: dc!.bindingOffset,
        },
        gridFor(gi!.device, c!.size, 64),
      );
      return [dgates, before];
    }),
  vjp: (cotangents, { inputs, pullback }) =>
    pullback((...x) => plainLstmBackward(x[0]!, x[1]!, x[2]!, x[3]!, x[4]!), inputs, cotangents),
  jvp: (tangents, { inputs, pushforward }) =>
    pushforward((...x) => plainLstmBackward(x[0]!, x[1]!, x[2]!, x[3]!, x[4]!), inputs, tangents),
  batch: batchOfRows(() => lstmBackward),
};

/** Inputs: gi and gh [..., 4 width], c [..., width]. Outputs: h' and c'. */
const lstmForward: Primitive<null> = {
  name: "lstmGates",
  formula: "c' = σ(f) c + σ(i) tanh g, h' = σ(o) tanh c', with (i, f, g, o) = gi + gh",
  derivative: "lstmGatesBackward, which computes the gates again",
  saves: "inputs",
  outputs: ([gi, gh, c]) => {
    check("lstmCell", [gi!, gh!], [c!], 4);
    return [specOf(c!), specOf(c!)];
  },
  run: (inputs) =>
    withRows(inputs, ([gi, gh, c]) => {
      const [h, next] = [emptyLike(c!), emptyLike(c!)];
      launch(
        gi!.device,
        recurrentLstmForward,
        {
          gi: gi!.binding,
          gh: gh!.binding,
          c: c!.binding,
          h_next: h.binding,
          c_next: next.binding,
        },
        {
          count: c!.size,
          width: c!.shape.at(-1)!,
          gi_offset: gi!.bindingOffset,
          gh_offset: gh!.bindingOffset,
          c_offset: c!.bindingOffset,
        },
        gridFor(gi!.device, c!.size, 64),
      );
      return [h, next];
    }),
  vjp: ([dh, dc], { inputs }) => {
    const zero = zerosLike(inputs[2]!);
    const [gates, before] = lstmGatesBackward(inputs, dh ?? zero, dc ?? zero);
    return [gates, gates, before];
  },
  jvp: (tangents, { inputs, pushforward }) =>
    pushforward((...x) => plainLstmForward(x[0]!, x[1]!, x[2]!), inputs, tangents),
  batch: batchOfRows(() => lstmForward),
};

/** h' and c' from the gates that input and state give, [..., 4 width] each, and c. */
export function lstmGates(gi: Tensor, gh: Tensor, c: Tensor): [Tensor, Tensor] {
  return bind(lstmForward, [gi, gh, c], null) as [Tensor, Tensor];
}

/** The cotangents of the sum of the gates, and of c; `inputs` as `lstmGates` takes them. */
export function lstmGatesBackward(
  inputs: readonly Tensor[],
  dh: Tensor,
  dc: Tensor,
): [Tensor, Tensor] {
  return bind(lstmBackward, [...inputs, dh, dc], null) as [Tensor, Tensor];
}

function plainGru(gi: Tensor, gh: Tensor) {
  const [ri, zi, ni] = parts(gi, 3) as [Tensor, Tensor, Tensor];
  const [rh, zh, inner] = parts(gh, 3) as [Tensor, Tensor, Tensor];
  const r = sigmoid(add(ri, rh));
  return { r, z: sigmoid(add(zi, zh)), n: tanh(add(ni, mul(r, inner))), inner };
}

function plainGruForward(gi: Tensor, gh: Tensor, h: Tensor): Tensor[] {
  const { z, n } = plainGru(gi, gh);
  return [add(n, mul(z, sub(h, n)))];
}

function plainGruBackward(gi: Tensor, gh: Tensor, h: Tensor, dh: Tensor): Tensor[] {
  const { r, z, n, inner } = plainGru(gi, gh);
  const rest = (y: Tensor): Tensor => mul(y, sub(1, y));
  const m = mul(mul(dh, sub(1, z)), sub(1, mul(n, n)));
  const reset = mul(mul(m, inner), rest(r));
  const update = mul(mul(dh, sub(h, n)), rest(z));
  return [cat([reset, update, m], -1), cat([reset, update, mul(m, r)], -1), mul(dh, z)];
}

/** Inputs: gi, gh, h and the cotangent of h'. Outputs: the cotangents of gi, gh and h. */
const gruBackward: Primitive<null> = {
  name: "gruGatesBackward",
  formula: "d(gi), d(gh), d(h) from d(h')",
  derivative: "that of the formulas",
  saves: "inputs",
  outputs: ([gi, gh, h]) => [specOf(gi!), specOf(gh!), specOf(h!)],
  run: (inputs) =>
    withRows(inputs, ([gi, gh, h, dh]) => {
      const [dgi, dgh, before] = [emptyLike(gi!), emptyLike(gh!), emptyLike(h!)];
      launch(
        gi!.device,
        recurrentGruBackward,
        {
          gi: gi!.binding,
          gh: gh!.binding,
          h: h!.binding,
          dh: dh!.binding,
          dgi: dgi.binding,
          dgh: dgh.binding,
          dh_before: before.binding,
        },
        {
          count: h!.size,
          width: h!.shape.at(-1)!,
          gi_offset: gi!.bindingOffset,
          gh_offset: gh!.bindingOffset,
          h_offset: h!.bindingOffset,
          dh_offset: dh!.bindingOffset,
        },
        gridFor(gi!.device, h!.size, 64),
      );
      return [dgi, dgh, before];
    }),
  vjp: (cotangents, { inputs, pullback }) =>
    pullback((...x) => plainGruBackward(x[0]!, x[1]!, x[2]!, x[3]!), inputs, cotangents),
  jvp: (tangents, { inputs, pushforward }) =>
    pushforward((...x) => plainGruBackward(x[0]!, x[1]!, x[2]!, x[3]!), inputs, tangents),
  batch: batchOfRows(() => gruBackward),
};

/** Inputs: gi and gh [..., 3 width], h [..., width]. Output: h'. */
const gruForward: Primitive<null> = {
  name: "gruGates",
  formula:
    "h' = (1 - z) n + z h, with r = σ(gi_r + gh_r), z = σ(gi_z + gh_z), n = tanh(gi_n + r gh_n)",
  derivative: "gruGatesBackward, which computes the gates again",
  saves: "inputs",
  outputs: ([gi, gh, h]) => {
    check("gruCell", [gi!, gh!], [h!], 3);
    return [specOf(h!)];
  },
  run: (inputs) =>
    withRows(inputs, ([gi, gh, h]) => {
      const next = emptyLike(h!);
      launch(
        gi!.device,
        recurrentGruForward,
        { gi: gi!.binding, gh: gh!.binding, h: h!.binding, h_next: next.binding },
        {
          count: h!.size,
          width: h!.shape.at(-1)!,
          gi_offset: gi!.bindingOffset,
          gh_offset: gh!.bindingOffset,
          h_offset: h!.bindingOffset,
        },
        gridFor(gi!.device, h!.size, 64),
      );
      return [next];
    }),
  vjp: ([dh], { inputs }) => gruGatesBackward(inputs, dh!),
  jvp: (tangents, { inputs, pushforward }) =>
    pushforward((...x) => plainGruForward(x[0]!, x[1]!, x[2]!), inputs, tangents),
  batch: batchOfRows(() => gruForward),
};

/** h' from the gates that input and state give, [..., 3 width] each, and h. */
export function gruGates(gi: Tensor, gh: Tensor, h: Tensor): Tensor {
  return bind(gruForward, [gi, gh, h], null)[0]!;
}

/** The cotangents of gi, gh and h; `inputs` as `gruGates` takes them. */
export function gruGatesBackward(inputs: readonly Tensor[], dh: Tensor): [Tensor, Tensor, Tensor] {
  return bind(gruBackward, [...inputs, dh], null) as [Tensor, Tensor, Tensor];
}

/** The parameters of a recurrent cell, with `gates` rows of `width` each: 4 (LSTM), 3 (GRU) or 1. */
export interface CellWeights {
  /** [gates · width, in] */
  readonly weightIh: Tensor;
  /** [gates · width, width] */
  readonly weightHh: Tensor;
  /** [gates · width] */
  readonly biasIh?: Tensor | null;
  /** [gates · width] */
  readonly biasHh?: Tensor | null;
}

/** @throws ShapeError where a state is not [...rows of x, width] or the weights do not fit */
function checkCell(
  op: string,
  x: Tensor,
  rows: Shape,
  h: Tensor,
  w: CellWeights,
  gates: number,
): void {
  requireTensor(op, h);
  const width = h.shape.at(-1) ?? 0;
  const fits =
    sameShape(h.shape, [...rows, width]) &&
    sameShape(w.weightIh.shape, [gates * width, x.shape.at(-1) ?? -1]) &&
    sameShape(w.weightHh.shape, [gates * width, width]);
  if (!fits)
    throw new ShapeError(
      `${op}: input ${show(x.shape)}, state ${show(h.shape)}, weightIh ${show(w.weightIh.shape)} and weightHh ${show(w.weightHh.shape)} do not fit. They are [..., in], [..., width], [${gates} width, in] and [${gates} width, width].`,
    );
}

/**
 * One step of a long short-term memory (PyTorch `nn.LSTMCell`).
 *
 * @param x [..., in]
 * @param state h and c, [..., width] each
 * @returns the next h and c
 * @throws ShapeError, DTypeError where the operands do not fit
 */
export function lstmCell(
  x: Tensor,
  [h, c]: readonly [Tensor, Tensor],
  weights: CellWeights,
): [Tensor, Tensor] {
  checkCell("lstmCell", x, x.shape.slice(0, -1), h, weights, 4);
  return scope(() =>
    lstmGates(
      linear(x, weights.weightIh, weights.biasIh ?? undefined),
      linear(h, weights.weightHh, weights.biasHh ?? undefined),
      c,
    ),
  );
}

/**
 * One step of a gated recurrent unit (PyTorch `nn.GRUCell`).
 *
 * @param x [..., in]
 * @param h [..., width]
 * @returns the next h
 * @throws ShapeError, DTypeError where the operands do not fit
 */
export function gruCell(x: Tensor, h: Tensor, weights: CellWeights): Tensor {
  checkCell("gruCell", x, x.shape.slice(0, -1), h, weights, 3);
  return scope(() =>
    gruGates(
      linear(x, weights.weightIh, weights.biasIh ?? undefined),
      linear(h, weights.weightHh, weights.biasHh ?? undefined),
      h,
    ),
  );
}

/**
 * One step of a plain recurrent network (PyTorch `nn.RNNCell`): h' = f(x W_ihᵀ + b_ih + h W_hhᵀ + b_hh).
 *
 * @param nonlinearity "tanh" (the default) or "relu"
 * @throws ShapeError, DTypeError where the operands do not fit
 */
export function rnnCell(
  x: Tensor,
  h: Tensor,
  weights: CellWeights,
  nonlinearity: "tanh" | "relu" = "tanh",
): Tensor {
  checkCell("rnnCell", x, x.shape.slice(0, -1), h, weights, 1);
  return scope(() => {
    const sum = add(
      linear(x, weights.weightIh, weights.biasIh ?? undefined),
      linear(h, weights.weightHh, weights.biasHh ?? undefined),
    );
    return nonlinearity === "relu" ? relu(sum) : tanh(sum);
  });
}

export const recurrentPrimitives = [lstmForward, lstmBackward, gruForward, gruBackward];
