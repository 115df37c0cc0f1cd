/**
 * What can be profiled: an operation on tensors of chosen sizes. Sizes are bounded, so that one run takes some seconds
 * at most and fits a phone's memory.
 */
import {
  add,
  contiguous,
  conv2d,
  crossEntropy,
  cumsum,
  embedding,
  fft,
  gelu,
  layerNorm,
  matmul,
  random,
  scaledDotProductAttention,
  scope,
  softmax,
  sort,
  sum,
  tensor,
  transpose,
} from "tilegrad";

/**
 * @typedef {object} Size
 * @property {string} name
 * @property {number} least
 * @property {number} most
 * @property {number} initial
 */

/**
 * @typedef {object} Workload
 * @property {string} title
 * @property {readonly Size[]} sizes
 * @property {(...sizes: number[]) => import("tilegrad").Tensor[]} operands
 * @property {(...operands: import("tilegrad").Tensor[]) => unknown} run what is measured
 */

const size = (name, least, most, initial) => ({ name, least, most, initial });
const matrix = [size("rows", 1, 4096, 1024), size("columns", 1, 4096, 1024)];

const values = (...shape) => scope(() => random.uniform(random.key(7), shape));
const indices = (count, below) =>
  tensor(Int32Array.from({ length: count }, (_, i) => (i * 7919) % below));

const one = (rows, columns) => [values(rows, columns)];

/** @type {Readonly<Record<string, Workload>>} */
export const workloads = {
  matmul: {
    title: "matmul: product of two matrices",
    sizes: [size("m", 1, 2048, 512), size("k", 1, 2048, 512), size("n", 1, 2048, 512)],
    operands: (m, k, n) => [values(m, k), values(k, n)],
    run: matmul,
  },
  attention: {
    title: "attention: softmax(q kᵀ) v, 4 heads of 64",
    sizes: [size("tokens", 1, 2048, 256)],
    operands: (tokens) => [0, 1, 2].map(() => values(4, tokens, 64)),
    run: (q, k, v) => scaledDotProductAttention(q, k, v),
  },
  conv2d: {
    title: "conv2d: 3 x 3 filters over 4 images",
    sizes: [size("channels", 1, 128, 32), size("side", 3, 128, 32)],
    operands: (channels, side) => [
      values(4, channels, side, side),
      values(channels, channels, 3, 3),
    ],
    run: (images, filters) => conv2d(images, filters, { padding: 1 }),
  },
  softmax: {
    title: "softmax: of each row",
    sizes: matrix,
    operands: one,
    run: (x) => softmax(x, -1),
  },
  layerNorm: {
    title: "layerNorm: of each row",
    sizes: matrix,
    operands: one,
    run: (x) => layerNorm(x, x.shape[1]),
  },
  crossEntropy: {
    title: "crossEntropy: of each row, and their mean",
    sizes: matrix,
    operands: (rows, columns) => [values(rows, columns), indices(rows, columns)],
    run: (logits, targets) => crossEntropy(logits, targets),
  },
  add: {
    title: "add: two matrices, element by element",
    sizes: matrix,
    operands: (rows, columns) => [values(rows, columns), values(rows, columns)],
    run: add,
  },
  gelu: { title: "gelu: of each element", sizes: matrix, operands: one, run: (x) => gelu(x) },
  sum: { title: "sum: of each row", sizes: matrix, operands: one, run: (x) => sum(x, { dim: -1 }) },
  transpose: {
    title: "transpose: a matrix, copied",
    sizes: matrix,
    operands: one,
    run: (x) => contiguous(transpose(x, 0, 1)),
  },
  embedding: {
    title: "embedding: rows of a table of 4096",
    sizes: [size("rows", 1, 4096, 1024), size("width", 1, 1024, 256)],
    operands: (rows, width) => [indices(rows, 4096), values(4096, width)],
    run: (index, table) => embedding(index, table),
  },
  cumsum: {
    title: "cumsum: running sums of each row",
    sizes: matrix,
    operands: one,
    run: (x) => cumsum(x, -1),
  },
  sort: {
    title: "sort: each row",
    sizes: [size("rows", 1, 512, 64), size("columns", 1, 4096, 1024)],
    operands: one,
    run: (x) => sort(x),
  },
  fft: {
    title: "fft: of each row",
    sizes: [size("rows", 1, 512, 64), size("columns", 2, 4096, 1024)],
    operands: one,
    run: (x) => fft.fft(x),
  },
};

/**
 * @param {string} name
 * @param {readonly number[]} sizes
 * @returns {Workload}
 * @throws Error that says what there is
 */
export function workloadOf(name, sizes) {
  if (!Object.hasOwn(workloads, name))
    throw new Error(
      `There is no kernel "${name}". There are: ${Object.keys(workloads).join(", ")}.`,
    );
  const workload = workloads[name];
  if (sizes.length !== workload.sizes.length)
    throw new Error(
      `${name} has ${workload.sizes.length} sizes: ${workload.sizes.map((one) => one.name).join(" x ")}.`,
    );
  for (const [i, { name: label, least, most }] of workload.sizes.entries())
    if (!(Number.isInteger(sizes[i]) && sizes[i] >= least && sizes[i] <= most))
      throw new Error(
        `${name}: ${label} is ${Number.isNaN(sizes[i]) ? "no number" : sizes[i]}; it is a whole number from ${least} to ${most}.`,
      );
  return workload;
}
