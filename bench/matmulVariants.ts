/**
 * Matrix products of a GPT step, by every kernel variant: GFLOP/s on the device's clock.
 *
 *   npm run bench -- matmulVariants [--rounds 9] [--tokens 768] [--width 128] [--vocab 65]
 *
 * Each round runs all variants in turn, so that other load on the machine meets all of them; the figures
 * are those of the best round and, in brackets, of the median. `control` is the chosen variant measured
 * twice in each round: the ratio of the two must read 1.0, or the differences beside it are noise.
 */

import { parseArgs } from "node:util";
import { startTiming } from "../src/device/timing";
import { init, matmul, type Tensor, tensor, transpose } from "../src/node";
import { matmulTarget } from "../src/ops/matmulLaunch";
import { forcedMatmulVariant, type MatmulVariant, matmulVariants } from "../src/ops/matmulVariants";
import { HostRandom } from "../src/random/hostRandom";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "9" },
    tokens: { type: "string", default: "768" },
    width: { type: "string", default: "128" },
    vocab: { type: "string", default: "65" },
  },
});
const rounds = Number(values.rounds);
const [tokens, width, vocab] = [values.tokens, values.width, values.vocab].map(Number) as [
  number,
  number,
  number,
];

const device = await init();
const { executor } = device;
if (!executor.adapter.features.includes("timestamp-query"))
  throw new Error(`${executor.adapter.description} has no timestamps to measure kernels with.`);
const candidates = matmulVariants.candidates(matmulTarget(device));

interface Product {
  readonly name: string;
  readonly a: Tensor;
  readonly b: Tensor;
}

const random = new HostRandom(1);
const matrix = (rows: number, cols: number): Tensor =>
  tensor(
    Float32Array.from({ length: rows * cols }, () => random.bits() / 2 ** 31 - 1),
    { shape: [rows, cols] },
  );
const turned = (rows: number, cols: number): Tensor => transpose(matrix(cols, rows), 0, 1);

/** A linear layer forward, the cotangent of its input, and that of its weight. */
const layer = (inputs: number, outputs: number): Product[] => {
  const name = `${inputs}→${outputs}`;
  return [
    { name: `${name} forward`, a: matrix(tokens, inputs), b: turned(inputs, outputs) },
    { name: `${name} dX`, a: matrix(tokens, outputs), b: matrix(outputs, inputs) },
    { name: `${name} dW`, a: turned(outputs, tokens), b: matrix(tokens, inputs) },
  ];
};
const products: Product[] = [
  { name: "512³", a: matrix(512, 512), b: matrix(512, 512) },
  ...layer(width, 3 * width),
  ...layer(width, width),
  ...layer(width, 4 * width),
  ...layer(4 * width, width),
  ...layer(width, vocab),
];

const label = (v: MatmulVariant): string => {
  if (v.kernel === "tiled") return `tiled ${v.side * v.groups * 4}`;
  if (v.kernel === "vector") return `vector ${v.lanes}`;
  return "along" in v ? `${v.kernel} ${v.along}` : v.kernel;
};

/**
 * Milliseconds of each matmul dispatch of one round: the choice, all candidates, the choice again.
 * @param patience milliseconds to sleep first: waiting for the device takes a core from software drivers
 */
async function round({ a, b }: Product, patience: number): Promise<number[]> {
  const finish = startTiming(executor);
  for (const variant of [null, ...measured, null]) {
    forcedMatmulVariant.current = variant;
    matmul(a, b).dispose();
  }
  executor.flush();
  await new Promise((resolve) => setTimeout(resolve, patience));
  const timings = await finish();
  return timings.filter((t) => t.name.startsWith("matmul/")).map((t) => t.nanoseconds / 1e6);
}

// 64 invocations per element are for a handful of elements: hundreds of times too slow here.
const measured = candidates.filter((v) => v.kernel !== "vector" || v.lanes === 1);
const median = (list: readonly number[]): number =>
  [...list].sort((x, y) => x - y)[list.length >> 1]!;

console.log(`${executor.adapter.description}: GFLOP/s, best (median) of ${rounds} rounds`);
console.log(
  [
    "product".padEnd(18),
    "chosen".padStart(13),
    "control",
    ...measured.map((v) => label(v).padStart(13)),
  ].join(" "),
);
for (const product of products) {
  await round(product, 0);
  const total = (await round(product, 0)).reduce((sum, ms) => sum + ms, 0);
  const all: number[][] = [];
  for (let i = 0; i < rounds; i++) all.push(await round(product, 1.2 * total));
  const { a, b } = product;
  const flop = 2 * a.shape[0]! * b.shape[1]! * a.shape[1]!;
  const column = (i: number): number[] => all.map((r) => r[i]!);
  const rate = (times: readonly number[]): string => {
    const of = (ms: number) => (flop / ms / 1e6).toFixed(1);
    return `${of(Math.min(...times))} (${of(median(times))})`.padStart(13);
  };
  const last = measured.length + 1;
  const control = median(column(0)) / median(column(last));
  const cells = [rate([...column(0), ...column(last)]), control.toFixed(2).padStart(7)];
  console.log(
    [product.name.padEnd(18), ...cells, ...measured.map((_, i) => rate(column(i + 1)))].join(" "),
  );
}
await device.destroy();
