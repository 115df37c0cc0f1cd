/** TensorFlow.js, WebAssembly backend (XNNPACK). In Node it has no threads: tensorflow/tfjs issue 3830. */
import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-wasm";
import { serve } from "./serve.mjs";

console.debug = () => {};
await tf.setBackend("wasm");

await serve({
  async matmul({ size }) {
    const [a, b] = [0, 1].map((seed) => tf.randomUniform([size, size], -1, 1, "float32", seed));
    return async () => {
      const c = tf.matMul(a, b);
      await c.data();
      c.dispose();
    };
  },
});
