/**
 * TensorFlow.js: `node bench/peers/tfjs.mjs webgpu MODULE`, where MODULE is the built webgpu.ts, or `wasm`.
 * In Node its WebAssembly (XNNPACK) has no threads: tensorflow/tfjs issue 3830.
 */
import { serve } from "./serve.mjs";
import {
  adamw,
  convNetWeights,
  digitBatches,
  gptBatches,
  gptWeights,
} from "./trainingProblems.mjs";

const [backend, webgpuModule] = process.argv.slice(2);
const counts = webgpuModule && (await (await import(webgpuModule)).openWebGPU());
console.debug = () => {};
const tf = await import("@tensorflow/tfjs");
await import(
  backend === "wasm" ? "@tensorflow/tfjs-backend-wasm" : "@tensorflow/tfjs-backend-webgpu"
);
if (!(await tf.setBackend(backend))) throw new Error(`TensorFlow.js has no ${backend} here.`);
await tf.ready();

/** Resolves when all that was asked for is done. WebAssembly has done it already. */
async function done() {
  if (backend !== "webgpu") return;
  const { queue } = tf.backend();
  // It has no encoder while nothing waits to be sent.
  if (tf.backend().commandEncoder) {
    tf.backend().endComputePassEncoder();
    tf.backend().submitQueue();
  }
  await queue.onSubmittedWorkDone();
}

let seed = 0;
const normal = (...shape) => tf.randomNormal(shape, 0, 1, "float32", ++seed);

const repeated =
  ({ repeats = 1 }, operation) =>
  async () => {
    tf.tidy(() => {
      for (let i = 0; i < repeats; i++) operation();
    });
    await done();
  };

function maybeBackward(options, f, inputs) {
  if (!options.backward) return repeated(options, () => f(...inputs));
  const cotangent = normal(...tf.tidy(() => f(...inputs).shape));
  const gradients = tf.grads(f);
  return repeated(options, () => gradients(inputs, cotangent));
}

/** Over the last axis, which `w` and `b` scale and shift. */
function layerNorm(x, w, b) {
  const { mean, variance } = tf.moments(x, -1, true);
  return x.sub(mean).mul(variance.add(1e-5).rsqrt()).mul(w).add(b);
}

const rmsNorm = (x, w) => x.mul(x.square().mean(-1, true).add(1e-5).rsqrt()).mul(w);

/** [batch, heads, context, width] each. */
function attention(q, k, v) {
  const [context, width] = q.shape.slice(-2);
  const scores = tf.matMul(q, k, false, true).mul(1 / Math.sqrt(width));
  return tf.matMul(tf.softmax(scores.add(causalMask(context))), v);
}

const masks = new Map();
function causalMask(context) {
  if (!masks.has(context)) {
    const values = Float32Array.from({ length: context * context }, (_, i) =>
      i % context > Math.floor(i / context) ? -1e30 : 0,
    );
    masks.set(context, tf.keep(tf.tensor(values, [context, context])));
  }
  return masks.get(context);
}

/** Mean over the rows of logits [rows, classes] of what their targets i32 [rows] cost, in nats. */
function crossEntropy(logits, target) {
  const [rows, classes] = logits.shape;
  const chosen = tf.logSoftmax(logits).mul(tf.oneHot(target, classes));
  return chosen.sum().mul(-1 / rows);
}

const gelu = (x) => x.mul(Math.SQRT1_2).erf().add(1).mul(x.mul(0.5));

/** AdamW on variables, as tf.train.adam does Adam: operations on each. Its moments stay. */
function adamwOf(variables, weightDecay) {
  const { lr, eps } = adamw;
  const [b1, b2] = adamw.betas;
  const states = variables.map((v) => [
    tf.keep(tf.zerosLike(v)),
    tf.keep(tf.zerosLike(v)),
    weightDecay(v) * lr,
  ]);
  let step = 0;
  return (gradients) => {
    step++;
    const [fix1, fix2] = [1 / (1 - b1 ** step), 1 / (1 - b2 ** step)];
    for (const [i, variable] of variables.entries()) {
      const [m, v, decay] = states[i];
      const g = gradients[i];
      const newM = tf.keep(m.mul(b1).add(g.mul(1 - b1)));
      const newV = tf.keep(v.mul(b2).add(g.square().mul(1 - b2)));
      const update = newM.mul(fix1 * lr).div(newV.mul(fix2).sqrt().add(eps));
      variable.assign((decay ? variable.mul(1 - decay) : variable).sub(update));
      m.dispose();
      v.dispose();
      states[i][0] = newM;
      states[i][1] = newV;
    }
  };
}

