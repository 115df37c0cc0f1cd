/**
 * A sequence on the CPU executor. The words of each dispatch's block (see ir/kernel.ts) and its parameters are
 * made once; a run copies them into the slices. A dispatch is checked, and its addresses are written, when
 * what is in one of its slots changed.
 */
import type {
  BufferBinding,
  Executor,
  Program,
  Sequence,
  SequenceCommand,
  SlotBuffer,
  SlotRange,
} from "../device/executor";
import { Slots, type SlotUser } from "../device/slots";
import { timedDispatch } from "../device/timedDispatch";
import { ArgumentError } from "../errors";
import type { QueuedKernel } from "./commandQueue";
import type { CPUBuffer } from "./cpuBuffer";
import type { DispatchTimes } from "./dispatchTimes";
import { PreparedDispatch, type Recorder } from "./recordDispatch";

type Grid = readonly [number, number, number];

/** What a sequence needs of its executor. */
export interface SequenceHost<K extends QueuedKernel> {
  readonly executor: Pick<Executor, "copy" | "clear">;
  readonly recorder: Recorder;
  /** Set while dispatches are timed. */
  readonly times: DispatchTimes | null;
  /** @throws the failure of the executor, if there is one */
  check(): void;
  kernel(program: Program): K;
  /** Checks a dispatch; one that is wrong fails the executor, and gives false. */
  accepts(
    kernel: K,
    bindings: readonly BufferBinding[],
    params: Uint8Array | null,
    grid: Grid,
  ): boolean;
  /** Notes that a command just recorded uses the buffer. */
  touch(buffer: CPUBuffer): void;
  /** Counts a dispatch; flushes the section where it is long enough. */
  counted(): void;
}

interface DispatchStep<K> extends SlotUser {
  readonly kind: "dispatch";
  readonly program: Program;
  readonly kernel: K;
  readonly ranges: readonly SlotRange[];
  readonly params: Uint8Array | null;
  readonly grid: Grid;
  readonly prepared: PreparedDispatch;
}

type Step<K> = DispatchStep<K> | Exclude<SequenceCommand, { kind: "dispatch" }>;

export class CPUSequence<K extends QueuedKernel> implements Sequence {
  private readonly steps: readonly Step<K>[];
  private readonly slots: Slots<CPUBuffer>;
  private disposed = false;

  constructor(
    private readonly host: SequenceHost<K>,
    commands: readonly SequenceCommand[],
  ) {
    this.slots = new Slots(commands);
    this.steps = commands.map((command) => this.step(command));
  }

  run(slots: readonly SlotBuffer[]): void {
    const { host, steps } = this;
    host.check();
    if (this.disposed)
      throw new ArgumentError("A sequence was run after it was disposed. Prepare it again.");
    this.slots.fill(slots);
    for (let i = 0; i < steps.length; i++) {
      const step = steps[i]!;
      if (step.kind === "dispatch") {
        if (step.stale && !this.bind(step)) return;
        this.record(step);
      } else if (step.kind === "copy")
        host.executor.copy(this.slots.at(step.from), this.slots.at(step.to));
      else host.executor.clear(this.slots.at(step.range));
    }
  }

  dispose(): void {
    this.disposed = true;
  }

  private step(command: SequenceCommand): Step<K> {
    if (command.kind !== "dispatch") return command;
    const { program, bindings, params, grid } = command;
    const step: DispatchStep<K> = {
      kind: "dispatch",
      program,
      kernel: this.host.kernel(program),
      ranges: bindings,
      params: params?.slice() ?? null,
      grid,
      prepared: new PreparedDispatch(bindings.length, params, grid),
      stale: true,
    };
    this.slots.tell(
      step,
      bindings.map(({ slot }) => slot),
    );
    return step;
  }

  /** Writes the addresses of what is in the slots; false where the dispatch is refused. */
  private bind(step: DispatchStep<K>): boolean {
    const bindings = step.ranges.map((range) => this.slots.at(range));
    if (!this.host.accepts(step.kernel, bindings, step.params, step.grid)) return false;
    step.prepared.bind(bindings);
    step.stale = false;
    return true;
  }

  private record(step: DispatchStep<K>): void {
    const { host } = this;
    const { prepared, ranges } = step;
    if (prepared.groups > 0) {
      const times =
        host.times?.next(timedDispatch(step.program, ranges, step.params, step.grid)) ?? 0;
      prepared.record(host.recorder, step.kernel, times);
      for (let i = 0; i < ranges.length; i++) host.touch(this.slots.buffers[ranges[i]!.slot]!);
    }
    host.counted();
  }
}
