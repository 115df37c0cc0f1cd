/** The page: a race down a surface, and one of small networks; a worker computes both. */
import { remoteOf } from "../remote.js";
import { startSpirals } from "./spiralCard.js";
import { startSurface } from "./surfaceCard.js";

const remote = remoteOf(new Worker(new URL("./worker.js", import.meta.url), { type: "module" }));
const executor = document.getElementById("executor");

try {
  executor.textContent = `Computed on: ${await remote.open()}, in a worker.`;
  startSpirals(document.getElementById("spirals"), remote);
  await startSurface(document.getElementById("surface"), remote);
} catch (error) {
  executor.textContent = "Not running.";
  const alert = document.getElementById("startError");
  alert.textContent = error.message;
  alert.hidden = false;
}
