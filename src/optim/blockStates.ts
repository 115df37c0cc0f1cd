/**
 * States kept as 8-bit codes, and the largest absolute value of each block of 256: 1.015625 bytes for an element.
 * Dettmers, Lewis, Shleifer, Zettlemoyer, "8-bit optimizers via block-wise quantization", 2022, as bitsandbytes does
 * it on CPUs. What is a copy of parameters stays f32.
 */
import type { Device } from "../device/device";
import type { BufferBinding } from "../device/executor";
import { ArgumentError } from "../errors";
import { launch, optimMeasure8bit, optimUpdate8bit } from "../kernels";
import { pad } from "../ops/padding";
import { reshape } from "../ops/shape";
import { requireOptions } from "../options";
import { type QuantizedBlocks, quantizeBlockwise } from "../quant/blockwise";
import { type CodeKind, codeKind, type UnsignedMode } from "../quant/codeKind";
import { mapsBinding } from "../quant/mapTable";
import { planBlocks } from "../quant/quantTeam";
import { upload } from "../tensor/creation";
import { bindingAlignment, DeviceTensor } from "../tensor/deviceTensor";
import type { DType } from "../tensor/dtype";
import { keep, scope } from "../tensor/scope";
import { type Shape, sizeOf } from "../tensor/shape";
import { Storage } from "../tensor/storage";
import type { Tensor } from "../tensor/tensor";
import { blockElements, fillTensor, occupied } from "./arena";
import { stateSlots, stored } from "./plainStates";
import type { RuleState } from "./rule";
import type {
  MeasureCall,
  StateFormat,
  StatePlace,
  States,
  StateTensor,
  UpdateCall,
} from "./states";

export interface EightBitOptions {
  /**
   * How states that are never negative are stored: "exact" as bitsandbytes does, which loses those below 1.6e-7 of the
   * block's largest; "floor" or "sqrt", which do not (see docs/quantized-state.md). Default "exact".
   */
  unsigned?: UnsignedMode;
  /** Parameters with fewer elements keep f32 states. Default 4096. */
  minSize?: number;
  /** Which parameters keep f32 states besides. Default: `isEmbeddingOrNorm`, by name. */
  exempt?: (parameter: { name: string; shape: Shape; size: number }) => boolean;
}

const exemptNames =
  /(^|[._])(wte|wpe|(\w+_)?emb(ed(ding)?s?)?(_\w+)?|\w*norm\d*|ln(_?\w+)?)([._]|$)/i;

/**
 * Whether a name is that of an embedding or of a normalisation, as modules are usually called: `wte.weight`,
 * `embed_tokens.weight`, `blocks.0.ln_1.weight`, `final_norm.weight`. Rows of embeddings have gradients of very
 * different sizes, which one scale for 256 elements serves badly.
 */
export const isEmbeddingOrNorm = ({ name }: { readonly name: string }): boolean =>
  exemptNames.test(name);

/**
 * The state format "8bit", with options: `optim.adamw(parameters, { state: optim.eightBit({ unsigned: "sqrt" }) })`.
 * @throws ArgumentError
 */
export function eightBit(options: EightBitOptions = {}): StateFormat {
  const {
    unsigned = "exact",
    minSize = 4096,
    exempt = isEmbeddingOrNorm,
  } = requireOptions("optim.eightBit", options, "unsigned");
  if (!["exact", "floor", "sqrt"].includes(unsigned))
    throw new ArgumentError(
      `eightBit: unsigned is ${JSON.stringify(unsigned)}; it takes "exact", "floor" or "sqrt".`,
    );
  if (!(Number.isInteger(minSize) && minSize >= 0))
    throw new ArgumentError(`eightBit: minSize is ${minSize}; it takes a whole number from 0 up.`);
  if (typeof exempt !== "function")
    throw new ArgumentError(
      `eightBit: exempt is ${String(exempt)}; it takes a function of a parameter's { name, shape, size }.`,
    );
  return {
    name: "8bit",
    suits: ({ name, shape, size }) => size >= minSize && !exempt({ name, shape, size }),
    bytes: (kind, elements) =>
      kind === "full" ? 4 * elements : elements + (4 * elements) / blockElements,
    open: (place, states) => new BlockStates(place, states, unsigned),
    toJSON: () => (unsigned === "exact" ? "8bit" : { name: "8bit", unsigned }),
  };
}

/** The memory of one span. */
interface SpanStates {
  /** One byte for each element of each coded state, state by state. */
  readonly codes: Storage;
  /** f32 for each block of each coded state, state by state. */
  readonly absmax: Storage;
  /** f32, or null. */
  readonly fourth: Storage | null;
  readonly elements: number;
}

class BlockStates implements States {
  readonly tensors = new Map<string, StateTensor>();
  private readonly device: Device;
  private readonly spans: readonly SpanStates[];
  /** What the kernels can bind and the rule does not have. */
  private readonly nothing: Storage;
  /** Of the coded states. */
  private readonly kinds: readonly CodeKind[];
  /** Whole blocks of each member's coded states, by key. */
  private readonly blocks = new Map<string, QuantizedBlocks>();
  private readonly constants: {
    STATES: number;
    FIRST: number;
    SECOND: number;
    THIRD: number;
    FOURTH: number;
  };

