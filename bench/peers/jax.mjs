/** jax-js, WebAssembly backend. In Node it has no threads: it starts them as web workers. */
import {
  blockUntilReady,
  defaultDevice,
  init,
  jit,
  nn,
  numpy as np,
  random,
  tree,
  valueAndGrad,
} from "@jax-js/jax";
import { serve } from "./serve.mjs";

await init("wasm");
defaultDevice("wasm");

const normal = (() => {
  let seed = 0;
  return (shape, std = 0.02) => random.normal(random.key(seed++), shape).mul(std);
})();

/** GPT as in src/nn/gpt.ts, its embedding as a product with one-hot rows. */
function gpt({ vocab, context, layers, heads, width, batch }) {
  const linear = (from, to) => ({ w: normal([from, to]), b: np.zeros([to]) });
  const norm = () => ({ w: np.ones([width]), b: np.zeros([width]) });
  const params = {
    wte: normal([vocab, width]),
    wpe: normal([context, width]),
    blocks: Array.from({ length: layers }, () => ({
      ln1: norm(),
      qkv: linear(width, 3 * width),
      proj: linear(width, width),
      ln2: norm(),
      fc: linear(width, 4 * width),
      out: linear(4 * width, width),
    })),
    lnf: norm(),
  };
  const apply = (x, { w, b }) => np.matmul(x, w).add(b);
  const layerNorm = (x, { w, b }) => nn.standardize(x, -1).mul(w).add(b);

  // nn.dotProductAttention needs Iterator.prototype.map, which Node has from version 22.
  function attention(q, k, v) {
    const scores = np.matmul(q, np.matrixTranspose(k)).div(Math.sqrt(width / heads));
    const seen = np.tri(context, context, 0, { dtype: np.bool });
    return np.matmul(nn.softmax(np.where(seen, scores, -1e30), -1), v);
  }

  function loss(p, input, target) {
    let x = np.matmul(input, p.wte.ref).reshape([batch, context, width]).add(p.wpe);
    for (const block of p.blocks) {
      const qkv = apply(layerNorm(x.ref, block.ln1), block.qkv).reshape([
        batch,
        context,
        3 * heads,
        width / heads,
      ]);
      const y = attention(...np.split(qkv, 3, 2).map((part) => np.transpose(part, [0, 2, 1, 3])));
      const merged = np.transpose(y, [0, 2, 1, 3]).reshape([batch, context, width]);
      x = x.add(apply(merged, block.proj));
      const hidden = nn.gelu(apply(layerNorm(x.ref, block.ln2), block.fc));
      x = x.add(apply(hidden, block.out));
    }
    const rows = layerNorm(x, p.lnf).reshape([batch * context, width]);
    const logits = np.matmul(rows, np.transpose(p.wte));
    return nn
      .logSoftmax(logits, -1)
      .mul(target)
      .sum()
      .mul(-1 / (batch * context));
  }

  const [lr, b1, b2, eps, decay, clip] = [1e-3, 0.9, 0.999, 1e-8, 0.01, 1];
  const step = jit((p, m, v, t, input, target) => {
    const [value, grads] = valueAndGrad(loss)(tree.ref(p), input, target);
    const squares = tree.leaves(tree.map((g) => np.square(g).sum(), tree.ref(grads)));
    const length = np.sqrt(squares.reduce((x, y) => x.add(y)));
    const factor = np.minimum(np.array(clip).div(length), 1);
    const g = tree.map((x) => x.mul(factor.ref), grads);
    factor.dispose();
    const newM = tree.map((x, y) => x.mul(b1).add(y.mul(1 - b1)), m, tree.ref(g));
    const newV = tree.map((x, y) => x.mul(b2).add(np.square(y).mul(1 - b2)), v, g);
    const fix1 = np.array(1).sub(np.power(b1, t.ref));
    const fix2 = np.array(1).sub(np.power(b2, t.ref));
    const update = tree.map(
      (x, y) => x.div(fix1.ref).div(np.sqrt(y.div(fix2.ref)).add(eps)),
      tree.ref(newM),
      tree.ref(newV),
    );
    fix1.dispose();
    fix2.dispose();
    const newP = tree.map((x, u) => x.mul(1 - lr * decay).sub(u.mul(lr)), p, update);
    return [value, newP, newM, newV, t.add(1)];
  });
  return { params, step };
}

await serve({
  async matmul({ size }) {
    const [a, b] = [normal([size, size], 1), normal([size, size], 1)];
    return async () => {
      const c = np.matmul(a.ref, b.ref);
      await blockUntilReady(c);
      c.dispose();
    };
  },

  async gpt(config) {
    const { vocab, context, batch } = config;
    const { params, step } = gpt(config);
    const zeros = () => tree.map((x) => np.zeros(x.shape), params);
    let state = [params, zeros(), zeros(), np.array(1)];
    const rows = (shift) =>
      nn.oneHot(
        np
          .arange(batch * context)
          .mul(7)
          .add(shift)
          .astype(np.int32)
          .mod(vocab),
        vocab,
      );
    const [input, target] = [rows(0), rows(1)].map((x) => x.astype(np.float32));
    return async () => {
      const [loss, ...next] = step(...state, input.ref, target.ref);
      state = next;
      return loss.item();
    };
  },
});
