/**
 * Checkpoints: one safetensors file with everything a run needs to go on with the same bits. Model
 * tensors have their PyTorch keys, so that the file also opens as a plain model; optimizer states are
 * under `optimizer.`; the rest is JSON in the metadata.
 */
import { CheckpointError } from "../errors";
import type { Module, StateValue } from "../nn/module";
import type { Optimizer } from "../optim/optimizer";
import type { PerLayerOptimizer } from "../optim/perLayer";
import { requireOptions } from "../options";
import type { FileStore } from "../platform/files";
import { type DType, decodeHost, fromBrainBits, fromHalfBits } from "../tensor/dtype";
import { readStored } from "../tensor/hostTensor";
import { type Shape, sizeOf } from "../tensor/shape";
import type { Tensor } from "../tensor/tensor";
import {
  areForcedRestores,
  type Configuration,
  differencesOf,
  type ForcedRestore,
  fingerprintOf,
  isFingerprint,
  sameTensors,
} from "./fingerprint";
import {
  decodeSafetensors,
  fromArray,
  joined,
  type SafetensorsTensor,
  safetensorsPieces,
  toArray,
} from "./safetensors";
import type { StateDictLayout } from "./stateDictLayout";

const optimizerPrefix = "optimizer.";
/** Metadata keys. `format: pt` is what Python loaders look for. */
const optimizerKey = "tilegrad.optimizer";
const runKey = "tilegrad.run";
const fingerprintKey = "tilegrad.fingerprint";
const forcedKey = "tilegrad.forced";

export interface CheckpointParts {
  readonly model: Module;
  readonly optimizer?: Optimizer | PerLayerOptimizer;
  /** Whatever the run needs to go on: step, seeds, data cursor, schedule, configuration. Plain JSON. */
  readonly run?: unknown;
  /** What a run that goes on from here has to share beside the model and the optimizer: its data, its batch size. */
  readonly configuration?: Configuration;
  /** What `restore` returned where this run went on from a checkpoint: it stays on record. */
  readonly forced?: readonly ForcedRestore[];
}

/** What `Checkpoint.restore` fills. */
export type RestoreTarget = Pick<CheckpointParts, "model" | "optimizer" | "configuration">;

export interface RestoreOptions {
  /**
   * Go on though the library's version, types of tensors, the configuration or the optimizer's options differ: with
   * the optimizer's own, its rate among them, where any differ. Tensors and optimizers that do not fit are refused all
   * the same. Default false.
   */
  force?: boolean;
}

/**
 * The bytes of a checkpoint, as of the work recorded so far.
 * @throws what the device reports; nothing is written then
 */
export const encodeCheckpoint = async (parts: CheckpointParts): Promise<Uint8Array> =>
  joined(await checkpointPieces(parts));

/** The bytes in pieces, of which none is copied again: a checkpoint may be all that memory has room for. */
async function checkpointPieces({
  model,
  optimizer,
  run,
  configuration,
  forced = [],
}: CheckpointParts): Promise<Uint8Array[]> {
  const state = await optimizer?.state();
  const tensors: (readonly [string, Tensor])[] = [
    ...Object.entries(model.stateDict()),
    ...Object.entries(state?.tensors ?? {}).map(
      ([key, tensor]) => [optimizerPrefix + key, tensor] as const,
    ),
  ];
  const values = await readStored(tensors.map(([, tensor]) => tensor));
  const metadata: Record<string, string> = {
    format: "pt",
    [fingerprintKey]: JSON.stringify(fingerprintOf(model, configuration)),
  };
  if (forced.length) metadata[forcedKey] = JSON.stringify(forced);
  if (state) metadata[optimizerKey] = JSON.stringify(state.scalars);
  if (run !== undefined) metadata[runKey] = JSON.stringify(run);
  return safetensorsPieces(
    tensors.map(([key, { shape, dtype }], i) => [
      key,
      stored(dtype, shape, values[i]!, key.startsWith(optimizerPrefix)),
    ]),
    metadata,
  );
}

/** Writes a checkpoint under a temporary name and renames it: the file is the old one or the new one. */
export async function saveCheckpoint(
  files: FileStore,
  path: string,
  parts: CheckpointParts,
): Promise<void> {
  await files.writeAtomic(path, await checkpointPieces(parts));
}

