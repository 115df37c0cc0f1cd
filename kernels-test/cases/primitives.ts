/**
 * Every row of the primitive table on its samples: forward values against the f64 reference, first and
 * second derivatives against central differences from the device.
 */
import type { AnyPrimitive } from "../../src/ops/primitive";
import { bind } from "../../src/ops/trace";
import { primitives } from "../../src/table";
import type { Tensor } from "../../src/tensor/tensor";
import type { Case, Tilegrad } from "../caseModules";
import { assert, checkGradient, expectClose, expectEqual } from "../harness";
import { samples } from "../primitives/index";
import { upload } from "../primitives/operand";
import { halfRounding, type PrimitiveSamples, type Sample } from "../primitives/sample";

const usesF16 = (sample: Sample): boolean =>
  sample.operands.some((x) => x.dtype === "f16") ||
  (sample.attrs as { dtype?: string } | null)?.dtype === "f16";

const offersF16 = (tg: Tilegrad): boolean =>
  tg.currentDevice().executor.adapter.features.includes("shader-f16");

async function checkForward(
  tg: Tilegrad,
  primitive: AnyPrimitive,
  { reference, tolerance }: PrimitiveSamples,
  sample: Sample,
): Promise<void> {
  const outputs = tg.scope(() => {
    const inputs = sample.operands.map((x) => upload(tg, x));
    if (sample.call) return sample.call(inputs);
    const results = bind(primitive, inputs, sample.attrs);
    const promised = primitive.outputs(inputs, sample.attrs);
    expectEqual(
      results.map((t) => [...t.shape, t.dtype]),
      promised.map((spec) => [...spec.shape, spec.dtype]),
      `${sample.claim}: what the shape rule says`,
    );
    return results;
  });
  try {
    if (!reference) return;
    const expected = reference(
      sample.operands.map((x) => x.value),
      sample.attrs,
    );
    expectEqual(outputs.length, expected.length, "the number of results");
    for (const [i, output] of outputs.entries()) {
      const wanted = expected[i]!;
      expectEqual(output.shape, wanted.shape, `${sample.claim}: the shape of result ${i}`);
      const allowed = output.dtype === "f16" && tolerance.relative > 0 ? halfRounding : tolerance;
      expectClose(await output.data(), wanted.data, allowed, `${sample.claim}: result ${i}`);
    }
  } finally {
    for (const output of outputs) output.dispose();
  }
}

async function checkDerivatives(
  tg: Tilegrad,
  primitive: AnyPrimitive,
  { gradientTolerance }: PrimitiveSamples,
  sample: Sample,
): Promise<void> {
  const wrt =
    sample.wrt ??
    sample.operands.flatMap((x, i) => (x.dtype === "f32" && x.value.data.length > 0 ? [i] : []));
  if (!primitive.vjp || sample.differentiate === false || wrt.length === 0) return;
  const inputs = tg.scope(() => sample.operands.map((x) => upload(tg, x)));
  try {
    const fn = (of: readonly Tensor[]): readonly Tensor[] =>
      sample.call?.(of) ?? bind(primitive, of, sample.attrs);
    const results = tg.scope(() => fn(inputs));
    const floating = results.some((t) => t.dtype === "f32");
    for (const t of results) t.dispose();
    if (!floating) return;
    await checkGradient(tg, {
      what: `${primitive.name}, ${sample.claim}`,
      fn,
      inputs,
      wrt,
      ...(gradientTolerance !== undefined && { tolerance: gradientTolerance }),
      ...(sample.step !== undefined && { step: sample.step }),
    });
  } finally {
    for (const t of inputs) t.dispose();
  }
}

const table: Case[] = [
  {
    name: "the primitive table is sorted by name, and names are unique",
    async run() {
      const names = primitives.map((p) => p.name);
      expectEqual(names, [...new Set(names)].sort(), "the names");
    },
  },
  {
    name: "every primitive has samples, and all samples belong to a primitive",
    async run() {
      const names = primitives.map((p) => p.name);
      expectEqual(
        names.filter((name) => !samples[name]),
        [],
        "primitives without samples",
      );
      expectEqual(
        Object.keys(samples).filter((name) => !names.includes(name)),
        [],
        "samples without a primitive",
      );
    },
  },
];

export const cases: Case[] = [
  ...table,
  ...primitives.flatMap((primitive) => {
    const own = samples[primitive.name];
    if (!own) return [];
    const run = (check: typeof checkForward) => async (tg: Tilegrad) => {
      const failures: string[] = [];
      for (const sample of own.samples)
        if (!usesF16(sample) || offersF16(tg))
          await check(tg, primitive, own, sample).catch((error: unknown) => {
            failures.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
          });
      assert(failures.length === 0, failures.join("\n\n"));
    };
    const forward: Case = {
      name: own.reference
        ? `${primitive.name} agrees with f64 on every sample`
        : `${primitive.name} gives what its shape rule says on every sample`,
      run: run(checkForward),
    };
    const derivatives: Case = {
      name: `${primitive.name} has the derivatives that differences give, twice`,
      run: run(checkDerivatives),
    };
    return primitive.vjp ? [forward, derivatives] : [forward];
  }),
];
