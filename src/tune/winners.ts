/** Winners by class of problem: what tuning found, kept per adapter as bytes that outlive the process. */
import type { AdapterReport } from "../device/executor";
import type { ByteCache } from "../platform/platform";

/** Names of variants by class of problem. */
export type Winners = Readonly<Record<string, string>>;

/** Grows when classes or names come to mean something else. */
const format = 1;

/** All that may change which variant is fastest: the adapter with its driver. */
export function identityOf(adapter: AdapterReport): string {
  const { vendor, architecture, device, description, subgroupMinSize, subgroupMaxSize } = adapter;
  const parts = [vendor, architecture, device, description, adapter.class];
  return [...parts, subgroupMinSize, subgroupMaxSize, `format ${format}`].join("|");
}

/** FNV-1a, 32 bits. */
function hash(text: string, seed: number): string {
  let h = seed;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return (h >>> 0).toString(16).padStart(8, "0");
}

const keyOf = (identity: string): string =>
  `tuning.${hash(identity, 0x811c9dc5)}${hash(identity, 0x2c1b3c6d)}.json`;

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** What is kept for the adapter; nothing for a file of another adapter or a torn one. */
export async function loadWinners(cache: ByteCache | null, adapter: AdapterReport) {
  const identity = identityOf(adapter);
  const bytes = await cache?.get(keyOf(identity));
  const found: Record<string, string> = {};
  if (!bytes) return found;
  try {
    const kept: unknown = JSON.parse(new TextDecoder().decode(bytes));
    if (!isRecord(kept) || kept["adapter"] !== identity || !isRecord(kept["winners"])) return found;
    for (const [problem, name] of Object.entries(kept["winners"]))
      if (typeof name === "string") found[problem] = name;
  } catch {
    // A torn file: what it held is measured again.
  }
  return found;
}

/** Failures to write look like absence at the next load. */
export async function keepWinners(
  cache: ByteCache | null,
  adapter: AdapterReport,
  winners: Winners,
): Promise<void> {
  const identity = identityOf(adapter);
  const text = JSON.stringify({ adapter: identity, winners }, null, 1);
  await cache?.put(keyOf(identity), new TextEncoder().encode(text));
}
