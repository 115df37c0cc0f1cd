/**
 * GPT-2 as Hugging Face's transformers saves it: `model.safetensors` and `config.json`. Keys are ours, with or without
 * `transformer.`; weights of linear layers are [in, out], since OpenAI's code had them as 1 x 1 convolutions (Conv1D);
 * the head is the token table, and absent or a copy of it; older files hold causal masks as buffers.
 * Source: huggingface/transformers, src/transformers/models/gpt2/modeling_gpt2.py; Radford et al. 2019.
 */
import { CheckpointError } from "../errors";
import { GPT, type GPTConfig } from "../nn/gpt";
import { skipInit } from "../nn/initialisers";
import { requireOptions } from "../options";
import { show } from "../tensor/shape";
import type { Checkpoint } from "./checkpoint";
import type { SafetensorsTensor } from "./safetensors";
import { StateDictLayout, type StateDictTensors } from "./stateDictLayout";

/** What is read of a config.json, under its own names. Sizes are the file's; where they are here too, they must agree. */
export interface GPT2Config {
  /** Heads of attention, which no tensor's shape tells. */
  readonly n_head: number;
  readonly n_layer?: number;
  readonly n_embd?: number;
  readonly n_positions?: number;
  readonly vocab_size?: number;
  /** GELU by tanh ("gelu_new", "gelu_pytorch_tanh", "gelu_fast") or by erf ("gelu"). Default "gelu_new". */
  readonly activation_function?: string;
  /** Default 1e-5. */
  readonly layer_norm_epsilon?: number;
  /** Whether the head is the token table. Default true. */
  readonly tie_word_embeddings?: boolean;
  /** Variants that `nn.GPT` does not compute, and that are refused. */
  readonly scale_attn_weights?: boolean;
  readonly scale_attn_by_inverse_layer_idx?: boolean;
  readonly add_cross_attention?: boolean;
}

/** How Hugging Face's files hold GPT-2, for `restoreModel` and `encodeModel`. */
export const gpt2Layout = new StateDictLayout({
  ignored: /\.attn\.(masked_)?bias$/,
  rename: [[/^(?=(wte|wpe|h|ln_f)\.)/, "transformer."]],
  transposed: /\.(c_attn|c_proj|c_fc)\.weight$/,
});

const approximations: Readonly<Record<string, "none" | "tanh">> = {
  gelu: "none",
  gelu_new: "tanh",
  gelu_fast: "tanh",
  gelu_pytorch_tanh: "tanh",
};

const variants: Partial<GPT2Config> = {
  scale_attn_weights: true,
  scale_attn_by_inverse_layer_idx: false,
  add_cross_attention: false,
};

/**
 * The model of a GPT-2 file with its weights, converted to f32.
 * @param config the model's config.json, parsed
 * @param options.dropout for training on. Default 0, whatever `config` has.
 * @throws CheckpointError for a file that holds no GPT-2, or none of this configuration, naming what differs
 * @throws ArgumentError for heads that do not divide the width
 * @example
 * const checkpoint = await Checkpoint.read(nodeFiles, "gpt2/model.safetensors");
 * const model = loadGPT2(checkpoint, JSON.parse(readFileSync("gpt2/config.json", "utf8")));
 */
export function loadGPT2(
  checkpoint: Checkpoint,
  config: GPT2Config,
  options: { dropout?: number } = {},
): GPT {
  const { dropout = 0 } = requireOptions("loadGPT2", options, "dropout");
  const sizes = configOf(checkpoint, config);
  const model = skipInit(() => new GPT({ ...sizes, dropout }));
  try {
    checkpoint.restoreModel(model, { layout: gpt2Layout });
  } catch (error) {
    model.dispose();
    throw error;
  }
  return model;
}

function configOf(checkpoint: Checkpoint, config: GPT2Config): GPTConfig {
  const {
    n_head: heads,
    activation_function: activation = "gelu_new",
    layer_norm_epsilon: layerNormEps = 1e-5,
    tie_word_embeddings: tiedHead = true,
  } = config;
  const { file } = checkpoint;
  const tensors = gpt2Layout.toModel(checkpoint.tensors);
  const { vocab, context, layers, width } = sizesOf(tensors, file);
  const approximate = Object.hasOwn(approximations, activation) && approximations[activation];
  const others = unlike(config, variants);
  if (!approximate)
    others.push(
      `activation_function is "${activation}", not ${Object.keys(approximations).join(", ")}`,
    );
  if (!approximate || others.length)
    throw new CheckpointError(
      `${file}: nn.GPT does not compute what its config.json asks for: ${others.join("; ")}. Take a model without that.`,
    );
  const sizes = { n_layer: layers, n_embd: width, n_positions: context, vocab_size: vocab };
  const differences = unlike(config, sizes);
  const head = tensors.get("lm_head.weight");
  if (tiedHead && head && !sameBytes(head, tensors.get("transformer.wte.weight")!))
    differences.push(
      "tie_word_embeddings is not false, but lm_head.weight differs from wte.weight",
    );
  if (differences.length)
    throw new CheckpointError(
      `${file} is not the model of this config.json, in which ${differences.join("; ")}. Pass the config.json that was saved with it.`,
    );
  return { vocab, context, layers, heads, width, tiedHead, approximate, layerNormEps };
}

/** Entries of the configuration that are there and not as they should be, in words. */
const unlike = (config: GPT2Config, expected: Partial<GPT2Config>): string[] =>
  Object.entries(expected).flatMap(([name, value]) => {
    const given = config[name as keyof GPT2Config] ?? value;
    return given === value ? [] : [`${name} is ${given}, not ${value}`];
  });

/** From the shapes; a model of these sizes takes no more memory than a small multiple of the file. */
function sizesOf(
  tensors: StateDictTensors,
  file: string,
): Pick<GPTConfig, "vocab" | "context" | "layers" | "width"> {
  const shapeOf = (key: string): readonly number[] => tensors.get(key)?.shape ?? [];
  const [vocab = 0, width = 0] = shapeOf("transformer.wte.weight");
  const [context = 0] = shapeOf("transformer.wpe.weight");
  const keys = [...tensors.keys()];
  const numbers = keys.flatMap((key) => /^transformer\.h\.(\d+)\./.exec(key)?.[1] ?? []);
  const layers = new Set(numbers).size;
  if (!vocab || !width || !context || !layers)
    throw new CheckpointError(
      `${file} holds no GPT-2: wte.weight is ${show(shapeOf("transformer.wte.weight"))}, wpe.weight ${show(shapeOf("transformer.wpe.weight"))}, and it has ${layers} layers named h.0, h.1, …. Pass the model.safetensors of a GPT-2.`,
    );
  for (const number of new Set(numbers)) {
    const inner = shapeOf(`transformer.h.${number}.mlp.c_fc.weight`);
    if (inner[0] !== 4 * width || inner[1] !== width)
      throw new CheckpointError(
        `${file}: h.${number}.mlp.c_fc.weight is ${show([...inner].reverse())}; nn.GPT has ${show([width, 4 * width])} there, with an inner width of 4 times ${width}.`,
      );
  }
  return { vocab, context, layers, width };
}

const sameBytes = (one: SafetensorsTensor, other: SafetensorsTensor): boolean =>
  one.dtype === other.dtype &&
  one.data.length === other.data.length &&
  one.data.every((byte, i) => byte === other.data[i]);
