/** The arguments of `npm run bench`. */
import { parseArgs } from "node:util";
import { wantedAdapter } from "../../src/platform/node";

export interface Options {
  /** Names of suites, in the order in which they run. */
  readonly suites: readonly string[];
  readonly peers: boolean;
  readonly json: boolean;
  readonly quick: boolean;
  /** Tell rates as fractions of the adapter's measured roofline too. */
  readonly roofline: boolean;
  /** Run the suites that are for GPUs on a software driver or the CPU executor too. */
  readonly force: boolean;
  /** Of the suite gpt2, in place of GPT-2's own. */
  readonly layers: number | null;
  readonly width: number | null;
  /** The CPU executor, or a driver; null: a GPU where there is one, else the CPU executor. */
  readonly adapter: Adapter | null;
  /** Of ours on the CPU executor, and of PyTorch. Null: one a core. */
  readonly threads: number | null;
  /** Fused multiply-adds on the CPU executor, which Node 20 has behind a flag. */
  readonly relaxed: boolean;
  /** Where to write the page of results. */
  readonly page: string | null;
  /** Whether to keep the rows under bench/results. */
  readonly save: boolean;
}

/** What is wrong with the arguments. */
export class UsageError extends Error {
  override name = "UsageError";
}

/** Of GPT-2. */
export const headWidth = 64;

export const adapters = ["cpu", "lavapipe", "swiftshader", "gpu"] as const;
export type Adapter = (typeof adapters)[number];

export const usage = `npm run bench -- [suite...] [--peers] [--json] [--adapter cpu|lavapipe|swiftshader|gpu]
                 [--quick] [--roofline] [--threads N] [--relaxed] [--page FILE] [--save]
                 [--force] [--layers N] [--width N]`;

const flags = {
  peers: { type: "boolean", default: false },
  json: { type: "boolean", default: false },
  quick: { type: "boolean", default: false },
  roofline: { type: "boolean", default: false },
  force: { type: "boolean", default: false },
  layers: { type: "string" },
  width: { type: "string" },
  relaxed: { type: "boolean", default: false },
  save: { type: "boolean", default: false },
  adapter: { type: "string" },
  threads: { type: "string" },
  page: { type: "string" },
} as const;

function parsed(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: flags, allowPositionals: true });
  } catch (error) {
    throw new UsageError(
      `${error instanceof Error ? error.message.split(". ")[0] : error}.\n${usage}`,
    );
  }
}

/**
 * @param known names of the suites; "all" stands for each
 * @throws UsageError that names the argument and what it may be
 */
export function readCommandLine(args: readonly string[], known: readonly string[]): Options {
  const { values, positionals } = parsed(args);
  for (const name of positionals)
    if (name !== "all" && !known.includes(name))
      throw new UsageError(
        `There is no suite "${name}". There are: ${known.join(", ")}; "all" runs each.`,
      );
  const { adapter } = values;
  if (adapter !== undefined && !adapters.includes(adapter as Adapter))
    throw new UsageError(`--adapter is "${adapter}"; it is one of ${adapters.join(", ")}.`);
  const count = (flag: "threads" | "layers" | "width"): number | null => {
    const text = values[flag];
    if (text === undefined) return null;
    const value = Number(text);
    if (!(Number.isInteger(value) && value > 0))
      throw new UsageError(`--${flag} is "${text}"; it is a whole number above 0.`);
    return value;
  };
  const width = count("width");
  if (width !== null && width % headWidth !== 0)
    throw new UsageError(
      `--width is ${width}; it is a multiple of ${headWidth}, the width of a head.`,
    );
  const named = (adapter as Adapter | undefined) ?? wantedAdapter() ?? null;
  if (values.relaxed && named !== "cpu")
    throw new UsageError("--relaxed is for the CPU executor: add --adapter cpu.");
  return {
    suites: positionals.includes("all") ? known : positionals,
    peers: values.peers,
    json: values.json,
    quick: values.quick,
    roofline: values.roofline,
    force: values.force,
    layers: count("layers"),
    width,
    adapter: named,
    threads: count("threads"),
    relaxed: values.relaxed,
    page: values.page ?? null,
    save: values.save,
  };
}
