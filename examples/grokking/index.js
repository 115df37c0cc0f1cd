/**
 * One run of grokking in Node, as a table.
 *
 *   node examples/grokking --p 59 --loss stablemax
 *   node examples/grokking --p 47 --loss softmax --gradient orthogonal
 */
import { Command, InvalidArgumentError, Option } from "commander";
import { init } from "tilegrad";
import { defaults, GrokkingRun, gradients, losses, nextLook } from "./grokking.js";

const number = (text) => {
  const value = Number(text);
  if (text.trim() !== "" && Number.isFinite(value)) return value;
  throw new InvalidArgumentError("It is a number.");
};

const count = (text) => {
  const value = number(text);
  if (Number.isInteger(value) && value >= 1) return value;
  throw new InvalidArgumentError("It is a whole number from 1 on.");
};

const percent = (share) => `${(100 * share).toFixed(1)} %`.padStart(9);

const program = new Command("node examples/grokking")
  .description("Learns addition modulo p from some of all pairs, until the others are right too.")
  .option("--p <prime>", "the modulus", count, defaults.p)
  .addOption(
    new Option("--loss <name>", "what is minimised")
      .choices(Object.keys(losses))
      .default(defaults.loss),
  )
  .addOption(
    new Option("--gradient <name>", "as it is, or without its part along the weights")
      .choices(Object.keys(gradients))
      .default(defaults.gradient),
  )
  .option("--weight-decay <number>", "of AdamW", number, defaults.weightDecay)
  .option("--rate <number>", "of AdamW", number, defaults.rate)
  .option("--share <number>", "of all pairs that train", number, defaults.share)
  .option("--width <units>", "of the two hidden layers", count, defaults.width)
  .option("--seed <number>", "of the weights and the choice of pairs", count, defaults.seed)
  .option("--steps <count>", "at most", count, 3000)
  .option("--until <share>", "of the other pairs that are right", number, 0.99)
  .showHelpAfterError("Add --help for what there is.");

async function main({ steps, until, ...settings }) {
  const device = await init();
  try {
    const run = new GrokkingRun(settings);
    console.log("   step       loss  training  validation  silent   norm  seconds");
    const started = performance.now();
    let grokked = false;
    while (!grokked && run.step < steps) {
      run.advance(Math.min(nextLook(run.step), steps) - run.step);
      const { step, loss, training, validation, silent, norm } = await run.figures();
      const seconds = (performance.now() - started) / 1000;
      console.log(
        `${String(step).padStart(7)}  ${loss.toExponential(2).padStart(9)} ${percent(training)} ${percent(validation)}  ${percent(silent)} ${norm.toFixed(1).padStart(6)} ${seconds.toFixed(1).padStart(8)}`,
      );
      grokked = validation >= until;
    }
    console.log(
      grokked
        ? `Grokked after ${run.step} steps: it knows sums it was never shown.`
        : `Not grokked after ${run.step} steps.`,
    );
    run.dispose();
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
