/** The values of the environment variable TILEGRAD_ADAPTER; "gpu" is any hardware driver. */
export type DriverName = "gpu" | "lavapipe" | "swiftshader";

export const driverNames: readonly DriverName[];

/** One thing to try: set `env` in the process environment, then `create()` and `requestAdapter()`. */
export interface DriverCandidate {
  /** "system" is whatever the platform offers unasked. */
  readonly kind: "system" | DriverName;
  readonly env: Readonly<Record<string, string>>;
}

/** The parts of GPUAdapterInfo that tell drivers apart. */
export interface AdapterIdentity {
  readonly vendor: string;
  readonly architecture: string;
  readonly device: string;
  readonly description: string;
  readonly isFallbackAdapter?: boolean;
}

/** What the search reads of a machine. */
export interface Machine {
  readonly platform: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  exists(file: string): boolean;
  list(folder: string): string[];
}

export const thisMachine: Machine;

/**
 * The candidates in the order to try them. Without a choice: the system's own, then GPU drivers the
 * loader does not see, then software drivers; only the system's own if the user has set
 * VK_DRIVER_FILES or VK_ICD_FILENAMES.
 */
export function driverCandidates(
  choice: DriverName | undefined,
  machine?: Machine,
): DriverCandidate[];

/** Which driver an adapter runs on; "software" is a software driver other than the two known. */
export function driverOf(info: AdapterIdentity): DriverName | "software";

/**
 * Looks at the candidates in order and returns the first hardware adapter, else the first software
 * one; with a choice, the first that is the chosen driver. `look` returns null where a candidate has
 * no adapter. Ask for `powerPreference: "high-performance"`: Dawn then lists discrete GPUs first.
 */
export function searchDrivers<A extends { readonly info: AdapterIdentity }>(
  choice: DriverName | undefined,
  look: (candidate: DriverCandidate) => Promise<A | null>,
  machine?: Machine,
): Promise<{
  candidate: DriverCandidate;
  driver: DriverName | "software";
  adapter: A;
} | null>;

/** How to get a driver on a platform, for the end of an error message. */
export function driverAdvice(platform?: string): string;
