/** Timing of dispatches, apart from the executors: a program that times nothing does not carry how it is done. */
import { BracketedTiming } from "./bracketing";
import type { Executor, KernelTiming } from "./executor";
import { TimestampRecorder } from "./timestamps";

/** Times every dispatch until the returned function is called, which drains and gives the timings. */
export const startTiming = (executor: Executor): (() => Promise<KernelTiming[]>) =>
  executor.startTiming({ BracketedTiming, TimestampRecorder });
