/** What a profile holds, and the forms it can be given in. */
import type { AdapterReport } from "../device/executor";
import type { Roofline } from "./roofline";
import type { KernelStatistics } from "./statistics";
import { type TableOptions, tableOf } from "./table";
import { type Trace, traceOf } from "./trace";

/** One dispatch of the last timed run. */
export interface ProfiledDispatch {
  readonly kernel: string;
  /** The kernel with its choices. */
  readonly program: string;
  /** From the begin of the run. */
  readonly startMilliseconds: number;
  readonly milliseconds: number;
  readonly bytes: number;
  readonly flops: number | null;
  /** Workgroups. */
  readonly grid: readonly [number, number, number];
}

/** What the device compiled and ran. */
export interface ProfiledProgram {
  readonly kernel: string;
  /** The kernel with its choices, as in `ProfiledDispatch`. */
  readonly program: string;
  /** The text, its choices made but for `overrides`. */
  readonly wgsl: string;
  /** Values of the pipeline's constants, which the text declares with `override`. */
  readonly overrides: Readonly<Record<string, number>>;
}

/** Bytes of buffers in use from a moment on. */
export interface MemoryPoint {
  /** From the begin of the run, when the host recorded the change. */
  readonly milliseconds: number;
  readonly bytes: number;
}

export interface ProfileData {
  readonly adapter: AdapterReport;
  readonly executor: "webgpu" | "cpu";
  /**
   * `timestamps`: the device noted when each dispatch began and ended. `bracketing`: each was submitted alone and
   * waited for.
   */
  readonly method: "timestamps" | "bracketing";
  /** The steps in which the clock counts. */
  readonly resolutionMicroseconds: number;
  /** Timed runs, which the times are means over. */
  readonly runs: number;
  /** Null where it was not asked for. */
  readonly roofline: Roofline | null;
  /** The longest total time first. */
  readonly kernels: readonly KernelStatistics[];
  /** The same dispatches by program, sizes and grid. */
  readonly shapes: readonly KernelStatistics[];
  readonly host: {
    /** Of a run without timing, until the device was done. */
    readonly wallMilliseconds: number;
    /** Of that run, until the function returned (an async one: until it first waited). */
    readonly encodeMilliseconds: number;
    /** The same of the last timed run: timing costs something. */
    readonly timedWallMilliseconds: number;
    readonly timedEncodeMilliseconds: number;
    /** Null without warm-up. */
    readonly firstRunMilliseconds: number | null;
    /** Programs that were compiled in the warm-up. */
    readonly programsCompiled: number;
    /** How much longer the first run took than a later one, if it compiled any; null without warm-up. */
    readonly compileMilliseconds: number | null;
    /** In one run. */
    readonly dispatches: number;
    readonly submits: number;
  };
  readonly device: {
    /** Time of all dispatches of the last timed run. */
    readonly busyMilliseconds: number;
    /** Time between its dispatches; null where they were not timed as they follow each other. */
    readonly idleMilliseconds: number | null;
  };
  /** Of the last timed run. */
  readonly memory: readonly MemoryPoint[];
  /** Of the last timed run, in order. */
  readonly dispatches: readonly ProfiledDispatch[];
}

/** What `profile` measured: plain data for JSON, with a table for terminals and a trace for viewers. */
export class Profile {
  /** @param programs each program of the timed runs once; not part of the JSON, which their texts would dwarf */
  constructor(
    readonly data: ProfileData,
    readonly programs: readonly ProfiledProgram[] = [],
  ) {}

  /** Aligned text: what was measured and how, then the kernels with the longest first. */
  table(options: TableOptions = {}): string {
    return tableOf(this.data, options);
  }

  /** In the trace event format, for Perfetto and chrome://tracing: JSON.stringify it into a file. */
  trace(): Trace {
    return traceOf(this.data);
  }

  toJSON(): ProfileData {
    return this.data;
  }
}
