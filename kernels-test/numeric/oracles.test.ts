/**
 * Every operation of the PyTorch fixtures, forward and gradient. Modules, the GPT and the optimizers have
 * fixtures of their own, which numeric/nn and numeric/optim read.
 */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
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
import type { Attrs } from "../oracles/calls/forms";
import { chain, operations } from "../oracles/calls/index";

type Tensor = tg.Tensor;

interface OracleCase {
  readonly op: string;
  readonly attrs: Attrs;
  readonly views?: Readonly<Record<string, readonly { op: string; attrs: Attrs }[]>>;
}

/** Fixtures and operations that other tests read. */
const elsewhere = {
  files: [
    "gpt",
    "optim",
    "python_files",
    "transport",
    "transport_exact",
    "transport_gromov",
    "transport_low_rank",
    "transport_sparse",
  ],
  operations: ["multiheadAttention"],
};

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
