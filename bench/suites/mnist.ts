import type { Suite } from "../frame/bench";
import { compareTraining, trainings } from "../frame/training";

export const mnist: Suite = {
  name: "mnist",
  summary: "A step of a convolutional network on MNIST's digits, batch 64, loss read.",
  run: (bench) => compareTraining(bench, "mnist", trainings().digits),
};
