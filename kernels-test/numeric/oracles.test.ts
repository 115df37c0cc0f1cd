/**
 * Every operation of the PyTorch fixtures, forward and gradient. Modules, the GPT and the optimizers have
 * fixtures of their own, which numeric/nn and numeric/optim read.
 */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { bceWithLogits, mseLoss } from "../../src/nn/functional";
import * as tg from "../../src/node";
import type { DType } from "../../src/tensor/dtype";
import { fromHalfBits } from "../../src/tensor/dtype";
import {
  decodeSafetensors,
  type SafetensorsFile,
  type SafetensorsTensor,
  toArray,
} from "../../src/train/safetensors";
import { expectClose, type Tolerance } from "../harness";

type Tensor = tg.Tensor;
// biome-ignore lint/suspicious/noExplicitAny: each operation knows the attributes its cases have
type Attrs = any;
type Operation = (inputs: readonly Tensor[], attrs: Attrs) => Tensor | readonly Tensor[];

interface OracleCase {
  readonly op: string;
  readonly attrs: Attrs;
  readonly views?: Readonly<Record<string, readonly { op: string; attrs: Attrs }[]>>;
}

const unary =
  (fn: (x: Tensor) => Tensor): Operation =>
  ([x]) =>
    fn(x!);
const binary =
  (fn: (a: Tensor, b: Tensor | number) => Tensor, scalar = "other"): Operation =>
  ([a, b], attrs) =>
    fn(a!, b ?? (attrs[scalar] as number));
const reduction =
  (fn: (x: Tensor, options: { dim?: number[]; keepdim?: boolean }) => Tensor): Operation =>
  ([x], attrs) =>
    fn(x!, attrs);
const along =
  (fn: (x: Tensor, dim: number) => Tensor): Operation =>
  ([x], { dim }) =>
    fn(x!, dim);

const operations: Readonly<Record<string, Operation>> = {
  abs: unary(tg.abs),
  add: binary(tg.add),
  all: reduction(tg.all),
  any: reduction(tg.any),
  argmax: ([x], attrs) => tg.argmax(x!, attrs),
  argmin: ([x], attrs) => tg.argmin(x!, attrs),
  bceWithLogits: ([x, target], attrs) => bceWithLogits(x!, target!, attrs),
  cat: (parts, { dim }) => tg.cat(parts, dim),
  ceil: unary(tg.ceil),
  chain: ([x], { steps }) => chain(x!, steps),
  clamp: ([x], { min, max }) =>
    tg.clamp(x!, min ?? Number.NEGATIVE_INFINITY, max ?? Number.POSITIVE_INFINITY),
  cos: unary(tg.cos),
  crossEntropy: ([x, target], attrs) => tg.crossEntropy(x!, target!, attrs),
  cumsum: along(tg.cumsum),
  div: binary(tg.div),
  embedding: ([weight, index]) => tg.embedding(index!, weight!),
  eq: binary(tg.eq),
  erf: unary(tg.erf),
  exp: unary(tg.exp),
  expand: ([x], { shape }) => tg.expand(x!, shape),
  expm1: unary(tg.expm1),
  floor: unary(tg.floor),
  gather: ([x, index], { dim }) => tg.gather(x!, dim, index!),
  ge: binary(tg.ge),
  gelu: ([x], { approximate }) => tg.gelu(x!, approximate),
  gt: binary(tg.gt),
  indexSelect: ([x, index], { dim }) => tg.indexSelect(x!, dim, index!),
  layerNorm: ([x, weight, bias], { normalizedShape, eps }) =>
    tg.layerNorm(x!, normalizedShape, weight, bias, eps),
  le: binary(tg.le),
  linear: ([x, weight, bias]) => tg.linear(x!, weight!, bias),
  log: unary(tg.log),
  log1p: unary(tg.log1p),
  logSoftmax: along(tg.logSoftmax),
  logSumExp: reduction(tg.logSumExp),
  lt: binary(tg.lt),
  matmul: ([a, b]) => tg.matmul(a!, b!),
  max: reduction(tg.max),
  maximum: binary(tg.maximum),
  mean: reduction(tg.mean),
  min: reduction(tg.min),
  minimum: binary(tg.minimum),
  mseLoss: ([x, target], attrs) => mseLoss(x!, target!, attrs),
  mul: binary(tg.mul),
  ne: binary(tg.ne),
  neg: unary(tg.neg),
  pad: ([x], { pad, value }) => tg.pad(x!, pad, value),
  permute: ([x], { dims }) => tg.permute(x!, dims),
  pow: binary(tg.pow, "exponent"),
  reciprocal: unary(tg.reciprocal),
  relu: unary(tg.relu),
  reshape: ([x], { shape }) => tg.reshape(x!, shape),
  rmsNorm: ([x, weight], { eps }) => tg.rmsNorm(x!, x!.shape.at(-1)!, weight, eps),
  round: unary(tg.round),
  rsqrt: unary(tg.rsqrt),
  scaledDotProductAttention: ([q, k, v], { isCausal, scale }) =>
    tg.scaledDotProductAttention(q!, k!, v!, { causal: isCausal, ...(scale && { scale }) }),
  scatterAdd: ([x, index, src], { dim }) => tg.scatterAdd(x!, dim, index!, src!),
  sigmoid: unary(tg.sigmoid),
  sign: unary(tg.sign),
  silu: unary(tg.silu),
  sin: unary(tg.sin),
  slice: ([x], attrs) => tg.slice(x!, attrs),
  softmax: along(tg.softmax),
  softplus: unary(tg.softplus),
  sort: ([x], { dim, descending }) => {
    const { values, indices } = tg.sort(x!, { dim, descending });
    return [values, indices];
  },
  split: ([x], { splitSize, dim }) => tg.split(x!, splitSize, dim),
  sqrt: unary(tg.sqrt),
  square: unary(tg.square),
  squeeze: along(tg.squeeze),
  stack: (parts, { dim }) => tg.stack(parts, dim),
  std: reduction((x, options) => tg.variance(x, options).sqrt()),
  sub: binary(tg.sub),
  sum: reduction(tg.sum),
  tanh: unary(tg.tanh),
  to: ([x], { dtype }) => tg.to(x!, dtype),
  topk: ([x], { k, dim, largest }) => {
    const { values, indices } = tg.topK(x!, k, { dim, largest });
    return [values, indices];
  },
  transpose: ([x], { dim0, dim1 }) => tg.transpose(x!, dim0, dim1),
  tril: ([x], { diagonal }) => tg.tril(x!, diagonal),
  triu: ([x], { diagonal }) => tg.triu(x!, diagonal),
  unsqueeze: along(tg.unsqueeze),
  var: reduction(tg.variance),
  where: ([condition, a, b]) => tg.where(condition!, a!, b!),
};

