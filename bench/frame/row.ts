/** What a bench finds: one engine in one case. */

export interface Row {
  readonly suite: string;
  readonly case: string;
  /** "control" is ours, measured once more. */
  readonly engine: string;
  readonly executor: string;
  readonly adapter: string;
  /** "ms", "bytes" or "R²". Less is better of the first two. */
  readonly unit: string;
  /** These three are null where nothing valid was measured; `note` says why. */
  readonly median: number | null;
  readonly min: number | null;
  readonly max: number | null;
  /** How many were taken. */
  readonly samples: number;
  /** This engine's median by ours: above 1, ours is better. Null where either is missing. */
  readonly ratio: number | null;
  /** By the fastest sample, where the case says how much work it is. */
  readonly gigaflopsPerSecond?: number;
  readonly gigabytesPerSecond?: number;
  /** Of the measured peak of multiply-adds or bandwidth of copies of the adapter, with --roofline. */
  readonly ofRoofline?: number;
  /** By the median, of a language model's training step. */
  readonly tokensPerSecond?: number;
  /** Of a training step. */
  readonly dispatches?: number;
  readonly submits?: number;
  /** Why there are no figures, or what to know of them. */
  readonly note?: string;
}

/** The middle of the sorted list, or the mean of both middles; null for none. */
export function median(list: readonly number[]): number | null {
  if (list.length === 0) return null;
  const sorted = list.toSorted((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}

/** The figures of a row. @param ours the samples that the ratio is against; the row's own: ratio 1 */
export function figures(
  samples: readonly number[],
  ours: readonly number[],
): Pick<Row, "median" | "min" | "max" | "samples" | "ratio"> {
  const [own, reference] = [median(samples), median(ours)];
  return {
    median: own,
    min: samples.length > 0 ? Math.min(...samples) : null,
    max: samples.length > 0 ? Math.max(...samples) : null,
    samples: samples.length,
    ratio: own !== null && reference ? own / reference : null,
  };
}

const show = (value: number, unit: string): string => {
  if (unit === "bytes") return Math.round(value).toLocaleString("en-US");
  if (unit === "R²") return value.toFixed(4);
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(3);
};

export const tableHead = [
  "case".padEnd(32),
  "engine".padEnd(15),
  "median".padStart(11),
  "unit ",
  "(min – max)".padStart(23),
  "n".padStart(4),
  "ratio".padStart(7),
].join(" ");

/** The row as a line of the table under `tableHead`. @param rate of the median, as "12.3 GFLOP/s" */
export function tableLine(row: Row, rate = ""): string {
  const { unit } = row;
  const name = [row.case.padEnd(32), row.engine.padEnd(15)];
  if (row.median === null) return [...name, `– ${row.note ?? ""}`].join(" ");
  const traffic =
    row.dispatches === undefined ? [] : [`${row.dispatches} dispatches, ${row.submits} submits`];
  return [
    ...name,
    show(row.median, unit).padStart(11),
    unit.padEnd(5),
    (row.samples > 1 ? `(${show(row.min!, unit)} – ${show(row.max!, unit)})` : "").padStart(23),
    String(row.samples).padStart(4),
    (row.ratio === null ? "" : row.ratio.toFixed(2)).padStart(7),
    ...[rate, ...traffic, row.note ?? ""].filter((text) => text !== ""),
  ].join(" ");
}
