/** What a run will need of device memory, before anything of it is allocated. */
import { tensor } from "tilegrad/functions";
import { predictMemory } from "tilegrad/optim";
import { makeOptimizer } from "./rule.js";
import { sizes } from "./settings.js";

/** Names and shapes of the tensors of `GPT` without biases, its head sharing the table of tokens. */
function tensorsOf({ layers, width, context }, vocab) {
  const block = (i) =>
    Object.entries({
      "ln_1.weight": [width],
      "attn.c_attn.weight": [3 * width, width],
      "attn.c_proj.weight": [width, width],
      "ln_2.weight": [width],
      "mlp.c_fc.weight": [4 * width, width],
      "mlp.c_proj.weight": [width, 4 * width],
    }).map(([name, shape]) => ({ name: `transformer.h.${i}.${name}`, shape }));
  return [
    { name: "transformer.wte.weight", shape: [vocab, width] },
    { name: "transformer.wpe.weight", shape: [context, width] },
    ...Array.from({ length: layers }, (_, i) => block(i)).flat(),
    { name: "transformer.ln_f.weight", shape: [width] },
  ];
}

/** Bytes that wait for the backward pass, by the formula of docs/memory.md. */
const activationBytes = ({ layers, heads, width, context, batch }, vocab) =>
  4 * batch * context * (layers * (16 * width + 4 + heads) + 2 * width + 2 * vocab);

/** The rule of the settings, which an optimizer of one number has as well as any. */
function ruleOf(settings) {
  const one = tensor([0]);
  const optimizer = makeOptimizer([["one", one]], { ...settings, state: "f32" });
  const { rule } = optimizer;
  optimizer.dispose();
  one.dispose();
  return rule;
}

/**
 * @param {import("./settings.js").defaults} settings
 * @param {number} vocab distinct characters
 * @returns {{ parameters: number, bytes: import("tilegrad").optim.MemoryBytes, total: number }}
 */
export function memoryOf(settings, vocab) {
  const shape = sizes[settings.size];
  const tensors = tensorsOf(shape, vocab);
  const bytes = predictMemory(tensors, {
    rule: ruleOf(settings),
    state: settings.state,
    activations: activationBytes(shape, vocab),
  });
  return {
    parameters: tensors.reduce((sum, one) => sum + one.shape.reduce((n, side) => n * side, 1), 0),
    bytes,
    total: Object.values(bytes).reduce((sum, part) => sum + part, 0),
  };
}
