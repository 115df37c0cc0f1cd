/**
 * The tables of winners that ship with the library: tunes the shapes of small training runs and of single
 * operations on one adapter, and writes what is faster than the default each time into src/tune/shippedWinners.ts.
 *
 *   TILEGRAD_ADAPTER=cpu npm run tune          (and lavapipe, swiftshader)
 *   npm run tune -- --dry                      prints, and writes nothing
 */
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { parseArgs } from "node:util";
import * as tg from "../src/node";
import { setChooser } from "../src/ops/variants";
import { tableName } from "../src/tune/shipped";
import { shippedWinners } from "../src/tune/shippedWinners";
import { tuneOn } from "../src/tune/tune";
import { TunedChooser } from "../src/tune/tunedChooser";

const { values } = parseArgs({ options: { dry: { type: "boolean", default: false } } });

/** A winner ships if it takes at most this share of the default's time, in every pass. */
const clearly = 0.85;
const passes = 2;

const device = await tg.init();
const { adapter } = device.executor;
const table = tableName(adapter);
if (table === null) {
  console.error(`No table ships for ${adapter.description || adapter.vendor}; use tune() instead.`);
  process.exit(1);
}

const key = tg.random.key(1);
const normal = (...shape: number[]): tg.Tensor => tg.random.normal(key, shape);
const scalar = (y: tg.Tensor): tg.Tensor => tg.sum(y);

/** Value and gradients of a model's loss, as a training step takes them. */
function gpt(config: tg.nn.GPTConfig, batch: number): () => unknown {
  const model = new tg.nn.GPT(config);
  const index = tg.random.randint(key, 0, config.vocab, [batch, config.context]);
  const target = tg.random.randint(key, 0, config.vocab, [batch * config.context]);
  return () =>
    tg.valueAndGradients(
      model.namedParameters().map(([, parameter]) => parameter),
      () => {
        const logits = model.forward(index);
        return [tg.crossEntropy(tg.reshape(logits, [target.size, config.vocab]), target), null];
      },
    );
}

function convolutions(): () => unknown {
  const x = normal(32, 1, 28, 28);
  const first = normal(8, 1, 3, 3);
  const second = normal(16, 8, 3, 3);
  const loss = (a: tg.Tensor, b: tg.Tensor) =>
    scalar(tg.conv2d(tg.relu(tg.conv2d(x, a, { padding: 1 })), b, { padding: 1, stride: 2 }));
  return () => tg.grad(loss, { argnums: [0, 1] })(first, second);
}

function operations(): (() => unknown)[] {
  const work: (() => unknown)[] = [];
  for (const n of [64, 128, 256, 512]) {
    const [a, b] = [normal(n, n), normal(n, n)];
    work.push(() => tg.grad((x: tg.Tensor, y: tg.Tensor) => scalar(tg.matmul(x, y)))(a, b));
  }
  for (const [m, k, n] of [
    [1, 512, 512],
    [8, 512, 512],
    [512, 512, 8],
    [1024, 128, 96],
  ] as const) {
    const [a, b] = [normal(m, k), normal(k, n)];
    work.push(() => tg.matmul(a, b));
  }
  for (const [rows, width, terms] of [
    [96, 128, 1024],
    [16, 16, 64],
    [1000, 64, 4096],
    [5000, 64, 4096],
  ] as const) {
    const [weight, index] = [normal(rows, width), tg.random.randint(key, 0, rows, [terms])];
    work.push(() => tg.grad((w: tg.Tensor) => scalar(tg.embedding(index, w)))(weight));
  }
  for (const shape of [
    [32, 32],
    [256, 256],
    [1024, 1024],
    [1023, 1021],
    [32768, 3],
    [64, 128, 128],
  ]) {
    const x = normal(...shape);
    work.push(() => tg.contiguous(tg.transpose(x, -2, -1)));
  }
  for (const [rows, length] of [
    [1, 65536],
    [64, 4096],
    [1024, 256],
    [8192, 32],
  ] as const) {
    const x = normal(rows, length);
    work.push(() => [tg.cumsum(x, 1), tg.sum(x, { dim: 1 }), tg.softmax(x)]);
    work.push(() => tg.sum(x, { dim: 0 }));
    if (rows * length <= 2 ** 18) work.push(() => tg.sort(x, { dim: 1 }));
  }
  return work;
}

const all = [
  gpt({ vocab: 96, context: 128, layers: 1, heads: 4, width: 128 }, 8),
  gpt({ vocab: 65, context: 64, layers: 1, heads: 4, width: 64 }, 4),
  convolutions(),
  ...operations(),
];

/** Faster than the default in every pass so far. */
let kept = new Map<string, string>();
for (let pass = 0; pass < passes; pass++) {
  setChooser(adapter, new TunedChooser({}, {}));
  const found = new Map<string, string>();
  for (const [i, work] of all.entries()) {
    const tuned = await tuneOn({ byteCache: async () => null }, work);
    for (const { problem, winner, before, seconds } of tuned) {
      const share = seconds[winner]! / (seconds[before] ?? Number.POSITIVE_INFINITY);
      if (winner !== before && share <= clearly) found.set(problem, winner);
      if (winner !== before)
        console.log(`${problem}: ${winner} takes ${share.toFixed(2)} of ${before}`);
    }
    console.log(
      `pass ${pass + 1} of ${passes}: ${i + 1} of ${all.length}, ${tuned.length} problems`,
    );
  }
  const last = pass === 0 ? found : kept;
  kept = new Map([...found].filter(([problem, winner]) => last.get(problem) === winner));
}

const winners = Object.fromEntries([...kept].sort(([a], [b]) => (a < b ? -1 : 1)));
console.log(JSON.stringify(winners, null, 2));
if (!values.dry) {
  const file = path.resolve("src/tune/shippedWinners.ts");
  const tables = { ...shippedWinners, [table]: winners };
  const text = await readFile(file, "utf8");
  const head = text.slice(0, text.indexOf("export const"));
  const name = "shippedWinners: Readonly<Record<string, Winners>>";
  await writeFile(file, `${head}export const ${name} = ${JSON.stringify(tables, null, 2)};\n`);
  console.log(`Wrote ${file}; format it with: npx biome check --write ${file}`);
}
await device.destroy();
