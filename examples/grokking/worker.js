/** Trains the two networks of the page. */
import { init } from "tilegrad";
import { executorName } from "../executorName.js";
import { answerCalls } from "../remote.js";
import { GrokkingRun } from "./grokking.js";

let device = null;
let runs = [];

answerCalls({
  /** @returns {Promise<string>} what it computes on */
  async open() {
    device ??= await init();
    return executorName(device.executor.adapter);
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
