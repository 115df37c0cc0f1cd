/** The guides' programs, word for word, in a fresh project with the packed package. */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Consumer, installPackage } from "../consumer";

const folder = fileURLToPath(new URL("../../docs/guides/", import.meta.url));

const programs = readdirSync(folder).flatMap((guide) => {
  const text = readFileSync(`${folder}${guide}`, "utf8");
  const blocks = [...text.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)];
  return blocks.map(([, language, program], i) => ({ guide, block: i + 1, language, program }));
});

let consumer: Consumer;
beforeAll(async () => {
  consumer = await installPackage();
}, 120_000);
afterAll(() => consumer?.[Symbol.asyncDispose]());

/** What the programs print, where it says that they did what the guide tells. */
const printed: Readonly<Record<string, RegExp>> = {
  "app-developer.md 1": /^cpu$/,
  "app-developer.md 2": /^step 100: .*\nstep 200: .*\nstep 300: loss 0\.00\d\d\n1\.0$/,
  "app-developer.md 3": /^aborted\nfinished$/,
  "app-developer.md 4": /model\.safetensors/,
  "kernel-engineer.md 1": /^shape\/fill \[[^\]]*'y'[^\]]*\]\nFloat32Array\(3\) \[ 5, 7, 9 \]$/,
  "kernel-engineer.md 2": /^true\n[\s\S]*mine\/swish/,
  "kernel-engineer.md 3": /GFLOP\/s[\s\S]*matmul\//,
  "language-model.md 1": /^step 150: validation loss 0\.\d\d\nick brown fox jumps$/,
  "language-model.md 2": /^[ a-z]+$/,
  "language-model.md 3": /^256 \[ 4, 8 \]$/,
  "optimizer-researcher.md 1": /^(?:(?:adamw|lion)[^\n]* 0\.[0-4]\d{3}\n?){4}$/,
  "optimizer-researcher.md 2": /^true$/,
  "optimizer-researcher.md 3":
    /^Float32Array\(3\) \[ 6, 0, 0 \]\nFloat32Array\(3\) \[\s+0\.(?:7|6999)\d*,\s+0\.(?:8|7999)\d*,\s+0\.(?:3|2999)\d*\s+\]$/,
  // POT 0.8.2; for the fourth and fifth GeomLoss' formulas in f64.
  "transport-user.md 1": /^4\.5404\n4\.6799\n3\.4073\n2\.1709\n0\.8103\n2\.6349$/,
};

test("five guides have programs, all of them JavaScript that a test runs", () => {
  expect(programs.map(({ guide, block }) => `${guide} ${block}`)).toEqual(Object.keys(printed));
  expect(new Set(programs.map(({ language }) => language))).toEqual(new Set(["js"]));
});

test.each(programs)(
  "$guide: program $block runs, and prints what it says",
  async ({ guide, block, program }) => {
    await consumer.write("program.js", program!);
    const { code, out, err } = await consumer.run("node", ["program.js"]);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out.trim()).toMatch(printed[`${guide} ${block}`]!);
  },
  60_000,
);
