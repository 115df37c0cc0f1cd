/**
 * The two trainings that every engine runs, from the same weights and batches: a GPT of nanoGPT's form on
 * tokens of a noisy chain, and a convolutional network on handwritten digits. Numbers come from a generator
 * of whole numbers, so that they are the same bits in every engine and on every machine.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";

/** AdamW as nanoGPT groups it: `weightDecay` on parameters of rank 2 and more, none on the others. */
export const adamw = {
  lr: 1e-3,
  betas: [0.9, 0.999],
  eps: 1e-8,
  weightDecay: 0.1,
  clipGradNorm: 1,
};

export const tinyGpt = {
  vocab: 96,
  context: 128,
  layers: 4,
  heads: 4,
  width: 128,
  batch: 8,
};

export const convNet = { channels: [16, 32], classes: 10, side: 28, batch: 64 };

/** Batches before they come around again. */
export const batchCount = 10;

/** Numbers in [0, 1): mulberry32, https://gist.github.com/tommyettinger/46a874533244883189143505d203312c */
export function uniform(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const product = (shape) => shape.reduce((size, n) => size * n, 1);

function filler(seed) {
  const next = uniform(seed);
  return {
    spread: (shape, bound) => ({
      shape,
      values: Float32Array.from({ length: product(shape) }, () => (2 * next() - 1) * bound),
    }),
    constant: (shape, value) => ({
      shape,
      values: new Float32Array(product(shape)).fill(value),
    }),
  };
}

/** Weights under nanoGPT's names, linear ones [out, in]; the head is the token table. */
export function gptWeights({ vocab, context, layers, width }) {
  const { spread, constant } = filler(1);
  // Uniform with standard deviation 0.02.
  const bound = 0.0346;
  const weights = {};
  const linear = (name, inputs, outputs) => {
    weights[`${name}.weight`] = spread([outputs, inputs], bound);
    weights[`${name}.bias`] = constant([outputs], 0);
  };
  const norm = (name) => {
    weights[`${name}.weight`] = constant([width], 1);
    weights[`${name}.bias`] = constant([width], 0);
  };
  weights["transformer.wte.weight"] = spread([vocab, width], bound);
  weights["transformer.wpe.weight"] = spread([context, width], bound);
  for (let i = 0; i < layers; i++) {
    const block = `transformer.h.${i}`;
    norm(`${block}.ln_1`);
    linear(`${block}.attn.c_attn`, width, 3 * width);
    linear(`${block}.attn.c_proj`, width, width);
    norm(`${block}.ln_2`);
    linear(`${block}.mlp.c_fc`, width, 4 * width);
    linear(`${block}.mlp.c_proj`, 4 * width, width);
  }
  norm("transformer.ln_f");
  return weights;
}

/** Tokens i32 [batch, context] and those that follow them: mostly 3 x + 1, else any. */
export function gptBatches({ vocab, context, batch }) {
  const next = uniform(2);
  const any = () => Math.floor(next() * vocab);
  return Array.from({ length: batchCount }, () => {
    const input = new Int32Array(batch * context);
    const target = new Int32Array(batch * context);
    for (let row = 0; row < batch; row++) {
      let token = any();
      for (let i = row * context; i < (row + 1) * context; i++) {
        input[i] = token;
        token = next() < 0.8 ? (3 * token + 1) % vocab : any();
        target[i] = token;
      }
    }
    return { input, target };
  });
}

/** Two convolutions [out, in, 3, 3], each with ReLU and a maximum over 2 x 2, and a linear layer [out, in]. */
export function convNetWeights({ channels: [first, second], classes, side }) {
  const { spread, constant } = filler(3);
  const pixels = (side / 4) ** 2;
  return {
    "conv1.weight": spread([first, 1, 3, 3], 1 / 3),
    "conv1.bias": constant([first], 0),
    "conv2.weight": spread([second, first, 3, 3], 1 / 12),
    "conv2.bias": constant([second], 0),
    "head.weight": spread([classes, second * pixels], 1 / 40),
    "head.bias": constant([classes], 0),
  };
}

const image = "mnist-t10k-images-idx3-ubyte.gz";
const label = "mnist-t10k-labels-idx1-ubyte.gz";

/** Whether `folder` holds MNIST's test part. */
export const hasMnist = (folder) => [image, label].every((file) => existsSync(join(folder, file)));

/** Images f32 [batch, 1, 28, 28] in [0, 1) and labels i32 [batch]: MNIST's of `folder`, or made up for null. */
export function digitBatches({ batch, side, classes }, folder) {
  const pixels = side * side;
  if (folder) {
    const [images, labels] = [image, label].map((file) =>
      gunzipSync(readFileSync(join(folder, file))),
    );
    return Array.from({ length: batchCount }, (_, i) => ({
      input: Float32Array.from(
        images.subarray(16 + i * batch * pixels, 16 + (i + 1) * batch * pixels),
        (byte) => byte / 256,
      ),
      target: Int32Array.from(labels.subarray(8 + i * batch, 8 + (i + 1) * batch)),
    }));
  }
  const next = uniform(4);
  const patterns = Array.from({ length: classes * pixels }, () => next());
  return Array.from({ length: batchCount }, () => {
    const target = Int32Array.from({ length: batch }, () => Math.floor(next() * classes));
    const input = new Float32Array(batch * pixels);
    for (let i = 0; i < input.length; i++) {
      const pattern = patterns[target[Math.floor(i / pixels)] * pixels + (i % pixels)];
      input[i] = (pattern + next()) / 2;
    }
    return { input, target };
  });
}
