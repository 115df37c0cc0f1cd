/**
 * The kernel profiler in Node: a table of what a kernel reaches on this machine.
 *
 *   node examples/profiler --kernel matmul --size 512
 *   node examples/profiler --kernel softmax --size 1024x4096 --wgsl
 */
import { Command } from "commander";
import { init } from "tilegrad";
import { howTimed, kernelRows, runFigures, short } from "./figures.js";
import { measure } from "./measure.js";
import { workloadOf, workloads } from "./workloads.js";

/** `512x256`, or one number for all sizes. */
function sizesOf(name, text) {
  const wanted = Object.hasOwn(workloads, name) ? workloads[name].sizes : [];
  if (text === undefined) return wanted.map(({ initial }) => initial);
  const numbers = text.split("x").map((part) => (/^\d+$/.test(part) ? Number(part) : Number.NaN));
  if (numbers.some(Number.isNaN))
    throw new Error(`--size ${text} is no size: it is as in 512, or 512x256.`);
  return numbers.length === 1 ? wanted.map(() => numbers[0]) : numbers;
}

/** Columns as wide as what they hold; all but the first to the right. */
function aligned(rows) {
  const widths = rows[0].map((_, i) => Math.max(...rows.map((row) => row[i].length)));
  const cell = (text, i) => (i === 0 ? text.padEnd(widths[i]) : text.padStart(widths[i]));
  return rows.map((row) => row.map(cell).join("  ")).join("\n");
}

async function main({ kernel: name, size, wgsl, json }) {
  const sizes = sizesOf(name, size);
  workloadOf(name, sizes);
  const device = await init();
  try {
    let measured = null;
    for await (const now of measure(name, sizes)) measured = now;
    if (json) {
      console.log(JSON.stringify(measured));
      return;
    }
    const { roofline } = measured;
    const { median, middle, cold, warm } = runFigures(measured);
    const { headings, rows } = kernelRows(measured);
    console.log(`${name} ${sizes.join(" x ")} on ${measured.adapter}`);
    console.log(
      `roofline: copies ${short(roofline.gigabytesPerSecond)} GB/s, multiply-adds ${short(roofline.gigaflopsPerSecond)} GFLOP/s`,
    );
    console.log(
      `in kernels: median ${median}, 10 % to 90 % ${middle} of ${measured.samples.length} samples`,
    );
    console.log(`by the clock: first run ${cold}, later ${warm}`);
    console.log(`${howTimed(measured)}\n`);
    console.log(aligned([headings, ...rows]));
    if (wgsl)
      for (const { program, wgsl: text } of measured.kernels)
        console.log(`\n// ${program}\n${text}`);
  } finally {
    await device.destroy();
  }
}

const program = new Command("node examples/profiler")
  .description(
    "What a kernel reaches on this machine: its times, and how near they come to its roof.",
  )
  .showHelpAfterError("Add --help for what there is.")
  .option("--kernel <name>", Object.keys(workloads).join(", "), "matmul")
  .option("--size <sizes>", "one number, or one for each dimension: 512x256")
  .option("--wgsl", "print the text of each program that ran too")
  .option("--json", "print all that was measured")
  .action(main);

try {
  await program.parseAsync();
} catch (error) {
  console.error(`error: ${error.message}`);
  process.exitCode = 1;
}
