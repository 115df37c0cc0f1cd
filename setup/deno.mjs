// Deno, for the tests that run the package in it.

import { join } from "node:path";
import { ensureDependencies } from "./dependencies.mjs";

/** Installs it below this folder: 92 MB, which whoever runs other tests need not wait for. */
export function ensureDeno(root) {
  ensureDependencies(join(root, "setup/deno"));
}
