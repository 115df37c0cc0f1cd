import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { generateLaunchers, readKernels } from "../../shaders/reflect.mjs";
import { allKernels } from "../../src/kernels";

const root = fileURLToPath(new URL("../../", import.meta.url));
const shaders = join(root, "shaders");
const generated = join(root, "src/kernels/generated");
const kernels = await readKernels(shaders);

const filesBelow = (folder: string, ending: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((f) => f.endsWith(ending));

test("the list of all kernels holds one launcher for each file", () => {
  expect(allKernels.map((kernel) => kernel.name)).toEqual(kernels.map((kernel) => kernel.name));
});

test("the generated launchers are those of the shaders as they are now", async () => {
  const files = await generateLaunchers(shaders);
  const stale = files.filter(
    ({ path, text }) => readFileSync(join(generated, path), "utf8") !== text,
  );
  expect(stale.map(({ path }) => path)).toEqual([]);
  expect(filesBelow(generated, ".ts").sort()).toEqual(files.map(({ path }) => path).sort());
});

describe("every kernel", () => {
  test.each(kernels.map((k) => [k.name, k] as const))(
    "%s opens with what it computes, its shapes and its access pattern",
    (_, { doc }) => {
      const [formula] = doc.split("\n");
      expect(formula).toMatch(/\S/);
      expect(doc).toMatch(/^shapes: \S/m);
      expect(doc).toMatch(/^access: \S/m);
    },
  );

  test("is launched by some operation", () => {
    const sources = filesBelow(join(root, "src"), ".ts")
      .filter((file) => !file.startsWith("kernels"))
      .map((file) => readFileSync(join(root, "src", file), "utf8"))
      .join("\n");
    const orphans = kernels
      .map((kernel) => kernel.name.replace(/[/_-](\w)/g, (_, c: string) => c.toUpperCase()))
      .filter((launcher) => !new RegExp(`\\b${launcher}\\b`).test(sources));
    expect(orphans).toEqual([]);
  });
});

test("every include is part of some kernel, or brought by an operation", () => {
  const operations = filesBelow(join(shaders, "../src/ops"), ".ts")
    .map((file) => readFileSync(join(shaders, "../src/ops", file), "utf8"))
    .join("");
  const brought = (name: string): boolean =>
    operations.includes(`includes.${name.replace(/_(\w)/g, (_, c: string) => c.toUpperCase())}`);
  const used = new Set(kernels.flatMap((k) => k.parts.map((part) => part.include)));
  const unused = filesBelow(join(shaders, "include"), ".wgsl")
    .map((file) => file.replace(/\.wgsl$/, ""))
    .filter((name) => !used.has(name) && !brought(name));
  expect(unused).toEqual([]);
});

test("every include opens with a comment", () => {
  const bare = filesBelow(join(shaders, "include"), ".wgsl").filter(
    (file) => !readFileSync(join(shaders, "include", file), "utf8").startsWith("//"),
  );
  expect(bare).toEqual([]);
});
