/**
 * A decoder-only transformer in the form of GPT-2: pre-norm blocks, GELU, learned positions. Parameter
 * keys are those of nanoGPT and of GPT-2's PyTorch ports: `transformer.h.0.attn.c_attn.weight`. The defaults are
 * nanoGPT's; `train/gpt2` reads OpenAI's weights.
 */
import { ArgumentError, ShapeError } from "../errors";
import { add } from "../ops/arithmetic";
import { packedAttention } from "../ops/attention";
import { gelu } from "../ops/functions";
import { linear } from "../ops/matmul";
import { narrow, reshape } from "../ops/shape";
import { requireOptions } from "../options";
import { tensor } from "../tensor/creation";
import { scope } from "../tensor/scope";
import { show } from "../tensor/shape";
import type { Tensor } from "../tensor/tensor";
import { ModuleList } from "./containers";
import { Dropout } from "./dropout";
import { Embedding } from "./embedding";
import { normal } from "./initialisers";
import { Linear } from "./linear";
import { Module } from "./module";
import { LayerNorm } from "./normalisation";
import { Sampler, type SamplingOptions } from "./sampling";

export interface GPTConfig {
  /** Number of distinct tokens. */
  vocab: number;
  /** Longest sequence. */
  context: number;
  layers: number;
  heads: number;
  /** Size of the token vectors, a multiple of `heads`. */
  width: number;
  /** Default 0. */
  dropout?: number;
  /** Biases in linear layers and norms. Default true. */
  bias?: boolean;
  /** Share the token table with the output head. Default true, as in GPT-2. */
  tiedHead?: boolean;
  /** How GELU is computed, as in PyTorch: by erf, or by tanh as OpenAI's GPT-2 does. Default "none": by erf. */
  approximate?: "none" | "tanh";
  /** What is added to the variance in the norms. Default 1e-5. */
  layerNormEps?: number;
}

type WholeConfig = Readonly<Required<GPTConfig>>;

class Attention extends Module {
  readonly c_attn: Linear;
  readonly c_proj: Linear;
  readonly resid_dropout: Dropout;

  constructor(
    width: number,
    readonly heads: number,
    bias: boolean,
    dropout: number,
  ) {
    super();
    this.c_attn = new Linear(width, 3 * width, { bias });
    this.c_proj = new Linear(width, width, { bias });
    this.resid_dropout = new Dropout(dropout);
  }

  forward(x: Tensor): Tensor {
    const [batch, time, width] = x.shape as [number, number, number];
    const packed = [batch, time, 3, this.heads, width / this.heads];
    const qkv = reshape(this.c_attn.forward(x), packed);
    const y = reshape(packedAttention(qkv, { causal: true }), [batch, time, width]);
    return this.resid_dropout.forward(this.c_proj.forward(y));
  }
}

class MLP extends Module {
  readonly c_fc: Linear;
  readonly c_proj: Linear;
  readonly dropout: Dropout;

  constructor(
    width: number,
    readonly approximate: "none" | "tanh",
    bias: boolean,
    dropout: number,
  ) {
    super();
    this.c_fc = new Linear(width, 4 * width, { bias });
    this.c_proj = new Linear(4 * width, width, { bias });
    this.dropout = new Dropout(dropout);
  }

  forward(x: Tensor): Tensor {
    const y = gelu(this.c_fc.forward(x), this.approximate);
    return this.dropout.forward(this.c_proj.forward(y));
  }
}

class Block extends Module {
  readonly ln_1: LayerNorm;
  readonly attn: Attention;
  readonly ln_2: LayerNorm;
  readonly mlp: MLP;

  constructor({ width, heads, bias, dropout, approximate, layerNormEps: eps }: WholeConfig) {
    super();
    this.ln_1 = new LayerNorm(width, { eps, bias });
    this.attn = new Attention(width, heads, bias, dropout);
    this.ln_2 = new LayerNorm(width, { eps, bias });
    this.mlp = new MLP(width, approximate, bias, dropout);
  }

  forward(x: Tensor): Tensor {
    const y = add(x, this.attn.forward(this.ln_1.forward(x)));
    return add(y, this.mlp.forward(this.ln_2.forward(y)));
  }
}

class Transformer extends Module {
  readonly wte: Embedding;
  readonly wpe: Embedding;
  readonly drop: Dropout;
  readonly h: ModuleList<Block>;
  readonly ln_f: LayerNorm;

  constructor(config: WholeConfig) {
    super();
    const { vocab, context, width, layers, bias, dropout, layerNormEps: eps } = config;
    this.wte = new Embedding(vocab, width);
    this.wpe = new Embedding(context, width);
    this.drop = new Dropout(dropout);
    this.h = new ModuleList(Array.from({ length: layers }, () => new Block(config)));
    this.ln_f = new LayerNorm(width, { eps, bias });
  }

