/**
 * Gradients per example: vmap(grad(loss)) for 64 examples of a two-layer network, against 64 calls of grad.
 *
 *   npm run bench -- perSample [--rounds 11] [--examples 64] [--width 64]
 *
 * Each round runs all in turn, waits included; the figures are medians. `control` is vmap measured twice in
 * each round: its ratio must read 1.0.
 */
import { parseArgs } from "node:util";
import {
  add,
  crossEntropy,
  grad,
  init,
  keep,
  matmul,
  random,
  readAll,
  scope,
  select,
  type Tensor,
  tanh,
  unsqueeze,
  vmap,
} from "../src/node";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "11" },
    examples: { type: "string", default: "64" },
    width: { type: "string", default: "64" },
  },
});
const [rounds, examples, width] = [values.rounds, values.examples, values.width].map(Number) as [
  number,
  number,
  number,
];
const [inputs, classes] = [32, 10];

const device = await init();
const [k1, k2, k3, k4] = random.split(random.key(1), 4) as [Tensor, Tensor, Tensor, Tensor];
const params = {
  w1: random.normal(k1, [inputs, width]),
  b1: random.normal(k4, [width]),
  w2: random.normal(k2, [width, classes]),
};
const x = random.normal(k3, [examples, inputs]);
const y = random.randint(k4, 0, classes, [examples]);

const loss = (p: typeof params, row: Tensor, label: Tensor): Tensor => {
  const hidden = tanh(add(matmul(row, p.w1), p.b1));
  return crossEntropy(unsqueeze(matmul(hidden, p.w2), 0), unsqueeze(label, 0));
};

const together = (): Tensor[] =>
  Object.values(vmap(grad(loss), { inDims: [null, 0, 0] })(params, x, y));
const oneByOne = (): Tensor[] =>
  Array.from({ length: examples }, (_, i) =>
    Object.values(grad(loss)(params, select(x, 0, i), select(y, 0, i))),
  ).flat();

async function time(run: () => Tensor[]): Promise<number> {
  const start = performance.now();
  const made = scope(() => run().map((t) => keep(t)));
  await readAll([made.at(-1)!]);
  const took = performance.now() - start;
  for (const t of made) t.dispose();
  return took;
}

const rows = [
  { name: `${examples} calls of grad`, run: oneByOne },
  { name: "vmap(grad)", run: together },
  { name: "control", run: together },
];
const times = rows.map((): number[] => []);
for (let round = -2; round < rounds; round++)
  for (const [i, { run }] of rows.entries()) {
    const took = await time(run);
    if (round >= 0) times[i]!.push(took);
  }
const median = (list: readonly number[]): number =>
  [...list].sort((a, b) => a - b)[list.length >> 1]!;
const { adapter } = device.executor;
console.log(`adapter ${adapter.description || adapter.vendor}`);
const lane = median(times[1]!);
rows.forEach(({ name }, i) => {
  const ms = median(times[i]!);
  console.log(`${name.padEnd(20)} ${ms.toFixed(2).padStart(9)} ms  ${(ms / lane).toFixed(2)} x`);
});
await device.destroy();
