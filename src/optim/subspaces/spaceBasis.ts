/** The bases of a subspace that is put together from a space, the time of its refreshes, and a way back. */
import type { Device } from "../../device/device";
import { ArgumentError } from "../../errors";
import { abs, add, logicalNot, mul, sub, where } from "../../ops/arithmetic";
import { assign } from "../../ops/assign";
import { zeros, zerosLike } from "../../ops/creation";
import { sum } from "../../ops/reduce";
import { clone, to } from "../../ops/shape";
import { foldIn, key as keyOf } from "../../random/random";
import { DeviceTensor } from "../../tensor/deviceTensor";
import { byteSize, storedBytes } from "../../tensor/dtype";
import { keep, scope } from "../../tensor/scope";
import { type Shape, sizeOf } from "../../tensor/shape";
import { Storage } from "../../tensor/storage";
import type { Tensor } from "../../tensor/tensor";
import type { StateKind } from "../rule";
import type { StateTensor } from "../states";
import { openSubspace } from "../subspaceBatches";
import type { Projector } from "./projector";
import type { LazyRefresh } from "./refreshClock";
import { RefreshClock } from "./refreshClock";
import type { Space, SpaceInput, Stored } from "./space";
import type {
  BasisTensor,
  Carried,
  Subspace,
  SubspaceBasis,
  SubspaceJson,
  SubspaceLayout,
  SubspaceMember,
  SubspaceStep,
} from "./subspace";
import type { WayBack } from "./wayBack";

/**
 * What becomes of the rule's states where a space is chosen anew. `keep`: nothing, as in GaLore's public code, so
 * that they are read in the new basis. `project`: they go up from the old space and down into the new one;
 * what is never negative by its absolute values. `reset`: they are zero, and bias corrections start anew.
 */
export type Moments = "keep" | "project" | "reset";

export const momentChoices: readonly Moments[] = ["keep", "project", "reset"];

export interface SpaceParts {
  readonly json: SubspaceJson;
  readonly space: Space;
  readonly back: WayBack;
  /** Steps from a refresh to the next; null: none but the first. */
  readonly every: number | null;
  readonly lazy?: LazyRefresh;
  readonly moments?: Moments;
  /** Bits of the grid that parameters are rounded to at random after each step. Default: they are not. */
  readonly weightBits?: 8 | null;
  /** What the space left out is added to the next gradient, kept in this type. */
  readonly feedback?: "f32" | "bf16" | null;
}

/** As good as never: one refresh, at the first step. */
const never = 2 ** 30;

/** A subspace from its parts. @throws ArgumentError for a seed that is none */
export function subspaceOf(parts: SpaceParts): Subspace {
  const { json, space, every, moments } = parts;
  if (!Number.isSafeInteger(json.seed) || json.seed < 0)
    throw new ArgumentError(
      `${json.name}: seed is ${json.seed}; it takes a whole number from 0 to 2^53 - 1.`,
    );
  const clock = (): RefreshClock => new RefreshClock(every ?? never, parts.lazy ?? null);
  const layout = (shape: Shape): SubspaceLayout | null => {
    const lowRank = space.lowRank(shape);
    if (!lowRank) return null;
    return { lowRank, tensors: storedTensors(parts, clock(), shape) };
  };
  const subspace: Subspace = {
    name: json.name,
    restartsEvery: moments === "reset" ? every : null,
    weightBits: parts.weightBits ?? null,
    toJSON: () => json,
    layout,
    part: (rule, context) => openSubspace(rule, subspace, context),
    open: (device, members) => new SpaceBasis(device, members, parts, clock()),
  };
  return subspace;
}

function storedTensors(parts: SpaceParts, clock: RefreshClock, shape: Shape): BasisTensor[] {
  const { space, back, feedback } = parts;
  return [
    ...space.tensors(shape),
    ...(space.refresh ? clock.tensors : []),
    ...back.tensors,
    ...(feedback ? [{ name: "error", shape, dtype: feedback }] : []),
  ];
}