  forward(index: Tensor): Tensor {
    const positions = narrow(this.wpe.weight, 0, 0, index.shape[1]!);
    let x = this.drop.forward(add(this.wte.forward(index), positions));
    for (const block of this.h) x = block.forward(x);
    return this.ln_f.forward(x);
  }
}

export interface GenerateOptions extends SamplingOptions {
  /** How many tokens to add at most. */
  count: number;
  /** Tokens that end the text, such as GPT-2's [50256]; the one that did is not returned. Default: none. */
  stop?: readonly number[];
  /** Called with each new token, as soon as it is known. */
  onToken?: (token: number) => void;
  signal?: AbortSignal;
}

/**
 * A decoder-only transformer in the form of GPT-2; `forward` takes tokens i32 [batch, time] and gives logits
 * [batch, time, vocabulary].
 * @throws ArgumentError for a configuration that cannot be built
 */
export class GPT extends Module {
  readonly transformer: Transformer;
  readonly lm_head: Linear;
  readonly config: WholeConfig;

  constructor(config: GPTConfig) {
    super();
    for (const name of ["vocab", "context", "layers", "heads", "width"] as const)
      if (!Number.isInteger(config[name]) || config[name] < 1)
        throw new ArgumentError(`GPT: ${name} is ${config[name]}; it is a whole number >= 1.`);
    if (config.width % config.heads !== 0)
      throw new ArgumentError(
        `GPT: width ${config.width} is not a multiple of heads ${config.heads}. Choose a width of ${config.heads * Math.ceil(config.width / config.heads)}.`,
      );
    this.config = {
      dropout: 0,
      bias: true,
      tiedHead: true,
      approximate: "none",
      layerNormEps: 1e-5,
      ...config,
    };
    this.transformer = new Transformer(this.config);
    this.lm_head = new Linear(config.width, config.vocab, {
      bias: false,
      ...(this.config.tiedHead && { weight: this.transformer.wte.weight }),
    });
    this.#initialise();
  }

  /**
   * Logits of the next token at each position.
   * @param index i32 [batch, time], time at most `context`
   * @param lastOnly only at the last position, for generation. Default false.
   * @returns f32 [batch, time, vocab], or [batch, 1, vocab]
   */
  forward(index: Tensor, options: { lastOnly?: boolean } = {}): Tensor {
    const { lastOnly = false } = requireOptions("GPT", options, "lastOnly");
    const { context } = this.config;
    const time = index.shape[1];
    if (index.rank !== 2 || time === undefined || time < 1 || time > context)
      throw new ShapeError(
        `GPT: index has shape ${show(index.shape)}; it takes [batch, time] with 1 to ${context} time steps.`,
      );
    const x = this.transformer.forward(index);
    return linear(lastOnly ? narrow(x, 1, time - 1, 1) : x, this.lm_head.weight);
  }

  /**
   * Continues a sequence of tokens, one at a time; only the last `context` of them are seen.
   * The same seed gives the same text on the same adapter.
   * @returns the new tokens
   * @throws ArgumentError for a prompt that is no list of tokens, or no count
   */
  async generate(prompt: readonly number[], options: GenerateOptions): Promise<number[]> {
    if (prompt.length === 0)
      throw new ArgumentError("GPT.generate: the prompt is empty; pass at least one token.");
    if (!Array.from(prompt).every(Number.isInteger))
      throw new ArgumentError(
        "GPT.generate: the prompt takes tokens, whole numbers; encode the text with the model's tokenizer.",
      );
    if (!(options.count >= 0))
      throw new ArgumentError(`GPT.generate: count is ${options.count}; it is a number of tokens.`);
    const sampler = new Sampler(options);
    const tokens = [...prompt];
    const wasTraining = this.training;
    this.eval();
    try {
      for (let i = 0; i < options.count; i++) {
        options.signal?.throwIfAborted();
        const seen = tokens.slice(-this.config.context);
        const logits = scope(() =>
          this.forward(tensor(Int32Array.from(seen), { shape: [1, seen.length] }), {
            lastOnly: true,
          }),
        );
        const values = (await logits.data()) as Float32Array;
        logits.dispose();
        const token = sampler.pick(values);
        if (options.stop?.includes(token)) break;
        tokens.push(token);
        options.onToken?.(token);
      }
    } finally {
      this.train(wasTraining);
    }
    return tokens.slice(prompt.length);
  }

  /** GPT-2's initial values: Normal(0, 0.02), projections into the residual stream by 1/√(2 · layers). */
  #initialise(): void {
    const residual = 0.02 / Math.sqrt(2 * this.config.layers);
    const values = this.namedParameters().flatMap(([key, { shape, size }]) => {
      if (/ln_\w+\.weight$/.test(key)) return [];
      const std = key.endsWith("c_proj.weight") ? residual : 0.02;
      const drawn = key.endsWith(".bias") ? new Float32Array(size) : normal(shape, { std });
      return [[key, { values: drawn, shape }] as const];
    });
    this.loadStateDict(Object.fromEntries(values), { strict: false });
  }
}