/** A checkpoint that has been read and found whole, before it is put into a model. */
export class Checkpoint {
  readonly #tensors = new Map<string, SafetensorsTensor>();
  readonly #optimizer = new Map<string, SafetensorsTensor>();
  readonly #metadata: Readonly<Record<string, string>>;

  /** @throws CheckpointError for a file that is truncated, corrupt, or not safetensors */
  constructor(
    bytes: Uint8Array,
    readonly file: string,
  ) {
    const { tensors, metadata } = decodeSafetensors(bytes, file);
    for (const [key, tensor] of tensors)
      if (key.startsWith(optimizerPrefix))
        this.#optimizer.set(key.slice(optimizerPrefix.length), tensor);
      else this.#tensors.set(key, tensor);
    this.#metadata = metadata;
  }

  /** The model's tensors by key, as they are in the file: dtype, shape and bytes. */
  get tensors(): ReadonlyMap<string, SafetensorsTensor> {
    return this.#tensors;
  }

  static async read(files: FileStore, path: string): Promise<Checkpoint> {
    return new Checkpoint(await files.read(path), path);
  }

  /** The run's JSON, or undefined in a file that holds only a model. @throws CheckpointError. */
  get run(): unknown {
    return this.#json(runKey);
  }

  /** Restores behind this state that were forced, oldest first. @throws CheckpointError */
  get forced(): readonly ForcedRestore[] {
    const forced = this.#json(forcedKey) ?? [];
    if (!areForcedRestores(forced)) throw this.#damaged(forcedKey);
    return forced;
  }

  /**
   * Copies the values into the model and the optimizer, if what the checkpoint was made with is the same; files
   * without a fingerprint, such as other libraries' models, are compared by their tensors alone. The rate is the
   * checkpoint's: to go on with another, set `optimizer.learningRate` afterwards.
   * @returns all forced restores behind the state now, to be passed to `saveCheckpoint` as `forced`
   * @throws CheckpointError naming everything that differs; nothing is changed then
   */
  restore(
    { model, optimizer, configuration }: RestoreTarget,
    options: RestoreOptions = {},
  ): readonly ForcedRestore[] {
    const { force = false } = requireOptions("Checkpoint.restore", options, "force");
    const saved = this.#json(fingerprintKey);
    if (saved !== undefined && !isFingerprint(saved)) throw this.#damaged(fingerprintKey);
    const own = fingerprintOf(model, configuration);
    const state = optimizer && this.#optimizerState();
    const foreign = saved ? differencesOf(saved, own) : [];
    if (optimizer && (force || foreign.length === 0))
      this.#named(() => void optimizer.checkState(state!));
    const changed = optimizer?.differences(state!.scalars) ?? [];
    const differences = [...foreign, ...changed];
    if (differences.length && !force) {
      const otherwise =
        !saved || sameTensors(saved, own)
          ? ", or go on all the same with force: true (on the command line --force)"
          : "";
      throw new CheckpointError(
        `${this.file} does not belong to this run: ${differences.join("; ")}. Make the run it was saved from${otherwise}.`,
      );
    }
    const { forced } = this;
    this.restoreModel(model);
    if (optimizer)
      this.#named(() => optimizer.loadState(state!, { keepOptions: changed.length > 0 }));
    return differences.length ? [...forced, { file: this.file, differences }] : forced;
  }

