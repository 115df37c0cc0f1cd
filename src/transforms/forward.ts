/**
 * Forward mode. Each followed value carries a tangent: how it moves when the inputs move along theirs. Each
 * primitive's `jvp` turns tangents of inputs into tangents of outputs while the function runs, so nothing
 * is kept.
 */
import { TilegradError } from "../errors";
import type { PlainFunction, Primitive } from "../ops/primitive";
import {
  atNewLevel,
  bind,
  bindCustom,
  type CustomRule,
  resolve,
  type Trace,
  Tracer,
} from "../ops/trace";
import { isFloat } from "../tensor/dtype";
import { scope } from "../tensor/scope";
import { sameShape, show } from "../tensor/shape";
import type { Tensor } from "../tensor/tensor";
import { forwardRule } from "./customRules";
import { freshHandles } from "./freshHandles";

class Dual extends Tracer {
  constructor(
    readonly trace: Forward,
    readonly primal: Tensor,
    readonly tangent: Tensor,
  ) {
    super(primal.shape, primal.dtype);
  }

  override get owned() {
    return [...this.primal.owned, ...this.tangent.owned];
  }

  override dispose(): void {
    this.primal.dispose();
    this.tangent.dispose();
  }

  override alias(): Tensor {
    return new Dual(this.trace, this.primal.alias(), this.tangent.alias());
  }
}

class Forward implements Trace {
  constructor(readonly level: number) {}

  follow(primal: Tensor, tangent: Tensor | null): Tensor {
    return tangent && isFloat(primal.dtype) ? new Dual(this, primal, tangent) : primal;
  }

  lower(value: Tensor): Tensor {
    return value instanceof Dual && value.trace === this ? value.primal : value;
  }

  tangentOf(value: Tensor): Tensor | null {
    return value instanceof Dual && value.trace === this ? value.tangent : null;
  }

  process<A>(primitive: Primitive<A>, operands: readonly Tensor[], attrs: A): Tensor[] {
    const { name, jvp } = primitive;
    const inputs = operands.map((t) => this.lower(t));
    const tangents = operands.map((t) => this.tangentOf(t));
    const outputs = bind(primitive, inputs, attrs);
    if (!jvp || !outputs.some((t) => isFloat(t.dtype))) return outputs;
    return this.moved(name, [...inputs, ...tangents], outputs, () =>
      jvp(tangents, { inputs, outputs, attrs, pushforward }),
    );
  }

  processCustom(rule: CustomRule, operands: readonly Tensor[]): Tensor[] {
    const inputs = operands.map((t) => this.lower(t));
    const tangents = operands.map((t) => this.tangentOf(t));
    const outputs = bindCustom(rule, inputs);
    return this.moved(rule.name, [...inputs, ...tangents], outputs, () =>
      forwardRule(rule, inputs, outputs, tangents),
    );
  }

  private moved(
    name: string,
    given: readonly (Tensor | null)[],
    outputs: readonly Tensor[],
    rule: () => readonly (Tensor | null)[],
  ): Tensor[] {
    const tangents = freshHandles(scope(rule), [...given, ...outputs]);
    return outputs.map((t, i) => {
      const tangent = tangents[i] ?? null;
      if (tangent && !sameShape(tangent.shape, t.shape))
        throw new TilegradError(
          `The jvp of ${name} gave shape ${show(tangent.shape)} for output ${i} of shape ${show(t.shape)}.`,
        );
      return this.follow(t, tangent);
    });
  }
}

/**
 * Runs `fn` on values that move along `tangents`.
 * @param split replaces every tensor in the result by what it is given for it
 */
export function pushThrough<T, R>(
  inputs: readonly Tensor[],
  tangents: readonly (Tensor | null)[],
  fn: (followed: Tensor[]) => T,
  split: (result: T, primalOf: (t: Tensor) => Tensor, tangentOf: (t: Tensor) => Tensor | null) => R,
): R {
  return atNewLevel((level) => {
    const forward = new Forward(level);
    const result = fn(inputs.map((t, i) => forward.follow(resolve(t), tangents[i] ?? null)));
    return split(
      result,
      (t) => forward.lower(resolve(t)),
      (t) => forward.tangentOf(resolve(t)),
    );
  });
}

/** The tangents of the results of `fn`: see JvpContext. */
export function pushforward(
  fn: PlainFunction,
  inputs: readonly Tensor[],
  tangents: readonly (Tensor | null)[],
): readonly (Tensor | null)[] {
  return pushThrough(
    inputs,
    tangents,
    (followed) => fn(...followed),
    (results, _, tangentOf) => results.map(tangentOf),
  );
}
