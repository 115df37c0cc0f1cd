import type { Case, Suite } from "../frame/bench";

const causal = (
  batch: number,
  heads: number,
  context: number,
  width: number,
  backward: boolean,
): Case => {
  // Half of the scores are masked; a backward pass has five products for two.
  const products = backward ? 7 : 2;
  return {
    name: `${batch}×${heads}×${context}×${width}${backward ? " and backward" : ""}`,
    task: "attention",
    options: { batch, heads, context, width, backward, repeats: context > 256 ? 1 : 2 },
    flops: products * batch * heads * context * context * width,
    long: context > 512,
  };
};

export const attention: Suite = {
  name: "attention",
  summary: "Causal attention [batch, heads, context, width], forward alone and with its gradients.",
  run: (bench) =>
    bench.compare(
      "attention",
      [
        [8, 4, 128, 32],
        [2, 4, 512, 32],
        [1, 8, 512, 64],
        [1, 4, 2048, 64],
      ].flatMap(([batch, heads, context, width]) =>
        [false, true].map((backward) => causal(batch!, heads!, context!, width!, backward)),
      ),
    ),
};
