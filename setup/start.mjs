// npm start: sets up what is missing, then trains the demonstration. Arguments after `--` go to it.

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ensureAdapter } from "./adapter.mjs";
import { ensureBuilt } from "./build.mjs";
import { ensureDependencies } from "./dependencies.mjs";
import { runInForeground } from "./foreground.mjs";
import { SetupError } from "./setupError.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));

try {
  ensureDependencies(root);
  const { env } = await ensureAdapter(root);
  ensureBuilt(root);
  const program = [join(root, "dist", "cli", "main.js"), "start", ...process.argv.slice(2)];
  process.exitCode = await runInForeground(program, { env: { ...process.env, ...env } });
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
