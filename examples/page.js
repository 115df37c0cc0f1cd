/** The gallery says what computes on this machine. */
import { init } from "tilegrad/functions";
import { executorName } from "./executorName.js";

const device = await init();
document.getElementById("executor").textContent =
  `Computes here on: ${executorName(device.executor.adapter)}.`;
await device.destroy();
