/**
 * A race in Node, as a table.
 *
 *   node examples/race --surface rosenbrock --rules adamw,lion --steps 500
 *   node examples/race --surface spirals                 small networks instead of a surface
 *   node examples/race --surface beale --search          the rate with which each rule gets furthest down
 */
import { Command, InvalidArgumentError } from "commander";
import { init } from "tilegrad";
import { rates } from "./rates.js";
import { requireRate, ruleOf, rules } from "./rules.js";
import { SpiralRace } from "./spirals.js";
import { SurfaceRace } from "./surfaceRace.js";
import { surfaceOf, surfaces } from "./surfaces.js";

const networks = "spirals";

/** Steps computed at once. */
const stretch = 50;

const searched = [-4, -3, -2, -1, 0].flatMap((power) => [
  Number(`1e${power}`),
  Number(`3e${power}`),
]);

const count = (text) => {
  const value = Number(text);
  if (text.trim() !== "" && Number.isInteger(value) && value >= 1) return value;
  throw new InvalidArgumentError("It is a whole number from 1 on.");
};

const point = (text) => {
  const values = text.split(",").map((part) => (part.trim() === "" ? Number.NaN : Number(part)));
  if (values.length === 2 && values.every(Number.isFinite)) return values;
  throw new InvalidArgumentError("It is two numbers, such as -1.2,1.");
};

/** `adamw,lion=0.01` to names and rates. */
function entriesOf(text, defaults) {
  return text.split(",").map((part) => {
    const [name, rate] = part.split("=").map((piece) => piece.trim());
    ruleOf(name);
    const entry = { name, rate: rate === undefined ? defaults[name] : Number(rate) };
    requireRate(name, entry.rate);
    return entry;
  });
}

/** Where each rule is after some steps, by name; of points also where. */
async function run(track, entries, steps, options) {
  const surface = track === networks ? null : surfaceOf(track);
  const race = surface
    ? new SurfaceRace(surface, entries, options.start ?? surface.start)
    : new SpiralRace(entries, options.seed);
  const results = new Map(entries.map(({ name, rate }) => [name, { rate, value: Number.NaN }]));
  try {
    for (let done = 0; done < steps; done += stretch)
      for (const state of await race.advance(Math.min(stretch, steps - done))) {
        const result = results.get(state.name);
        result.value = (surface ? state.values.at(-1) : state.loss) ?? result.value;
        if (surface && state.points.length) result.point = [...state.points.slice(-2)];
        result.lost = state.lost;
      }
  } finally {
    race.dispose();
  }
  return results;
}

const height = ({ value, lost }) =>
  lost || Number.isNaN(value) ? Number.POSITIVE_INFINITY : value;

function print(results) {
  console.log("rank  rule              rate       value  at");
  const order = [...results].sort(([, one], [, other]) => height(one) - height(other));
  for (const [i, [name, result]] of order.entries()) {
    const where = result.point?.map((value) => value.toFixed(4)).join(", ") ?? "";
    const value = result.lost ? "lost" : result.value.toExponential(3);
    console.log(
      `${String(i + 1).padStart(4)}  ${name.padEnd(13)} ${String(result.rate).padStart(8)} ${value.padStart(11)}  ${where}`.trimEnd(),
    );
  }
}

/** The best of all rates for each rule. */
async function search(track, entries, steps, options) {
  const best = new Map();
  for (const rate of searched) {
    const tried = entries.map(({ name }) => ({ name, rate }));
    for (const [name, result] of await run(track, tried, steps, options))
      if (!best.has(name) || height(result) < height(best.get(name))) best.set(name, result);
  }
  return best;
}

const program = new Command("node examples/race")
  .description("Lets update rules race down a surface, or train one small network each.")
  .option("--surface <name>", [...Object.keys(surfaces), networks].join(", "), "rosenbrock")
  .option(
    "--rules <names>",
    "who races, with a rate if it shall be another: adamw,lion=0.01",
    Object.keys(rules).join(","),
  )
  .option("--steps <count>", "of each", count, 300)
  .option("--start <x,y>", "on a surface; default: where it is usual", point)
  .option("--seed <number>", "of the networks' weights", count, 1)
  .option("--search", "try rates from 1e-4 to 3, and keep the best of each rule")
  .showHelpAfterError("Add --help for what there is.");

async function main({ surface: track, rules: names, steps, ...options }) {
  if (track !== networks) surfaceOf(track);
  const entries = entriesOf(names, rates[track]);
  const device = await init();
  try {
    console.log(`${surfaces[track]?.title ?? "Two spirals"}, ${steps} steps`);
    print(await (options.search ? search : run)(track, entries, steps, options));
  } finally {
    await device.destroy();
  }
}

try {
  program.parse();
  await main(program.opts());
} catch (error) {
  console.error(`error: ${error.message}`);
  process.exitCode = 1;
}
