/**
 * Clipping by the history of norms. The bound is a percentile of the last global norms, that of the step among them:
 *
 *     G = last `history` norms, ||g|| too;   c = percentile(G, p);   g = g min(1, c / (||g|| + 1e-6))
 *
 * AutoClip: Seetharaman, Wichern, Pardo and Le Roux, "AutoClip: adaptive gradient clipping for source separation
 * networks", 2020, over a window instead of the whole run; between two norms the percentile is interpolated as
 * numpy.percentile does by default. bitsandbytes' former `percentile_clipping` has the same form with a window of 100
 * that starts with zeros, no interpolation, and a norm for each tensor.
 */
import { ArgumentError } from "../../errors";
import { add, div, eq, lt, maximum, minimum, mul, sub, where } from "../../ops/arithmetic";
import { assign } from "../../ops/assign";
import { isfinite } from "../../ops/floatClasses";
import { floor } from "../../ops/functions";
import { sum } from "../../ops/reduce";
import { select, stack } from "../../ops/shape";
import { sort } from "../../ops/sort";
import { resolve } from "../../ops/trace";
import { requireOptions } from "../../options";
import { upload } from "../../tensor/creation";
import type { DeviceTensor } from "../../tensor/deviceTensor";
import { keep, scope } from "../../tensor/scope";
import type { Tensor } from "../../tensor/tensor";
import { fillTensor } from "../arena";
import type { Part } from "../part";
import { requireWithin } from "../rule";
import type { StateTensor } from "../states";
import type { Transform, TransformContext } from "../transform";

export interface ClipPercentileOptions {
  /** Of the norms that stays unclipped, 0 to 100. Default 10, as AutoClip's paper advises. */
  percentile?: number;
  /** Norms that are remembered, >= 1. Default 100. */
  history?: number;
}

/**
 * All gradients scaled down together to a percentile of the last global norms. Like `clipGradNorm` it goes by the
 * gradients as they came, before all other transforms; with both, the smaller bound holds. A skipped step leaves the
 * history as it is.
 * @throws ArgumentError for options out of range
 */
export function clipPercentile(options: ClipPercentileOptions = {}): Transform {
  const { percentile = 10, history = 100 } = requireOptions(
    "optim.clipPercentile",
    options,
    "percentile",
  );
  requireWithin("clipPercentile", "percentile", percentile, 0, 100);
  if (!Number.isInteger(history) || history < 1)
    throw new ArgumentError(
      `optim.clipPercentile: history is ${history}; it takes a whole number from 1 up.`,
    );
  return {
    name: "clipPercentile",
    on: "norm",
    overAll: true,
    toJSON: () => ({ name: "clipPercentile", percentile, history }),
    bytes: () => 0,
    open: (context) => new PercentilePart(percentile / 100, history, context),
  };
}

/** Stands for norms that are not there yet, behind all others. */
const absent = 3.4e38;

class PercentilePart implements Part {
  readonly tensors: ReadonlyMap<string, StateTensor>;
  /** The norms, [history]: a ring. */
  private readonly ring: DeviceTensor;
  /** Where the next one goes, and how many there are. */
  private readonly place: DeviceTensor;
  private readonly indices: DeviceTensor;

  constructor(
    private readonly fraction: number,
    private readonly history: number,
    private readonly context: TransformContext,
  ) {
    const { device } = context.arena;
    const made = (values: readonly number[] | Float32Array<ArrayBuffer>): DeviceTensor =>
      keep(upload(values, [values.length], { dtype: "f32", device }));
    this.ring = made(new Float32Array(history).fill(absent));
    this.place = made([0, 0]);
    this.indices = made(Float32Array.from({ length: history }, (_, i) => i));
    const state = (tensor: DeviceTensor): StateTensor => ({
      tensor,
      fill: (from) => fillTensor(tensor, from),
    });
    this.tensors = new Map([
      ["clipPercentile.norms", state(this.ring)],
      ["clipPercentile.place", state(this.place)],
    ]);
  }

  update(): void {
    const { control } = this.context;
    const { history } = this;
    scope(() => {
      const { gradNorm, clipFactor } = control.stats;
      // What is not finite is no bound for others, also where steps are not skipped for it.
      const counts = where(control.skip, 0, where(isfinite(gradNorm), 1, 0));
      const next = select(this.place, 0, 0);
      const filled = select(this.place, 0, 1);
      const enters = mul(where(eq(this.indices, next), 1, 0), counts);
      assign(this.ring, where(eq(enters, 1), gradNorm, this.ring));
      const after = add(next, counts);
      const wrapped = where(lt(after, history), after, 0);
      const count = minimum(add(filled, counts), history);
      assign(this.place, stack([wrapped, count]));
      const bound = this.bound(count);
      const clip = minimum(div(bound, add(gradNorm, 1e-6)), 1);
      const clips = mul(where(lt(clip, clipFactor), 1, 0), counts);
      const lowered = mul(control.factor, div(clip, clipFactor));
      const factor = where(eq(clips, 1), lowered, control.factor);
      const told = where(eq(clips, 1), clip, clipFactor);
      control.tell("factor", resolve(factor) as DeviceTensor);
      control.tell("clipFactor", resolve(told) as DeviceTensor);
    });
  }

  dispose(): void {
    for (const tensor of [this.ring, this.place, this.indices]) tensor.dispose();
  }

  /** The percentile of the `count` norms that there are. */
  private bound(count: Tensor): Tensor {
    const { values } = sort(this.ring);
    const last = maximum(sub(count, 1), 0);
    const at = mul(last, this.fraction);
    const low = floor(at);
    const high = minimum(add(low, 1), last);
    const norm = (index: Tensor): Tensor => sum(where(eq(this.indices, index), values, 0));
    const lower = norm(low);
    return add(lower, mul(sub(norm(high), lower), sub(at, low)));
  }
}
