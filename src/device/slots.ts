/**
 * What is in the slots of a sequence, compared by identity from run to run, and which of its dispatches a
 * change concerns.
 */
import { ArgumentError } from "../errors";
import type { BufferBinding, SequenceCommand, SlotBuffer, SlotRange } from "./executor";
import { type OwnedBuffer, usable } from "./ownedBuffer";

/** A dispatch that was bound to what was in its slots. */
export interface SlotUser {
  /** True once one of its slots changed. */
  stale: boolean;
}

export class Slots<B extends OwnedBuffer> {
  readonly buffers: (B | null)[] = [];
  readonly offsets: number[] = [];
  /** By slot; null for one that no command uses, which may be left empty. */
  private readonly users: (SlotUser[] | null)[] = [];

  constructor(commands: readonly SequenceCommand[]) {
    const used = new Set<number>();
    for (const command of commands)
      if (command.kind === "dispatch") for (const { slot } of command.bindings) used.add(slot);
      else if (command.kind === "clear") used.add(command.range.slot);
      else used.add(command.from.slot).add(command.to.slot);
    for (let slot = 0; slot <= Math.max(...used, -1); slot++) {
      this.users.push(used.has(slot) ? [] : null);
      this.buffers.push(null);
      this.offsets.push(0);
    }
  }

  /** Lets a dispatch hear of changes of these slots. */
  tell(user: SlotUser, slots: readonly number[]): void {
    for (const slot of new Set(slots)) this.users[slot]!.push(user);
  }

  /**
   * Takes what is in the slots for the next run.
   * @throws ArgumentError where a slot is not given, DeviceValidationError where its buffer was destroyed
   */
  fill(slots: readonly SlotBuffer[]): void {
    const { users, buffers, offsets } = this;
    for (let slot = 0; slot < users.length; slot++) {
      const told = users[slot];
      if (!told) continue;
      const given = slots[slot];
      if (!given)
        throw new ArgumentError(
          `A sequence that uses slot ${slot} was run with ${slots.length} slots. Give an entry for each.`,
        );
      const buffer = usable<B>(given.buffer);
      if (buffer === buffers[slot] && given.offset === offsets[slot]) continue;
      buffers[slot] = buffer;
      offsets[slot] = given.offset;
      for (let i = 0; i < told.length; i++) told[i]!.stale = true;
    }
  }

  at({ slot, offset, bytes }: SlotRange): BufferBinding {
    return { buffer: this.buffers[slot]!, offset: this.offsets[slot]! + offset, bytes };
  }

  forget(buffer: B): void {
    for (let slot = 0; slot < this.buffers.length; slot++)
      if (this.buffers[slot] === buffer) this.buffers[slot] = null;
  }
}
