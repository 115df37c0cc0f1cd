/**
 * AdamW on 10 million parameters, beside the copy bandwidth of the same machine.
 *
 *   npm run bench -- adamw [--threads 2] [--rounds 9]
 *
 * An update reads parameter, gradient and two moments, and writes all but the gradient: 28 bytes an element.
 * A copy, as the executor does it, reads and writes each byte once. Figures are medians of rounds in which all
 * rows run in turn; the ratio is against the copy, and `control`, the copy again, must read 1.0.
 */
import { parseArgs } from "node:util";
import { init, nn, optim, random } from "../src/node";

const { values } = parseArgs({
  options: {
    threads: { type: "string", default: "2" },
    rounds: { type: "string", default: "9" },
  },
});
const parameters = 10_000_000;
const device = await init({ executor: "cpu", threads: Number(values.threads) });
const { executor, pool } = device;

const model = new nn.Linear(parameters, 1, { bias: false });
const gradient = random.normal(random.key(2), [1, parameters]);
const optimizer = optim.adamw(model.namedParameters(), { lr: 1e-3 });
const [from, to] = ["from", "to"].map((label) => pool.allocate(parameters * 4, label));

async function copySeconds(): Promise<number> {
  await executor.drain();
  const start = performance.now();
  const bytes = parameters * 4;
  for (let i = 0; i < 4; i++)
    executor.copy({ buffer: from!, offset: 0, bytes }, { buffer: to!, offset: 0, bytes });
  await executor.drain();
  return (performance.now() - start) / 4e3;
}

async function updateSeconds(): Promise<number> {
  const stop = executor.startTiming();
  optimizer.step([gradient]);
  const updates = (await stop()).filter((t) => t.name === "optim/update");
  return updates.reduce((sum, t) => sum + t.nanoseconds, 0) / 1e9;
}

const rows = [
  { name: "copy", bytes: 8 * parameters, run: copySeconds },
  { name: "control", bytes: 8 * parameters, run: copySeconds },
  { name: "AdamW", bytes: 28 * parameters, run: updateSeconds },
];
const rates = rows.map((): number[] => []);
for (const { run } of rows) await run();
for (let round = 0; round < Number(values.rounds); round++)
  for (const [i, { bytes, run }] of rows.entries()) rates[i]!.push(bytes / (await run()) / 1e9);

const median = (list: readonly number[]): number =>
  [...list].sort((a, b) => a - b)[list.length >> 1]!;
console.log(`${parameters} parameters, ${executor.adapter.description}`);
for (const [i, { name }] of rows.entries()) {
  const rate = median(rates[i]!);
  console.log(
    `${name.padEnd(8)} ${rate.toFixed(1).padStart(6)} GB/s  ${(rate / median(rates[0]!)).toFixed(2)}`,
  );
}
await device.destroy();
