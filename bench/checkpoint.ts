/**
 * Checkpoints: how long a save of 10 million parameters with states of 8 bits takes, and what it holds up.
 *
 *   npm run bench -- checkpoint [--browser] [--executor cpu|webgpu] [--rounds 7]
 *
 * A save is everything from the call of `saveCheckpoint` to a file that is whole: in Node read from the device,
 * written, fsync, renamed; with `--browser` in the origin's private file system of Chromium, from a worker. `pause` is
 * the longest that a timer of a thread waited beyond its turn: of the thread that saves, and with `--browser` of the
 * page. `idle` is the same thread while nothing is saved, for as long: what the machine's other load does.
 * `plain` writes the same bytes to a plain file and syncs it: the part that is the disk's.
 */
import { mkdtemp, open, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { bundleScript } from "../kernels-test/browser/bundle";
import { closeBrowser, isolation, openPage } from "../kernels-test/browser/chromium";
import * as tilegrad from "../src/node";
import { median } from "./frame/row";
import { measureSaves, type Watched, watched } from "./frame/saving";

const { values } = parseArgs({
  options: {
    browser: { type: "boolean", default: false },
    executor: { type: "string", default: "cpu" },
    rounds: { type: "string", default: "7" },
  },
});
const executor = values.executor === "webgpu" ? "webgpu" : "cpu";
const rounds = Number(values.rounds);

function tell(name: string, list: readonly Watched[], of: keyof Watched): void {
  const all = list.map((one) => one[of]);
  const [least, most] = [Math.min(...all), Math.max(...all)];
  const figures = [median(all)!, least, most].map((ms) => ms.toFixed(1).padStart(9));
  console.log(`${name.padEnd(24)}${figures.join("")}`);
}
const head = (where: string, parameters: number): void =>
  console.log(
    `${where}, ${parameters.toLocaleString("en-US")} parameters, milliseconds\n${"".padEnd(24)}   median    least     most`,
  );

async function inNode(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "tilegrad-bench-"));
  const device = await tilegrad.init({ executor });
  try {
    const path = join(folder, "model.safetensors");
    const measured = await measureSaves(tilegrad, tilegrad.nodeFiles, path, rounds);
    const bytes = await readFile(path);
    const plain: Watched[] = [];
    for (let round = 0; round < rounds; round++)
      plain.push(
        await watched(async () => {
          const file = await open(join(folder, "plain"), "w");
          await file.write(bytes);
          await file.sync();
          await file.close();
        }),
      );
    head(`Node, ${executor}, ${bytes.length.toLocaleString("en-US")} bytes`, measured.parameters);
    tell("save", measured.saves, "duration");
    tell("plain", plain, "duration");
    tell("pause", measured.saves, "pause");
    tell("pause, idle", measured.idle, "pause");
  } finally {
    await device.destroy();
    await rm(folder, { recursive: true, force: true });
  }
}

async function inChromium(): Promise<void> {
  const worker = await bundleScript(`
    import * as tilegrad from "./src/browser.ts";
    import { measureSaves } from "./bench/frame/saving.ts";
    const device = await tilegrad.init(${JSON.stringify({ executor })});
    const files = tilegrad.browserFiles();
    const measured = await measureSaves(tilegrad, files, "model.safetensors", ${rounds}, {
      begin: () => postMessage("begin"),
      end: () => postMessage("end"),
    });
    postMessage(measured);
    await device.destroy();`);
  const page = await bundleScript(`
    import { waited, watched } from "./bench/frame/saving.ts";
    const saving = new Worker("worker.js", { type: "module" });
    const [page, idlePage] = [[], []];
    globalThis.measured = new Promise((resolve, reject) => {
      saving.onerror = ({ message }) => reject(new Error(message));
      let saved;
      saving.onmessage = async ({ data }) => {
        if (data === "begin") {
          page.push(await watched(() => new Promise((end) => { saved = end; })));
          idlePage.push(await watched(() => waited(page.at(-1).duration)));
        } else if (data === "end") saved();
        else resolve({ ...data, page, idlePage });
      };
    });`);
  await using opened = await openPage(page, isolation, { "worker.js": worker });
  const measured = await opened.page.evaluate(
    () =>
      (
        globalThis as unknown as {
          measured: Promise<
            Awaited<ReturnType<typeof measureSaves>> & { page: Watched[]; idlePage: Watched[] }
          >;
        }
      ).measured,
  );
  head(`Chromium, ${executor}, in a worker`, measured.parameters);
  tell("save", measured.saves, "duration");
  tell("pause of the worker", measured.saves, "pause");
  tell("pause, idle", measured.idle, "pause");
  tell("pause of the page", measured.page, "pause");
  tell("pause of the page, idle", measured.idlePage, "pause");
}

try {
  await (values.browser ? inChromium() : inNode());
} finally {
  await closeBrowser();
}
