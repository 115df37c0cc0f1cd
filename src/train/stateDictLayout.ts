/**
 * How another library's file names and orders what a model holds: keys with another prefix, matrices stored as
 * [in, out] where ours are [out, in], tensors that are no weights.
 */
import { CheckpointError } from "../errors";
import type { Module } from "../nn/module";
import { requireOptions } from "../options";
import { readStored } from "../tensor/hostTensor";
import { stored } from "./checkpoint";
import { encodeSafetensors, fromArray, type SafetensorsTensor, toArray } from "./safetensors";

/** Tensors of a file, or of a model, by key. */
export type StateDictTensors = ReadonlyMap<string, SafetensorsTensor>;

/** What a layout is made of. Patterns are tried on each key; all are optional. */
export interface StateDictRules {
  /** Keys of the file that the model has no use for. */
  readonly ignored?: RegExp;
  /** Replacements that make the file's key the model's, one after another. */
  readonly rename?: readonly (readonly [pattern: RegExp, replacement: string])[];
  /** Keys of the model whose matrices the file holds transposed. */
  readonly transposed?: RegExp;
}

/**
 * Another library's layout, from its differences to the model's own. `Checkpoint.restoreModel` takes it, and
 * `encodeModel`.
 * @example
 * // of a model that torch.compile wrapped
 * const layout = new StateDictLayout({ rename: [[/^_orig_mod\./, ""]] });
 * new Checkpoint(bytes, "model.safetensors").restoreModel(model, { layout });
 */
export class StateDictLayout {
  readonly #rules: StateDictRules;

  constructor(rules: StateDictRules) {
    this.#rules = requireOptions("StateDictLayout", rules, "rename");
  }

  /** A file's tensors as the model has them. @throws CheckpointError where two would be the same one of the model's */
  toModel(tensors: StateDictTensors): StateDictTensors {
    const { ignored, rename = [] } = this.#rules;
    const read = new Map<string, SafetensorsTensor>();
    const names = new Map<string, string>();
    for (const [name, tensor] of tensors) {
      if (matches(ignored, name)) continue;
      const key = rename.reduce((text, [pattern, by]) => text.replace(pattern, by), name);
      if (names.has(key))
        throw new CheckpointError(
          `${names.get(key)} and ${name} are both the model's ${key}; remove one of them, or let the layout ignore it.`,
        );
      names.set(key, name);
      read.set(key, this.#ordered(key, tensor));
    }
    return read;
  }

  /** A model's tensors as the file has them, under the model's keys. */
  toFile(tensors: StateDictTensors): StateDictTensors {
    return new Map([...tensors].map(([key, tensor]) => [key, this.#ordered(key, tensor)]));
  }

  #ordered(key: string, tensor: SafetensorsTensor): SafetensorsTensor {
    const isOther = tensor.shape.length === 2 && matches(this.#rules.transposed, key);
    return isOther ? transposedTensor(tensor) : tensor;
  }
}

/**
 * The bytes of a safetensors file with a model's tensors alone, as of the work recorded so far. As Python's
 * `safetensors.torch.save_model` has it, a shared tensor is in it once, under the first of its keys.
 * @param options.layout the layout of another library. Default: the model's own, which is PyTorch's.
 * @throws what the device reports
 * @example const bytes = await encodeModel(model, { layout: gpt2Layout });
 */
export async function encodeModel(
  model: Module,
  options: { layout?: StateDictLayout } = {},
): Promise<Uint8Array> {
  const { layout } = requireOptions("encodeModel", options, "layout");
  const named = [...model.namedParameters(), ...model.namedBuffers()];
  const values = await readStored(named.map(([, tensor]) => tensor));
  const tensors = new Map(
    named.map(([key, { dtype, shape }], i) => [key, stored(dtype, shape, values[i]!, false)]),
  );
  return encodeSafetensors(layout ? layout.toFile(tensors) : tensors, { format: "pt" });
}

/** A pattern with the flag g or y remembers where it was; `search` begins anew. */
const matches = (pattern: RegExp | undefined, text: string): boolean =>
  pattern !== undefined && text.search(pattern) >= 0;

/** Of a matrix. The elements are moved when they are asked for, so that a model's are not all there twice. */
function transposedTensor(tensor: SafetensorsTensor): SafetensorsTensor {
  const { dtype } = tensor;
  const [rows, columns] = tensor.shape as [number, number];
  const shape = [columns, rows];
  return {
    dtype,
    shape,
    get data() {
      const from = toArray(tensor, dtype);
      const to = from.slice();
      for (let row = 0; row < rows; row++)
        for (let column = 0; column < columns; column++)
          to[column * rows + row] = from[row * columns + column]!;
      return fromArray(dtype, shape, to).data;
    },
  };
}
