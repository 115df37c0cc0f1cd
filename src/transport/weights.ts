/**
 * Checks masses on the device, where nobody waits for them: a kernel reports what is wrong, and the next read throws.
 */
import { ArgumentError } from "../errors";
import { launch, transportWeights } from "../kernels";
import { copyOf } from "../linalg/batches";
import type { Primitive } from "../ops/primitive";
import { planRows } from "../ops/rowTeam";
import { bind } from "../ops/trace";
import { DeviceTensor } from "../tensor/deviceTensor";
import { scope } from "../tensor/scope";
import type { Tensor } from "../tensor/tensor";
import { lanesAsProblems } from "./pull";

const floatOf = (bits: number): number => new Float32Array(Int32Array.of(bits).buffer)[0]!;

interface WeightAttrs {
  readonly balanced: boolean;
  /** What errors name: the operation, and its arguments. */
  readonly caller: string;
  readonly names: readonly [a: string, b: string];
}

/** Inputs: a [B, n], b [B, m]. Outputs: a as it is, once both have been checked; log2 (Σ a / Σ b) [B], held still. */
const weightsPrimitive: Primitive<WeightAttrs> = {
  name: "transportWeights",
  formula:
    "a, which is not negative, NaN or infinite, nor is b; where balanced, Σ a = Σ b; and log2 (Σ a / Σ b)",
  derivative: "g to a; the second result is taken as a constant",
  saves: "nothing",
  outputs: ([a]) => [
    { shape: a!.shape, dtype: "f32" },
    { shape: [a!.shape[0]!], dtype: "f32" },
  ],
  run: ([a, b], attrs) => scope(() => checkedWeights(a!, b!, attrs)),
  vjp: ([g]) => [g ?? null, null],
  jvp: ([ta]) => [ta ?? null, null],
  batch: lanesAsProblems(() => weightsPrimitive),
};

/** By how much sums of weights in f32 may differ, relative. */
const slack = 1e-4;

function checkedWeights(
  a: DeviceTensor,
  b: DeviceTensor,
  { balanced, caller, names }: WeightAttrs,
): DeviceTensor[] {
  const { device } = a;
  const [problems, rows] = a.shape as [number, number];
  const cols = b.shape[1]!;
  const [left, right] = [copyOf(a), copyOf(b)];
  const ratio = DeviceTensor.empty(device, [problems], "f32");
  const bad = (side: string) =>
    device.faultSite(
      `${caller}: ${side}`,
      (_, at, problem) =>
        new ArgumentError(
          `${caller}: ${side} has a negative weight, NaN or Infinity at position ${at} of problem ${problem}. Weights are masses, 0 or more.`,
        ),
    );
  const empty = (side: string) =>
    device.faultSite(
      `${caller}: ${side} empty`,
      (_, __, problem) =>
        new ArgumentError(
          `${caller}: the weights ${side} of problem ${problem} are all 0. Some mass must be there to move.`,
        ),
    );
  const { team, grid } = planRows(device, problems, Math.max(rows, cols));
  launch(
    device,
    transportWeights,
    { a: left.binding, b: right.binding, ratio: ratio.binding, faults: device.faults },
    {
      problems,
      rows,
      cols,
      slack: balanced ? slack : 0,
      bad_a: bad(names[0]),
      bad_b: bad(names[1]),
      empty_a: empty(names[0]),
      empty_b: empty(names[1]),
      unequal: device.faultSite(
        `${caller}: masses`,
        (_, b, a) =>
          new ArgumentError(
            `${caller}: ${names[0]} has mass ${floatOf(a).toPrecision(6)} and ${names[1]} ${floatOf(b).toPrecision(6)}; a balanced problem needs equal sums. Divide each by its sum, or give a penalty for an unbalanced one.`,
          ),
      ),
    },
    grid,
    { constants: { TEAM: team } },
  );
  return [left, ratio];
}

/** a, with both sides checked on the device: ArgumentError, of the caller's name, at the next read. */
export function checkWeights(
  a: Tensor,
  b: Tensor,
  balanced: boolean,
  caller: string,
  names: readonly [a: string, b: string] = ["a", "b"],
): Tensor {
  return checkMasses(a, b, balanced, caller, names).a;
}

/** Also log2 (Σ a / Σ b) [B]: by what the weights of a balanced problem miss equal sums. */
export function checkMasses(
  a: Tensor,
  b: Tensor,
  balanced: boolean,
  caller: string,
  names: readonly [a: string, b: string] = ["a", "b"],
): { a: Tensor; ratio: Tensor } {
  const [checked, ratio] = bind(weightsPrimitive, [a, b], { balanced, caller, names });
  return { a: checked!, ratio: ratio! };
}

export const weightsPrimitives = [weightsPrimitive];
