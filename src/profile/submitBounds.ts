/** Bounds submits in time by the profiler's counts of work, which a program loads where it runs on a GPU. */
import type { SubmitBounds } from "../device/commandStream";

/** @throws ArgumentError where `milliseconds` is not above 0 */
export const submitBounds: SubmitBounds = async (milliseconds) =>
  (await import("./boundedStream")).boundedStreams(milliseconds);