/** Fixtures and operations that other tests read. */
const elsewhere = { files: ["gpt", "optim"], operations: ["multiheadAttention"] };

function chain(x: Tensor, steps: readonly { op: string; attrs: Attrs }[]): Tensor {
  return steps.reduce((t, { op, attrs }) => operations[op]!([t], attrs) as Tensor, x);
}

const dtypes: Readonly<Record<string, DType>> = {
  F32: "f32",
  F16: "f16",
  I32: "i32",
  U32: "u32",
  BOOL: "bool",
};

function valuesOf(t: SafetensorsTensor): ArrayLike<number> {
  const values = toArray(t, t.dtype) as ArrayLike<number>;
  return t.dtype === "F16" ? Array.from(values, fromHalfBits) : values;
}

const upload = (t: SafetensorsTensor): Tensor =>
  tg.tensor(Float64Array.from(valuesOf(t)) as unknown as Float32Array, {
    shape: t.shape,
    dtype: dtypes[t.dtype]!,
  });

/** in0, in1, … of a case. */
function numbered(file: SafetensorsFile, name: string, role: string): SafetensorsTensor[] {
  const found: SafetensorsTensor[] = [];
  for (let i = 0; ; i++) {
    const t = file.tensors.get(`${name}/${role}${i}`);
    if (!t) return found;
    found.push(t);
  }
}

/** Scores of about 1,000 are 6e-5 apart in f32: so uncertain are their exponentials, relatively. */
const conditioned: Readonly<Record<string, number>> = {
  scaledDotProductAttention_extreme: 2e-4,
};

/** Rounding in f32 where the fixture was computed in f64, relative to the element and to the largest. */
function toleranceFor(name: string, expected: ArrayLike<number>): Tolerance {
  let largest = 0;
  for (let i = 0; i < expected.length; i++) largest = Math.max(largest, Math.abs(expected[i]!));
  return {
    relative: conditioned[name] ?? 1e-5,
    // Results that are 0 but for rounding, and subnormal numbers, which a device may flush to 0.
    absolute: 2e-6 * largest + (name.includes("_extreme") ? 2e-6 : 2 ** -126),
  };
}

