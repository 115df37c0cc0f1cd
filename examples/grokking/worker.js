/** Trains the two networks of the page. */
import { init } from "tilegrad";
import { chosenExecutor } from "../executorChoice.js";
import { executorName } from "../executorName.js";
import { answerCalls } from "../remote.js";
import { GrokkingRun } from "./grokking.js";

let device = null;
let runs = [];

answerCalls({
  /** @returns {Promise<string>} what it computes on */
  async open() {
    device ??= await init({ executor: chosenExecutor() });
    return executorName(device.executor.adapter);
  },

  /** Loads and compiles what a run takes, so that the first steps come soon, and without a network. */
  async warmUp() {
    const run = new GrokkingRun({ p: 5 });
    run.advance(1);
    await run.figures();
    run.dispose();
  },

  /** Starts anew with two networks. */
  begin(settings) {
    for (const run of runs) run.dispose();
    runs = [];
    for (const one of settings) runs.push(new GrokkingRun(one));
  },

  /** Takes some steps with one of them, and says where it is then. */
  advance(lane, steps) {
    runs[lane].advance(steps);
    return runs[lane].figures();
  },
});
