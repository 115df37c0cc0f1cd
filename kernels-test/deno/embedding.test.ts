/** The packed package in Deno: from npm's folder, as one file, on the CPU executor and on Deno's own WebGPU. */
import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Consumer, type Ended, installPackage } from "../consumer";
import { expectFall, trainingModule } from "../embeddedTraining";

const executable = fileURLToPath(
  new URL("../../setup/deno/node_modules/deno/bin.cjs", import.meta.url),
);

let consumer: Consumer;
let inNode: number[];
beforeAll(async () => {
  consumer = await installPackage();
  process.env["DENO_DIR"] = join(consumer.folder, "cache");
  process.env["DENO_NO_UPDATE_CHECK"] = "1";
  await consumer.write("train.js", trainingModule);
  await consumer.write("main.js", main());
  const { out } = await consumer.run("node", ["main.js"]);
  inNode = JSON.parse(out) as number[];
});
afterAll(() => consumer?.[Symbol.asyncDispose]());

function main(from = "./train.js"): string {
  return `import { train } from "${from}";\nconsole.log(JSON.stringify(await train()));\n`;
}

const deno = (...args: string[]): Promise<Ended> => consumer.run("node", [executable, ...args]);

/** Fetches nothing and asks nothing: what is not permitted is an error. */
const run = (...args: string[]): Promise<Ended> =>
  deno("run", "--no-remote", "--cached-only", "--no-prompt", ...args);

async function losses(...args: string[]): Promise<number[]> {
  const { code, out, err } = await run(...args);
  expect({ code, err }).toEqual({ code: 0, err: "" });
  return JSON.parse(out) as number[];
}

const permissions = ["--allow-env", "--allow-read", "--allow-sys"];

describe("on the CPU executor, Deno computes the same bits as Node", () => {
  test("with the package installed by npm", async () => {
    expectFall(inNode);
    expect(await losses(...permissions, "main.js")).toEqual(inNode);
  });

  test("with the package named by an npm: specifier", async () => {
    await consumer.write(
      "specified.js",
      trainingModule.replace('"tilegrad"', '"npm:tilegrad@0.1"'),
    );
    await consumer.write("specifiedMain.js", main("./specified.js"));
    expect(await losses(...permissions, "specifiedMain.js")).toEqual(inNode);
  });

  test("with the file for pages, named by an import map, and no permission", async () => {
    for (const name of ["browser.js", "cpu.js"])
      await copyFile(join(consumer.installed, "dist", name), join(consumer.folder, name));
    await consumer.write("map.json", '{ "imports": { "tilegrad": "./browser.js" } }');
    expect(await losses("--import-map=map.json", "main.js")).toEqual(inNode);
  });
});

describe("on Deno's own WebGPU", () => {
  beforeAll(() =>
    consumer.write(
      "webgpu.js",
      trainingModule.replace("threads: 0, cache: false", 'executor: "webgpu"'),
    ),
  );

  test("it trains as the CPU executor does", async () => {
    await consumer.write("webgpuMain.js", main("./webgpu.js"));
    const onWebGPU = await losses(...permissions, "webgpuMain.js");
    expectFall(onWebGPU);
    for (const [i, loss] of onWebGPU.entries())
      expect(Math.abs(loss - inNode[i]!)).toBeLessThan(1e-6);
  });

  test("OpenGL is no adapter, since Deno computes wrong numbers through it", async () => {
    await consumer.write(
      "opengl.js",
      `import process from "node:process";
       process.env.VK_DRIVER_FILES = process.env.VK_ICD_FILENAMES = "/nowhere.json";
       const { train } = await import("./webgpu.js");
       await train().catch(({ name }) => console.log(name));`,
    );
    const { code, out } = await run(...permissions, "opengl.js");
    expect({ code, out }).toEqual({ code: 0, out: "AdapterError\n" });
  });
});

test("deno check accepts a strict program", async () => {
  await consumer.write("train.ts", trainingModule.replace("losses = []", "losses: number[] = []"));
  const { code, err } = await deno("check", "train.ts");
  expect({ code, err }).toMatchObject({ code: 0 });
});
