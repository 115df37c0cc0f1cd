/** All WebGPU adapters of a machine, driver by driver, and what `init()` would take. */

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
import { wantedAdapter } from "../platform/node";
import type { AdapterOutcome, ProbeLine } from "./adapterProbe";
import type { AdapterChoice } from "./deviceFlags";

/** An adapter, the driver that shows it, and whether it computes. */
export type SurveyedAdapter = AdapterOutcome & {
  name: string;
  driver: DriverName | "software";
  /** The file that names the driver to the Vulkan loader; null for what the system offers unasked. */
  driverFile: string | null;
};

export interface AdapterSurvey {
  adapters: readonly SurveyedAdapter[];
  /** What runs the kernels after `init()`. */
  executor: "webgpu" | "cpu";
  /** The adapter that `init()` takes; null for the CPU executor, or where what was asked for is not there. */
  chosen: SurveyedAdapter | null;
  /** Why, in a sentence. */
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
  /** What is asked for. Default: what TILEGRAD_ADAPTER says. */
  wanted?: AdapterChoice | undefined;
  machine?: Machine;
}

/** Looks at each driver, one process at a time. @throws ArgumentError for an unknown TILEGRAD_ADAPTER */
export async function surveyAdapters({
  runProbe = probeInChild,
  wanted = wantedAdapter(),
  machine = thisMachine,
}: SurveyOptions = {}): Promise<AdapterSurvey> {
  const adapters: SurveyedAdapter[] = [];
  const firstBy = new Map<string, SurveyedAdapter | null>();
  const driver = wanted === "cpu" ? undefined : wanted;
  const choices = [driver ?? "gpu", undefined] as const;
  const candidates = choices.flatMap((choice) => driverCandidates(choice, machine));
  for (const candidate of candidates) {
    const key = JSON.stringify(candidate.env);
    const { kind } = candidate;
    // The system's own may already have shown this driver's adapter.
    const shown = kind !== "gpu" && adapters.some(({ driver }) => driver === kind);
    if (firstBy.has(key) || (shown && kind !== driver)) continue;
    const { lines, ending } = await runProbe(candidate.env);
    const missing = lines.find((line) => "noWebGPU" in line);
    if (missing) return { adapters: [], ...choice(wanted, null, []), noWebGPU: missing.noWebGPU };
    const found = surveyed(candidate, lines, ending);
    firstBy.set(key, found[0] ?? null);
    adapters.push(...found.filter((one) => !adapters.some((other) => isSame(one, other))));
  }
  const look = async ({ env }: DriverCandidate) => {
    const first = firstBy.get(JSON.stringify(env));
    return first ? { info: identity(first), first } : null;
  };
  const search = await searchDrivers(driver ?? "gpu", look, machine);
  const first = search?.adapter.first ?? null;
  const found = adapters.find((adapter) => first && isSame(adapter, first)) ?? null;
  return { adapters, ...choice(wanted, found, adapters), noWebGPU: null };
}

const ASKED = "--adapter or TILEGRAD_ADAPTER asks for";

/** What `init()` does: see src/init.ts. `found` is the adapter that was asked for, or else the first GPU. */
function choice(
  wanted: AdapterChoice | undefined,
  found: SurveyedAdapter | null,
  adapters: readonly SurveyedAdapter[],
): Pick<AdapterSurvey, "executor" | "chosen" | "why"> {
  const cpu = (why: string) => ({ executor: "cpu", chosen: null, why }) as const;
  const webgpu = (why: string) => ({ executor: "webgpu", chosen: found, why }) as const;
  if (wanted === "cpu") return cpu(`${ASKED} it.`);
  if (wanted) return webgpu(found ? `${ASKED} it.` : `${ASKED} ${wanted}, which was not found.`);
  if (found && !found.works && found.refused)
    return cpu(`The GPU, ${found.name}, gives no device.`);
  if (found)
    return webgpu(
      adapters.filter(({ driver }) => driver === "gpu").length > 1
        ? "It is the first of the GPUs, discrete ones before integrated ones."
        : "It is a GPU, which comes first.",
    );
  return cpu(
    adapters.length > 0
      ? "There is no GPU, and software drivers are slower: they are used when they are asked for."
      : "There is no GPU.",
  );
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
