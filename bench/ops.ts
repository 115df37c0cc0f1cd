/**
 * Single operations: time, and bytes or arithmetic per second.
 *
 *   npm run bench -- ops [part of a name]
 *
 * Each row runs an operation several times between two waits, so that a dispatch is timed and not the
 * wait. The ratio is against the first row; the row `control` is the first row again and must read 1.0.
 */
import Benchmark from "benchmark";
import {
  add,
  crossEntropy,
  gelu,
  init,
  layerNorm,
  matmul,
  random,
  scaledDotProductAttention,
  scope,
  softmax,
  sort,
  sum,
  type Tensor,
} from "../src/node";

const wanted = process.argv[2] ?? "";
/** Dispatches between two waits. */
const repeats = 10;

const device = await init();
const key = random.key(1);
const normal = (...shape: number[]): Tensor => random.normal(key, shape);
const a = normal(1024, 1024);
const b = normal(1024, 1024);
const small = normal(512, 512);
const rows = normal(768, 128);
const weight = normal(128);
const logits = normal(768, 65);
const targets = random.randint(key, 0, 65, [768]);
const [q, k, v] = [normal(12, 4, 64, 32), normal(12, 4, 64, 32), normal(12, 4, 64, 32)];
const mega = 1024 * 1024;

interface Row {
  name: string;
  run(): unknown;
  /** Bytes read and written. */
  bytes?: number;
  /** Floating-point operations. */
  flops?: number;
}

const addRow: Row = { name: "add 1024x1024", run: () => add(a, b), bytes: 12 * mega };
const all: Row[] = [
  addRow,
  { ...addRow, name: "control" },
  { name: "add row vector", run: () => add(rows, weight), bytes: 8 * 768 * 128 },
  { name: "gelu 1024x1024", run: () => gelu(a), bytes: 8 * mega },
  { name: "sum of rows", run: () => sum(a, { dim: 1 }), bytes: 4 * mega },
  { name: "sum of columns", run: () => sum(a, { dim: 0 }), bytes: 4 * mega },
  { name: "softmax 1024x1024", run: () => softmax(a), bytes: 8 * mega },
  {
    name: "layerNorm 768x128",
    run: () => layerNorm(rows, [128], weight, weight),
    bytes: 8 * 768 * 128,
  },
  { name: "crossEntropy 768x65", run: () => crossEntropy(logits, targets), bytes: 4 * 768 * 65 },
  { name: "matmul 512", run: () => matmul(small, small), flops: 2 * 512 ** 3 },
  {
    name: "attention 12x4x64x32",
    run: () => scaledDotProductAttention(q, k, v, { causal: true }),
    flops: 2 * 12 * 4 * 64 * 64 * 32,
  },
  { name: "sort 1024 rows of 1024", run: () => sort(a), bytes: 12 * mega },
  { name: "normal 1024x1024", run: () => random.normal(key, [1024, 1024]), bytes: 4 * mega },
];
const chosen = all.filter((row, i) => i === 0 || row.name.includes(wanted));

const suite = new Benchmark.Suite();
for (const { name, run } of chosen)
  suite.add(name, {
    defer: true,
    minSamples: 5,
    maxTime: 2,
    async fn(deferred: { resolve(): void }) {
      scope(() => {
        for (let i = 0; i < repeats; i++) run();
      });
      await device.synchronize();
      deferred.resolve();
    },
  });

console.log(`adapter ${device.executor.adapter.description || device.executor.adapter.vendor}`);
console.log("operation                  milliseconds   ±%     ratio   GB/s  GFLOP/s");
let first = 0;
suite.on("cycle", ({ target }: { target: Benchmark }) => {
  const row = chosen.find(({ name }) => name === target.name)!;
  const ms = (target.stats!.mean * 1000) / repeats;
  first ||= ms;
  const rate = (amount?: number) => (amount ? (amount / ms / 1e6).toFixed(1) : "");
  console.log(
    `${row.name.padEnd(26)} ${ms.toFixed(3).padStart(12)} ${target.stats!.rme.toFixed(0).padStart(4)} ${(ms / first).toFixed(2).padStart(9)} ${rate(row.bytes).padStart(6)} ${rate(row.flops).padStart(8)}`,
  );
});
await new Promise<void>((resolve) => {
  suite.on("complete", () => resolve());
  suite.run({ async: true });
});
await device.destroy();
