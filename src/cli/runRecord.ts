/** Where the events of a run go: the log, the screen, and from the log into the report. */

import type { FileStore } from "../platform/files";
import type { Progress } from "./progress";
import { renderReport } from "./report/report";
import { reportAssets } from "./report/reportAssets";
import { reportData } from "./report/runReport";
import type { RunEvent } from "./runEvents";
import type { RunFolder } from "./runFolder";
import { RunLog, readRunLog } from "./runLog";

export class RunRecord {
  readonly folder: RunFolder;
  readonly #files: FileStore;
  readonly #log: RunLog;
  readonly #progress: Progress;

  private constructor(files: FileStore, folder: RunFolder, log: RunLog, progress: Progress) {
    this.#files = files;
    this.folder = folder;
    this.#log = log;
    this.#progress = progress;
  }

  /** @throws FileError when the log cannot be written */
  static async open(files: FileStore, folder: RunFolder, progress: Progress): Promise<RunRecord> {
    return new RunRecord(files, folder, await RunLog.open(files, folder.log), progress);
  }

  emit(event: RunEvent): void {
    this.#log.write(event);
    this.#progress.show(event);
  }

  /** For people only. */
  note(text: string): void {
    this.#progress.note(text);
  }

  /** Makes the report anew from all events so far. @throws FileError */
  async writeReport(): Promise<void> {
    await this.#log.flush();
    const data = reportData(await readRunLog(this.#files, this.folder.log), this.folder.path);
    if (data === undefined) return;
    const page = renderReport(data, reportAssets);
    await this.#files.writeAtomic(this.folder.report, new TextEncoder().encode(page));
  }

  /** The last event: shown when it is in the log and in the report, so that nothing comes after it. */
  async finish(event: RunEvent): Promise<void> {
    this.#log.write(event);
    await this.writeReport();
    this.#progress.show(event);
  }
}
