/**
 * What happens in a training run, as one JSON object an event. The same events go to the screen, to
 * standard output with `--json`, to `run.jsonl`, and from there into the report, so all four agree.
 */

import type { AdapterReport } from "../device/executor";
import type { ForcedRestore } from "../train/fingerprint";
import type { RunMemory } from "./runMemory";
import type { TrainConfig } from "./trainOptions";

/** Time of one kernel over the profiled steps. */
export interface KernelTime {
  kernel: string;
  /** Dispatches a training step. */
  dispatches: number;
  /** Device time a training step. */
  milliseconds: number;
  /** Bytes moved by the kernel's own count over its time, where it has one. */
  gigabytesPerSecond?: number;
  /** Arithmetic by the kernel's own count over its time, where it has one. */
  gigaflopsPerSecond?: number;
}

/** Totals at the end of a run. */
export interface RunTotals {
  steps: number;
  trainLoss: number | null;
  valLoss: number | null;
  tokensPerSecond: number;
  peakGpuBytes: number;
  dispatchesPerStep: number;
  submitsPerStep: number;
}

/**
 * `step` counts finished steps, from 1. Losses are in nats a token, null where they are not finite, for
 * JSON has no NaN.
 */
export type RunEvent =
  | {
      event: "start";
      /** ISO 8601. */
      time: string;
      version: string;
      /** Steps already done: 0, or where the resumed checkpoint stopped. */
      fromStep: number;
      config: TrainConfig;
      /** What no setting says: weight decay, clipping and so on, for people. */
      recipe: Readonly<Record<string, string>>;
      adapter: AdapterReport;
      /** Trained numbers of the model. */
      parameters: number;
      /** Distinct tokens. */
      vocab: number;
      /** Tokens in the training part. */
      trainTokens: number;
      /** Restores behind this run that `--force` carried through differences; absent where there are none. */
      forced?: readonly ForcedRestore[];
    }
  | {
      event: "step";
      step: number;
      loss: number | null;
      /** Global norm of the gradients before clipping; null where it is not finite and the step skipped. */
      gradNorm: number | null;
      learningRate: number;
      tokensPerSecond: number;
      /** Since this process began training. */
      seconds: number;
    }
  | { event: "eval"; step: number; trainLoss: number | null; valLoss: number | null }
  | { event: "checkpoint"; step: number; path: string }
  | { event: "profile"; step: number; kernels: KernelTime[] }
  /** After the first steps: what was predicted, and what is allocated, bytes. */
  | ({ event: "memory"; step: number } & RunMemory)
  | { event: "sample"; step: number; prompt: string; text: string }
  /** Ctrl-C; `resume` is the command to go on. */
  | { event: "interrupted"; step: number; resume: string }
  /** The loss left the finite numbers; `lastGoodStep` is that of the checkpoint that was kept. */
  | { event: "diverged"; step: number; lastGoodStep: number }
  | ({ event: "done" } & RunTotals);

/** One event a line. */
export function eventLine(event: RunEvent): string {
  return `${JSON.stringify(event)}\n`;
}