const folder = fileURLToPath(new URL("../oracles/fixtures", import.meta.url));
const files = readdirSync(folder)
  .filter((file) => file.endsWith(".safetensors"))
  .map((file) => file.replace(".safetensors", ""))
  .filter((file) => !elsewhere.files.includes(file));
const loaded = files.map((name) => {
  const file = decodeSafetensors(readFileSync(`${folder}/${name}.safetensors`), name);
  const cases = JSON.parse(file.metadata["cases"]!) as Record<string, OracleCase>;
  return { name, file, cases };
});

beforeAll(async () => {
  await tg.init();
});

const offersF16 = (): boolean =>
  tg.currentDevice().executor.adapter.features.includes("shader-f16");

async function check(file: SafetensorsFile, name: string, oracle: OracleCase): Promise<void> {
  const operation = operations[oracle.op];
  if (!operation) throw new Error(`the operation ${oracle.op} is not wired to ours`);
  const stored = numbered(file, name, "in");
  const expected = numbered(file, name, "out");
  const cotangents = expected.map((_, i) => file.tensors.get(`${name}/ct${i}`));
  const wanted = stored.flatMap((_, i) => (file.tensors.has(`${name}/grad${i}`) ? [i] : []));
  if (!offersF16() && [...stored, ...expected].some((t) => t.dtype === "F16")) return;

  const apply = (inputs: readonly Tensor[]): readonly Tensor[] => {
    const operands = inputs.map((x, i) => chain(x, oracle.views?.[`in${i}`] ?? []));
    const result = operation(operands, oracle.attrs);
    return Array.isArray(result) ? (result as Tensor[]) : [result as Tensor];
  };
  const { outputs, gradients } = tg.scope(() => {
    const inputs = stored.map(upload);
    const results = apply(inputs).map((t) => tg.contiguous(t));
    if (wanted.length === 0) return { outputs: results, gradients: [] as Tensor[] };
    const of = tg.grad((leaves: readonly Tensor[]) => {
      const all = [...inputs];
      wanted.forEach((i, k) => {
        all[i] = leaves[k]!;
      });
      const terms = apply(all).flatMap((t, i) =>
        cotangents[i] ? [tg.sum(tg.mul(t, upload(cotangents[i]!)))] : [],
      );
      return tg.sum(tg.stack(terms));
    });
    const found = of(wanted.map((i) => inputs[i]!)) as readonly Tensor[];
    return { outputs: results, gradients: found.map((t) => tg.contiguous(t)) };
  });
  const read = await tg.readAll([...outputs, ...gradients]);
  for (const t of [...outputs, ...gradients]) t.dispose();
  expect(outputs.length, "the number of results").toBe(expected.length);
  outputs.forEach((t, i) => {
    expect(t.shape, `shape of result ${i}`).toEqual(expected[i]!.shape);
    expect(t.dtype, `dtype of result ${i}`).toBe(dtypes[expected[i]!.dtype]);
    const values = valuesOf(expected[i]!);
    expectClose(read[i]!, values, toleranceFor(name, values), `${name}: result ${i}`);
  });
  wanted.forEach((i, k) => {
    const gradient = file.tensors.get(`${name}/grad${i}`)!;
    expect(gradients[k]!.shape, `shape of gradient ${i}`).toEqual(gradient.shape);
    const values = valuesOf(gradient);
    expectClose(
      read[outputs.length + k]!,
      values,
      toleranceFor(name, values),
      `${name}: gradient ${i}`,
    );
  });
}

describe.each(loaded.map((fixture) => [fixture.name, fixture] as const))(
  "%s agrees with PyTorch",
  (_, { file, cases }) => {
    const byOperation = new Map<string, [string, OracleCase][]>();
    for (const [name, oracle] of Object.entries(cases))
      byOperation.set(oracle.op, [...(byOperation.get(oracle.op) ?? []), [name, oracle]]);
    for (const op of elsewhere.operations) byOperation.delete(op);
    test.each([...byOperation])("%s", async (_op, entries) => {
      const failures: string[] = [];
      for (const [name, oracle] of entries)
        await check(file, name, oracle).catch((error: unknown) => {
          failures.push(`${name}: ${error instanceof Error ? error.message : error}`);
        });
      expect(failures).toEqual([]);
    });
  },
);
