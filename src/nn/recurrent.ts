/** Recurrent layers and cells under PyTorch's names: RNN, GRU, LSTM. */
import { ArgumentError, ShapeError } from "../errors";
import { zeros } from "../ops/creation";
import { dropout } from "../ops/dropout";
import { linear } from "../ops/matmul";
import { type CellWeights, gruCell, lstmCell, rnnCell } from "../ops/recurrent";
import { cat, select, squeeze, stack, transpose, unsqueeze } from "../ops/shape";
import { requireOptions } from "../options";
import { nextKey } from "../random/random";
import { scope } from "../tensor/scope";
import { sameShape, show } from "../tensor/shape";
import type { Tensor } from "../tensor/tensor";
import { fanInUniform } from "./initialisers";
import { Module } from "./module";
import { Parameter } from "./parameter";
import { sequence, type steps } from "./recurrence";

export interface RecurrentOptions {
  /** Layers, each fed by the one below. Default 1. */
  numLayers?: number;
  /** Default true. */
  bias?: boolean;
  /** Input and output are [batch, time, ...] instead of [time, batch, ...]. Default false. */
  batchFirst?: boolean;
  /** Probability with which outputs of all layers but the last are zeroed in training. Default 0. */
  dropout?: number;
  /** A second layer that runs from the last step to the first, beside each. Default false. */
  bidirectional?: boolean;
}

const gatesOf = { lstm: 4, gru: 3, tanh: 1, relu: 1 } as const;

/** One layer in one direction. */
interface Direction {
  readonly weights: {
    ih: Parameter;
    hh: Parameter;
    biasIh: Parameter | null;
    biasHh: Parameter | null;
  };
  readonly reverse: boolean;
}

/** Named `weight_ih_l0`, `weight_hh_l0`, `bias_ih_l0`, `bias_hh_l0`, then `_reverse`, as in PyTorch. */
abstract class Recurrent extends Module {
  readonly inputSize: number;
  readonly hiddenSize: number;
  readonly numLayers: number;
  readonly batchFirst: boolean;
  readonly bidirectional: boolean;
  readonly dropout: number;
  /** By layer, then direction. Not enumerable: the parameters are properties of the module itself. */
  declare protected readonly layers: readonly (readonly Direction[])[];

  constructor(
    protected readonly kind: keyof typeof steps,
    inputSize: number,
    hiddenSize: number,
    options: RecurrentOptions,
  ) {
    super();
    const {
      numLayers = 1,
      bias = true,
      batchFirst = false,
      bidirectional = false,
    } = requireOptions(this.constructor.name, options, "numLayers");
    for (const [name, value] of Object.entries({ inputSize, hiddenSize, numLayers }))
      if (!Number.isInteger(value) || value < 1)
        throw new ArgumentError(`${name} ${value} must be a whole number >= 1.`);
    const p = options.dropout ?? 0;
    if (!(p >= 0 && p <= 1)) throw new ArgumentError(`dropout ${p} must be a number from 0 to 1.`);
    this.inputSize = inputSize;
    this.hiddenSize = hiddenSize;
    this.numLayers = numLayers;
    this.batchFirst = batchFirst;
    this.bidirectional = bidirectional;
    this.dropout = p;
    const rows = gatesOf[kind] * hiddenSize;
    const named = (name: string, shape: number[]): Parameter => {
      const parameter = Parameter.of(fanInUniform(shape, hiddenSize), shape);
      (this as Record<string, unknown>)[name] = parameter;
      return parameter;
    };
    const layers = Array.from({ length: numLayers }, (_, layer) =>
      (bidirectional ? [false, true] : [false]).map((reverse): Direction => {
        const suffix = `l${layer}${reverse ? "_reverse" : ""}`;
        const width = layer === 0 ? inputSize : hiddenSize * (bidirectional ? 2 : 1);
        return {
          weights: {
            ih: named(`weight_ih_${suffix}`, [rows, width]),
            hh: named(`weight_hh_${suffix}`, [rows, hiddenSize]),
            biasIh: bias ? named(`bias_ih_${suffix}`, [rows]) : null,
            biasHh: bias ? named(`bias_hh_${suffix}`, [rows]) : null,
          },
          reverse,
        };
      }),
    );
    Object.defineProperty(this, "layers", { value: layers });
  }

