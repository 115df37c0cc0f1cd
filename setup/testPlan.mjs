// Which runs of tests there are, and which of them a command line asks for.

import { readdirSync } from "node:fs";
import { join } from "node:path";
import { driverNames } from "./drivers.mjs";

export const tiers = [
  "check",
  "host",
  "static",
  "numeric",
  "dawn",
  "pipelines",
  "conformance",
  "browser",
  "deno",
];
export const adapters = ["cpu", ...driverNames];

/** Both software drivers: they differ in subgroup size, f16, denormals and limits. */
const drivers = ["lavapipe", "swiftshader"];

/** The tiers that need nothing but Node. */
const fast = ["check", "host", "static", "numeric"];

/** Whether a tier has a test file whose path contains one of `files`. */
function holds(root, tier, files) {
  if (tier === "check") return false;
  const folder = join(root, "kernels-test", tier);
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((file) => /\.test\.(ts|mjs)$/.test(file))
    .some((file) => files.some((part) => join(folder, file).includes(part)));
}

/**
 * `all`: every run there is. `chosen`: tiers by name. `files`: parts of paths, which choose the tiers that
 * hold them. Without any of them, the fast tiers. `adapter` is the one to use; without it and without
 * `all`, a tier runs on the first that it can: the CPU executor, or lavapipe.
 */
export function plannedRuns(root, { all = false, chosen = [], adapter, files = [] }) {
  const on = (tier, possible) => {
    const first = all ? possible : possible.slice(0, 1);
    const wanted = adapter
      ? [adapter].filter((name) => name !== "cpu" || possible[0] === "cpu")
      : first;
    return wanted.map((name) => ({ tier, name: `${tier} ${name}`, on: name }));
  };
  const runs = [
    { tier: "check", name: "type check", program: ["typescript/bin/tsc", "--noEmit"] },
    { tier: "check", name: "lint", program: ["@biomejs/biome/bin/biome", "check", "."] },
    { tier: "host", name: "host" },
    { tier: "static", name: "static" },
    ...on("numeric", ["cpu", ...drivers]),
    ...on("dawn", drivers),
    // SwiftShader takes minutes for all of them; what it runs, the numeric tier has it compile.
    ...on("pipelines", ["lavapipe"]),
    ...on("conformance", drivers),
    { tier: "browser", name: "browser" },
    // Mesa compiles each kernel in seconds without a cache.
    ...on("deno", ["swiftshader"]),
  ];
  const isAsked = ({ tier }) => {
    if (chosen.length > 0) return chosen.includes(tier);
    if (files.length > 0) return holds(root, tier, files);
    return all || fast.includes(tier);
  };
  return runs.filter(isAsked);
}
