/**
 * The language model in Node.
 *
 *   node examples/lm                                       on the tales it comes with
 *   node examples/lm --text file.txt --steps 200
 *   node examples/lm --out mine.safetensors                then, to go on: --from mine.safetensors
 */
import { readFile, rename, writeFile } from "node:fs/promises";
import { basename } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import { init } from "tilegrad/functions";
import { readText, TrainingSession } from "./session.js";
import { defaults, mostSteps, optimizers, sizes, states } from "./settings.js";
import { story } from "./story.js";

const whole = (low, high) => (text) => {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= low && value <= high) return value;
  throw new InvalidArgumentError(`It is a whole number from ${low} to ${high}.`);
};

const unreadable = (file) => (cause) => {
  throw new Error(
    `${file} cannot be read: ${cause.code === "ENOENT" ? "there is no such file" : cause.message}.`,
  );
};

const textOf = async (file) =>
  file
    ? readText(new Blob([await readFile(file).catch(unreadable(file))]), basename(file))
    : story();

async function train({ text, from, out, ...settings }) {
  const device = await init();
  try {
    const session = from
      ? TrainingSession.open(await readFile(from).catch(unreadable(from)), from)
      : new TrainingSession(await textOf(text), settings);
    const { vocab, tokens } = session.dataset;
    console.log(
      `${tokens.length} characters, ${vocab} distinct; ${session.model.parameterCount} parameters; ${device.executor.adapter.description}`,
    );
    const started = performance.now();
    const first = session.step;
    await session.run({
      onStep: ({ step, loss }) => {
        if (step % 20 === 0 || step === 1) console.log(`step ${step}  loss ${loss.toFixed(4)}`);
      },
    });
    const seconds = (performance.now() - started) / 1000;
    const rate = ((session.step - first) * session.tokensPerStep) / seconds;
    console.log(`${Math.round(rate)} tokens/s\n\n${await session.sample(300)}`);
    if (out) {
      await writeFile(`${out}.part`, await session.encode());
      await rename(`${out}.part`, out);
      console.log(`\n${out}`);
    }
    session.dispose();
  } finally {
    await device.destroy();
  }
}

const choice = (flag, what, known, value) =>
  new Option(flag, what).choices(Object.keys(known)).default(value);

const program = new Command("node examples/lm")
  .description("Trains a small language model on a text, prints losses and a sample.")
  .showHelpAfterError("Add --help for what there is.")
  .option("-t, --text <file>", "plain text in UTF-8 (default: small tales)")
  .option("-n, --steps <count>", "steps in all", whole(1, mostSteps), 200)
  .addOption(choice("--size <name>", "of the model", sizes, defaults.size))
  .addOption(choice("--optimizer <name>", "update rule", optimizers, defaults.optimizer))
  .addOption(choice("--state <format>", "what the optimizer keeps", states, defaults.state))
  .option("--seed <number>", "of weights and batches", whole(0, 2 ** 32), defaults.seed)
  .option("--from <file>", "go on from a checkpoint, to the end that it was given")
  .option("-o, --out <file>", "write a checkpoint at the end (.safetensors)")
  .action(train);

try {
  await program.parseAsync();
} catch (error) {
  console.error(`error: ${error.message}`);
  process.exitCode = 1;
}
