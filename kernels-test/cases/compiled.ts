/**
 * Every row of the primitive table on its samples, compiled: values and gradients are those of the operations run
 * one by one, when the plan is made, when it is replayed on other elements, and when operands are captured.
 *
 * On the CPU executor the bits are the same. Drivers may contract a product and a sum that fusion puts in one
 * kernel.
 */
import type { AnyPrimitive } from "../../src/ops/primitive";
import { bind } from "../../src/ops/trace";
import { primitives } from "../../src/table";
import type { Tensor } from "../../src/tensor/tensor";
import type { Case, Tilegrad } from "../caseModules";
import { assert, direction, expectClose, expectEqual } from "../harness";
import { samples } from "../primitives/index";
import { upload } from "../primitives/operand";
import { exact, type PrimitiveSamples, type Sample } from "../primitives/sample";

const usesF16 = (sample: Sample): boolean =>
  sample.operands.some((x) => x.dtype === "f16") ||
  (sample.attrs as { dtype?: string } | null)?.dtype === "f16";

/** The results of a sample and, where it has derivatives, the gradients of a sum of them. */
function withGradients(tg: Tilegrad, primitive: AnyPrimitive, sample: Sample) {
  const fn = (of: readonly Tensor[]): readonly Tensor[] =>
    sample.call?.(of) ?? bind(primitive, of, sample.attrs);
  const wrt = sample.operands.flatMap((x, i) =>
    x.dtype === "f32" && x.value.data.length > 0 ? [i] : [],
  );
  const differentiable = primitive.vjp !== null && sample.differentiate !== false && wrt.length > 0;
  return (...of: Tensor[]): Tensor[] => {
    const values = fn(of);
    if (!differentiable) return [...values];
    const at = (moved: readonly Tensor[]): Tensor => {
      const all = [...of];
      wrt.forEach((i, k) => {
        all[i] = moved[k]!;
      });
      const terms = fn(all)
        .filter((t) => t.dtype === "f32" && t.size > 0)
        .map((t, k) =>
          tg.sum(tg.mul(t, tg.tensor(direction(t.size, 500 + k), { shape: t.shape }))),
        );
      return terms.reduce((sum, term) => tg.add(sum, term), tg.zeros([]));
    };
    return [...values, ...tg.grad(at)(wrt.map((i) => of[i]!))];
  };
}

/** The same elements in another order, so that indices, keys and conditions stay what they are. */
function turned(tg: Tilegrad, t: Tensor): Tensor {
  if (t.rank === 0 || t.shape[0]! < 2) return tg.clone(t);
  const moved = tg.cat([tg.narrow(t, 0, 1, t.shape[0]! - 1), tg.narrow(t, 0, 0, 1)]);
  return tg.to(moved, t.dtype);
}

async function check(
  tg: Tilegrad,
  primitive: AnyPrimitive,
  { tolerance }: PrimitiveSamples,
  sample: Sample,
): Promise<void> {
  const fn = withGradients(tg, primitive, sample);
  const first = tg.scope(() => sample.operands.map((x) => upload(tg, x)));
  const second = tg.scope(() => first.map((t) => turned(tg, t)));
  const compiled = tg.compile(fn);
  const captured = tg.compile(() => fn(...first));
  try {
    for (const [way, together, alone] of [
      ["when it is traced", () => compiled(...first), () => fn(...first)],
      ["on other elements", () => compiled(...second), () => fn(...second)],
      ["once more", () => compiled(...first), () => fn(...first)],
      ["on captured operands", () => captured(), () => fn(...first)],
    ] as const) {
      const what = `${primitive.name}, ${sample.claim}, ${way}`;
      const [ours, theirs] = tg.scope(() => [
        together().map((t) => tg.contiguous(t)),
        alone().map((t) => tg.contiguous(t)),
      ]) as [Tensor[], Tensor[]];
      const shapes = (list: readonly Tensor[]) => list.map((t) => [...t.shape, t.dtype]);
      expectEqual(shapes(ours), shapes(theirs), `${what}: shapes and types`);
      const read = await tg.readAll([...ours, ...theirs]);
      for (const t of [...ours, ...theirs]) t.dispose();
      ours.forEach((_, k) => {
        const [actual, expected] = [read[k]!, read[ours.length + k]!];
        expectClose(actual, expected, allowance(tg, tolerance, expected), `${what}: result ${k}`);
      });
    }
    expectEqual(compiled.plans.length, 1, `${primitive.name}, ${sample.claim}: the plans made`);
  } finally {
    compiled.dispose();
    captured.dispose();
    for (const t of [...first, ...second]) t.dispose();
  }
}

function allowance(
  tg: Tilegrad,
  tolerance: PrimitiveSamples["tolerance"],
  values: ArrayLike<number>,
) {
  if (tg.currentDevice().executor.kind === "cpu" || tolerance.relative === 0) return exact;
  let largest = 0;
  for (let i = 0; i < values.length; i++)
    if (Number.isFinite(values[i]!)) largest = Math.max(largest, Math.abs(values[i]!));
  return { relative: Math.max(tolerance.relative, 1e-5), absolute: 2e-6 * largest };
}

/** Samples of a primitive beyond this run on the CPU executor alone: drivers compile for long. */
const samplesOnDrivers = 1;

export const cases: Case[] = primitives.flatMap((primitive) => {
  const own = samples[primitive.name];
  if (!own) return [];
  return {
    name: `${primitive.name} compiled is what it is uncompiled`,
    async run(tg) {
      const { executor } = tg.currentDevice();
      const fitting = own.samples.filter(
        (sample) => !usesF16(sample) || executor.adapter.features.includes("shader-f16"),
      );
      const count = executor.kind === "cpu" ? fitting.length : samplesOnDrivers;
      const failures: string[] = [];
      for (const sample of fitting.slice(0, count))
        await check(tg, primitive, own, sample).catch((error: unknown) => {
          failures.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
        });
      assert(failures.length === 0, failures.join("\n\n"));
    },
  };
});
