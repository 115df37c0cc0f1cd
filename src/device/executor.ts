/**
 * The queue interface. An executor runs kernels on buffers, in the order in which they were dispatched,
 * and knows nothing of tensors. WebGPU is one executor; others compile the same WGSL for other hardware.
 *
 * Ordering: dispatch, copy, clear and write take effect in call order. Nothing is guaranteed to have
 * started before `flush`, and nothing to have ended before `read` or `drain` resolves.
 */
import type { DeviceError } from "../errors";
import type { BracketedTiming } from "./bracketing";
import type { TimestampRecorder } from "./timestamps";

/** Bytes that the parameters of one dispatch may have. */
export const maxParamBytes = 2048;

/** One kernel text with its pipeline constants chosen: what an executor compiles once and keeps. */
export interface Program {
  /** Unique among all programs. */
  readonly key: string;
  /** The kernel's name, for errors and profiles: `matmul/register`. */
  readonly name: string;
  readonly wgsl: string;
  readonly overrides: Readonly<Record<string, number>>;
  /** Storage bindings of group 0. */
  readonly bindings: readonly {
    readonly name: string;
    readonly index: number;
    readonly access: "read" | "read_write";
  }[];
  /** The uniform of group 0, or null. `size` in bytes. */
  readonly params: { readonly index: number; readonly size: number } | null;
  /**
   * Of a program made at run time: the floating-point operations of a dispatch with these parameters on these
   * workgroups, for profiles.
   */
  readonly flops?: (params: Uint8Array | null, grid: readonly [number, number, number]) => number;
}

/** Device memory. `bytes` is the allocated size, a multiple of 256. */
export interface DeviceBuffer {
  readonly bytes: number;
  /** What it holds at present, for errors. */
  label: string;
  /** The stream section that last used the buffer: see `Executor.section`. */
  lastUse: number;
}

/** A range of a buffer, in bytes. `offset` is a multiple of 256; `bytes` of 4. */
export interface BufferBinding {
  readonly buffer: DeviceBuffer;
  readonly offset: number;
  readonly bytes: number;
}

/** Where to read: any 4-byte aligned range. */
export type ReadRange = BufferBinding;

export interface ExecutorLimits {
  /** Largest buffer, bytes. */
  readonly maxBufferBytes: number;
  /** Largest range one binding may cover, bytes. */
  readonly maxBindingBytes: number;
  readonly maxStorageBuffers: number;
  readonly maxWorkgroupsPerDimension: number;
  readonly maxInvocationsPerWorkgroup: number;
  readonly maxWorkgroupBytes: number;
}

/**
 * What kernel variants are chosen by. `software`: a CPU behind Vulkan, where barriers are dear and workgroup
 * memory buys nothing. `wasm`: the CPU executor, where a vec4 is a SIMD register. `hardware`: a GPU.
 */
export type AdapterClass = "software" | "wasm" | "hardware";

export interface AdapterReport {
  readonly vendor: string;
  readonly architecture: string;
  readonly device: string;
  readonly description: string;
  readonly class: AdapterClass;
  readonly features: readonly string[];
  /** 0 where unknown. */
  readonly subgroupMinSize: number;
  readonly subgroupMaxSize: number;
  /** What subgroups can multiply as matrices, where the device was granted that. */
  readonly subgroupMatrices?: readonly SubgroupMatrix[];
}

/** A product of m x k and k x n that a subgroup does at once; types by WGSL name. */
export interface SubgroupMatrix {
  readonly operands: string;
  readonly sums: string;
  readonly m: number;
  readonly n: number;
  readonly k: number;
}

/** Counts since the executor was made. */
export interface ExecutorCounters {
  dispatches: number;
  submits: number;
  copies: number;
  programs: number;
}

/** Ways of timing that an executor may choose from. */
export interface TimingMethods {
  readonly BracketedTiming: typeof BracketedTiming;
  readonly TimestampRecorder: typeof TimestampRecorder;
}

/** What was dispatched, as its timing tells it. */
export interface TimedDispatch {
  /** The kernel's name. */
  readonly name: string;
  /** The program's key. */
  readonly program: string;
  readonly source: Program;
  /** In the order of the program's; `bytes` of the range that was bound. */
  readonly bindings: readonly {
    readonly name: string;
    readonly access: "read" | "read_write";
    readonly bytes: number;
    /** The place of the first binding of the dispatch with the same range: its own, unless that is bound twice. */
    readonly first: number;
  }[];
  /** A copy of the parameters. */
  readonly params: Uint8Array | null;
  readonly grid: readonly [number, number, number];
}

