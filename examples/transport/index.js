/**
 * The two examples of optimal transport in Node, into PNG files.
 *
 *   node examples/transport                    both, with painted pictures and a ring that becomes a heart
 *   node examples/transport colours --source mine.png --target theirs.png --out pictures
 *   node examples/transport flow --from disc --to star --points 1000
 */
import { mkdir } from "node:fs/promises";
import path from "node:path";
import { Command, InvalidArgumentError } from "commander";
import { init } from "tilegrad";
import { pictureCloud, shapeCloud, shapes } from "./clouds.js";
import { ColouredPicture, ColourMatch, matchColours, recolour } from "./colourTransfer.js";
import { flow } from "./flow.js";
import { FlowPicture, themes } from "./flowPicture.js";
import { forest, sunset } from "./pictures.js";
import { readPng, writeAnimation, writePng } from "./png.js";

/** A parser of numbers from `low` to `high`. */
const number = (low, high) => (text) => {
  const value = Number(text);
  if (text.trim() !== "" && value >= low && value <= high) return value;
  throw new InvalidArgumentError(`It is a number from ${low} to ${high}.`);
};

const whole = (low, high) => (text) => {
  const value = number(low, high)(text);
  if (Number.isInteger(value)) return value;
  throw new InvalidArgumentError("It is a whole number.");
};

const theme = (text) => {
  if (text in themes) return text;
  throw new InvalidArgumentError(`It is one of ${Object.keys(themes).join(", ")}.`);
};

const outFlag = ["-o, --out <folder>", "where the files go", "runs/transport"];

async function written(out, name) {
  await mkdir(out, { recursive: true });
  return path.join(out, name);
}

async function colours({ source, target, epsilon, strength, colours: most, out }) {
  const from = new ColouredPicture(source ? await readPng(source) : sunset(), most);
  const to = new ColouredPicture(target ? await readPng(target) : forest(), most);
  console.log(
    `colours: ${from.palette.weights.length} of ${source ?? "a sunset"} to ${to.palette.weights.length} of ${target ?? "a forest"}`,
  );
  const match = new ColourMatch(from, to);
  let last = null;
  for await (const stage of matchColours(match, { epsilon })) last = stage;
  match.dispose();
  const { iterations, marginalError, converged } = last;
  console.log(
    `${converged ? "converged" : "stopped"} after ${iterations} iterations, marginal error ${marginalError.toExponential(1)}`,
  );
  const { width, height } = from.picture;
  const result = { width, height, data: recolour(from, last.moved, strength) };
  for (const [name, picture] of [
    ["source.png", from.picture],
    ["target.png", to.picture],
    ["recoloured.png", result],
  ]) {
    const file = await written(out, name);
    await writePng(file, picture);
    console.log(file);
  }
}

/** A shape by its name, or what is dark in a PNG. */
const cloudOf = async (name, points) =>
  /\.png$/i.test(name) ? pictureCloud(await readPng(name), points) : shapeCloud(name, points);

async function flowing({ from, to, points, steps, rate, epsilon, size, theme, trails, out }) {
  const start = await cloudOf(from, points);
  const target = await cloudOf(to, points);
  const picture = new FlowPicture(size, themes[theme], start);
  picture.aim(target);
  const frames = [];
  let divergence = 0;
  for await (const frame of flow(start, target, { epsilon, rate, steps })) {
    picture.move(frame.positions, trails);
    frames.push({ width: size, height: size, data: picture.pixels() });
    divergence = frame.divergence;
    if (frame.step === 0) console.log(`flow: ${points} particles from ${from} to ${to}`);
    if (frame.step % 10 === 0 || frame.step === steps)
      console.log(`step ${frame.step}  divergence ${divergence.toExponential(2)}`);
  }
  const film = await written(out, "flow.png");
  const delays = frames.map((_, i) => (i === 0 || i === frames.length - 1 ? 1200 : 50));
  await writeAnimation(film, frames, delays);
  console.log(`${film} (animated: open it in a browser)`);
  const end = await written(out, "flow-end.png");
  await writePng(end, frames.at(-1));
  console.log(end);
}

/** Runs an example on a device of its own. */
const onDevice = (example) => async (options) => {
  const device = await init();
  try {
    await example(options);
  } finally {
    await device.destroy();
  }
};

const program = new Command("node examples/transport")
  .description("Optimal transport: gives a picture another's colours, lets a cloud become another.")
  .showHelpAfterError("Add --help for what there is.");

const coloursCommand = program
  .command("colours")
  .description("gives one picture the colours of another")
  .option("--source <png>", "the picture to recolour (default: a painted sunset)")
  .option("--target <png>", "the picture whose colours it gets (default: a painted forest)")
  .option("--epsilon <number>", "entropy: less is more faithful", number(1e-4, 1), 0.002)
  .option("--strength <number>", "how far colours go, 0 to 1", number(0, 1), 1)
  .option("--colours <count>", "at most so many in a palette", whole(16, 4096), 512)
  .option(...outFlag)
  .action(onDevice(colours));

const cloudsText = `${shapes.join(", ")}, or a PNG whose dark pixels are the cloud`;

const flowCommand = program
  .command("flow")
  .description("lets a cloud of particles flow into another")
  .option("--from <cloud>", cloudsText, "ring")
  .option("--to <cloud>", "the same", "heart")
  .option("--points <count>", "particles", whole(1, 20000), 600)
  .option("--steps <count>", "of descent", whole(1, 1000), 60)
  .option("--rate <number>", "of descent", number(1e-3, 0.5), 0.1)
  .option(
    "--epsilon <number>",
    "entropy at the end, in squared distances of the unit square",
    number(1e-4, 1),
    2e-4,
  )
  .option("--size <pixels>", "of the picture", whole(32, 2048), 480)
  .option("--theme <name>", Object.keys(themes).join(" or "), theme, "dark")
  .option("--no-trails", "do not draw where particles went")
  .option(...outFlag)
  .action(onDevice(flowing));

program.allowExcessArguments().action(async () => {
  const [unknown] = program.args;
  if (unknown !== undefined)
    program.error(`error: there is no example '${unknown}': there are colours and flow`);
  await onDevice(colours)(coloursCommand.opts());
  await onDevice(flowing)(flowCommand.opts());
});

try {
  await program.parseAsync();
} catch (error) {
  console.error(`error: ${error.message}`);
  process.exitCode = 1;
}
