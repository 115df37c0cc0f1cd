import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, posix, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

/** A room may import itself and the rooms before it. */
const rooms = [
  "errors",
  "options",
  "elementary",
  "platform",
  "device",
  "cpu",
  "init",
  "kernels",
  "tensor",
  "ops",
  "random",
  "fft",
  "transforms",
  "plan",
  "tune",
  "linalg",
  "transport",
  "quant",
  "nn",
  "optim",
  "objectives",
  "data",
  "train",
  "profile",
  "cli",
];

/** Files directly under src that are no room of their own are doors: they may import everything. */
const roomOf = (path: string) => path.replace(/\.ts$/, "").split("/")[0] ?? "";
const isDoor = (path: string) => !path.includes("/") && !rooms.includes(roomOf(path));

/** The specifiers a TypeScript source names: import, export from, import(), `import type` alike. */
function specifiers(source: string): string[] {
  const code = source.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, "");
  const statement = /\b(?:import|export)\b[^;"'`]*?\bfrom\s*["']([^"']+)["']/g;
  const bare = /\bimport\s*\(?\s*["']([^"']+)["']/g;
  return [...code.matchAll(statement), ...code.matchAll(bare)].map((match) => match[1]!);
}

/** What is wrong with `path` (relative to src) importing `specifier`, or null. */
function violation(path: string, specifier: string): string | null {
  const room = roomOf(path);
  if (isDoor(path)) return null;
  if (!rooms.includes(room)) return `${path}: the room ${room} has no place in the order`;
  if (!specifier.startsWith(".")) {
    const mayLeave = room === "cli" || path.startsWith("platform/node");
    return mayLeave ? null : `${path} imports ${specifier}: only cli and platform/node* may`;
  }
  const target = posix.join(posix.dirname(path), specifier);
  if (target.startsWith("..")) {
    const allowed = room === "platform" || room === "cli";
    return allowed ? null : `${path} imports ${specifier}, outside src`;
  }
  if (rooms.indexOf(roomOf(target)) < 0) return `${path} imports ${specifier}, which is no room`;
  return rooms.indexOf(roomOf(target)) > rooms.indexOf(room)
    ? `${path} imports ${specifier}, of a later room`
    : null;
}

const src = join(dirname(fileURLToPath(import.meta.url)), "../../src");
const files = readdirSync(src, { recursive: true, encoding: "utf8" })
  .map((path) => path.split(sep).join("/"))
  .filter((path) => path.endsWith(".ts"));

describe("the import rule", () => {
  test("every source file imports only its own room and those before it", () => {
    const broken = files.flatMap((path) =>
      specifiers(readFileSync(join(src, path), "utf8")).flatMap(
        (specifier) => violation(path, specifier) ?? [],
      ),
    );
    expect(files.length).toBeGreaterThan(20);
    expect(broken, broken.join("\n")).toEqual([]);
  });

  test.each([
    ["import of a later room", 'import { nn } from "../nn/linear";'],
    ["import type", 'import type { Linear } from "../nn/linear";'],
    ["import over several lines", 'import {\n  a,\n  type B,\n} from "../nn/linear";'],
    ["export from", 'export * from "../nn/linear";'],
    ["import for its effect", 'import "../nn/linear";'],
    ["import()", 'const later = await import("../nn/linear");'],
    ["import() as a type", 'let x: import("../nn/linear").Linear;'],
  ])("sees a forbidden %s", (_form, source) => {
    expect(specifiers(source).map((found) => violation("tensor/tensor.ts", found))).toEqual([
      "tensor/tensor.ts imports ../nn/linear, of a later room",
    ]);
  });

  test("a package or a Node module is for the command line and the Node platform only", () => {
    expect(violation("tensor/tensor.ts", "node:fs")).not.toBeNull();
    expect(violation("platform/node.ts", "webgpu")).toBeNull();
    expect(violation("cli/main.ts", "commander")).toBeNull();
  });

  test("a room that is not in the order is a violation", () => {
    expect(violation("misc/things.ts", "../errors")).toContain("no place in the order");
  });
});
