/** Measures in a thread of its own; the page ends the thread to cancel. */
import { init } from "tilegrad";
import { chosenExecutor } from "../executorChoice.js";
import { measure } from "./measure.js";

addEventListener("message", async ({ data: { name, sizes } }) => {
  try {
    const device = await init({ executor: chosenExecutor() });
    postMessage({ status: "Compiling, and measuring what this machine can do …" });
    for await (const measured of measure(name, sizes)) postMessage({ measured });
    await device.destroy();
    postMessage({ done: true });
  } catch (error) {
    postMessage({ failure: error.message });
  }
});