/** A training of `weights` (tensors by name); `loss` takes variables by name and a batch. */
function training(weights, batches, loss) {
  const variables = Object.fromEntries(
    Object.entries(weights).map(([name, value]) => [name, tf.variable(value)]),
  );
  const names = Object.keys(variables);
  const list = names.map((name) => variables[name]);
  const update = adamwOf(list, (v) => (v.rank >= 2 ? adamw.weightDecay : 0));
  const losses = [];
  const step = () =>
    tf.tidy(() => {
      const batch = batches[losses.length % batches.length];
      const { value, grads } = tf.variableGrads(() => loss(variables, batch), list);
      const gradients = list.map((v) => grads[v.name]);
      // addN binds a buffer for each operand, of which WebGPU has eight.
      const length = tf
        .stack(gradients.map((g) => g.square().sum()))
        .sum()
        .sqrt();
      const factor = tf.minimum(tf.div(adamw.clipGradNorm, length), 1);
      update(gradients.map((g) => g.mul(factor)));
      return value;
    });
  async function read(value) {
    losses.push((await value.data())[0]);
    value.dispose();
  }
  const run = () => read(step());
  return {
    run,
    async losses(count) {
      while (losses.length < count) await run();
      return losses.slice(0, count);
    },
    async traffic() {
      if (!counts) return null;
      await done();
      const before = { ...counts };
      const value = step();
      await done();
      const traffic = {
        dispatches: counts.dispatches - before.dispatches,
        submits: counts.submits - before.submits,
      };
      await read(value);
      return traffic;
    },
  };
}

const tensorOf = ({ shape, values }) => tf.tensor(values, shape);

/** Linear weights as [in, out], which is how TensorFlow.js' dense layers keep them. */
const weightsOf = (all) =>
  Object.fromEntries(
    Object.entries(all).map(([name, weight]) => {
      const linear = weight.shape.length === 2 && !/\.(wte|wpe)\./.test(name);
      return [name, linear ? tensorOf(weight).transpose() : tensorOf(weight)];
    }),
  );

