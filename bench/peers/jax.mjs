/**
 * jax-js: `node bench/peers/jax.mjs webgpu MODULE`, where MODULE is the built webgpu.ts, or `wasm`. In Node
 * its WebAssembly has no threads: it starts them as web workers.
 *
 * An array is used up by the operation that takes it; `ref` keeps it. What is more than one operation runs
 * under `jit`. Its einsum and dotProductAttention need iterator helpers, which Node has from version 22.
 */
import { readFileSync } from "node:fs";
import { serve } from "./serve.mjs";
import {
  adamw,
  convNetWeights,
  digitBatches,
  gptBatches,
  gptWeights,
} from "./trainingProblems.mjs";
import { clouds } from "./transportProblem.mjs";

const [backend, webgpuModule] = process.argv.slice(2);
const counts = webgpuModule && (await (await import(webgpuModule)).openWebGPU());
const {
  blockUntilReady,
  defaultDevice,
  grad,
  init,
  jit,
  lax,
  nn,
  numpy: np,
  random,
  tree,
  valueAndGrad,
} = await import("@jax-js/jax");
if (!(await init(backend)).includes(backend)) throw new Error(`jax-js has no ${backend} here.`);
defaultDevice(backend);

let seed = 0;
const normal = (...shape) => random.normal(random.key(++seed), shape);
const arrayOf = ({ shape, values }) => np.array(values).reshape(shape);
const arraysOf = (weights) =>
  Object.fromEntries(Object.entries(weights).map(([name, weight]) => [name, arrayOf(weight)]));

/** What is computed last of one operation's results: waiting for an array costs a submit, so one is enough. */
const lastOf = (result) => tree.leaves(result).at(-1);

/** `operation` gives an array or a tree of them. */
const repeated =
  ({ repeats = 1 }, operation) =>
  async () => {
    const results = Array.from({ length: repeats }, operation);
    await blockUntilReady(results.map(lastOf));
    tree.dispose(results);
  };

const kept = (inputs) => inputs.map((x) => x.ref);

function maybeBackward(options, f, inputs) {
  const forward = jit(f);
  if (!options.backward) return repeated(options, () => forward(...kept(inputs)));
  const result = forward(...kept(inputs));
  const cotangent = result.ndim === 0 ? np.array(1) : normal(...result.shape);
  result.dispose();
  const gradients = jit(
    grad((xs, c) =>
      f(...xs)
        .mul(c)
        .sum(),
    ),
  );
  return repeated(options, () => gradients(kept(inputs), cotangent.ref));
}

function layerNorm(x, w, b) {
  const centred = x.ref.sub(np.mean(x, -1, { keepdims: true }));
  const variance = np.mean(np.square(centred.ref), -1, { keepdims: true });
  return centred
    .div(np.sqrt(variance.add(1e-5)))
    .mul(w)
    .add(b);
}

const rmsNorm = (x, w) =>
  x.ref.div(np.sqrt(np.mean(np.square(x), -1, { keepdims: true }).add(1e-5))).mul(w);

/** [batch, heads, context, width] each. */
function attention(q, k, v) {
  const [context, width] = q.shape.slice(-2);
  const scores = np.matmul(q, np.matrixTranspose(k)).div(Math.sqrt(width));
  const seen = np.tri(context, context, 0, { dtype: np.bool });
  return np.matmul(nn.softmax(np.where(seen, scores, -1e30), -1), v);
}

/** Mean over the rows of logits [rows, classes] of what their targets i32 [rows] cost, in nats. */
function crossEntropy(logits, target) {
  const [rows, classes] = logits.shape;
  const chosen = nn.logSoftmax(logits, -1).mul(nn.oneHot(target, classes).astype(np.float32));
  return chosen.sum().mul(-1 / rows);
}

const gelu = (x) => x.ref.mul(0.5).mul(lax.erf(x.mul(Math.SQRT1_2)).add(1));

/** One parameter's AdamW: [parameter, m, v] from those and the gradient; `t` counts from 1. */
function adamwOne(parameter, m, v, g, fix1, fix2, weightDecay) {
  const { lr, eps } = adamw;
  const [b1, b2] = adamw.betas;
  const newM = m.mul(b1).add(g.ref.mul(1 - b1));
  const newV = v.mul(b2).add(np.square(g).mul(1 - b2));
  const update = newM.ref
    .div(fix1.ref)
    .div(np.sqrt(newV.ref.div(fix2.ref)).add(eps))
    .mul(lr);
  const decayed = weightDecay ? parameter.mul(1 - lr * weightDecay) : parameter;
  return [decayed.sub(update), newM, newV];
}

/** Over lists of arrays; `t` is used up. */
function adamwAll(parameters, ms, vs, gradients, t, weightDecay) {
  const [b1, b2] = adamw.betas;
  const fix1 = np.array(1).sub(np.power(b1, t.ref));
  const fix2 = np.array(1).sub(np.power(b2, t));
  const rows = parameters.map((p, i) =>
    adamwOne(p, ms[i], vs[i], gradients[i], fix1, fix2, weightDecay(p)),
  );
  fix1.dispose();
  fix2.dispose();
  return [0, 1, 2].map((i) => rows.map((row) => row[i]));
}

