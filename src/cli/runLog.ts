/** `run.jsonl`: the events of a run, one JSON object a line, in the order they happened. */

import type { FileStore } from "../platform/files";
import { eventLine, type RunEvent } from "./runEvents";

/**
 * Appends events to a file. Writing does not wait: lines queue up in order, and what went wrong with one
 * is thrown by the next `flush`.
 */
export class RunLog {
  readonly path: string;
  readonly #files: FileStore;
  #queue: Promise<void> = Promise.resolve();
  #failure: unknown;

  private constructor(files: FileStore, path: string) {
    this.#files = files;
    this.path = path;
  }

  /**
   * The log in `path`, which is created or gone on with.
   * @throws FileError when it cannot be written
   */
  static async open(files: FileStore, path: string): Promise<RunLog> {
    const last = (await files.exists(path)) ? (await files.read(path)).at(-1) : undefined;
    const cutShort = last !== undefined && last !== LINE_FEED;
    // A process that was killed while it wrote leaves half a line; the next event gets one of its own.
    await files.append(path, cutShort ? "\n" : "");
    return new RunLog(files, path);
  }

  write(event: RunEvent): void {
    const line = eventLine(event);
    this.#queue = this.#queue
      .then(() => this.#files.append(this.path, line))
      .catch((error: unknown) => {
        this.#failure ??= error;
      });
  }

  /**
   * Resolves when every event so far is in the file.
   * @throws FileError if one could not be written
   */
  async flush(): Promise<void> {
    await this.#queue;
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure !== undefined) throw failure;
  }
}

const LINE_FEED = 0x0a;

/**
 * The events of one run, as if it had never been interrupted: where it was resumed from step s, what an
 * earlier process wrote about later steps is left out, for it was done again. Lines that are no event
 * (cut short by a crash) are skipped.
 * @throws FileError when the file cannot be read
 */
export async function readRunLog(files: FileStore, path: string): Promise<RunEvent[]> {
  const lines = new TextDecoder().decode(await files.read(path)).split("\n");
  let events: RunEvent[] = [];
  for (const line of lines) {
    const event = parseEvent(line);
    if (event === undefined) continue;
    if (event.event === "start") events = events.filter((past) => survives(past, event.fromStep));
    events.push(event);
  }
  return events;
}

function survives(past: RunEvent, resumedStep: number): boolean {
  if (past.event === "start") return past.fromStep < resumedStep;
  if (past.event === "done" || past.event === "interrupted" || past.event === "diverged")
    return false;
  return past.step <= resumedStep;
}

function parseEvent(line: string): RunEvent | undefined {
  try {
    const value: unknown = JSON.parse(line);
    const isEvent = typeof value === "object" && value !== null && "event" in value;
    return isEvent ? (value as RunEvent) : undefined;
  } catch {
    return undefined;
  }
}
