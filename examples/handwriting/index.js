/**
 * A network that learns to read digits in Node: how well it reads those of the generator, and those of MNIST.
 *
 *   node examples/handwriting
 *   node examples/handwriting --mnist folder      also reads the test digits of MNIST in it, which it never learned
 */
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { Command, InvalidArgumentError } from "commander";
import { init } from "tilegrad";
import { readTestDigits } from "./mnist.js";
import { Reader } from "./reader.js";
import { generatedSource } from "./sources.js";

const whole = (low, high) => (text) => {
  const value = Number(text);
  if (text.trim() !== "" && Number.isInteger(value) && value >= low && value <= high) return value;
  throw new InvalidArgumentError(`It is a whole number from ${low} to ${high}.`);
};

const percent = (share) => `${(100 * share).toFixed(1)} %`;

/** A file of a folder; null if it is not there. */
const reading = (folder) => (name) =>
  readFile(path.join(folder, name)).catch((error) => {
    if (error.code === "ENOENT") return null;
    throw error;
  });

async function learn({ steps, seed, mnist, out }) {
  const wild =
    mnist &&
    (await readTestDigits(reading(mnist)).catch((error) => {
      throw new Error(`--mnist ${mnist}: ${error.message}`);
    }));
  const device = await init();
  const reader = await Reader.make({ seed });
  try {
    const source = generatedSource({ seed });
    const started = performance.now();
    console.log(`${reader.network.parameterCount} values learn ${source.name}, 64 a step`);
    for await (const { step, loss, accuracy } of reader.pretrain(source, steps))
      if (accuracy !== null && (step % 100 === 0 || step === steps))
        console.log(`step ${step}  loss ${loss.toFixed(3)}  read right: ${percent(accuracy)}`);
    console.log(`learned in ${((performance.now() - started) / 1000).toFixed(1)} s`);
    const { test } = generatedSource({ tests: 2000 });
    console.log(
      `of 2000 generated digits that it never saw: ${percent(await reader.accuracy(test))}`,
    );
    if (wild)
      console.log(
        `of ${wild.labels.length} digits of MNIST, of which it saw none: ${percent(await reader.accuracy(wild))}`,
      );
    if (out) {
      await writeFile(out, await reader.save());
      console.log(out);
    }
  } finally {
    reader.dispose();
    await device.destroy();
  }
}

try {
  await new Command("node examples/handwriting")
    .description("Learns to read digits from generated ones.")
    .option("--steps <count>", "of 64 digits", whole(1, 100_000), 600)
    .option("--seed <number>", "of the first weights and of the digits", whole(0, 2 ** 32 - 1), 1)
    .option("--mnist <folder>", "also read the test digits of MNIST in it (IDX, .gz or not)")
    .option("-o, --out <file>", "where the network goes, as safetensors, which the page can open")
    .showHelpAfterError("Add --help for what there is.")
    .action(learn)
    .parseAsync();
} catch (error) {
  console.error(`error: ${error.message}`);
  process.exitCode = 1;
}
