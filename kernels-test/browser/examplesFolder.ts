/** Lends a run of the tests a folder in which the examples are bundled once, by the first file that opens one. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  interface ProvidedContext {
    examplesFolder: string;
  }
}

export default function setup(project: TestProject): () => void {
  const folder = mkdtempSync(join(tmpdir(), "tilegrad-examples-"));
  project.provide("examplesFolder", folder);
  return () => rmSync(folder, { recursive: true, force: true });
}
