/**
 * State formats: how what a rule remembers of each element is stored. A format owns the memory and the
 * update kernel that reads and writes it; rules know nothing of either.
 */
import type { Device } from "../device/device";
import type { BufferBinding } from "../device/executor";
import { gridFor, launch, type OptimUpdateOptions, optimUpdate } from "../kernels";
import { bindingAlignment, type DeviceTensor } from "../tensor/deviceTensor";
import { Storage } from "../tensor/storage";
import type { ArenaBuffers, ParameterArena } from "./arena";
import type { HyperParameters, Rule } from "./rules";

/** Names of the formats. */
export type StateFormat = "f32";

export interface UpdateArguments {
  readonly gradients: ArenaBuffers;
  readonly control: BufferBinding;
  /** The rule's constants, eight. */
  readonly constants: ArrayLike<number>;
  /** Four for each group: rate, decoupled decay times the rate, l2, unused. */
  readonly groups: ArrayLike<number>;
}

export interface States {
  /** Records the update, one dispatch per chunk. */
  update(step: UpdateArguments): void;
  /** Every tensor that checkpoints hold, live, by key: `exp_avg.<parameter>`. */
  readonly tensors: ReadonlyMap<string, StateTensor>;
  dispose(): void;
}

/** A state of one parameter: the live values, and the way to replace them. */
export interface StateTensor {
  readonly tensor: DeviceTensor;
  fill(from: DeviceTensor): void;
}

/** The state formats by name. */
export const stateFormats: Record<
  StateFormat,
  (arena: ParameterArena, rule: Rule<HyperParameters>, names: readonly string[]) => States
> = {
  f32: (arena, rule, names) => new F32States(arena, rule, names),
};

/** One f32 per element and state, in the arena's layout, starting at zero. */
class F32States implements States {
  readonly tensors = new Map<string, StateTensor>();
  private readonly device: Device;
  private readonly buffers: readonly ArenaBuffers[];
  /** Stands for the states that the kernel can bind and the rule does not have. */
  private readonly nothing: Storage;
  private readonly options: OptimUpdateOptions;

  constructor(
    private readonly arena: ParameterArena,
    rule: Rule<HyperParameters>,
    names: readonly string[],
  ) {
    this.device = arena.device;
    this.buffers = names.map((name) => arena.allocate(name, "optimizer"));
    this.nothing = Storage.allocate(this.device, 2 * bindingAlignment, "no state", "optimizer");
    this.nothing.retain();
    this.options = { slots: { RULE: rule.kernelFunction }, constants: { STATES: names.length } };
    names.forEach((name, s) => {
      const buffers = this.buffers[s]!;
      arena.members.forEach((member, i) => {
        this.tensors.set(`${name}.${member.name}`, {
          tensor: arena.view(buffers, i),
          fill: (from) => arena.fill(buffers, i, from),
        });
      });
    });
  }

  update({ gradients, control, constants, groups }: UpdateArguments): void {
    const { arena } = this;
    arena.plan.chunks.forEach((elements, chunk) => {
      const items = elements / 4;
      launch(
        this.device,
        optimUpdate,
        {
          parameter: arena.chunk(arena.parameters, chunk),
          gradient: arena.chunk(gradients, chunk),
          first: this.state(0, chunk),
          second: this.state(1, chunk),
          group_of: arena.groupTable(chunk),
          control,
        },
        { constants, items, groups },
        gridFor(this.device, items, 64),
        this.options,
      );
    });
  }

  dispose(): void {
    for (const { tensor } of this.tensors.values()) tensor.dispose();
    for (const buffers of this.buffers) this.arena.release(buffers);
    this.nothing.release();
  }

  private state(s: number, chunk: number): BufferBinding {
    const buffers = this.buffers[s];
    return buffers
      ? this.arena.chunk(buffers, chunk)
      : { buffer: this.nothing.buffer, offset: s * bindingAlignment, bytes: bindingAlignment };
  }
}