  /**
   * @param given initial states, [layers · directions, batch, hidden] each; zeros where absent
   * @returns the outputs of the last layer, and the last states of all
   */
  protected run(
    x: Tensor,
    given: readonly Tensor[] | undefined,
    states: number,
  ): [Tensor, Tensor[]] {
    const batched = x.rank === 3;
    if ((x.rank !== 2 && !batched) || x.shape.at(-1) !== this.inputSize)
      throw new ShapeError(
        `${this.constructor.name}: the input has shape ${show(x.shape)}; it must be ${this.batchFirst ? "[batch, time, " : "[time, batch, "}${this.inputSize}], or [time, ${this.inputSize}].`,
      );
    return scope(() => {
      let current = batched ? (this.batchFirst ? transpose(x, 0, 1) : x) : unsqueeze(x, 1);
      const batch = current.shape[1]!;
      const directions = this.bidirectional ? 2 : 1;
      const count = this.numLayers * directions;
      const initial = this.initialStates(
        x,
        given,
        states,
        [count, batch, this.hiddenSize],
        batched,
      );
      const last: Tensor[][] = Array.from({ length: states }, () => []);
      this.layers.forEach((layer, l) => {
        if (l > 0 && this.training && this.dropout > 0) {
          const { key, stream } = nextKey({ device: x.device });
          current = dropout(current, this.dropout, key, { stream });
        }
        const outputs = layer.map(({ weights, reverse }, d) => {
          const all = sequence(
            this.kind,
            {
              gi: linear(current, weights.ih, weights.biasIh ?? undefined),
              states: initial.map((s) => select(s, 0, l * directions + d)),
              weight: weights.hh,
              bias: weights.biasHh,
            },
            reverse,
          );
          all.forEach((s, i) => {
            last[i]!.push(select(s, 0, reverse ? 0 : -1));
          });
          return all[0]!;
        });
        current = outputs.length === 1 ? outputs[0]! : cat(outputs, -1);
      });
      const output = !batched
        ? squeeze(current, 1)
        : this.batchFirst
          ? transpose(current, 0, 1)
          : current;
      return [output, last.map((list) => (batched ? stack(list) : squeeze(stack(list), 1)))];
    });
  }

  private initialStates(
    x: Tensor,
    given: readonly Tensor[] | undefined,
    states: number,
    shape: readonly number[],
    batched: boolean,
  ): Tensor[] {
    if (!given)
      return Array.from({ length: states }, () =>
        zeros(shape, { dtype: x.dtype, device: x.device }),
      );
    return given.map((state) => {
      const wanted = batched ? shape : [shape[0]!, shape[2]!];
      if (!sameShape(state.shape, wanted))
        throw new ShapeError(
          `${this.constructor.name}: an initial state has shape ${show(state.shape)}; it must be ${show(wanted)}, [layers · directions, batch, hidden].`,
        );
      return batched ? state : unsqueeze(state, 1);
    });
  }
}

/** Long short-term memory (PyTorch `nn.LSTM`): keys, gate order and initial values as there. */
export class LSTM extends Recurrent {
  constructor(inputSize: number, hiddenSize: number, options: RecurrentOptions = {}) {
    super("lstm", inputSize, hiddenSize, options);
  }

  /**
   * @param x [time, batch, in], with batchFirst [batch, time, in], or [time, in]
   * @param state h and c before the first step, [layers · directions, batch, hidden] each. Default zeros
   * @returns the outputs of the last layer, [..., hidden · directions], and h and c after the last step
   */
  forward(x: Tensor, state?: readonly [Tensor, Tensor]): [Tensor, [Tensor, Tensor]] {
    return this.run(x, state, 2) as [Tensor, [Tensor, Tensor]];
  }
}

/** Gated recurrent unit (PyTorch `nn.GRU`): keys, gate order and initial values as there. */
export class GRU extends Recurrent {
  constructor(inputSize: number, hiddenSize: number, options: RecurrentOptions = {}) {
    super("gru", inputSize, hiddenSize, options);
  }