  /**
   * Copies the values into the model, converted to the types that its tensors have: from F16, BF16 and F64 to f32.
   * @param options.layout how the file names and orders what the model holds, where it is another library's.
   *   Default: as the model.
   * @throws CheckpointError naming what is missing, unexpected or of another shape; nothing is changed then
   * @example new Checkpoint(bytes, "model.safetensors").restoreModel(model);
   */
  restoreModel(model: Module, options: { layout?: StateDictLayout } = {}): void {
    const { layout } = requireOptions("Checkpoint.restoreModel", options, "layout");
    this.#named(() => {
      const { tensors } = this;
      model.loadStateDict(stateValues(layout ? layout.toModel(tensors) : tensors));
    });
  }

  /** Copies the states into the optimizer. @throws CheckpointError naming what differs. */
  restoreOptimizer(optimizer: Optimizer | PerLayerOptimizer): void {
    const state = this.#optimizerState();
    this.#named(() => optimizer.loadState(state));
  }

  #optimizerState(): { scalars: unknown; tensors: Record<string, StateValue> } {
    const scalars = this.#json(optimizerKey);
    if (scalars === undefined)
      throw new CheckpointError(
        `${this.file} holds a model but no optimizer state, so training cannot go on from it. Start a new run from its weights instead.`,
      );
    return { scalars, tensors: stateValues(this.#optimizer) };
  }

  #json(key: string): unknown {
    const text = this.#metadata[key];
    if (text === undefined) return undefined;
    try {
      return JSON.parse(text);
    } catch {
      throw new CheckpointError(
        `${this.file}: its metadata "${key}" is not JSON; the file is damaged.`,
      );
    }
  }

  #damaged(key: string): CheckpointError {
    return new CheckpointError(
      `${this.file}: its metadata "${key}" is not what tilegrad writes; the file is damaged.`,
    );
  }

  #named(restore: () => void): void {
    try {
      restore();
    } catch (error) {
      if (error instanceof CheckpointError)
        throw new CheckpointError(`${this.file}: ${error.message}`, { cause: error });
      throw error;
    }
  }
}

/**
 * What the device stores, as it is. But a model's whole numbers, which are counts, have 64 bits, as PyTorch's; and
 * the words of an optimizer, which are packed codes, are I32 with the same bits: PyTorch before 2.3 has no U32.
 */
export function stored(
  dtype: DType,
  shape: Shape,
  bytes: ArrayBuffer,
  ofOptimizer: boolean,
): SafetensorsTensor {
  const size = sizeOf(shape);
  if (dtype === "f32") return fromArray("F32", shape, new Float32Array(bytes, 0, size));
  if (dtype === "f16") return fromArray("F16", shape, new Uint16Array(bytes, 0, size));
  if (dtype === "bf16") return fromArray("BF16", shape, new Uint16Array(bytes, 0, size));
  // The format has no type of four bits.
  if (dtype === "i8" || dtype === "i4")
    return fromArray("I8", shape, decodeHost(bytes, dtype, size));
  if (ofOptimizer) return fromArray("I32", shape, new Int32Array(bytes, 0, size));
  const counts = decodeHost(bytes, dtype, size);
  return fromArray("I64", shape, BigInt64Array.from(counts, BigInt));
}

/** One of 64 bits; converted to the 32 that tensors have, a larger one would become another. */
function wholeNumber(key: string, value: bigint): number {
  if (value < -(2n ** 31n) || value >= 2n ** 32n)
    throw new CheckpointError(
      `${key} holds the whole number ${value}, which is beyond 32 bits, the most that a tensor here has. The file is damaged, or of another library.`,
    );
  return Number(value);
}

function numbersOf(key: string, tensor: SafetensorsTensor): ArrayLike<number> {
  if (sizeOf(tensor.shape) === 0) return new Float32Array(0);
  switch (tensor.dtype) {
    case "I64":
    case "U64":
      return Float64Array.from(toArray(tensor, tensor.dtype), (value) => wholeNumber(key, value));
    case "F16":
      return Float32Array.from(toArray(tensor, "F16"), fromHalfBits);
    case "BF16":
      return Float32Array.from(toArray(tensor, "BF16"), fromBrainBits);
    default:
      return toArray(tensor, tensor.dtype);
  }
}

/** Floats are converted when they are asked for, one tensor at a time; whole numbers at once: one may be refused. */
function stateValues(tensors: ReadonlyMap<string, SafetensorsTensor>): Record<string, StateValue> {
  return Object.fromEntries(
    [...tensors].map(([key, tensor]) => {
      const { shape, dtype } = tensor;
      const whole = dtype === "I64" || dtype === "U64" ? numbersOf(key, tensor) : undefined;
      return [
        key,
        {
          get values() {
            return whole ?? numbersOf(key, tensor);
          },
          shape,
        },
      ];
    }),
  );
}
