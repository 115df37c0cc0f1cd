/**
 * A profile in the trace event format: kernels on one track, the host's phases on another, memory as a counter.
 * Source: "Trace Event Format", https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU
 */
import type { ProfileData } from "./result";

/** One event; times are microseconds. */
export interface TraceEvent {
  readonly name: string;
  /** X: an interval; C: a counter; M: about the tracks. */
  readonly ph: "X" | "C" | "M";
  readonly pid: number;
  readonly tid?: number;
  readonly ts?: number;
  readonly dur?: number;
  readonly cat?: string;
  readonly args: Readonly<Record<string, string | number | null>>;
}

export interface Trace {
  readonly traceEvents: readonly TraceEvent[];
  readonly displayTimeUnit: "ms";
  readonly otherData: Readonly<Record<string, string | number>>;
}

const pid = 1;
const hostTrack = 1;
const kernelTrack = 2;

export function traceOf(data: ProfileData): Trace {
  const { adapter, host, roofline } = data;
  const name = (what: string, text: string, tid?: number): TraceEvent => ({
    name: what,
    ph: "M",
    pid,
    ...(tid !== undefined && { tid }),
    args: { name: text },
  });
  const phase = (text: string, from: number, to: number): TraceEvent => ({
    name: text,
    ph: "X",
    cat: "host",
    pid,
    tid: hostTrack,
    ts: from * 1e3,
    dur: (to - from) * 1e3,
    args: {},
  });
  const { timedEncodeMilliseconds: encode, timedWallMilliseconds: wall } = host;
  const kernels = data.dispatches.map(
    (dispatch): TraceEvent => ({
      name: dispatch.kernel,
      ph: "X",
      cat: "kernel",
      pid,
      tid: kernelTrack,
      ts: dispatch.startMilliseconds * 1e3,
      dur: dispatch.milliseconds * 1e3,
      args: {
        program: dispatch.program,
        workgroups: dispatch.grid.join(" x "),
        bytes: dispatch.bytes,
        operations: dispatch.flops,
        ...(dispatch.milliseconds > 0 && {
          "GB/s": dispatch.bytes / dispatch.milliseconds / 1e6,
        }),
        ...(dispatch.milliseconds > 0 &&
          dispatch.flops !== null && { "GFLOP/s": dispatch.flops / dispatch.milliseconds / 1e6 }),
      },
    }),
  );
  const memory = data.memory.map(
    ({ milliseconds, bytes }): TraceEvent => ({
      name: "buffers in use",
      ph: "C",
      pid,
      ts: milliseconds * 1e3,
      args: { bytes },
    }),
  );
  return {
    traceEvents: [
      name("process_name", `tilegrad on ${adapter.description || adapter.vendor}`),
      name("thread_name", "host", hostTrack),
      name("thread_name", "kernels", kernelTrack),
      phase("record", 0, encode),
      phase("wait for the device", encode, wall),
      ...kernels,
      ...memory,
    ],
    displayTimeUnit: "ms",
    otherData: {
      adapter: adapter.description,
      method: data.method,
      resolutionMicroseconds: data.resolutionMicroseconds,
      ...(roofline && {
        copyGigabytesPerSecond: roofline.gigabytesPerSecond,
        multiplyAddGigaflopsPerSecond: roofline.gigaflopsPerSecond,
      }),
    },
  };
}
