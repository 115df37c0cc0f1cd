/**
 * From recorded commands on virtual buffers to commands on slots: which virtual buffer is a part of an arena, an
 * argument, a result, a constant, or a part of a tensor from outside.
 */
import type { DeviceBuffer, SequenceCommand, SlotRange } from "../device/executor";
import { type MemoryPlan, planMemory } from "./memoryPlan";
import type { Located, RecordedCommand, Recording, VirtualBuffer, VirtualRange } from "./record";

/** What is put in a slot when the commands run. */
export type Slot =
  | { readonly kind: "arena"; readonly arena: number }
  | { readonly kind: "argument"; readonly index: number }
  | { readonly kind: "captured"; readonly buffer: DeviceBuffer }
  | { readonly kind: "constant"; readonly contents: Uint8Array; readonly label: string }
  /** Memory made at each call, for results. */
  | { readonly kind: "result"; readonly bytes: number; readonly label: string };

/** A result in a slot. */
export interface PlacedResult {
  readonly slot: number;
  readonly strides: readonly number[];
  readonly offset: number;
}

export interface Placed {
  readonly commands: readonly SequenceCommand[];
  readonly slots: readonly Slot[];
  readonly results: readonly PlacedResult[];
  readonly memory: MemoryPlan;
}

/** A use of a virtual buffer by a command. */
interface Use {
  readonly at: number;
  readonly range: VirtualRange;
  readonly writes: boolean;
}

/** Where a virtual buffer lies: in another, from `offset` bytes on. */
interface Alias {
  readonly buffer: VirtualBuffer;
  readonly offset: number;
}

export function place(
  recording: Recording,
  limits: { readonly maxBufferBytes: number },
  donated: ReadonlySet<number>,
): Placed {
  const placement = new Placement(recording, limits);
  placement.writeInPlace();
  placement.reuseDonated(donated);
  return placement.placed();
}

class Placement {
  private commands: (RecordedCommand | null)[];
  private readonly aliases = new Map<VirtualBuffer, Alias>();
  private readonly uses = new Map<VirtualBuffer, Use[]>();
  private readonly results: readonly Located[];
  private readonly slots: Slot[] = [];
  private readonly slotNumbers = new Map<VirtualBuffer | number, number>();

  constructor(
    recording: Recording,
    private readonly limits: { readonly maxBufferBytes: number },
  ) {
    this.commands = [...recording.commands];
    this.results = recording.results;
    recording.commands.forEach((command, at) => {
      for (const [range, writes] of usesOf(command))
        this.usesOf(range.buffer).push({ at, range, writes });
    });
  }

  /**
   * What is computed only to be copied into a tensor from outside is computed there: gradients go straight to
   * the optimizer's arena.
   */
  writeInPlace(): void {
    this.commands.forEach((command, at) => {
      if (command?.kind !== "copy") return;
      const { from, to } = command;
      if (!isTemporary(from.buffer) || to.buffer.origin.kind !== "captured") return;
      const wanted = this.results.some(({ buffer }) => buffer === from.buffer);
      // Kernels write whole vec4s: the last one must not reach into what lies behind.
      const aligned = from.offset === 0 && to.offset % 256 === 0 && to.bytes % 16 === 0;
      const fits = aligned && this.fits(from.buffer, to);
      if (wanted || !fits || this.aliases.has(from.buffer)) return;
      const alias: Alias = { buffer: to.buffer, offset: to.offset };
      const uses = this.usesOf(from.buffer);
      if (!this.isFree(to, uses[0]!.at, at, from.buffer) || !this.agrees(uses, alias, at)) return;
      this.aliases.set(from.buffer, alias);
      this.commands[at] = null;
    });
  }

  /** A result takes over the memory of a donated argument of its size that is read no more. */
  reuseDonated(donated: ReadonlySet<number>): void {
    const taken = new Set(this.results.map(({ buffer }) => buffer));
    const given = [...this.uses.keys()].filter(
      ({ origin }) => origin.kind === "argument" && donated.has(origin.index),
    );
    for (const { buffer } of this.results) {
      if (!isTemporary(buffer) || this.aliases.has(buffer)) continue;
      const begin = this.usesOf(buffer)[0]?.at ?? 0;
      const at = given.findIndex(
        (argument) =>
          !taken.has(argument) &&
          argument.bytes === buffer.bytes &&
          this.usesOf(argument).at(-1)!.at < begin,
      );
      if (at < 0) continue;
      const [argument] = given.splice(at, 1);
      this.aliases.set(buffer, { buffer: argument!, offset: 0 });
    }
  }

