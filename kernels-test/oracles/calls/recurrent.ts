/** Recurrent layers and cells. The layers run as modules on the fixture's weights. */
import * as tg from "../../../src/node";
import type { Attrs, Operation, Operations } from "./forms";

type Tensor = tg.Tensor;
type Layers = tg.nn.LSTM | tg.nn.GRU | tg.nn.RNN;

const layers =
  (
    Kind: new (inputs: number, hidden: number, options: Attrs) => Layers,
    states: number,
  ): Operation =>
  (inputs, { layers: numLayers = 1, bidirectional = false, ...attrs }) => {
    const [x, ...rest] = inputs as readonly [Tensor, ...Tensor[]];
    const initial = rest.slice(0, states);
    const weights = rest.slice(states);
    const bias = weights.length === 4 * numLayers * (bidirectional ? 2 : 1);
    const options = { numLayers, bidirectional, bias, ...attrs };
    const module = new Kind(x.shape.at(-1)!, initial[0]!.shape.at(-1)!, options) as tg.nn.LSTM;
    const names = Object.keys(module.stateDict());
    const values = Object.fromEntries(names.map((name, i) => [name, weights[i]!]));
    const state = (states === 2 ? initial : initial[0]) as unknown as [Tensor, Tensor];
    const [output, last] = tg.nn.functionalCall(module, values, x, state);
    module.dispose();
    return [output, ...(Array.isArray(last) ? last : [last as unknown as Tensor])];
  };

const weights = ([weightIh, weightHh, biasIh, biasHh]: readonly Tensor[]) => ({
  weightIh: weightIh!,
  weightHh: weightHh!,
  biasIh: biasIh!,
  biasHh: biasHh!,
});

export const recurrentOperations: Operations = {
  gru: layers(tg.nn.GRU as never, 1),
  gruCell: ([x, h, ...rest]) => tg.gruCell(x!, h!, weights(rest)),
  lstm: layers(tg.nn.LSTM as never, 2),
  lstmCell: ([x, h, c, ...rest]) => tg.lstmCell(x!, [h!, c!], weights(rest)),
  rnn: layers(tg.nn.RNN as never, 1),
  rnnCell: ([x, h, ...rest]) => tg.rnnCell(x!, h!, weights(rest)),
};
