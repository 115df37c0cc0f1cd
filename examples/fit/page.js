/** A small network learns a sine wave in a page: what it prints goes into the log. */
import { currentDevice } from "tilegrad";
import { chosenExecutor, offerExecutors } from "../executorChoice.js";
import { executorName } from "../executorName.js";
import { fit } from "./fit.js";

const at = (id) => document.getElementById(id);

offerExecutors();
await fit(
  (line) => {
    at("executor").textContent = `Computed on: ${executorName(currentDevice().executor.adapter)}.`;
    at("log").append(`${line}\n`);
  },
  { executor: chosenExecutor() },
);
