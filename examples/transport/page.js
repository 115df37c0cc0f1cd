/** The page: makes a device, says what it is, and starts the two cards. */
import { init } from "tilegrad";
import { chosenExecutor, offerExecutors } from "../executorChoice.js";
import { executorName } from "../executorName.js";
import { startColours } from "./colourCard.js";
import { startFlow } from "./flowCard.js";

offerExecutors();
const device = await init({ executor: chosenExecutor() });
document.getElementById("executor").textContent =
  `Computed on: ${executorName(device.executor.adapter)}.`;

// A picture that is dropped beside a slot must not replace the page.
for (const event of ["dragover", "drop"])
  addEventListener(event, (dropped) => dropped.preventDefault());

startColours(document.getElementById("colours"));
startFlow(document.getElementById("flow"));
