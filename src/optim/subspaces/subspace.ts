/**
 * What a subspace is: of each matrix a small representative of its gradient, on which any rule runs in any
 * state format, and the way back to a change of the whole matrix.
 *
 * A step of an optimizer with a subspace, all of it on the device:
 *
 *  1. R = project(G) for each member, into an arena of low-rank gradients;
 *  2. where a basis moved in this step, the moments are carried over to it (`carry`), if the subspace asks;
 *  3. the rule runs over *deltas* that were set to zero before: with p = 0 the new parameter is the change;
 *  4. change = back(delta) is added to the parameter, beside decoupled weight decay of the whole parameter.
 *
 * So a rule that reads the parameter itself has no subspaces, and weight decay is never projected.
 *
 * A basis is never changed by a step that is skipped (`SubspaceStep.skip`): its tensors stay bit for bit as they
 * are, whatever the gradients hold. When a basis moves is decided on the device; the host only leaves out work of
 * which it knows that the device would not use it, so results never depend on what the host knows.
 */
import type { Device } from "../../device/device";
import type { DType } from "../../tensor/dtype";
import type { Shape } from "../../tensor/shape";
import type { Tensor } from "../../tensor/tensor";
import type { Part, PartContext } from "../part";
import type { AnyRule, AnyStructuredRule, StateKind } from "../rule";
import type { StateTensor } from "../states";

/** A subspace's options, as plain data for checkpoints; `name` says which subspace. */
export interface SubspaceJson {
  readonly name: string;
  /** Of all draws: the same numbers whenever and wherever they are drawn again. */
  readonly seed: number;
  readonly [option: string]: number | boolean | string | null;
}

/** What a subspace keeps of one member, beside the low-rank states of the rule. */
export interface BasisTensor {
  /** The key in checkpoints is `<name>.<parameter>`. */
  readonly name: string;
  readonly shape: Shape;
  readonly dtype: DType;
}

/** What becomes of a member: told before anything is allocated. */
export interface SubspaceLayout {
  /** Of R and of each state of the rule. */
  readonly lowRank: Shape;
  readonly tensors: readonly BasisTensor[];
}

/** A parameter of a subspace. */
export interface SubspaceMember {
  /** What is drawn for a parameter goes by its name, not by which others there are. */
  readonly name: string;
  readonly shape: Shape;
  /** The parameter as it is when the subspace opens; only read then, unless the subspace says otherwise. */
  readonly parameter: Tensor;
}

/** What differs from step to step. */
export interface SubspaceStep {
  /** Calls of `step` before this one, skipped ones among them. */
  readonly step: number;
  /** The same number on the device: i32, shape []. */
  readonly count: Tensor;
  /** Whether this step changes nothing, since a gradient is not finite: bool, shape []. */
  readonly skip: Tensor;
  /** The learning rate of the member's group: f32, shape []. */
  readonly rate: Tensor;
}

/** Options of a subspace, which know of no parameters yet. Made by `galore`, `fira` and so on. */
export interface Subspace {
  readonly name: string;
  /**
   * The rule's states are set to zero each time that so many steps were taken, so its bias corrections count calls
   * of `step` from there on; null: never.
   */
  readonly restartsEvery: number | null;
  /** Bits of the grid that parameters are rounded to at random after each step; null: they are not. */
  readonly weightBits: 8 | null;
  toJSON(): SubspaceJson;
  /** null: a parameter of this shape is updated in full. */
  layout(shape: Shape): SubspaceLayout | null;
  /** The part of an optimizer that moves the context's members by `rule` in this subspace: what `open` gives is in it. */
  part(rule: AnyRule | AnyStructuredRule, context: PartContext): Part;
  /** @param members those with a layout */
  open(device: Device, members: readonly SubspaceMember[]): SubspaceBasis;
}

/** What becomes of a state of a rule where the basis under it moves. */
export interface Carried {
  /** Whether it moved: bool, shape []. */
  readonly moved: Tensor;
  /** The state in the new basis, of that in the old one; both of the low-rank shape, f32. */
  change(state: Tensor): Tensor;
}

/** The bases of an optimizer's members. Members are numbered as `open` got them. */
export interface SubspaceBasis {
  /**
   * R of the low-rank shape, f32; before that, the basis moves if its time has come.
   * @param gradient the true gradient: unscaled, clipped; anything at all in a step that is skipped
   */
  project(i: number, gradient: Tensor, step: SubspaceStep): Tensor;
  /**
   * Between `project` and the rule, for each state of the rule: what becomes of it in this step; null where the
   * host knows that nothing does.
   */
  carry(i: number, kind: StateKind): Carried | null;
  /**
   * The change of the whole parameter, f32 in its shape.
   * @param delta what the rule did, of the low-rank shape: the learning rate is in it
   * @param lowRank R, as `project` gave it
   * @param gradient makes the gradient of `project` again, for those that read it
   */
  back(
    i: number,
    delta: Tensor,
    lowRank: Tensor,
    gradient: () => Tensor,
    step: SubspaceStep,
  ): Tensor;
  /** Everything a checkpoint holds, by key. */
  readonly tensors: ReadonlyMap<string, StateTensor>;
  /**
   * Waits for the device, and learns what work can be left out from now on. Does not change results.
   */
  sync(): Promise<void>;
  /** Forgets what `sync` learned; called when `tensors` have been filled from a checkpoint. */
  restored(): void;
  dispose(): void;
}
