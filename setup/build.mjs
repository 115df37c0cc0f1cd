// Builds dist/ when it is missing or older than what it is made from.

import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { SetupError } from "./setupError.mjs";

const sources = ["src", "shaders", "setup/drivers.mjs", "build.mjs", "package-lock.json"];

/** Folders count too: their time changes when a file in them is deleted or renamed. */
function newest(path, ignored) {
  const { mtimeMs } = statSync(path);
  if (!statSync(path).isDirectory()) return mtimeMs;
  return readdirSync(path)
    .map((name) => join(path, name))
    .filter((child) => child !== ignored)
    .reduce((latest, child) => Math.max(latest, newest(child, ignored)), mtimeMs);
}

function buildIsCurrent(root) {
  const product = join(root, "dist", "cli", "main.js");
  if (!existsSync(product)) return false;
  const generated = join(root, "src", "kernels", "generated");
  const built = statSync(product).mtimeMs;
  return sources
    .map((name) => join(root, name))
    .filter((path) => existsSync(path))
    .every((path) => newest(path, generated) <= built);
}

export function build(root) {
  console.log("build: node build.mjs");
  const { status } = spawnSync(process.execPath, ["build.mjs"], { cwd: root, stdio: "inherit" });
  if (status !== 0) throw new SetupError("The build failed; its messages are above.");
}

export function ensureBuilt(root) {
  if (!buildIsCurrent(root)) build(root);
}