  placed(): Placed {
    const live = this.commands.filter((command) => command !== null);
    const { memory, temporaries } = this.planTemporaries(live);
    const slotRange = (range: VirtualRange): SlotRange => {
      const { buffer, offset } = this.resolve(range);
      const at = temporaries.get(buffer);
      if (at === undefined) return { slot: this.slotOf(buffer), offset, bytes: range.bytes };
      const { arena, offset: start } = memory.placements[at]!;
      return { slot: this.arenaSlot(arena), offset: start + offset, bytes: range.bytes };
    };
    const commands = live.map((command): SequenceCommand => {
      if (command.kind === "copy")
        return { kind: "copy", from: slotRange(command.from), to: slotRange(command.to) };
      if (command.kind === "clear") return { kind: "clear", range: slotRange(command.range) };
      return { ...command, bindings: command.bindings.map(slotRange) };
    });
    const results = this.results.map(({ buffer, strides, offset }): PlacedResult => {
      const alias = this.aliases.get(buffer);
      return { slot: this.slotOf(alias ? alias.buffer : buffer), strides, offset };
    });
    return { commands, slots: this.slots, results, memory };
  }

  private planTemporaries(live: readonly RecordedCommand[]) {
    const kept = new Set(this.results.map(({ buffer }) => buffer));
    const temporaries = new Map<VirtualBuffer, number>();
    const buffers: { bytes: number; first: number; last: number }[] = [];
    const conflicts = live.map((command, at) => {
      const reads: number[] = [];
      const writes: number[] = [];
      for (const [range, isWritten] of usesOf(command)) {
        const { buffer } = this.resolve(range);
        if (!isTemporary(buffer) || kept.has(buffer)) continue;
        let number = temporaries.get(buffer);
        if (number === undefined) {
          number = buffers.push({ bytes: buffer.bytes, first: at, last: at }) - 1;
          temporaries.set(buffer, number);
        }
        buffers[number]!.last = at;
        (isWritten ? writes : reads).push(number);
      }
      return { reads: reads.filter((n) => !writes.includes(n)), writes };
    });
    return { memory: planMemory({ buffers, conflicts, limits: this.limits }), temporaries };
  }

  private usesOf(buffer: VirtualBuffer): Use[] {
    let uses = this.uses.get(buffer);
    if (!uses) {
      uses = [];
      this.uses.set(buffer, uses);
    }
    return uses;
  }

  private resolve({ buffer, offset }: VirtualRange): Alias {
    const alias = this.aliases.get(buffer);
    return alias ? { buffer: alias.buffer, offset: alias.offset + offset } : { buffer, offset };
  }

  /** Whether every binding of `buffer` lies inside what it would become a part of. */
  private fits(buffer: VirtualBuffer, to: VirtualRange): boolean {
    return this.usesOf(buffer).every(({ range }) => range.offset + range.bytes <= to.bytes);
  }

  /** Whether no command from `begin` to `end` uses the range, other than through `except`. */
  private isFree(to: VirtualRange, begin: number, end: number, except: VirtualBuffer): boolean {
    for (const [buffer, uses] of this.uses) {
      if (buffer === except || this.resolve({ buffer, offset: 0, bytes: 0 }).buffer !== to.buffer)
        continue;
      for (const { at, range } of uses) {
        if (at < begin || at >= end || this.commands[at] === null) continue;
        const start = this.resolve(range).offset;
        if (start < to.offset + to.bytes && to.offset < start + range.bytes) return false;
      }
    }
    return true;
  }

  /** Whether no dispatch would bind one buffer both to read and to write. */
  private agrees(uses: readonly Use[], alias: Alias, copy: number): boolean {
    return uses.every(({ at, range, writes }) => {
      const command = this.commands[at];
      if (at === copy || !command) return true;
      return usesOf(command).every(
        ([other, otherWrites]) =>
          other === range ||
          this.resolve(other).buffer !== alias.buffer ||
          (command.kind === "dispatch" && writes === otherWrites),
      );
    });
  }

  private slotOf(buffer: VirtualBuffer): number {
    return this.slot(buffer, () => {
      const { origin, contents, label, bytes } = buffer;
      if (contents) return { kind: "constant", contents, label };
      if (origin.kind === "temporary") return { kind: "result", bytes, label };
      return origin;
    });
  }

  private arenaSlot(arena: number): number {
    return this.slot(arena, () => ({ kind: "arena", arena }));
  }

  private slot(key: VirtualBuffer | number, make: () => Slot): number {
    let number = this.slotNumbers.get(key);
    if (number === undefined) {
      number = this.slots.push(make()) - 1;
      this.slotNumbers.set(key, number);
    }
    return number;
  }
}

const isTemporary = ({ origin, contents }: VirtualBuffer): boolean =>
  origin.kind === "temporary" && contents === null;

/** The ranges a command uses, and whether it writes them. */
function usesOf(command: RecordedCommand): (readonly [VirtualRange, boolean])[] {
  if (command.kind === "clear") return [[command.range, true]];
  if (command.kind === "copy")
    return [
      [command.from, false],
      [command.to, true],
    ];
  return command.bindings.map(
    (range, i) => [range, command.program.bindings[i]!.access === "read_write"] as const,
  );
}