function training(weights, batches, loss) {
  const names = Object.keys(weights);
  const named = (list) => Object.fromEntries(names.map((name, i) => [name, list[i]]));
  const step = jit((parameters, ms, vs, t, input, target) => {
    const lossOf = (list, x, y) => loss(named(list), x, y);
    const [value, grads] = valueAndGrad(lossOf)(tree.ref(parameters), input, target);
    const length = np.sqrt(grads.map((g) => np.square(g.ref).sum()).reduce((x, y) => x.add(y)));
    const factor = np.minimum(np.array(adamw.clipGradNorm).div(length), 1);
    const clipped = grads.map((g) => g.mul(factor.ref));
    factor.dispose();
    const decay = (p) => (p.ndim >= 2 ? adamw.weightDecay : 0);
    return [value, ...adamwAll(parameters, ms, vs, clipped, t.ref, decay), t.add(1)];
  });
  const list = names.map((name) => weights[name]);
  const zeros = () => list.map((x) => np.zeros(x.shape));
  let state = [list, zeros(), zeros(), np.array(1)];
  const losses = [];
  function advance() {
    const { input, target } = batches[losses.length % batches.length];
    const [value, ...next] = step(...state, input.ref, target.ref);
    state = next;
    return value;
  }
  const read = async (value) => losses.push(await value.jsAsync());
  const run = () => read(advance());
  return {
    run,
    async losses(count) {
      while (losses.length < count) await run();
      return losses.slice(0, count);
    },
    async traffic() {
      if (!counts) return null;
      await state.at(-1).blockUntilReady();
      const before = { ...counts };
      const value = advance();
      await value.blockUntilReady();
      const traffic = {
        dispatches: counts.dispatches - before.dispatches,
        submits: counts.submits - before.submits,
      };
      await read(value);
      return traffic;
    },
  };
}

const ints = (values, shape) => np.array(values, { dtype: np.int32 }).reshape(shape);

