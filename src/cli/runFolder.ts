/** The folder of one run, and the names of its files. */

export interface RunFolder {
  path: string;
  /** The only checkpoint of a run that an earlier version began; others are `CheckpointFolder`'s. */
  model: string;
  log: string;
  report: string;
}

export function runFolder(path: string): RunFolder {
  const folder = path.replace(/\/+$/, "") || "/";
  const inside = (name: string): string => `${folder === "/" ? "" : folder}/${name}`;
  return {
    path: folder,
    model: inside("model.safetensors"),
    log: inside("run.jsonl"),
    report: inside("report.html"),
  };
}
