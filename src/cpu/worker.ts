/** What a worker thread runs: it waits for messages and, as long as there is something to do, works. */
import type { ThreadPort } from "../platform/platform";
import type { makeRunner, RunKernel, Runner, RunnerOptions } from "./runner";

/** The first message to a thread has `start`; each other has kernels, or nothing but wakes it. */
export interface ToThread {
  readonly start?: RunnerOptions;
  readonly kernels?: readonly SentKernel[];
}

export interface SentKernel {
  readonly index: number;
  readonly module: WebAssembly.Module;
  /** Address of the thread's own scratch memory. */
  readonly scratch: number;
}

export type FromThread =
  | { readonly kind: "started" }
  | { readonly kind: "finished" }
  /** `kernel` null: before any ran. */
  | { readonly kind: "failed"; readonly kernel: number | null; readonly reason: string };

/** Sent as text: it must not name anything outside itself. */
export function workerMain(port: ThreadPort, make: typeof makeRunner): void {
  let runner: Runner;
  let memory: WebAssembly.Memory;
  const tell = (message: FromThread): void => port.post(message);
  port.listen(({ start, kernels }: ToThread) => {
    if (start) {
      memory = start.memory;
      runner = make(start, {
        clock: port.clock,
        finished: () => tell({ kind: "finished" }),
        failed: (kernel, error) => tell({ kind: "failed", kernel, reason: String(error) }),
      });
      tell({ kind: "started" });
    }
    if (kernels)
      runner.install(
        kernels.map(({ index, module, scratch }) => {
          try {
            const { exports } = new WebAssembly.Instance(module, { env: { memory } });
            return { index, scratch, run: exports["run"] as RunKernel };
          } catch (error) {
            // It fails when it is run, like a kernel that traps.
            const run = (): void => {
              throw error;
            };
            return { index, scratch, run };
          }
        }),
      );
    runner.run(Number.POSITIVE_INFINITY);
  });
}
