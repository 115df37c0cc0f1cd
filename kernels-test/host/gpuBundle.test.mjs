import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { builtinModules } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import {
  budgetBytes,
  isPackedOfPackage,
  isPackedOfProject,
  leftOut,
  packageNames,
  projectPaths,
  quickTests,
  sizeTable,
  tiers,
} from "../../setup/gpuBundle.mjs";
import { driverFile, environments, nvidiaLibraries } from "../../setup/gpuDriver.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const { packages } = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8"));
const names = packageNames(packages);

const testFiles = tiers.flatMap((tier) =>
  readdirSync(join(root, "kernels-test", tier))
    .filter((name) => name.endsWith(".test.ts") && !name.startsWith("zz_"))
    .map((name) => `${tier}/${name}`),
);

const specifiers =
  /^(?:import|export)\s(?!type\b)[^;]*?from "([^"]+)"|^import "([^"]+)"|\bimport\("([^"]+)"\)/gm;

/** Every file that `files` import from, and every package, as far as text tells. */
function reached(files) {
  const sources = new Set(files);
  const packagesUsed = new Map();
  for (const file of sources)
    for (const match of readFileSync(file, "utf8").matchAll(specifiers)) {
      const name = match[1] ?? match[2] ?? match[3];
      // An import in a text that the file writes, such as a launcher.
      if (name.includes("${")) continue;
      if (!name.startsWith(".")) {
        packagesUsed.set(name, relative(root, file));
        continue;
      }
      const path = resolve(dirname(file), name);
      const source = [path, `${path}.ts`, join(path, "index.ts")].find(
        (each) => /\.(ts|mjs|json)$/.test(each) && existsSync(each),
      );
      // Launchers are generated, and travel with src/.
      if (source?.match(/\.(ts|mjs)$/)) sources.add(source);
    }
  return { sources: [...sources].map((file) => relative(root, file)), packagesUsed };
}

describe("the bundle for a machine with a GPU", () => {
  const travelling = testFiles.filter((file) => !(file in leftOut));
  const { sources, packagesUsed } = reached(
    travelling.map((file) => join(root, "kernels-test", file)),
  );

  test("holds every source that its tests import", () => {
    expect(travelling.length).toBeGreaterThan(40);
    expect(sources.length).toBeGreaterThan(travelling.length);
    const missing = sources.filter(
      (file) =>
        !isPackedOfProject(file) ||
        !projectPaths.some((path) => file === path || file.startsWith(`${path}/`)),
    );
    expect(missing).toEqual([]);
  });

  test("holds every package that its tests import", () => {
    const missing = [...packagesUsed].filter(([name]) => {
      const base = name.split("/", name.startsWith("@") ? 2 : 1).join("/");
      return !names.includes(base) && !builtinModules.includes(name.replace(/^node:/, ""));
    });
    expect(missing).toEqual([]);
  });

  test("leaves out only tests that exist, with a reason, and none of a quick run", () => {
    for (const [file, reason] of Object.entries(leftOut)) {
      expect(testFiles).toContain(file);
      expect(reason).not.toBe("");
      expect(isPackedOfProject(`kernels-test/${file}`)).toBe(false);
    }
    for (const file of quickTests) expect(travelling).toContain(file);
  });

  test("takes vitest's native part and Dawn for Linux x64 alone", () => {
    expect(names).toEqual(
      expect.arrayContaining(["vitest", "vite", "rolldown", "@rolldown/binding-linux-x64-gnu"]),
    );
    expect(names.filter((name) => /arm64|darwin|win32|musl/.test(name))).toEqual([]);
    expect(isPackedOfPackage("dist/linux-x64/dawn.node")).toBe(true);
    for (const other of ["darwin-universal", "linux-arm64", "win32-x64"])
      expect(isPackedOfPackage(`dist/${other}/dawn.node`)).toBe(false);
  });

  test("takes licences and programs, and neither types nor source maps", () => {
    const path = ["LICENSE.md", "index.js", "index.js.map", "index.d.ts", "README.md"];
    expect(path.filter(isPackedOfPackage)).toEqual(["LICENSE.md", "index.js"]);
  });

  test("has a size within the budget, or none", () => {
    expect(sizeTable([["bin", 3 * 2 ** 20]], budgetBytes)).toMatch(
      /3\.0 MiB {2}bin\n +60\.0 MiB {2}compressed, of 60\.0 MiB/,
    );
    expect(() => sizeTable([["bin", 1]], budgetBytes + 1)).toThrow(/over its budget/);
  });
});

describe("the search for a driver", () => {
  const folder = "/usr/local/nvidia/lib64";
  const has = (...files) => ({ exists: (path) => files.includes(path) });

  test("finds NVIDIA's library where a container mounts it, GLX's before EGL's", () => {
    const { exists } = has(`${folder}/libGLX_nvidia.so.0`, "/usr/lib64/libEGL_nvidia.so.0");
    expect(nvidiaLibraries({}, exists)).toEqual([
      { name: "libGLX_nvidia.so.0", folder },
      { name: "libEGL_nvidia.so.0", folder: "/usr/lib64" },
    ]);
    expect(nvidiaLibraries({}, () => false)).toEqual([]);
    const own = has("/mine/libEGL_nvidia.so.0");
    expect(nvidiaLibraries({ LD_LIBRARY_PATH: "/mine" }, own.exists)).toEqual([
      { name: "libEGL_nvidia.so.0", folder: "/mine" },
    ]);
  });

  test("names the library in the form that the Vulkan loader reads", () => {
    expect(JSON.parse(driverFile("/lib/libGLX_nvidia.so.0"))).toEqual({
      file_format_version: "1.0.0",
      ICD: { library_path: "/lib/libGLX_nvidia.so.0", api_version: "1.3.0" },
    });
  });

  test("tries the machine's own loader before the bundle's", () => {
    const made = mkdtempSync(join(tmpdir(), "tilegrad-drivers-"));
    try {
      const without = environments(made, made, "gpu", {});
      expect(new Set(without.map(({ loader }) => loader))).toEqual(new Set(["the machine's"]));
      expect(without[0].env).toEqual({});
      writeFileSync(join(made, "libvulkan.so.1"), "");
      const both = environments(made, made, "gpu", { LD_LIBRARY_PATH: "/mine" });
      expect(both.slice(0, without.length)).toEqual(without);
      expect(both).toHaveLength(2 * without.length);
      expect(both.at(-1)).toMatchObject({
        loader: "the bundle's",
        env: { LD_LIBRARY_PATH: expect.stringMatching(new RegExp(`^${made}:/mine`)) },
      });
    } finally {
      rmSync(made, { recursive: true });
    }
  });
});
