/**
 * An engine that is measured, ours or a peer: a process of its own that waits between requests. Requests are
 * lines of JSON on its standard input, answers come on its file descriptor 3 (bench/peers/serve.mjs).
 */
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";

/** An engine could not do what it was asked for, in its own words. */
export class EngineError extends Error {
  override name = "EngineError";
}

export interface About {
  readonly adapter: string;
  readonly version: string;
  /** Whether it computes on a GPU. Ours says so. */
  readonly hardware?: boolean;
}

type Answer = Record<string, unknown> & { error?: string };

export class Engine {
  readonly #process: ChildProcess;
  readonly #answers: AsyncIterator<string>;
  #ended = false;

  /**
   * @param env added to the environment
   * @param patience milliseconds after which a request is given up and the engine ended
   */
  constructor(
    readonly name: string,
    command: readonly string[],
    env: Readonly<Record<string, string>> = {},
    readonly patience = 600_000,
  ) {
    const [program, ...args] = command as [string, ...string[]];
    this.#process = spawn(program, args, {
      env: { ...process.env, ...env },
      // What an engine prints must not mix with the rows.
      stdio: ["pipe", 2, "inherit", "pipe"],
    });
    this.#process.stdin!.on("error", () => undefined);
    this.#answers = createInterface({ input: this.#process.stdio[3] as Readable })[
      Symbol.asyncIterator
    ]();
  }

  async #ask(request: string, rest: object = {}): Promise<Answer> {
    if (this.#ended) throw new EngineError(`${this.name} has ended`);
    this.#process.stdin!.write(`${JSON.stringify({ request, ...rest })}\n`);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<"late">((resolve) => {
      timer = setTimeout(() => resolve("late"), this.patience);
    });
    const next = await Promise.race([this.#answers.next(), late]);
    clearTimeout(timer);
    if (next === "late" || next.done) {
      this.end();
      throw new EngineError(
        next === "late"
          ? `no answer to "${request}" in ${this.patience / 1000} s`
          : `ended at the request "${request}"`,
      );
    }
    const answer = JSON.parse(next.value) as Answer;
    if (answer.error !== undefined) throw new EngineError(answer.error);
    return answer;
  }

  async about(): Promise<About> {
    return (await this.#ask("about")) as unknown as About;
  }

  /** Makes a task ready to run, under a name of its own; false if the engine does not know it. */
  async make(key: string, task: string, options: object): Promise<boolean> {
    return !(await this.#ask("make", { key, task, options }))["unknown"];
  }

  /** Milliseconds of one run. */
  async first(key: string): Promise<number> {
    return (await this.#ask("first", { key }))["ms"] as number;
  }

  /** Milliseconds of runs: at least `samples`, and for about `seconds`. */
  async sample(key: string, samples: number, seconds: number): Promise<number[]> {
    return (await this.#ask("sample", { key, samples, seconds }))["samples"] as number[];
  }

  /** What a method of a task gives. */
  async call(key: string, method: string, ...args: unknown[]): Promise<unknown> {
    return (await this.#ask("call", { key, method, args }))["value"];
  }

  async drop(key: string): Promise<void> {
    await this.#ask("drop", { key });
  }

  /**
   * The most bytes at a time: resident ones above those when the engine was ready, and those of device buffers;
   * absent where they cannot be known.
   */
  async memory(): Promise<{ resident?: number | null; buffers?: number }> {
    return (await this.#ask("memory")) as { resident?: number | null; buffers?: number };
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#process.stdin!.end();
    setTimeout(() => this.#process.kill("SIGKILL"), 5000).unref();
  }
}
