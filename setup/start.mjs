// npm start: sets up what is missing, then trains the demonstration. Arguments after `--` go to it.

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { chooseExecutor } from "./adapter.mjs";
import { ensureBuilt } from "./build.mjs";
import { ensureDependencies } from "./dependencies.mjs";
import { runInForeground } from "./foreground.mjs";
import { SetupError } from "./setupError.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));

/** What `--adapter` asks for. */
function askedFor(flags) {
  const at = flags.findIndex((flag) => /^--adapter(=|$)/.test(flag));
  return at < 0 ? undefined : (flags[at].split("=")[1] ?? flags[at + 1]);
}

try {
  ensureDependencies(root);
  const flags = process.argv.slice(2);
  const env = await chooseExecutor(root, askedFor(flags));
  ensureBuilt(root);
  const program = [join(root, "dist", "cli", "main.js"), "start", ...flags];
  process.exitCode = await runInForeground(program, { env: { ...process.env, ...env } });
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
