/**
 * A function of one tensor as a list of operations, in which what it takes from outside is an argument too (JAX
 * `closure_convert`): so that an operation that is given a function can differentiate with respect to all that the
 * function depends on.
 */
import { ArgumentError } from "../errors";
import type { Primitive } from "../ops/primitive";
import {
  atNewLevel,
  bind,
  bindCustom,
  type CustomRule,
  resolve,
  type Trace,
  Tracer,
} from "../ops/trace";
import { adopt } from "../tensor/scope";
import type { Tensor } from "../tensor/tensor";

/** The input, a result of an earlier step, or a tensor from outside. */
type Value = "input" | { readonly step: number; readonly index: number } | { captured: number };

interface Step {
  readonly operands: readonly Value[];
  run(operands: readonly Tensor[]): readonly Tensor[];
}

class Listed extends Tracer {
  constructor(
    readonly trace: List,
    readonly primal: Tensor,
    readonly value: Value,
  ) {
    super(primal.shape, primal.dtype);
  }

  override alias(): Tensor {
    return new Listed(this.trace, this.primal.alias(), this.value);
  }
}

class List implements Trace {
  readonly steps: Step[] = [];
  /** Tensors from outside, and a handle of the list's own on each. */
  readonly captured: Tensor[] = [];
  readonly handles: Tensor[] = [];

  constructor(readonly level: number) {}

  process<A>(primitive: Primitive<A>, operands: readonly Tensor[], attrs: A): Tensor[] {
    return this.step(operands, (inputs) => bind(primitive, inputs, attrs));
  }

  processCustom(rule: CustomRule, operands: readonly Tensor[]): Tensor[] {
    return this.step(operands, (inputs) => bindCustom(rule, inputs));
  }

  valueOf(t: Tensor): Value {
    if (t instanceof Listed && t.trace === this) return t.value;
    const known = this.captured.indexOf(t);
    if (known >= 0) return { captured: known };
    // The scope that made it may close before the list is run.
    this.handles.push(t.alias());
    return { captured: this.captured.push(t) - 1 };
  }

  private step(operands: readonly Tensor[], run: Step["run"]): Tensor[] {
    const at = this.steps.push({ operands: operands.map((t) => this.valueOf(t)), run }) - 1;
    const lower = operands.map((t) => (t instanceof Listed && t.trace === this ? t.primal : t));
    return run(lower).map((t, index) => new Listed(this, t, { step: at, index }));
  }
}

export interface ConvertedFunction {
  /** The function of `input`, with `captured` in place of the tensors that it took from outside. */
  run(input: Tensor, captured: readonly Tensor[]): Tensor;
}

/**
 * Runs `fn` once, to see what it does.
 *
 * @param name of the function, for errors
 * @param example an input like those to come
 * @returns the function, and the tensors it took from outside: handles that belong to the scope around the call
 * @throws ArgumentError where it does not give one tensor
 */
export function closureConvert(
  name: string,
  fn: (input: Tensor) => Tensor,
  example: Tensor,
): { converted: ConvertedFunction; captured: readonly Tensor[] } {
  return atNewLevel((level) => {
    const list = new List(level);
    const result: unknown = fn(new Listed(list, resolve(example), "input"));
    if (!(result instanceof Object && "shape" in result && "dtype" in result))
      throw new ArgumentError(`${name} must return a tensor; it returned ${typeof result}.`);
    const { steps, handles } = list;
    const last = list.valueOf(resolve(result as Tensor));
    return {
      captured: handles.map(adopt),
      converted: {
        run(input, given) {
          const results: (readonly Tensor[])[] = [];
          const find = (value: Value): Tensor => {
            if (value === "input") return input;
            return "captured" in value
              ? given[value.captured]!
              : results[value.step]![value.index]!;
          };
          for (const { operands, run } of steps) results.push(run(operands.map(find)));
          return find(last);
        },
      },
    };
  });
}
