/** The page: a race down a surface, and one of small networks; a worker computes both. */
import { offerExecutors, withChoice } from "../executorChoice.js";
import { remoteOf } from "../remote.js";
import { startSpirals } from "./spiralCard.js";
import { startSurface } from "./surfaceCard.js";

offerExecutors();
const script = withChoice(new URL("./worker.js", import.meta.url));
const remote = remoteOf(new Worker(script, { type: "module" }));
const at = (id) => document.getElementById(id);

at("executor").textContent = `Computed on: ${await remote.open()}, in a worker.`;
startSpirals(at("spirals"), remote);
await startSurface(at("surface"), remote);
