import type { Case, Suite } from "../frame/bench";

const norm = (kind: "layer" | "rms", rows: number, width: number, backward: boolean): Case => ({
  name: `${kind} ${rows} × ${width}${backward ? " and backward" : ""}`,
  task: "norm",
  options: { kind, rows, width, backward, repeats: 5 },
  // Read and written once, and once more each with the cotangent.
  bytes: 4 * rows * width * (backward ? 5 : 2),
});

export const norms: Suite = {
  name: "norms",
  summary: "Layer and root-mean-square normalisation of rows, alone and with their gradients.",
  run: (bench) =>
    bench.compare(
      "norms",
      [false, true].flatMap((backward) => [
        norm("layer", 1024, 128, backward),
        norm("layer", 2048, 1024, backward),
        norm("rms", 1024, 128, backward),
        norm("rms", 2048, 1024, backward),
      ]),
    ),
};
