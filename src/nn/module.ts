/** Modules: objects whose properties are parameters, buffers and other modules. Keys are PyTorch's. */
import { CheckpointError, DTypeError } from "../errors";
import { currentStaging } from "../ops/trace";
import { requireOptions } from "../options";
import { isFloat } from "../tensor/dtype";
import { sameShape, show } from "../tensor/shape";
import { Buffer } from "./buffer";
import type { ModuleTensor, StateValue } from "./moduleTensor";
import { Parameter } from "./parameter";

export type { StateValue } from "./moduleTensor";

export interface LoadOptions {
  /** Whether every key must match on both sides. Default true. */
  strict?: boolean;
}

export interface LoadReport {
  readonly missing: readonly string[];
  readonly unexpected: readonly string[];
}

/**
 * What layers and models extend: its properties that are parameters, buffers and modules are found by name, and
 * `forward` says what it computes.
 * @example
 * class Twice extends nn.Module {
 *   readonly layer = new nn.Linear(4, 4);
 *   forward(x: Tensor): Tensor {
 *     return this.layer.forward(this.layer.forward(x));
 *   }
 * }
 */
export abstract class Module {
  #training = true;

  /**
   * True in training: dropout is active, batch normalisation goes by the batch. Set by `train()` and `eval()`. A
   * compiled function that reads it is traced again when it has changed.
   */
  get training(): boolean {
    currentStaging()?.assume(`${this.constructor.name}.training`, () => this.#training);
    return this.#training;
  }

  set training(mode: boolean) {
    this.#training = mode;
  }

  /** Child modules by property name, in the order of definition. */
  *children(): Iterable<[string, Module]> {
    for (const [name, value] of Object.entries(this))
      if (value instanceof Module) yield [name, value];
  }

  /**
   * Every parameter and buffer with its dotted key, a shared one under each of its keys; as in PyTorch, own
   * parameters, own buffers, then those of the children.
   * @param prefix put before each key
   */
  *allKeys(prefix = ""): Iterable<[string, Parameter | Buffer]> {
    for (const kind of [Parameter, Buffer])
      for (const [name, value] of Object.entries(this))
        if (value instanceof kind) yield [prefix + name, value];
    for (const [name, child] of this.children()) yield* child.allKeys(`${prefix}${name}.`);
  }

  /** Every parameter once, with the first of its keys: `transformer.h.0.ln_1.weight`. */
  namedParameters(): [string, Parameter][] {
    return this.#once(Parameter);
  }

  /**
   * Converts floating-point parameters and buffers to another type, in place, as torch.nn.Module.to: to train in f16
   * or bf16, before the optimizer is made.
   * @throws DTypeError for a type that is no float
   */
  to(dtype: "f32" | "f16" | "bf16"): this {
    if (!isFloat(dtype))
      throw new DTypeError(`to: dtype is ${dtype}; modules are converted to f32, f16 or bf16.`);
    for (const [, tensor] of [...this.namedParameters(), ...this.namedBuffers()])
      if (isFloat(tensor.dtype) && tensor.dtype !== dtype) tensor.convert(dtype);
    return this;
  }

  /** Every buffer once, with the first of its keys: `1.running_mean`. Saved, not trained. */
  namedBuffers(): [string, Buffer][] {
    return this.#once(Buffer);
  }

  #once<T extends ModuleTensor>(kind: new (...args: never[]) => T): [string, T][] {
    const seen = new Set<ModuleTensor>();
    return [...this.allKeys()].flatMap(([key, value]) => {
      if (!(value instanceof kind) || seen.has(value)) return [];
      seen.add(value);
      return [[key, value]];
    });
  }

  /** Every parameter once. */
  parameters(): Parameter[] {
    return this.namedParameters().map(([, parameter]) => parameter);
  }

  /** Every buffer once. */
  buffers(): Buffer[] {
    return this.namedBuffers().map(([, buffer]) => buffer);
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

  /** Parameters and buffers by key, PyTorch's names; a shared one appears under each key. The live tensors. */
  stateDict(): Record<string, Parameter | Buffer> {
    return Object.fromEntries(this.allKeys());
  }

  /**
   * Copies values into the parameters and buffers. A shared one needs a value under one of its keys only.
   * @throws CheckpointError naming what is missing, unexpected, or of another shape
   */
  loadStateDict(state: Record<string, StateValue>, options: LoadOptions = {}): LoadReport {
    requireOptions("loadStateDict", options, "strict");
    const own = this.stateDict();
    const given = new Set(Object.keys(state).map((key) => own[key]));
    const missing = Object.keys(own).filter((key) => !given.has(own[key]));
    const unexpected = Object.keys(state).filter((key) => !Object.hasOwn(own, key));
    const wrong = Object.entries(own).flatMap(([key, { shape }]) => {
      const value = state[key];
      return value && !sameShape(value.shape, shape)
        ? [`${key} is ${show(value.shape)}, the model has ${show(shape)}`]
        : [];
    });
    const differences = wrong.length ? [listed(wrong)] : [];
    if (options.strict ?? true) {
      if (missing.length) differences.push(`missing: ${listed(missing)}`);
      if (unexpected.length) differences.push(`unexpected: ${listed(unexpected)}`);
    }
    if (differences.length)
      throw new CheckpointError(
        `loadStateDict: the values do not fit the model. ${differences.join("; ")}. Build the model with the configuration the values were saved with.`,
      );
    for (const [key, tensor] of Object.entries(own)) {
      const value = state[key];
      if (value) tensor.assign(value);
    }
    return { missing, unexpected };
  }

  /** Frees the parameters and buffers. */
  dispose(): void {
    for (const tensor of [...this.parameters(), ...this.buffers()]) tensor.dispose();
  }
}

const shown = 5;
const listed = (items: readonly string[]): string =>
  items.slice(0, shown).join("; ") +
  (items.length > shown ? ` and ${items.length - shown} more` : "");
