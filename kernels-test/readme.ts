/** The README's examples, word for word. */
import { readFileSync } from "node:fs";

/** The first code block under `## heading`. Throws if there is none: a renamed heading is a missing test. */
export function readmeExample(heading: string): string {
  const text = readFileSync(new URL("../README.md", import.meta.url), "utf8");
  const section = text.split(/^## /m).find((part) => part.startsWith(`${heading}\n`));
  const block = section?.match(/^```(?:js|html)\n([\s\S]*?)^```$/m);
  if (!block) throw new Error(`README.md has no example under "## ${heading}".`);
  return block[1]!;
}
