/** Measures in a thread of its own; the page ends the thread to cancel. */
import { init } from "tilegrad";
import { measure } from "./measure.js";

addEventListener("message", async ({ data: { name, sizes } }) => {
  try {
    const device = await init();
    postMessage({ status: "Compiling, and measuring what this machine can do …" });
    for await (const measured of measure(name, sizes)) postMessage({ measured });
    await device.destroy();
    postMessage({ done: true });
  } catch (error) {
    postMessage({ failure: error.message });
  }
});
