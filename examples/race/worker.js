/** Runs the races of the page. */
import { init } from "tilegrad";
import { chosenExecutor } from "../executorChoice.js";
import { executorName } from "../executorName.js";
import { answerCalls } from "../remote.js";
import { SpiralRace } from "./spirals.js";
import { landscape, SurfaceRace } from "./surfaceRace.js";
import { surfaceOf } from "./surfaces.js";

let device = null;
/** The race under way on a surface, and that of networks. */
const races = { surface: null, spirals: null };

function replace(kind, make) {
  races[kind]?.dispose();
  races[kind] = null;
  races[kind] = make();
}

answerCalls({
  /** @returns {Promise<string>} what it computes on */
  async open() {
    device ??= await init({ executor: chosenExecutor() });
    return executorName(device.executor.adapter);
  },
  landscape: (surface, size) => landscape(surfaceOf(surface), size),
  beginSurface: (surface, entries, start) =>
    replace("surface", () => new SurfaceRace(surfaceOf(surface), entries, start)),
  beginSpirals: (entries, seed) => replace("spirals", () => new SpiralRace(entries, seed)),
  advance: (kind, steps) => races[kind].advance(steps),
  boundaries: (size) => races.spirals.boundaries(size),
});