/** One timed dispatch. */
export interface KernelTiming extends TimedDispatch {
  readonly nanoseconds: number;
  /** When it began, in nanoseconds from the beginning of the first timed dispatch. */
  readonly start: number;
}

/** A range of the buffer that is in a slot when the sequence runs, in bytes. */
export interface SlotRange {
  readonly slot: number;
  /** From the start of the slot's range. */
  readonly offset: number;
  readonly bytes: number;
}

/** One command of a sequence. */
export type SequenceCommand =
  | {
      readonly kind: "dispatch";
      readonly program: Program;
      readonly bindings: readonly SlotRange[];
      readonly params: Uint8Array | null;
      readonly grid: readonly [number, number, number];
    }
  | { readonly kind: "copy"; readonly from: SlotRange; readonly to: SlotRange }
  | { readonly kind: "clear"; readonly range: SlotRange };

/** What is in a slot: a buffer, from `offset` on, a multiple of 256 bytes. */
export interface SlotBuffer {
  readonly buffer: DeviceBuffer;
  readonly offset: number;
}

/**
 * Commands that were checked and bound once and run many times. A run records them as `dispatch`, `copy` and
 * `clear` would, in order with all other commands, without allocating as long as the slots hold what they
 * held before.
 */
export interface Sequence {
  /** @param slots one entry per slot; entries that changed since the last run are bound anew */
  run(slots: readonly SlotBuffer[]): void;
  /** Frees what was bound. Runs recorded before still take place. */
  dispose(): void;
}

export interface Executor {
  readonly kind: "webgpu" | "cpu";
  readonly adapter: AdapterReport;
  readonly limits: ExecutorLimits;
  readonly counters: Readonly<ExecutorCounters>;
  /** The number of the stream section being recorded; `flush` ends it. */
  readonly section: number;
  /** Why the executor can no longer be used, or null. */
  readonly failure: DeviceError | null;

  /** A new zeroed buffer. Throws LimitError beyond `maxBufferBytes`. */
  createBuffer(bytes: number, label: string): DeviceBuffer;
  /** Frees the memory once the work submitted so far has used it. */
  destroyBuffer(buffer: DeviceBuffer): void;
  /**
   * Writes host data. The buffer must not have been used in the section being recorded (the write would
   * overtake that use): `buffer.lastUse < executor.section`.
   */
  write(buffer: DeviceBuffer, offset: number, data: ArrayBufferView): void;
  dispatch(
    program: Program,
    bindings: readonly BufferBinding[],
    params: Uint8Array | null,
    grid: readonly [number, number, number],
  ): void;
  copy(from: BufferBinding, to: BufferBinding): void;
  clear(range: BufferBinding): void;
  /**
   * Compiles programs that are not compiled yet, in parallel where the engine can. Without this, a program
   * is compiled when it is first dispatched.
   * @param compiled called after each program that was not known yet
   */
  compilePrograms(programs: readonly Program[], compiled?: () => void): Promise<void>;
  /** Checks the commands and prepares what can be. Throws nothing: an error surfaces as with `dispatch`. */
  prepare(commands: readonly SequenceCommand[]): Sequence;
  /** Submits what was recorded. Cheap when nothing was. */
  flush(): void;
  /** Flushes and resolves with the bytes of each range, after all work before it. */
  read(ranges: readonly ReadRange[]): Promise<ArrayBuffer[]>;
  /** Flushes and resolves when all work is done. Rejects with the failure, if one surfaced. */
  drain(): Promise<void>;
  /** Resolves when at most `sections` submitted sections are unfinished. */
  throttle(sections: number): Promise<void>;
  /**
   * How dispatches are timed: by what the device notes as each begins and ends, or, where it notes nothing, by
   * submitting each alone and waiting for it, which is good to some tens of microseconds and makes idle gaps.
   */
  readonly timingMethod: "timestamps" | "bracketing";
  /** See `startTiming` in timing.ts, which gives the methods. */
  startTiming(methods: TimingMethods): () => Promise<KernelTiming[]>;
  /** Loses the device at once, as a crash of its driver would: for tests of what follows. */
  lose(): void;
  destroy(): Promise<void>;
}
