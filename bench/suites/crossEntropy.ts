import type { Case, Suite } from "../frame/bench";

const loss = (rows: number, classes: number, backward: boolean): Case => ({
  name: `${rows} × ${classes}${backward ? " and backward" : ""}`,
  task: "crossEntropy",
  options: { rows, classes, backward, repeats: 5 },
  bytes: 4 * rows * classes * (backward ? 3 : 1),
});

export const crossEntropy: Suite = {
  name: "crossEntropy",
  summary: "Mean cross-entropy of rows of logits, alone and with its gradient.",
  run: (bench) =>
    bench.compare(
      "crossEntropy",
      [false, true].flatMap((backward) => [loss(1024, 96, backward), loss(512, 8192, backward)]),
    ),
};
