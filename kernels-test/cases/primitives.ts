/**
 * Every row of the primitive table on its samples: forward values against the f64 reference, first and
 * second derivatives against central differences from the device.
 */
import type { AnyPrimitive } from "../../src/ops/primitive";
import { bind } from "../../src/ops/trace";
import { primitives } from "../../src/table";
import { maxRank } from "../../src/tensor/shape";
import type { Tensor } from "../../src/tensor/tensor";
import type { Case, Tilegrad } from "../caseModules";
import { assert, checkGradient, direction, expectClose, expectEqual } from "../harness";
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

/** Whether operands with one more dimension for the lanes are still tensors. */
const roomForLanes = (tensors: readonly Tensor[]): boolean =>
  tensors.every((t) => t.rank < maxRank);

/** A sample as a function of its operands. */
const functionOf =
  (primitive: AnyPrimitive, sample: Sample) =>
  (of: readonly Tensor[]): readonly Tensor[] =>
    sample.call?.(of) ?? bind(primitive, of, sample.attrs);

/** Forward mode gives <u, J v> as reverse mode gives <Jᵀ u, v>. */
async function checkForwardMode(
  tg: Tilegrad,
  primitive: AnyPrimitive,
  { gradientTolerance = 1e-5 }: PrimitiveSamples,
  sample: Sample,
): Promise<void> {
  const fn = functionOf(primitive, sample);
  const floats = sample.operands.flatMap((x, i) =>
    x.dtype === "f32" && x.value.data.length > 0 ? [i] : [],
  );
  const wrt = sample.wrt ?? floats;
  if (!primitive.vjp || sample.differentiate === false || wrt.length === 0) return;
  const sides = tg.scope(() => {
    const inputs = sample.operands.map((x) => upload(tg, x));
    const points = wrt.map((i) => inputs[i]!);
    const at = (moved: readonly Tensor[]): Tensor[] => {
      const all = [...inputs];
      wrt.forEach((i, k) => {
        all[i] = moved[k]!;
      });
      return fn(all).filter((t) => t.dtype === "f32");
    };
    const like = (t: Tensor, seed: number): Tensor =>
      tg.tensor(direction(t.size, seed), { shape: t.shape });
    const v = points.map((t, k) => like(t, 300 + k));
    const { value, pullback } = tg.vjp(at, ...[points]);
    if (value.length === 0) return null;
    const u = value.map((t, k) => like(t, 400 + k));
    const [back] = pullback(u) as unknown as [Tensor[]];
    const { tangent } = tg.jvp(at, [points], [v]);
    const dot = (a: readonly Tensor[], b: readonly Tensor[]): [Tensor, Tensor] => {
      const products = a.map((t, k) => tg.reshape(tg.mul(t, b[k]!), [t.size]));
      const all = tg.cat(products);
      return [tg.sum(all), tg.sum(tg.abs(all))];
    };
    return [...dot(u, tangent), ...dot(back, v)];
  });
  if (!sides) return;
  const [forward, size, reverse, reverseSize] = (await tg.readAll(sides)).map((d) => d[0]!);
  for (const t of sides) t.dispose();
  const allowed = gradientTolerance * Math.max(size!, reverseSize!) + 1e-30;
  assert(
    Math.abs(forward! - reverse!) <= allowed,
    `${primitive.name}, ${sample.claim}: forward mode gives ${forward}, reverse mode ${reverse} (allowed difference ${allowed.toPrecision(2)})`,
  );
}

/** Lanes of each operand alone, and of all together, give what the lanes give one by one. */
async function checkBatch(
  tg: Tilegrad,
  primitive: AnyPrimitive,
  { tolerance }: PrimitiveSamples,
  sample: Sample,
): Promise<void> {
  const fn = functionOf(primitive, sample);
  const lanes = 3;
  const count = sample.operands.length;
  if (count === 0) return;
  const subsets = [
    ...(count > 1 ? sample.operands.map((_, i) => [i]) : []),
    sample.operands.map((_, i) => i),
  ];
  for (const subset of subsets) {
    const pairs = tg.scope(() => {
      const operands = sample.operands.map((x) => upload(tg, x));
      // Lanes differ by an order of their elements, so that indices, keys and conditions stay what they are.
      const variants = operands.map((t, i) =>
        subset.includes(i) ? Array.from({ length: lanes }, (_, lane) => laneOf(tg, t, lane)) : [t],
      );
      const each = Array.from({ length: lanes }, (_, lane) =>
        fn(variants.map((list) => list[lane % list.length]!)),
      );
      if (!roomForLanes([...operands, ...each.flat()])) return [];
      const stacked = variants.map((list) => (list.length > 1 ? tg.stack(list) : list[0]!));
      const together = tg.vmap((...of: Tensor[]) => [...fn(of)], {
        inDims: stacked.map((_, i) => (subset.includes(i) ? 0 : null)),
      })(...stacked);
      return together.map((t, k) => [
        tg.contiguous(t),
        tg.contiguous(tg.stack(each.map((outputs) => outputs[k]!))),
      ]);
    });
    const read = await tg.readAll(pairs.flat());
    const shapes = pairs.map(([a, b]) => [a!.shape, b!.shape]);
    for (const t of pairs.flat()) t.dispose();
    shapes.forEach(([a, b], k) => {
      const what = `${primitive.name}, ${sample.claim}: lanes of operands ${subset}, result ${k}`;
      expectEqual(a!, b!, `${what}: the shape`);
      const expected = read[2 * k + 1]!;
      let largest = 0;
      for (const v of expected) if (Number.isFinite(v)) largest = Math.max(largest, Math.abs(v));
      // Sums may take another order.
      const allowed =
        tolerance.relative === 0
          ? tolerance
          : {
              relative: Math.max(tolerance.relative, 1e-5),
              absolute: tolerance.absolute + 2e-6 * largest,
            };
      expectClose(read[2 * k]!, expected, allowed, what);
    });
  }
}

/** The tensor itself for lane 0; for others with its rows (or elements) turned round or moved on. */
function laneOf(tg: Tilegrad, t: Tensor, lane: number): Tensor {
  if (lane === 0 || t.rank === 0 || t.shape[0]! < 2) return t;
  return tg.cat([
    tg.narrow(t, 0, lane % t.shape[0]!, t.shape[0]! - (lane % t.shape[0]!)),
    tg.narrow(t, 0, 0, lane % t.shape[0]!),
  ]);
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
    const forwardMode: Case = {
      name: `${primitive.name} moves in forward mode as reverse mode says`,
      run: run(checkForwardMode),
    };
    const lanes: Case = {
      name: `${primitive.name} gives lanes together what it gives them one by one`,
      run: run(checkBatch),
    };
    return primitive.vjp ? [forward, derivatives, forwardMode, lanes] : [forward, lanes];
  }),
];
