/**
 * Ctrl-C while training: the first lets the step in progress finish and the run be saved, the second
 * leaves at once. SIGTERM, which a service manager sends, counts as a Ctrl-C.
 */

import type { SignalSource } from "./command";
import { EXIT_INTERRUPTED } from "./exitCodes";

/** Aborted by the first Ctrl-C. `close` gives the signals back. */
export interface Interrupt {
  readonly signal: AbortSignal;
  close(): void;
}

export function watchInterrupt(
  signals: SignalSource,
  actions: {
    /** Called once, at the first Ctrl-C. */
    onFirst(): void;
    /** Ends the process at once. */
    exit(code: number): void;
  },
): Interrupt {
  const controller = new AbortController();
  const listener = (): void => {
    if (controller.signal.aborted) {
      actions.exit(EXIT_INTERRUPTED);
    } else {
      controller.abort();
      actions.onFirst();
    }
  };
  signals.on("SIGINT", listener);
  signals.on("SIGTERM", listener);
  return {
    signal: controller.signal,
    close() {
      signals.off("SIGINT", listener);
      signals.off("SIGTERM", listener);
    },
  };
}

/** The command that goes on with the run in `folder`. `npx` finds tilegrad in a clone and in a project. */
export function resumeCommand(folder: string): string {
  return `npx tilegrad train gpt --resume ${quoted(folder)}`;
}

/** The command that writes text with the model in `folder`. */
export function sampleCommand(folder: string): string {
  return `npx tilegrad sample ${quoted(folder)}`;
}

/** As a shell takes it for one word. */
function quoted(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}
