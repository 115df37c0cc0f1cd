import type { Case, Suite } from "../frame/bench";
import { torchOnGpu } from "../frame/engines";
import { mayRunForGpus } from "../frame/hardware";

const square = (size: number): Case => ({
  name: `matmul ${size}`,
  task: "matmul",
  options: { batch: [], m: size, n: size, k: size, repeats: 4 },
  flops: 2 * size ** 3,
});

/** Parameter, gradient and two moments are read, all but the gradient written. */
const adamw = (tensors: number, side: number): Case => ({
  name: `AdamW f32, ${((tensors * side ** 2) / 1e6).toFixed(0)} M parameters`,
  task: "adamw",
  options: { tensors, rows: side, width: side, repeats: 4 },
  bytes: 28 * tensors * side ** 2,
});

export const gpu: Suite = {
  name: "gpu",
  summary: "What fills a GPU: AdamW on as many parameters as GPT-2 has, a product of 4096.",
  async run(bench) {
    if (!(await mayRunForGpus(bench, "gpu"))) return;
    const cases = bench.options.quick
      ? [adamw(4, 512), square(512)]
      : [adamw(24, 2272), square(4096)];
    await bench.compare("gpu", cases, [bench.ours, torchOnGpu()]);
  },
};
