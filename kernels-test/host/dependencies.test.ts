/** What is installed to build and test: exact, locked by hash, each with its reason, none running what is not known. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

const read = (path: string): string =>
  readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");

interface Locked {
  readonly version: string;
  readonly integrity?: string;
  readonly resolved?: string;
  readonly hasInstallScript?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

const manifest = JSON.parse(read("package.json")) as Locked & { name: string };
const lock = JSON.parse(read("package-lock.json")) as {
  lockfileVersion: number;
  packages: Readonly<Record<string, Locked>>;
};
const { "": root, ...ownLocked } = lock.packages;
const deno = JSON.parse(read("setup/deno/package-lock.json")) as typeof lock;
const { "": _, ...denoLocked } = deno.packages;
const locked = { ...denoLocked, ...ownLocked };
const direct = Object.entries(manifest.devDependencies!);

test("every dependency has an exact version, which the lock file has too", () => {
  expect(manifest.dependencies).toBeUndefined();
  for (const [name, version] of direct) {
    expect(version, name).toMatch(/^\d+\.\d+\.\d+(-[\w.]+)?$/);
    expect(locked[`node_modules/${name}`]?.version, name).toBe(version);
  }
  expect(root!.devDependencies).toEqual(manifest.devDependencies);
  expect(root!.peerDependencies).toEqual(manifest.peerDependencies);
  expect(root!.version).toBe(manifest.version);
});

test("every locked package has the hash of its contents, and comes from the registry", () => {
  expect([lock.lockfileVersion, deno.lockfileVersion]).toEqual([3, 3]);
  expect(Object.keys(locked).length).toBeGreaterThan(direct.length);
  for (const [path, { integrity, resolved }] of Object.entries(locked)) {
    expect(integrity, path).toMatch(/^sha512-[A-Za-z0-9+/]{86}==$/);
    if (resolved !== undefined) expect(resolved, path).toMatch(/^https:\/\/registry\.npmjs\.org\//);
  }
});

test("only packages that are known run a script when they are installed", () => {
  const scripts = Object.entries(locked).filter(([, { hasInstallScript }]) => hasInstallScript);
  const known = ["deno", "esbuild", "fsevents", "webgpu"];
  const names = scripts.map(([path]) => path.split("node_modules/").at(-1)!);
  expect(names.filter((name) => !known.includes(name))).toEqual([]);
});

test("docs/dependencies.md has one row for each dependency, with its reason, and no other", () => {
  const rows = [...read("docs/dependencies.md").matchAll(/^\| `([^`]+)` \| (.+) \|$/gm)];
  expect(rows.map(([, name]) => name).sort()).toEqual(direct.map(([name]) => name).sort());
  for (const [, name, why] of rows) expect(why!.length, name).toBeGreaterThan(15);
});