  constructor(place: StatePlace, states: readonly RuleState[], unsigned: UnsignedMode) {
    this.device = place.arena.device;
    this.nothing = this.zeros(3 * bindingAlignment, "no state");
    const [first, second, third, fourth] = stateSlots(states);
    const coded = [first, second, third].filter((state) => state !== undefined);
    this.kinds = coded.map(({ kind }) => (kind === "unsigned" ? unsigned : "signed"));
    const numberOf = (state: number) => codeKind[this.kinds[state] ?? "signed"];
    this.constants = {
      STATES: coded.length,
      FIRST: numberOf(0),
      SECOND: numberOf(1),
      THIRD: numberOf(2),
      FOURTH: fourth ? 1 : 0,
    };
    this.spans = place.spans.map(({ elements }) => ({
      codes: coded.length
        ? this.zeros(coded.length * elements, "codes of states")
        : this.retained(this.nothing),
      absmax: coded.length
        ? this.zeros((coded.length * elements * 4) / blockElements, "absmax of states")
        : this.retained(this.nothing),
      fourth: fourth ? this.zeros(elements * 4, fourth.name) : null,
      elements,
    }));
    for (const i of place.members) this.addTensors(place, i, coded, fourth);
  }

  start(key: string, values: Float32Array<ArrayBuffer>): void {
    scope(() => this.put(key, upload(values, [values.length], { device: this.device })));
  }

  update({ span, dtype, cautious, rows, draws, rule, params, ...bound }: UpdateCall): void {
    const { elements } = this.spans[span]!;
    const { team, grid } = planBlocks(this.device, elements / blockElements);
    const { parameter, gradient, table, control } = bound;
    launch(
      this.device,
      optimUpdate8bit,
      { parameter, gradient, table, control, ...this.bindings(span) },
      params,
      grid,
      {
        slots: { RULE: rule.function, WIDEN: `widen_${dtype}`, NARROW: `narrow_${dtype}` },
        types: { Stored: stored[dtype] },
        constants: {
          ...this.constants,
          TEAM: team,
          STEPS: 64 / team,
          CAUTIOUS: cautious ? 1 : 0,
          RANDOM: dtype === "bf16" ? 1 : 0,
          ROWS: rows ? 1 : 0,
          DRAWS: draws ? 1 : 0,
        },
        functions: rule.text,
      },
    );
  }

  measure({ span, dtype, rule, measure, team, params, grid, ...bound }: MeasureCall): void {
    const { parameter, gradient, segments, control } = bound;
    launch(
      this.device,
      optimMeasure8bit,
      { parameter, gradient, segments, control, ...this.bindings(span) },
      params,
      grid,
      {
        slots: { RULE: rule.function, MEASURE: measure, WIDEN: `widen_${dtype}` },
        types: { Stored: stored[dtype] },
        constants: { ...this.constants, TEAM: team },
        functions: rule.text,
      },
    );
  }

  dispose(): void {
    for (const { tensor } of this.tensors.values()) tensor.dispose();
    for (const { codes, absmax, fourth } of this.spans) {
      codes.release();
      absmax.release();
      fourth?.release();
    }
    this.nothing.release();
  }

  /**
   * What checkpoints hold of a member: `<state>.<name>`, its codes in words of four, gaps of the last block
   * included, so that a resumed run goes on with the same bits; and `<state>_absmax.<name>`.
   */
  private addTensors(
    { arena, spans }: StatePlace,
    i: number,
    coded: readonly RuleState[],
    fourth: RuleState | undefined,
  ): void {
    const { name, shape, size } = arena.entries[i]!;
    const { span, offset: first } = arena.placeIn(spans, i);
    const { codes, absmax, fourth: kept, elements } = this.spans[span]!;
    const whole = occupied(size);
    coded.forEach((state, s) => {
      const element = s * elements + first;
      const key = `${state.name}.${name}`;
      const words = this.view(codes, [whole / 4], "u32", element / 4);
      const largest = this.view(absmax, [whole / blockElements], "f32", element / blockElements);
      this.blocks.set(key, { codes: words, absmax: largest, shape: [whole], kind: this.kinds[s]! });
      this.tensors.set(key, { tensor: words, fill: (from) => fillTensor(words, from) });
      this.tensors.set(`${state.name}_absmax.${name}`, {
        tensor: largest,
        fill: (from) => fillTensor(largest, from),
      });
    });
    if (!fourth) return;
    const tensor = this.view(kept!, shape, "f32", first);
    this.tensors.set(`${fourth.name}.${name}`, {
      tensor,
      fill: (from) => fillTensor(tensor, from),
    });
  }

  private view(storage: Storage, shape: Shape, dtype: DType, offset: number): DeviceTensor {
    return keep(new DeviceTensor(storage, shape, dtype, undefined, offset));
  }

  /** Quantises x, f32, as the state of this key. */
  private put(key: string, x: Tensor): void {
    const { codes, absmax, shape, kind } = this.blocks.get(key)!;
    const whole = pad(reshape(x, [x.size]), [0, sizeOf(shape) - x.size]);
    const signed = kind === "signed";
    const next = quantizeBlockwise(whole, signed ? {} : { signed, mode: kind });
    fillTensor(codes, next.codes);
    fillTensor(absmax, next.absmax);
  }

  private bindings(span: number) {
    const { codes, absmax, fourth, elements } = this.spans[span]!;
    const { STATES } = this.constants;
    const range = (storage: Storage | null, bytes: number, place: number): BufferBinding =>
      storage && storage !== this.nothing
        ? { buffer: storage.buffer, offset: 0, bytes }
        : {
            buffer: this.nothing.buffer,
            offset: place * bindingAlignment,
            bytes: bindingAlignment,
          };
    return {
      codes: range(codes, STATES * elements, 0),
      absmax: range(absmax, (STATES * elements * 4) / blockElements, 1),
      fourth: range(fourth, elements * 4, 2),
      maps: mapsBinding(this.device),
    };
  }

  private zeros(bytes: number, label: string): Storage {
    const storage = Storage.allocate(this.device, bytes, label, "optimizer");
    this.device.executor.clear({ buffer: storage.buffer, offset: 0, bytes });
    return this.retained(storage);
  }

  private retained(storage: Storage): Storage {
    storage.retain();
    return storage;
  }
}
