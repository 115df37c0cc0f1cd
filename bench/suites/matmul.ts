import type { Case, Suite } from "../frame/bench";

const square = (size: number): Case => ({
  name: `${size} × ${size} × ${size}`,
  task: "matmul",
  options: { batch: [], m: size, n: size, k: size, repeats: Math.ceil((512 / size) ** 3) },
  flops: 2 * size ** 3,
  long: size > 1024,
});

const product = (name: string, batch: readonly number[], m: number, n: number, k: number): Case => {
  const flops = batch.reduce((count, size) => count * size, 2 * m * n * k);
  const repeats = Math.ceil(2e8 / flops);
  return { name, task: "matmul", options: { batch, m, n, k, repeats }, flops };
};

/** Tokens of a batch of the tiny GPT. */
const tokens = 1024;

/** Forward, and the products of its two cotangents. */
const layer = (inputs: number, outputs: number): Case[] =>
  ["forward", "dX", "dW"].map((part) => ({
    name: `${inputs} → ${outputs} ${part}`,
    task: "linear",
    options: { rows: tokens, inputs, outputs, part, repeats: 4 },
    flops: 2 * tokens * inputs * outputs,
  }));

export const matmul: Suite = {
  name: "matmul",
  summary: "Products: squares, skinny, batched, and those of a GPT's layers forward and backward.",
  run: (bench) =>
    bench.compare("matmul", [
      ...[256, 512, 1024, 2048].map(square),
      product("vector: 1 × 2048 × 2048", [], 1, 2048, 2048),
      product("skinny: 4096 × 16 × 512", [], 4096, 16, 512),
      product("long: 64 × 64 × 16384", [], 64, 64, 16384),
      product("batched: 32 of 128 × 128 × 32", [8, 4], 128, 128, 32),
      product("batched: 32 of 128 × 32 × 128", [8, 4], 128, 32, 128),
      ...layer(128, 384),
      ...layer(128, 128),
      ...layer(128, 512),
      ...layer(512, 128),
      ...layer(128, 96),
    ]),
};
