/** Events of an imaginary run, for the tests of everything that shows or keeps them. */

import type { RunEvent } from "../../src/cli/runEvents";
import { parseTrainOptions, START_DEFAULTS } from "../../src/cli/trainOptions";

export const options = parseTrainOptions({ steps: "100" }, START_DEFAULTS, 0);

export const start = (fromStep = 0): RunEvent => ({
  event: "start",
  time: "2026-11-21T07:12:00Z",
  version: "0.1.0",
  fromStep,
  config: options.config,
  recipe: { "weight decay": "0.1, on matrices only" },
  adapter: {
    vendor: "mesa",
    architecture: "",
    device: "",
    description: "llvmpipe",
    class: "software",
    features: ["subgroups"],
    subgroupMinSize: 8,
    subgroupMaxSize: 8,
  },
  parameters: 1_234_567,
  vocab: 65,
  trainTokens: 9000,
});

export const step = (n: number, loss: number | null = 4 / Math.sqrt(n)): RunEvent => ({
  event: "step",
  step: n,
  loss,
  gradNorm: 1,
  learningRate: 1e-3,
  tokensPerSecond: 5000,
  seconds: n / 10,
});

export const done: RunEvent = {
  event: "done",
  steps: 100,
  trainLoss: 1.5,
  valLoss: 1.625,
  tokensPerSecond: 5120,
  peakGpuBytes: 3 * 2 ** 20,
  dispatchesPerStep: 87,
  submitsPerStep: 2,
};