  /** As `LSTM`, with h alone for a state. */
  forward(x: Tensor, state?: Tensor): [Tensor, Tensor] {
    const [output, [h]] = this.run(x, state && [state], 1);
    return [output, h!];
  }
}

export interface RNNOptions extends RecurrentOptions {
  /** Default "tanh". */
  nonlinearity?: "tanh" | "relu";
}

/** Plain recurrent network (PyTorch `nn.RNN`): h' = tanh(W_ih x + b_ih + W_hh h + b_hh). */
export class RNN extends Recurrent {
  constructor(inputSize: number, hiddenSize: number, options: RNNOptions = {}) {
    super(options.nonlinearity ?? "tanh", inputSize, hiddenSize, options);
  }

  /** As `LSTM`, with h alone for a state. */
  forward(x: Tensor, state?: Tensor): [Tensor, Tensor] {
    const [output, [h]] = this.run(x, state && [state], 1);
    return [output, h!];
  }
}

/** Keys `weight_ih`, `weight_hh`, `bias_ih`, `bias_hh`, as in PyTorch. */
abstract class Cell extends Module {
  readonly weight_ih: Parameter;
  readonly weight_hh: Parameter;
  readonly bias_ih: Parameter | null;
  readonly bias_hh: Parameter | null;

  constructor(
    gates: number,
    inputSize: number,
    readonly hiddenSize: number,
    options: { bias?: boolean },
  ) {
    super();
    const { bias = true } = requireOptions(this.constructor.name, options, "bias");
    const make = (shape: number[]): Parameter =>
      Parameter.of(fanInUniform(shape, hiddenSize), shape);
    this.weight_ih = make([gates * hiddenSize, inputSize]);
    this.weight_hh = make([gates * hiddenSize, hiddenSize]);
    this.bias_ih = bias ? make([gates * hiddenSize]) : null;
    this.bias_hh = bias ? make([gates * hiddenSize]) : null;
  }

  protected get weights(): CellWeights {
    return {
      weightIh: this.weight_ih,
      weightHh: this.weight_hh,
      biasIh: this.bias_ih,
      biasHh: this.bias_hh,
    };
  }

  /** Zeros for the rows of x. */
  protected initial(x: Tensor): Tensor {
    const shape = [...x.shape.slice(0, -1), this.hiddenSize];
    return zeros(shape, { dtype: x.dtype, device: x.device });
  }
}

/** One step of an LSTM (PyTorch `nn.LSTMCell`). */
export class LSTMCell extends Cell {
  constructor(inputSize: number, hiddenSize: number, options: { bias?: boolean } = {}) {
    super(4, inputSize, hiddenSize, options);
  }

  /** @param state h and c, [..., hidden] each; default zeros. @returns the next h and c */
  forward(x: Tensor, state?: readonly [Tensor, Tensor]): [Tensor, Tensor] {
    return scope(() => lstmCell(x, state ?? [this.initial(x), this.initial(x)], this.weights));
  }
}

/** One step of a GRU (PyTorch `nn.GRUCell`). */
export class GRUCell extends Cell {
  constructor(inputSize: number, hiddenSize: number, options: { bias?: boolean } = {}) {
    super(3, inputSize, hiddenSize, options);
  }

  /** @param h [..., hidden]; default zeros. @returns the next h */
  forward(x: Tensor, h?: Tensor): Tensor {
    return scope(() => gruCell(x, h ?? this.initial(x), this.weights));
  }
}

/** One step of a plain recurrent network (PyTorch `nn.RNNCell`). */
export class RNNCell extends Cell {
  private readonly nonlinearity: "tanh" | "relu";

  constructor(
    inputSize: number,
    hiddenSize: number,
    options: { bias?: boolean; nonlinearity?: "tanh" | "relu" } = {},
  ) {
    super(1, inputSize, hiddenSize, options);
    this.nonlinearity = options.nonlinearity ?? "tanh";
  }

  /** @param h [..., hidden]; default zeros. @returns the next h */
  forward(x: Tensor, h?: Tensor): Tensor {
    return scope(() => rnnCell(x, h ?? this.initial(x), this.weights, this.nonlinearity));
  }
}
