/** Modules: objects whose properties are parameters and other modules. Keys are PyTorch's. */
import { CheckpointError } from "../errors";
import { upload } from "../tensor/creation";
import type { DeviceTensor } from "../tensor/deviceTensor";
import { type Shape, sameShape, show } from "../tensor/shape";
import type { Tensor } from "../tensor/tensor";
import { Parameter } from "./parameter";

/** Values for `loadStateDict`: tensors, or host arrays with their shapes. */
export type StateValue = Tensor | { readonly values: ArrayLike<number>; readonly shape: Shape };

export interface LoadOptions {
  /** Whether every key must match on both sides. Default true. */
  strict?: boolean;
}

export interface LoadReport {
  readonly missing: readonly string[];
  readonly unexpected: readonly string[];
}

export abstract class Module {
  /** True in training: dropout is active. Set by `train()` and `eval()`. */
  training = true;

  /** Child modules by property name, in the order of definition. */
  *children(): Iterable<[string, Module]> {
    for (const [name, value] of Object.entries(this))
      if (value instanceof Module) yield [name, value];
  }

  /**
   * Every parameter with its dotted key, a shared one under each of its keys.
   * @param prefix put before each key
   */
  *allKeys(prefix = ""): Iterable<[string, Parameter]> {
    for (const [name, value] of Object.entries(this))
      if (value instanceof Parameter) yield [prefix + name, value];
    for (const [name, child] of this.children()) yield* child.allKeys(`${prefix}${name}.`);
  }

  /** Every parameter once, with the first of its keys: `transformer.h.0.ln_1.weight`. */
  namedParameters(): [string, Parameter][] {
    const seen = new Set<Parameter>();
    return [...this.allKeys()].filter(([, parameter]) => {
      if (seen.has(parameter)) return false;
      seen.add(parameter);
      return true;
    });
  }

  /** Every parameter once. */
  parameters(): Parameter[] {
    return this.namedParameters().map(([, parameter]) => parameter);
  }

  /** Number of trained values, shared ones counted once. */
  get parameterCount(): number {
    return this.parameters().reduce((sum, p) => sum + p.size, 0);
  }

  /** Sets `training` here and in every child. Returns this. */
  train(mode = true): this {
    this.training = mode;
    for (const [, child] of this.children()) child.train(mode);
    return this;
  }

  /** `train(false)`. */
  eval(): this {
    return this.train(false);
  }

  /** The parameters by key, PyTorch's names; a shared one appears under each key. The live tensors. */
  stateDict(): Record<string, Parameter> {
    return Object.fromEntries(this.allKeys());
  }

  /**
   * Copies values into the parameters.
   * @throws CheckpointError naming what is missing, unexpected, or of another shape
   */
  loadStateDict(state: Record<string, StateValue>, options: LoadOptions = {}): LoadReport {
    const own = this.stateDict();
    const missing = Object.keys(own).filter((key) => !(key in state));
    const unexpected = Object.keys(state).filter((key) => !(key in own));
    const wrong = Object.entries(own).flatMap(([key, parameter]) => {
      const value = state[key];
      return value && !sameShape(value.shape, parameter.shape)
        ? [`${key} is ${show(value.shape)}, the model has ${show(parameter.shape)}`]
        : [];
    });
    if (options.strict ?? true) {
      if (missing.length) wrong.push(`missing: ${listed(missing)}`);
      if (unexpected.length) wrong.push(`unexpected: ${listed(unexpected)}`);
    }
    if (wrong.length)
      throw new CheckpointError(
        `loadStateDict: the values do not fit the model. ${listed(wrong)}. Build the model with the configuration the values were saved with.`,
      );
    for (const [key, parameter] of Object.entries(own)) {
      const value = state[key];
      if (value) write(parameter, value);
    }
    return { missing, unexpected };
  }

  /** Frees the parameters. */
  dispose(): void {
    for (const parameter of this.parameters()) parameter.dispose();
  }
}

const shown = 5;
const listed = (items: readonly string[]): string =>
  items.slice(0, shown).join("; ") +
  (items.length > shown ? ` and ${items.length - shown} more` : "");

function write(parameter: Parameter, value: StateValue): void {
  const { executor } = parameter.device;
  const host = "values" in value;
  const source = host
    ? upload(value.values, value.shape, { dtype: parameter.dtype, device: parameter.device })
    : (value.to(parameter.dtype).contiguous() as DeviceTensor);
  const range = parameter.binding;
  executor.copy({ ...source.binding, bytes: range.bytes }, range);
  source.dispose();
}