/** A number from a name: FNV-1a, 32 bits. */
function wordOf(name: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

/** Between `project` and `back`: the space moved, or may have. */
interface Move {
  /** bool, shape [] */
  readonly due: Tensor;
  /** The space before, where moments are projected. */
  readonly before: Stored | null;
}

class SpaceBasis implements SubspaceBasis {
  readonly tensors = new Map<string, StateTensor>();
  private readonly stored: Record<string, DeviceTensor>[] = [];
  private readonly owned: Storage[] = [];
  private readonly keys: readonly Tensor[];
  private readonly moves = new Map<number, Move>();

  constructor(
    private readonly device: Device,
    private readonly members: readonly SubspaceMember[],
    private readonly parts: SpaceParts,
    private readonly clock: RefreshClock,
  ) {
    const root = keyOf(parts.json.seed, { device });
    this.keys = members.map(({ name }) => keep(foldIn(root, wordOf(name))));
    root.dispose();
    members.forEach((member, i) => {
      this.open(member, i);
    });
  }

  project(i: number, gradient: Tensor, step: SubspaceStep): Tensor {
    const { space } = this.parts;
    this.forget(i);
    return scope(() => {
      const whole = this.fedBack(i, gradient);
      if (space.refresh && this.clock.mayRefresh(i, step.step))
        scope(() => this.refresh(i, whole, step));
      return this.projectorOf(i).down(whole);
    });
  }

  carry(i: number, kind: StateKind): Carried | null {
    const { moments = "keep", space } = this.parts;
    const move = this.moves.get(i);
    if (!move || moments === "keep") return null;
    const moved = move.due;
    if (moments === "reset") return { moved, change: zerosLike };
    return {
      moved,
      change: (state) => {
        const { shape } = this.members[i]!;
        const of = (stored: Stored): Projector =>
          space.chooser?.(shape, stored) ?? space.projector(shape, stored, this.keys[i]!);
        const next = of(this.stored[i]!).down(of(move.before!).up(state));
        return kind === "unsigned" ? abs(next) : next;
      },
    };
  }

  back(
    i: number,
    delta: Tensor,
    lowRank: Tensor,
    gradient: () => Tensor,
    step: SubspaceStep,
  ): Tensor {
    const { space, back, feedback } = this.parts;
    const { shape } = this.members[i]!;
    this.forget(i);
    return scope(() => {
      let made: Tensor | null = null;
      const whole = (): Tensor => {
        made ??= this.fedBack(i, gradient());
        return made;
      };
      const projector = this.projectorOf(i);
      const stored = this.stored[i]!;
      const { change, stored: learnt } = back.change({
        shape,
        projector,
        isWhole: space.isWhole(shape),
        delta,
        lowRank,
        gradient: whole,
        step,
        stored,
      });
      const error = feedback ? { error: sub(whole(), projector.up(lowRank)) } : {};
      const drifted = space.drift?.(shape, stored, whole()) ?? {};
      this.put(i, { ...learnt, ...error, ...drifted }, logicalNot(step.skip));
      return change;
    });
  }

  async sync(): Promise<void> {
    if (!this.parts.space.refresh) return;
    const next = this.stored.map((stored) => stored["next_refresh"]!.data());
    (await Promise.all(next)).forEach((data, i) => {
      this.clock.learn(i, Number(data[0]));
    });
  }

  restored(): void {
    this.clock.forget();
  }

  dispose(): void {
    for (const i of [...this.moves.keys()]) this.forget(i);
    for (const stored of this.stored) for (const tensor of Object.values(stored)) tensor.dispose();
    for (const storage of this.owned) storage.release();
    for (const key of this.keys) key.dispose();
  }

  private open(member: SubspaceMember, i: number): void {
    const { shape, name } = member;
    const stored: Record<string, DeviceTensor> = {};
    for (const { name: key, shape: own, dtype } of storedTensors(this.parts, this.clock, shape)) {
      const bytes = Math.max(storedBytes(dtype, sizeOf(own)), byteSize("f32"));
      const storage = Storage.allocate(this.device, bytes, key, "optimizer");
      storage.retain();
      this.device.executor.clear({ buffer: storage.buffer, offset: 0, bytes });
      this.owned.push(storage);
      const tensor = keep(new DeviceTensor(storage, own, dtype));
      stored[key] = tensor;
      this.tensors.set(`${key}.${name}`, {
        tensor,
        fill: (from) => scope(() => this.write(tensor, from)),
      });
    }
    this.stored.push(stored);
    scope(() => {
      const first = this.parts.space.initial(
        this.input(i, zeros([], { device: this.device, dtype: "i32" })),
      );
      for (const [key, value] of Object.entries(first)) this.write(stored[key]!, value);
      if (!this.parts.space.refresh) return;
      for (const [key, value] of Object.entries(this.clock.initial)) {
        const tensor = stored[key];
        if (tensor) this.write(tensor, add(zeros(tensor.shape, { device: this.device }), value));
      }
    });
  }

  private write(target: DeviceTensor, value: Tensor): void {
    if (!assign(target, value))
      throw new ArgumentError(
        "A subspace was given a value inside a transform. Step outside of grad and other transforms.",
      );
  }

  /** Replaces what is stored, where the condition (bool, shape []) holds. */
  private put(i: number, values: Stored, condition: Tensor): void {
    const stored = this.stored[i]!;
    const next = Object.entries(values).map(
      ([key, value]) =>
        [stored[key]!, to(where(condition, value, stored[key]!), stored[key]!.dtype)] as const,
    );
    for (const [target, value] of next) this.write(target, value);
  }

  private input(i: number, count: Tensor): SpaceInput {
    const { shape, parameter } = this.members[i]!;
    return { device: this.device, shape, key: this.keys[i]!, count, parameter };
  }

  private projectorOf(i: number): Projector {
    const { shape } = this.members[i]!;
    return this.parts.space.projector(shape, this.stored[i]!, this.keys[i]!);
  }

  /** The gradient with what was left out before. */
  private fedBack(i: number, gradient: Tensor): Tensor {
    const error = this.stored[i]!["error"];
    return error ? add(gradient, to(error, "f32")) : gradient;
  }

  private refresh(i: number, gradient: Tensor, step: SubspaceStep): void {
    const { space, moments } = this.parts;
    const { shape } = this.members[i]!;
    const stored: Stored = this.stored[i]!;
    const finite = where(step.skip, 0, gradient);
    const due = this.clock.isDue(stored, finite, step);
    const first = this.clock.isFirst(step.step);
    const chosen = space.refresh!({
      ...this.input(i, step.count),
      stored,
      gradient: finite,
      first,
    });
    const overlap =
      this.clock.lazy && space.leading && !first
        ? sum(mul(space.leading(shape, chosen), space.leading(shape, stored)))
        : null;
    const timing = this.clock.after(stored, step, overlap);
    const before =
      moments === "project"
        ? Object.fromEntries(
            space.tensors(shape).map(({ name }) => [name, keep(clone(stored[name]!))]),
          )
        : null;
    if (moments && moments !== "keep") this.moves.set(i, { due: keep(clone(due)), before });
    this.put(i, { ...chosen, ...timing }, due);
  }

  private forget(i: number): void {
    const move = this.moves.get(i);
    if (!move) return;
    move.due.dispose();
    for (const tensor of Object.values(move.before ?? {})) tensor.dispose();
    this.moves.delete(i);
  }
}
