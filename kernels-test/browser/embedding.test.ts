/** The packed package in pages of a fresh project: bundled by esbuild and by Vite, not bundled, and in workers. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Consumer, installPackage } from "../consumer";
import { expectFall, trainingModule } from "../embeddedTraining";
import { launchChromium } from "./chromium";
import { serve } from "./server";

const modules = {
  "train.js": trainingModule,
  "page.js": `import { train } from "./train.js";
    train().then((losses) => { globalThis.losses = losses; });`,
  "worker.js": `import { train } from "./train.js";
    train().then((losses) => postMessage(losses));`,
  "workerPage.js": `
    const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
    worker.onerror = ({ message }) => console.error("the worker: " + message);
    worker.onmessage = ({ data }) => { globalThis.losses = data; };`,
};

const page = (script: string, head = "") =>
  `<!doctype html><link rel="icon" href="data:,">${head}<script type="module" src="./${script}"></script>`;

let consumer: Consumer;
let browser: Browser;
beforeAll(async () => {
  [consumer, browser] = await Promise.all([installPackage(), launchChromium()]);
  for (const [name, text] of Object.entries(modules)) await consumer.write(name, text);
});
afterAll(async () => {
  await browser?.close();
  await consumer?.[Symbol.asyncDispose]();
});

type Files = Record<string, string | Uint8Array>;

/** Every file under a folder of the project, by its path in it. */
function filesOf(folder: string): Files {
  const base = join(consumer.folder, folder);
  const files: Files = {};
  for (const entry of readdirSync(base, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    files[path.slice(base.length + 1)] = readFileSync(path);
  }
  return files;
}

/** Opens `path` of the served files; the losses that the page comes to. */
async function lossesIn(files: Files, path: string): Promise<number[]> {
  await using server = await serve(files);
  const view = await browser.newPage();
  const errors: string[] = [];
  view.on("pageerror", ({ message }) => errors.push(message));
  view.on("console", (line) => line.type() === "error" && errors.push(line.text()));
  try {
    await view.goto(server.url + path);
    const handle = await view.waitForFunction(() => Reflect.get(globalThis, "losses"), null, {
      timeout: 60_000,
    });
    return (await handle.jsonValue()) as number[];
  } catch (error) {
    throw new Error(`${path}: ${errors.join("; ") || error}`);
  } finally {
    await view.close();
    expect(errors).toEqual([]);
  }
}

describe("a page of a fresh project trains", () => {
  let bundled: Files;
  beforeAll(async () => {
    await build({
      entryPoints: ["page.js", "workerPage.js", "worker.js"],
      absWorkingDir: consumer.folder,
      ...{ bundle: true, splitting: true, platform: "browser", format: "esm", minify: true },
      outdir: "esbuild",
    });
    bundled = {
      ...filesOf("esbuild"),
      "index.html": page("page.js"),
      "worker.html": page("workerPage.js"),
    };
  });

  test("bundled by esbuild", async () => {
    expectFall(await lossesIn(bundled, ""));
  });

  test("in a module worker bundled by esbuild", async () => {
    expectFall(await lossesIn(bundled, "worker.html"));
  });

  test.each([
    ["a relative address", () => "./node_modules/tilegrad/dist/browser.js"],
    [
      "a whole address, as a CDN or Deno would give it",
      (origin: string) => `${origin}node_modules/tilegrad/dist/browser.js`,
    ],
  ])("without a bundler, with an import map to %s", async (_what, address) => {
    const dist = Object.fromEntries(
      ["browser.js", "cpu.js"].map((name) => [
        `node_modules/tilegrad/dist/${name}`,
        readFileSync(join(consumer.installed, "dist", name)),
      ]),
    );
    await using host = await serve(dist, { "access-control-allow-origin": "*" });
    const imports = { tilegrad: address(host.url) };
    const map = `<script type="importmap">${JSON.stringify({ imports })}</script>`;
    expectFall(await lossesIn({ ...modules, ...dist, "index.html": page("page.js", map) }, ""));
  });

  describe("built by Vite", () => {
    let built: Files;
    beforeAll(async () => {
      await consumer.link("vite");
      await consumer.write("index.html", page("page.js"));
      await consumer.write("worker.html", page("workerPage.js"));
      // Workers that load parts on demand, as the CPU executor is, need the format "es".
      await consumer.write(
        "vite.config.js",
        `export default {
          base: "./",
          worker: { format: "es" },
          build: { target: "es2022", rollupOptions: { input: ["index.html", "worker.html"] } },
        };`,
      );
      const { code, err } = await consumer.run("node", ["node_modules/vite/bin/vite.js", "build"]);
      expect({ code, err }).toMatchObject({ code: 0 });
      built = filesOf("dist");
    });

    test("as a page", async () => {
      expectFall(await lossesIn(built, ""));
    });

    test("in a module worker", async () => {
      expectFall(await lossesIn(built, "worker.html"));
    });
  });
});
