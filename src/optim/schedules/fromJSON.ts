/** Schedules as checkpoints hold them, back to functions. */
import { ArgumentError, CheckpointError } from "../../errors";
import { constant } from "./constant";
import { cosine } from "./cosine";
import { cosinePower } from "./cosinePower";
import { cosineRestarts } from "./cosineRestarts";
import { exponential } from "./exponential";
import { join } from "./join";
import { linear } from "./linear";
import { multiStep } from "./multiStep";
import { oneCycle } from "./oneCycle";
import { piecewiseConstant } from "./piecewiseConstant";
import { piecewiseLinear } from "./piecewiseLinear";
import { polynomial } from "./polynomial";
import { scale } from "./scale";
import type { Schedule } from "./schedule";
import { step } from "./step";
import { type WarmupOptions, warmup } from "./warmup";
import { warmupCosine, warmupLinear } from "./warmupDecay";
import { wsd } from "./wsd";

/** By kind: from the record, which each maker checks, to the schedule. */
const makers: Readonly<Record<string, (record: never) => Schedule>> = {
  constant,
  linear,
  cosine,
  cosineRestarts,
  cosinePower,
  polynomial,
  exponential,
  step,
  multiStep,
  piecewiseConstant,
  piecewiseLinear,
  oneCycle,
  warmupCosine,
  warmupLinear,
  wsd,
  warmup: ({ schedule, ...options }: { schedule: unknown } & WarmupOptions) =>
    warmup(read(schedule), options),
  scale: ({ schedule, factor }: { schedule: unknown; factor: number }) =>
    scale(read(schedule), factor),
  join: ({ schedules, boundaries }: { schedules: unknown; boundaries: readonly number[] }) =>
    join(Array.isArray(schedules) ? schedules.map(read) : [], boundaries),
};

/** The schedule that `toJSON` wrote. @throws CheckpointError when `json` is not one */
export function fromJSON(json: unknown): Schedule {
  try {
    return read(json);
  } catch (error) {
    if (!(error instanceof ArgumentError)) throw error;
    throw new CheckpointError(`the checkpoint's schedule is not valid: ${error.message}`);
  }
}

function read(json: unknown): Schedule {
  const record = (typeof json === "object" && json !== null ? json : {}) as { kind?: unknown };
  const { kind } = record;
  if (kind === "custom") {
    const name = JSON.stringify((record as { name?: unknown }).name);
    throw new CheckpointError(
      `the checkpoint's rate is a schedule of its program: make the optimizer with schedule.custom(${name}, …), then load`,
    );
  }
  if (typeof kind !== "string" || !Object.hasOwn(makers, kind))
    throw new CheckpointError(
      `the checkpoint's schedule has kind ${JSON.stringify(kind)}, which this version does not know (${Object.keys(makers).join(", ")})`,
    );
  return makers[kind]!(record as never);
}
