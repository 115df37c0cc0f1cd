/** All adapters of a machine, driver by driver, and the one that `init()` would take. */

import { spawn } from "node:child_process";
import {
  type AdapterIdentity,
  type DriverCandidate,
  type DriverName,
  driverCandidates,
  driverOf,
  type Machine,
  searchDrivers,
  thisMachine,
} from "../../setup/drivers.mjs";
import { wantedDriver } from "../platform/node";
import type { AdapterOutcome, ProbeLine } from "./adapterProbe";

/** An adapter, the driver that shows it, and whether it computes. */
export type SurveyedAdapter = AdapterOutcome & {
  name: string;
  driver: DriverName | "software";
  /** The file that names the driver to the Vulkan loader; null for what the system offers unasked. */
  driverFile: string | null;
};

export interface AdapterSurvey {
  adapters: readonly SurveyedAdapter[];
  /** What `init()` takes here; null if it finds none. */
  chosen: SurveyedAdapter | null;
  /** Why that one, or why none although there are some, in a sentence; else empty. */
  why: string;
  /** Why WebGPU itself is missing, such as the npm package; null where it is there. */
  noWebGPU: string | null;
}

/** What a child process said, and how it ended if not well. */
export interface ProbeResult {
  lines: readonly ProbeLine[];
  /** Such as "the driver crashed (SIGSEGV)"; null after a good end. */
  ending: string | null;
}

/** Runs a probe with variables added to this environment. */
export type RunProbe = (env: Readonly<Record<string, string>>) => Promise<ProbeResult>;

/** What a survey depends on; tests pass their own. */
export interface SurveyOptions {
  runProbe?: RunProbe;
  /** The driver asked for. Default: what TILEGRAD_ADAPTER says. */
  wanted?: DriverName | undefined;
  machine?: Machine;
}

/** Looks at each driver, one process at a time. @throws ArgumentError for an unknown TILEGRAD_ADAPTER */
export async function surveyAdapters({
  runProbe = probeInChild,
  wanted = wantedDriver(),
  machine = thisMachine,
}: SurveyOptions = {}): Promise<AdapterSurvey> {
  const adapters: SurveyedAdapter[] = [];
  const firstBy = new Map<string, SurveyedAdapter | null>();
  const candidates = [wanted, undefined].flatMap((choice) => driverCandidates(choice, machine));
  for (const candidate of candidates) {
    const key = JSON.stringify(candidate.env);
    const { kind } = candidate;
    // The system's own may already have shown this driver's adapter.
    const shown = kind !== "gpu" && adapters.some(({ driver }) => driver === kind);
    if (firstBy.has(key) || (shown && kind !== wanted)) continue;
    const { lines, ending } = await runProbe(candidate.env);
    const missing = lines.find((line) => "noWebGPU" in line);
    if (missing) return { adapters: [], chosen: null, why: "", noWebGPU: missing.noWebGPU };
    const found = surveyed(candidate, lines, ending);
    firstBy.set(key, found[0] ?? null);
    adapters.push(...found.filter((one) => !adapters.some((other) => isSame(one, other))));
  }
  const look = async ({ env }: DriverCandidate) => {
    const first = firstBy.get(JSON.stringify(env));
    return first ? { info: identity(first), first } : null;
  };
  const search = await searchDrivers(wanted, look, machine);
  if (search === null) {
    const why = wanted ? `TILEGRAD_ADAPTER asks for ${wanted}, which was not found.` : "";
    return { adapters, chosen: null, why, noWebGPU: null };
  }
  const { first } = search.adapter;
  const chosen = adapters.find((adapter) => isSame(adapter, first)) ?? first;
  const named = machine.env["VK_DRIVER_FILES"] ?? machine.env["VK_ICD_FILENAMES"];
  const why = reason(chosen, adapters, wanted, named !== undefined);
  return { adapters, chosen, why, noWebGPU: null };
}

function surveyed(
  { env }: DriverCandidate,
  lines: readonly ProbeLine[],
  ending: string | null,
): SurveyedAdapter[] {
  const names = lines.flatMap((line) => ("names" in line ? line.names : []));
  const outcomes = lines.filter((line): line is AdapterOutcome => "works" in line);
  return names.map((name, i) => {
    const problem = i === outcomes.length && ending !== null ? ending : "it was not tried";
    const outcome: AdapterOutcome = outcomes[i] ?? { works: false, problem };
    const driverFile = env["VK_DRIVER_FILES"] ?? null;
    return { name, driver: driverOf(identity({ name, ...outcome })), driverFile, ...outcome };
  });
}

const isSame = (a: SurveyedAdapter, b: SurveyedAdapter): boolean =>
  a.name === b.name && a.driver === b.driver;

/** What is known of an adapter that gave no device is its name. */
function identity(adapter: AdapterOutcome & { name: string }): AdapterIdentity {
  if (adapter.works) return adapter.report;
  return { vendor: "", architecture: "", device: adapter.name, description: adapter.name };
}

function reason(
  chosen: SurveyedAdapter,
  adapters: readonly SurveyedAdapter[],
  wanted: DriverName | undefined,
  driverNamed: boolean,
): string {
  if (wanted) return `TILEGRAD_ADAPTER asks for ${wanted}.`;
  if (driverNamed)
    return "VK_DRIVER_FILES (or VK_ICD_FILENAMES) names its driver, so no other was looked for.";
  if (chosen.driver === "gpu")
    return adapters.filter(({ driver }) => driver === "gpu").length > 1
      ? "It is the first of the GPUs, discrete ones before integrated ones."
      : "It is a GPU, which comes before software drivers.";
  return adapters.length > 1
    ? "No GPU's driver was found, and it is the first of the software drivers."
    : "No GPU's driver was found, and it is the only software driver.";
}

/** Milliseconds after which a driver is taken to hang. */
const PATIENCE = 60_000;

/** This command again, in a process of its own. */
function probeInChild(env: Readonly<Record<string, string>>): Promise<ProbeResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [process.argv[1]!, "doctor", "--probe"], {
      env: { ...process.env, ...env },
      // Vulkan loaders and drivers write on standard error what the outcome says anyway.
      stdio: ["ignore", "pipe", "ignore"],
      timeout: PATIENCE,
      killSignal: "SIGKILL",
    });
    let text = "";
    child.stdout.setEncoding("utf8").on("data", (part: string) => {
      text += part;
    });
    child.on("error", reject);
    child.on("close", (code, signal) => {
      const hung = signal === "SIGKILL" ? "the driver did not answer" : "the driver crashed";
      resolve({
        lines: text.split("\n").flatMap(probeLine),
        ending: code === 0 ? null : `${hung} (${signal ?? `exit code ${code}`})`,
      });
    });
  });
}

/** Other lines are a driver's own words. */
function probeLine(line: string): ProbeLine[] {
  if (!line.startsWith("{")) return [];
  try {
    return [JSON.parse(line) as ProbeLine];
  } catch {
    return [];
  }
}
