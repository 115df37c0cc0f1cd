/**
 * Many calls of a function as one. Values that differ from lane to lane have lanes as dimension 0 of the
 * tensor below; each primitive's `batch` rule says how to compute all lanes together.
 */
import { TilegradError } from "../errors";
import { widenedSpec } from "../ops/packed";
import type { PlainFunction, Primitive } from "../ops/primitive";
import { expand } from "../ops/shape";
import { atNewLevel, bindCustom, type CustomRule, resolve, type Trace, Tracer } from "../ops/trace";
import { scope } from "../tensor/scope";
import { sameShape, show } from "../tensor/shape";
import type { Tensor } from "../tensor/tensor";
import { laneRule } from "./customRules";
import { freshHandles } from "./freshHandles";

class LaneTracer extends Tracer {
  constructor(
    readonly trace: Lanes,
    readonly primal: Tensor,
  ) {
    super(primal.shape.slice(1), primal.dtype);
  }

  override alias(): Tensor {
    return new LaneTracer(this.trace, this.primal.alias());
  }
}

/** The transform in progress. */
export class Lanes implements Trace {
  constructor(
    readonly level: number,
    readonly size: number,
  ) {}

  /** `value` has lanes as dimension 0. */
  follow(value: Tensor): Tensor {
    return new LaneTracer(this, value);
  }

  isBatched(value: Tensor): boolean {
    return value instanceof LaneTracer && value.trace === this;
  }

  /** One level out: with lanes first, or the value itself where all lanes share it. */
  lower(value: Tensor): Tensor {
    return value instanceof LaneTracer && value.trace === this ? value.primal : value;
  }

  /** One level out, with lanes first. */
  materialise(value: Tensor): Tensor {
    const resolved = resolve(value);
    return this.isBatched(resolved)
      ? this.lower(resolved)
      : expand(resolved, [this.size, ...resolved.shape]);
  }

  process<A>(primitive: Primitive<A>, operands: readonly Tensor[], attrs: A): Tensor[] {
    const { name, batch } = primitive;
    // Errors speak of one lane.
    const promised = primitive.outputs(operands.map(widenedSpec), attrs);
    const inputs = operands.map((t) => this.lower(t));
    const batched = operands.map((t) => this.isBatched(t));
    const { size } = this;
    const context = {
      attrs,
      size,
      batched,
      vectorise: (fn: PlainFunction, values: readonly Tensor[], which: readonly boolean[]) =>
        vectorise(fn, values, which, size),
    };
    const results = freshHandles(
      scope(() => batch(inputs, context)),
      inputs,
    );
    results.forEach((t, i) => {
      const wanted = [size, ...promised[i]!.shape];
      if (!sameShape(t.shape, wanted))
        throw new TilegradError(
          `The batch rule of ${name} gave shape ${show(t.shape)} for output ${i}; it must be ${show(wanted)}.`,
        );
    });
    return results.map((t) => this.follow(t));
  }

  processCustom(rule: CustomRule, operands: readonly Tensor[]): Tensor[] {
    const batched = operands.map((t) => this.isBatched(t));
    const inputs = operands.map((t) => this.lower(t));
    return bindCustom(laneRule(rule, batched, this.size), inputs).map((t) => this.follow(t));
  }
}

/** Runs `fn` while `size` lanes are in progress. */
export function withLanes<T>(size: number, fn: (lanes: Lanes) => T): T {
  return atNewLevel((level) => fn(new Lanes(level, size)));
}

/** The results of `fn` for every lane, lanes first: see BatchContext. */
export function vectorise(
  fn: PlainFunction,
  inputs: readonly Tensor[],
  batched: readonly boolean[],
  size: number,
): Tensor[] {
  return withLanes(size, (lanes) => {
    const results = scope(() =>
      fn(...inputs.map((t, i) => (batched[i] ? lanes.follow(t) : t))).map((t) =>
        lanes.materialise(t),
      ),
    );
    return freshHandles(results, inputs);
  });
}
