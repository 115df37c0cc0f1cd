/**
 * Other engines to compare with, each in a process of its own that waits between requests. Node peers are
 * pinned in bench/peers/package-lock.json and installed there on first use; they are no dependencies of the
 * package.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline";

const folder = "bench/peers";

export class Peer {
  readonly #process: ChildProcess;
  readonly #answers: AsyncIterator<string>;

  constructor(
    readonly name: string,
    command: readonly string[],
  ) {
    const [program, ...args] = command as [string, ...string[]];
    this.#process = spawn(program, args, { stdio: ["pipe", "pipe", "inherit"] });
    this.#answers = createInterface({ input: this.#process.stdout! })[Symbol.asyncIterator]();
  }

  /** A script of bench/peers. */
  static node(name: string, script: string): Peer {
    if (!existsSync(path.join(folder, "node_modules"))) {
      console.log(`installing what ${folder}/package.json names`);
      const { status } = spawnSync("npm", ["ci", "--prefix", folder, "--no-audit", "--no-fund"], {
        stdio: ["ignore", "ignore", "inherit"],
      });
      if (status !== 0) throw new Error(`npm ci in ${folder} failed.`);
    }
    return new Peer(name, [process.execPath, path.join(folder, script)]);
  }

  /** PyTorch, or null where `python` has none. */
  static torch(python: string): Peer | null {
    if (spawnSync(python, ["-c", "import torch"]).status !== 0) return null;
    return new Peer("PyTorch", [python, path.join(folder, "serve_torch.py")]);
  }

  /** Milliseconds of one run of a task: the mean of `repeats`, after one that is not timed. */
  async time(task: string, options: object, repeats: number): Promise<number> {
    this.#process.stdin!.write(`${JSON.stringify({ task, options, repeats })}\n`);
    const { value, done } = await this.#answers.next();
    if (done) throw new Error(`${this.name} ended while it ran ${task}.`);
    return (JSON.parse(value) as { ms: number }).ms;
  }

  end(): void {
    this.#process.stdin!.end();
  }
}
