/**
 * Learning-rate schedules: a step counted from 0 -> a rate, in f64 on the host. The rate is sent to the
 * device as data each step, so a schedule may change between steps without recompiling anything.
 *
 *     linear        from (1 - t) + to t                     t = min(step / total, 1)
 *     cosine        to + (from - to) (1 + cos(pi t)) / 2
 *     warm-up       peak (step + 1) / (warmup + 1)         for step < warmup, then the decay from peak to
 *                                                          final over the steps warmup ... total
 *
 * The warm-up never returns 0, so the first step already learns (as in nanoGPT's `get_lr`). The cosine is
 * one period of SGDR (Loshchilov and Hutter, 2017).
 */

import { cos } from "../elementary";
import { ArgumentError, CheckpointError } from "../errors";

/** A schedule as checkpoints hold it. */
export type ScheduleJson =
  | ({ kind: "constant" } & ConstantOptions)
  | ({ kind: "linear" } & DecayOptions)
  | ({ kind: "cosine" } & DecayOptions)
  | ({ kind: "warmupCosine" } & WarmupOptions)
  | ({ kind: "warmupLinear" } & WarmupOptions);

/** `schedule(step)` is the rate of step `step`, counted from 0; steps past the end keep the last rate. */
export interface Schedule {
  (step: number): number;
  /** Everything needed to build it again: `fromJSON(schedule.toJSON())` gives the same rates. */
  toJSON(): ScheduleJson;
}

export interface ConstantOptions {
  /** The rate of every step, >= 0. */
  rate: number;
}

export interface DecayOptions {
  /** Rate of step 0, >= 0. */
  from: number;
  /** Rate of step `total` and all later ones, >= 0. */
  to: number;
  /** Steps from `from` to `to`, >= 1. */
  total: number;
}

export interface WarmupOptions {
  /** Rate after the warm-up, >= 0. */
  peak: number;
  /** Steps of rising rate, >= 0. */
  warmup: number;
  /** Steps in all, the warm-up among them, > `warmup`. */
  total: number;
  /** Rate of step `total` and all later ones, >= 0. Default 0. */
  final?: number;
}

/** The same rate at every step. */
export function constant(options: number | ConstantOptions): Schedule {
  const rate = typeof options === "number" ? options : options.rate;
  requireRate("constant", "rate", rate);
  return schedule({ kind: "constant", rate }, () => rate);
}

/** A straight line from `from` to `to`. */
export function linear({ from, to, total }: DecayOptions): Schedule {
  requireDecay("linear", from, to, total);
  return schedule({ kind: "linear", from, to, total }, (step) =>
    straight(from, to, Math.min(step / total, 1)),
  );
}

/** Half a cosine from `from` to `to`. */
export function cosine({ from, to, total }: DecayOptions): Schedule {
  requireDecay("cosine", from, to, total);
  return schedule({ kind: "cosine", from, to, total }, (step) =>
    halfCosine(from, to, Math.min(step / total, 1)),
  );
}

/**
 * A linear rise to `peak`, then half a cosine down to `final`.
 *
 * ```ts
 * const rate = warmupCosine({ peak: 1e-3, warmup: 100, total: 2000, final: 1e-4 });
 * rate(0);    // 9.9e-6
 * rate(100);  // 1e-3
 * rate(2000); // 1e-4
 * ```
 */
export function warmupCosine(options: WarmupOptions): Schedule {
  return warmedUp("warmupCosine", options, halfCosine);
}

/** A linear rise to `peak`, then a straight line down to `final`. */
export function warmupLinear(options: WarmupOptions): Schedule {
  return warmedUp("warmupLinear", options, straight);
}

/** The schedule that `toJSON` wrote. Throws `CheckpointError` when `json` is not one. */
export function fromJSON(json: unknown): Schedule {
  const record = (typeof json === "object" && json !== null ? json : {}) as ScheduleJson;
  try {
    switch (record.kind) {
      case "constant":
        return constant(record);
      case "linear":
        return linear(record);
      case "cosine":
        return cosine(record);
      case "warmupCosine":
        return warmupCosine(record);
      case "warmupLinear":
        return warmupLinear(record);
    }
  } catch (error) {
    if (!(error instanceof ArgumentError)) throw error;
    throw new CheckpointError(`the checkpoint's schedule is not valid: ${error.message}`);
  }
  throw new CheckpointError(
    `the checkpoint's schedule has kind ${JSON.stringify((record as { kind?: unknown }).kind)}, ` +
      "which this version does not know (constant, linear, cosine, warmupCosine, warmupLinear)",
  );
}

type Curve = (from: number, to: number, t: number) => number;

const straight: Curve = (from, to, t) => from * (1 - t) + to * t;

const halfCosine: Curve = (from, to, t) => to + ((from - to) * (1 + cos(Math.PI * t))) / 2;

function warmedUp(
  kind: "warmupCosine" | "warmupLinear",
  { peak, warmup, total, final = 0 }: WarmupOptions,
  decay: Curve,
): Schedule {
  requireRate(kind, "peak", peak);
  requireRate(kind, "final", final);
  requireSteps(kind, "warmup", warmup, 0);
  requireSteps(kind, "total", total, 1);
  if (warmup >= total) {
    throw new ArgumentError(
      `schedule.${kind}: warmup (${warmup}) must be below total (${total}), so that steps are left to decay`,
    );
  }
  return schedule({ kind, peak, warmup, total, final }, (step) =>
    step < warmup
      ? (peak * (step + 1)) / (warmup + 1)
      : decay(peak, final, Math.min((step - warmup) / (total - warmup), 1)),
  );
}

function schedule(json: ScheduleJson, rate: (step: number) => number): Schedule {
  const checkedRate = (step: number): number => {
    if (!(step >= 0)) {
      throw new ArgumentError(`schedule.${json.kind}: step must be 0 or more, got ${step}`);
    }
    return rate(step);
  };
  return Object.assign(checkedRate, { toJSON: () => ({ ...json }) });
}

function requireDecay(kind: string, from: number, to: number, total: number): void {
  requireRate(kind, "from", from);
  requireRate(kind, "to", to);
  requireSteps(kind, "total", total, 1);
}

function requireRate(kind: string, name: string, value: number): void {
  if (!Number.isFinite(value) || value < 0) {
    throw new ArgumentError(
      `schedule.${kind}: ${name} must be a finite number from 0 up, got ${value}`,
    );
  }
}

function requireSteps(kind: string, name: string, value: number, least: number): void {
  if (!Number.isSafeInteger(value) || value < least) {
    throw new ArgumentError(
      `schedule.${kind}: ${name} must be a whole number of steps from ${least} up, got ${value}`,
    );
  }
}