const tasks = {
  async linear(options) {
    const { rows, inputs, outputs, part } = options;
    const x = normal(rows, inputs);
    const y = normal(rows, outputs);
    const weight = normal(inputs, outputs);
    const parts = {
      forward: () => np.matmul(x.ref, weight.ref),
      dX: () => np.matmul(y.ref, np.matrixTranspose(weight.ref)),
      dW: () => np.matmul(np.matrixTranspose(x.ref), y.ref),
    };
    return repeated(options, parts[part]);
  },

  async matmul(options) {
    const { batch, m, n, k } = options;
    const [a, b] = [normal(...batch, m, k), normal(...batch, k, n)];
    return repeated(options, () => np.matmul(a.ref, b.ref));
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
      sum: () => np.sum(x.ref, dim),
      max: () => np.max(x.ref, dim),
      argmax: () => np.argmax(x.ref, dim),
      logsumexp: () => nn.logsumexp(x.ref, 1),
      softmax: () => nn.softmax(x.ref, 1),
    };
    return repeated(options, run[kind]);
  },

  async crossEntropy(options) {
    const { rows, classes } = options;
    const target = ints(
      Int32Array.from({ length: rows }, (_, i) => (i * 7919) % classes),
      [rows],
    );
    return maybeBackward(options, (x) => crossEntropy(x, target.ref), [normal(rows, classes)]);
  },

  async elementwise(options) {
    const { kind, rows, width } = options;
    const [x, y, row] = [normal(rows, width), normal(rows, width), normal(width)];
    const fused = jit(gelu);
    const run = {
      add: () => x.ref.add(y.ref),
      "add a row": () => x.ref.add(row.ref),
      gelu: () => fused(x.ref),
      sort: () => np.sort(x.ref),
      normal: () => normal(rows, width),
    };
    return repeated(options, run[kind]);
  },

  async adamw(options) {
    const { tensors, rows, width } = options;
    const list = () => Array.from({ length: tensors }, () => normal(rows, width));
    const zeros = () => Array.from({ length: tensors }, () => np.zeros([rows, width]));
    const gradients = list();
    const step = jit((parameters, ms, vs, grads, t) => [
      ...adamwAll(parameters, ms, vs, grads, t.ref, () => adamw.weightDecay),
      t.add(1),
    ]);
    let [parameters, ms, vs, t] = [list(), zeros(), zeros(), np.array(1)];
    return async () => {
      [parameters, ms, vs, t] = step(parameters, ms, vs, kept(gradients), t);
      await parameters.at(-1).blockUntilReady();
    };
  },

  /** The log-domain loop, a compiled iteration at a time; uniform weights. */
  async sinkhorn(problem) {
    const { n, m, epsilon, iterations, dense } = problem;
    const [x, y] = clouds(problem).map(arrayOf);
    const distances = jit((x, y) =>
      np.square(np.expandDims(x, 1).sub(np.expandDims(y, 0))).sum(-1),
    );
    const softmin = (potential, costs, axis) =>
      nn
        .logsumexp(
          np
            .expandDims(potential, 1 - axis)
            .sub(costs)
            .div(epsilon),
          axis,
        )
        .sub(Math.log(axis === 0 ? n : m))
        .mul(-epsilon);
    const iterate = jit((f, costs) => {
      const g = softmin(f, costs.ref, 0);
      return [softmin(g.ref, costs, 1), g];
    });
    const costOf = jit((f, g, costs) => {
      const potentials = np.expandDims(f, 1).add(np.expandDims(g, 0));
      const plan = np.exp(potentials.sub(costs.ref).div(epsilon)).div(n * m);
      return plan.mul(costs).sum();
    });
    const given = dense ? distances(x.ref, y.ref) : null;
    let last = [];
    function loop(times) {
      const costs = given?.ref ?? distances(x.ref, y.ref);
      let [f, g] = [np.zeros([n]), np.zeros([m])];
      for (let i = 0; i < times; i++) {
        g.dispose();
        [f, g] = iterate(f, costs.ref);
      }
      tree.dispose(last);
      last = [f, g, costs];
      return f.ref.blockUntilReady().then((ready) => ready.dispose());
    }
    return {
      run: () => loop(iterations),
      transportCost: () => costOf(...kept(last)).jsAsync(),
      async traffic() {
        if (!counts) return null;
        await loop(1);
        const before = { ...counts };
        await loop(2);
        const between = { ...counts };
        await loop(3);
        const dispatches = counts.dispatches - 2 * between.dispatches + before.dispatches;
        return { dispatches, bytes: null };
      },
    };
  },

  async gpt(problem) {
    const { batch, context, layers, heads, width, vocab } = problem;
    const rows = batch * context;
    const batches = gptBatches(problem).map(({ input, target }) => ({
      input: ints(input, [rows]),
      target: ints(target, [rows]),
    }));
    const loss = (w, input, target) => {
      const linear = (x, name) =>
        np.matmul(x, np.matrixTranspose(w[`${name}.weight`])).add(w[`${name}.bias`]);
      const norm = (x, name) => layerNorm(x, w[`${name}.weight`], w[`${name}.bias`]);
      const table = w["transformer.wte.weight"];
      let x = np
        .matmul(nn.oneHot(input, vocab).astype(np.float32), table.ref)
        .reshape([batch, context, width])
        .add(w["transformer.wpe.weight"]);
      for (let i = 0; i < layers; i++) {
        const block = `transformer.h.${i}`;
        const packed = linear(norm(x.ref, `${block}.ln_1`), `${block}.attn.c_attn`);
        const parts = np
          .split(packed.reshape([batch, context, 3 * heads, width / heads]), 3, 2)
          .map((part) => np.transpose(part, [0, 2, 1, 3]));
        const y = np.transpose(attention(...parts), [0, 2, 1, 3]).reshape([batch, context, width]);
        x = x.add(linear(y, `${block}.attn.c_proj`));
        const hidden = gelu(linear(norm(x.ref, `${block}.ln_2`), `${block}.mlp.c_fc`));
        x = x.add(linear(hidden, `${block}.mlp.c_proj`));
      }
      const last = norm(x, "transformer.ln_f").reshape([rows, width]);
      return crossEntropy(np.matmul(last, np.matrixTranspose(table)), target);
    };
    return training(arraysOf(gptWeights(problem)), batches, loss);
  },

  async convNet(problem) {
    const { batch, side, data } = problem;
    const batches = digitBatches(problem, data).map(({ input, target }) => ({
      input: arrayOf({ shape: [batch, 1, side, side], values: input }),
      target: ints(target, [batch]),
    }));
    const loss = (w, input, target) => {
      const layer = (x, name) => {
        const convolved = lax.conv(x, w[`${name}.weight`], [1, 1], "SAME");
        const [n, channels, height, width] = convolved.shape;
        const positive = nn.relu(convolved.add(w[`${name}.bias`].reshape([channels, 1, 1])));
        return np.max(positive.reshape([n, channels, height / 2, 2, width / 2, 2]), [3, 5]);
      };
      const rows = layer(layer(input, "conv1"), "conv2").reshape([batch, -1]);
      const logits = np.matmul(rows, np.matrixTranspose(w["head.weight"])).add(w["head.bias"]);
      return crossEntropy(logits, target);
    };
    return training(arraysOf(convNetWeights(problem)), batches, loss);
  },
};

const manifest = new URL("package.json", import.meta.url);
const { dependencies } = JSON.parse(readFileSync(manifest, "utf8"));
await serve({
  about: { adapter: "", version: dependencies["@jax-js/jax"] },
  tasks,
  deviceMemory: () => (counts ? { buffers: counts.peakBytes } : {}),
});
process.exit(0);
