import type { Suite } from "../frame/bench";
import { compareTraining, trainings } from "../frame/training";

export const train: Suite = {
  name: "train",
  summary:
    "A step of the tiny GPT (4 layers, width 128, 4 heads, context 128, batch 8), loss read.",
  run: (bench) => compareTraining(bench, "train", trainings().gpt),
};
