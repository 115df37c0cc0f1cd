// The locked dependencies, installed when they are missing or differ from package-lock.json.

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { SetupError } from "./setupError.mjs";

const readPackages = (file) => JSON.parse(readFileSync(file, "utf8")).packages;

/**
 * npm records what it installed in node_modules/.package-lock.json as its last act, so comparing the
 * two lock files also catches an install that was cut off. Optional packages are those of other
 * platforms.
 */
export function dependenciesAreCurrent(root) {
  let installed;
  try {
    installed = readPackages(join(root, "node_modules", ".package-lock.json"));
  } catch {
    return false;
  }
  return Object.entries(readPackages(join(root, "package-lock.json"))).every(
    ([path, { version, integrity, optional }]) =>
      path === "" ||
      (installed[path]
        ? installed[path].version === version && installed[path].integrity === integrity
        : optional === true),
  );
}

export function ensureDependencies(root) {
  if (dependenciesAreCurrent(root)) return;
  console.log("set-up: installing the locked dependencies (npm ci)");
  const args = ["ci", "--include=dev", "--no-audit", "--no-fund", "--loglevel=error"];
  const npm = process.env.npm_execpath;
  const options = { cwd: root, encoding: "utf8", maxBuffer: 1 << 26 };
  const result = npm?.endsWith("npm-cli.js")
    ? spawnSync(process.execPath, [npm, ...args], options)
    : spawnSync("npm", args, { ...options, shell: process.platform === "win32" });
  if (result.status === 0) return;
  const output = result.error?.message ?? `${result.stdout}${result.stderr}`.trim();
  throw new SetupError(
    `npm ci failed, so the dependencies are not installed:\n\n${output}\n\n` +
      "It needs the npm registry once. Check the network or `npm config get registry`, then try again.",
  );
}