const tasks = {
  async linear(options) {
    const { rows, inputs, outputs, part } = options;
    const x = normal(rows, inputs);
    const y = normal(rows, outputs);
    const weight = normal(inputs, outputs);
    const parts = {
      forward: () => tf.matMul(x, weight),
      dX: () => tf.matMul(y, weight, false, true),
      dW: () => tf.matMul(x, y, true, false),
    };
    return repeated(options, parts[part]);
  },

  async matmul(options) {
    const { batch, m, n, k } = options;
    const [a, b] = [normal(...batch, m, k), normal(...batch, k, n)];
    return repeated(options, () => tf.matMul(a, b));
  },

  async attention(options) {
    const { batch, heads, context, width } = options;
    const inputs = Array.from({ length: 3 }, () => normal(batch, heads, context, width));
    return maybeBackward(options, attention, inputs);
  },

  async norm(options) {
    const { kind, rows, width } = options;
    const inputs = [normal(rows, width), normal(width), normal(width)];
    return kind === "layer"
      ? maybeBackward(options, layerNorm, inputs)
      : maybeBackward(options, rmsNorm, inputs.slice(0, 2));
  },

  async reduce(options) {
    const { kind, rows, width, dim } = options;
    const x = normal(rows, width);
    const run = {
      sum: () => x.sum(dim),
      max: () => x.max(dim),
      argmax: () => x.argMax(dim),
      logsumexp: () => tf.logSumExp(x, 1),
      softmax: () => tf.softmax(x, 1),
    };
    return repeated(options, run[kind]);
  },

  async crossEntropy(options) {
    const { rows, classes } = options;
    const target = tf.randomUniform([rows], 0, classes, "int32", ++seed);
    return maybeBackward(options, (x) => crossEntropy(x, target), [normal(rows, classes)]);
  },

  async elementwise(options) {
    const { kind, rows, width } = options;
    const [x, y, row] = [normal(rows, width), normal(rows, width), normal(width)];
    const run = {
      add: () => x.add(y),
      "add a row": () => x.add(row),
      gelu: () => gelu(x),
      sort: () => tf.topk(x, width, true),
      normal: () => normal(rows, width),
    };
    return repeated(options, run[kind]);
  },

  async adamw(options) {
    const { tensors, rows, width } = options;
    const variables = Array.from({ length: tensors }, () => tf.variable(normal(rows, width)));
    const gradients = variables.map(() => normal(rows, width));
    const update = adamwOf(variables, () => adamw.weightDecay);
    return repeated(options, () => update(gradients));
  },

  async gpt(problem) {
    const { batch, context, layers, heads, width, vocab } = problem;
    const batches = gptBatches(problem).map(({ input, target }) => ({
      input: tf.tensor(input, [batch * context], "int32"),
      target: tf.tensor(target, [batch * context], "int32"),
    }));
    const loss = (w, { input, target }) => {
      const rows = batch * context;
      const linear = (x, name) => tf.matMul(x, w[`${name}.weight`]).add(w[`${name}.bias`]);
      const norm = (x, name) => layerNorm(x, w[`${name}.weight`], w[`${name}.bias`]);
      const table = w["transformer.wte.weight"];
      // The gradient of gather needs a kernel that the WebAssembly backend does not have.
      const embedded =
        backend === "wasm"
          ? tf.matMul(tf.oneHot(input, vocab, 1, 0, "float32"), table)
          : tf.gather(table, input);
      let x = embedded
        .reshape([batch, context, width])
        .add(w["transformer.wpe.weight"])
        .reshape([rows, width]);
      for (let i = 0; i < layers; i++) {
        const block = `transformer.h.${i}`;
        const packed = linear(norm(x, `${block}.ln_1`), `${block}.attn.c_attn`);
        const parts = tf
          .split(packed, 3, 1)
          .map((part) =>
            part.reshape([batch, context, heads, width / heads]).transpose([0, 2, 1, 3]),
          );
        const y = attention(...parts)
          .transpose([0, 2, 1, 3])
          .reshape([rows, width]);
        x = x.add(linear(y, `${block}.attn.c_proj`));
        const hidden = gelu(linear(norm(x, `${block}.ln_2`), `${block}.mlp.c_fc`));
        x = x.add(linear(hidden, `${block}.mlp.c_proj`));
      }
      return crossEntropy(tf.matMul(norm(x, "transformer.ln_f"), table, false, true), target);
    };
    return training(weightsOf(gptWeights(problem)), batches, loss);
  },

  /** Channels are last here, which TensorFlow.js computes fastest. */
  async convNet(problem) {
    const { batch, side, channels, classes, data } = problem;
    const weights = weightsOf(convNetWeights(problem));
    for (const name of ["conv1.weight", "conv2.weight"])
      weights[name] = weights[name].transpose([2, 3, 1, 0]);
    const pixels = side / 4;
    weights["head.weight"] = weights["head.weight"]
      .reshape([channels[1], pixels, pixels, classes])
      .transpose([1, 2, 0, 3])
      .reshape([channels[1] * pixels * pixels, classes]);
    const batches = digitBatches(problem, data).map(({ input, target }) => ({
      input: tf.tensor(input, [batch, side, side, 1]),
      target: tf.tensor(target, [batch], "int32"),
    }));
    const loss = (w, { input, target }) => {
      const layer = (x, name) =>
        tf
          .conv2d(x, w[`${name}.weight`], 1, "same")
          .add(w[`${name}.bias`])
          .relu()
          .maxPool(2, 2, "valid");
      const rows = layer(layer(input, "conv1"), "conv2").reshape([batch, -1]);
      return crossEntropy(tf.matMul(rows, w["head.weight"]).add(w["head.bias"]), target);
    };
    return training(weights, batches, loss);
  },
};

await serve({
  about: { adapter: "", version: tf.version.tfjs },
  tasks,
  deviceMemory: () => (counts ? { buffers: counts.peakBytes } : {}),
});
process.exit(0);
