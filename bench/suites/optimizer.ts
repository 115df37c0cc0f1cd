import type { Suite } from "../frame/bench";

const [tensors, rows, width] = [48, 456, 457];

export const optimizer: Suite = {
  name: "optimizer",
  summary: "AdamW on 10 million parameters in 48 tensors.",
  run: (bench) =>
    bench.compare("optimizer", [
      {
        name: "AdamW, 48 tensors",
        task: "adamw",
        options: { tensors, rows, width },
        // Parameter, gradient and two moments are read, all but the gradient written.
        bytes: 28 * tensors * rows * width,
      },
    ]),
};
