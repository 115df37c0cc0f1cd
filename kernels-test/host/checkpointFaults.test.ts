/** What can happen to the disk and to the process while a checkpoint is written. */
import { execFile, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, utimes } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { build } from "esbuild";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import {
  Checkpoint,
  CheckpointFolder,
  type Device,
  FileError,
  type FileStore,
  init,
  nn,
  nodeFiles,
  saveCheckpoint,
} from "../../src/node";
import { decodeSafetensors, toArray } from "../../src/train/safetensors";

const root = fileURLToPath(new URL("../../", import.meta.url));
let device: Device;
let model: nn.Linear;
let scratch = "";
let folder = "";
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "tilegrad-faults-"));
  device = await init({ executor: "cpu", threads: 0 });
  model = new nn.Linear(64, 64);
});
afterAll(async () => {
  await device.destroy();
  await rm(scratch, { recursive: true, force: true });
});
beforeEach(async () => {
  folder = await mkdtemp(join(scratch, "run-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** A script of its own process, from the sources. */
async function script(name: string, contents: string): Promise<string> {
  const outfile = join(scratch, `${name}.mjs`);
  await build({
    stdin: { contents, resolveDir: root },
    absWorkingDir: root,
    bundle: true,
    format: "esm",
    platform: "node",
    external: ["webgpu"],
    loader: { ".wgsl": "text" },
    define: { __COMPILER_VERSION__: '"test"' },
    logLevel: "error",
    outfile,
  });
  return outfile;
}

describe("a process that is killed", () => {
  const kills = 200;
  const size = 20_000;

  test(`at random moments, ${kills} times, leaves a checkpoint that loads each time`, async () => {
    const writer = await script(
      "writer",
      `import { nodeFiles } from "./src/platform/nodeFiles.ts";
       import { encodeSafetensors, fromArray } from "./src/train/safetensors.ts";
       const [path, first] = [process.argv[2], Number(process.argv[3])];
       for (let value = first; ; value++) {
         const data = new Float32Array(${size}).fill(value);
         const tensors = [["weight", fromArray("F32", [${size}], data)]];
         await nodeFiles.writeAtomic(path, encodeSafetensors(tensors, { value: String(value) }));
         process.send?.(value);
       }`,
    );
    let random = 12345;
    let interrupted = 0;
    const lane = async (name: string, times: number): Promise<void> => {
      const inside = join(folder, name);
      const path = join(inside, "model.safetensors");
      await nodeFiles.makeDirectory(inside);
      let written = 0;
      for (let left = times; left > 0; left--) {
        const child = fork(writer, [path, String(written + 1)]);
        const gone = once(child, "exit");
        await once(child, "message");
        random = (Math.imul(random, 1103515245) + 12345) >>> 0;
        await new Promise((resolve) => setTimeout(resolve, (random >>> 16) % 12));
        child.kill("SIGKILL");
        await gone;
        const { elements, value } = await readValue(path);
        expect(elements.every((element) => element === value)).toBe(true);
        expect(value).toBeGreaterThan(written);
        written = value;
      }
      interrupted += (await readdir(inside)).length - 1;
    };
    const lanes = 4;
    await Promise.all(Array.from({ length: lanes }, (_, i) => lane(`lane${i}`, kills / lanes)));
    // Some of them must have come in mid-write, or nothing was tried.
    expect(interrupted).toBeGreaterThan(5);
    for (let i = 0; i < lanes; i++) {
      const inside = join(folder, `lane${i}`);
      await new CheckpointFolder(nodeFiles, inside).save(1, { model });
      expect(await readdir(inside)).toEqual(["model.safetensors", "step-000001.safetensors"]);
    }
  }, 120_000);

  test("leaves files that are removed when it is gone, and those of others are not", async () => {
    const writer = await script(
      "slow",
      `import { nodeFiles } from "./src/platform/nodeFiles.ts";
       for (;;) await nodeFiles.writeAtomic(process.argv[2], new Uint8Array(20_000_000));`,
    );
    const child = fork(writer, [join(folder, "model.safetensors")]);
    const gone = once(child, "exit");
    try {
      let left: string[] = [];
      // Stopped in mid-write, it is alive and does nothing.
      while (left.length === 0) {
        await new Promise((resolve) => setTimeout(resolve, 5));
        child.kill("SIGSTOP");
        left = (await readdir(folder)).filter((name) => name.endsWith(".tmp"));
        if (left.length === 0) child.kill("SIGCONT");
      }
      const [own] = left;
      const others = [".notes.tmp", own!.replace("tilegrad-", "tilegrad-elsewhere-")];
      const numbered = (pid: number) => own!.replace(/\d+(-\d+-\d+\.tmp)$/, `${pid}$1`);
      others.push(numbered(process.pid));
      for (const name of others) await nodeFiles.append(join(folder, name), "x");
      const temporary = async () =>
        (await readdir(folder)).filter((name) => name.endsWith(".tmp")).sort();
      await nodeFiles.removeLeftovers(folder);
      expect(await temporary()).toEqual([...left, ...others].sort());

      child.kill("SIGKILL");
      await gone;
      await nodeFiles.removeLeftovers(folder);
      expect(await temporary()).toEqual([...others].sort());
      // In a container the program before this one may have had this one's number.
      const earlier = new Date(Date.now() - 1000 * process.uptime() - 1000);
      for (const name of others) await utimes(join(folder, name), earlier, earlier);
      await nodeFiles.removeLeftovers(folder);
      expect(await temporary()).toEqual(others.slice(0, 2).sort());
      const yesterday = new Date(Date.now() - 25 * 60 * 60 * 1000);
      for (const name of await temporary()) await utimes(join(folder, name), yesterday, yesterday);
      await nodeFiles.removeLeftovers(folder);
      expect(await temporary()).toEqual([".notes.tmp"]);
    } finally {
      child.kill("SIGKILL");
    }
  });
});

/**
 * Runs "$@" with a folder of 1 MiB: a file system of its own where the system lets this user mount one, else one in which
 * no file may be larger.
 */
const tiny = `
  mounted='mount -t tmpfs -o size=1m none "$0" 2>/dev/null || exit 99; exec "$@"'
  for apart in "unshare --mount --map-root-user" "sudo -n unshare --mount"; do
    $apart sh -c 'mount -t tmpfs none "$0"' "$0" 2>/dev/null && exec $apart sh -c "$mounted" "$0" "$@"
  done
  ulimit -f 1024 && exec "$@"`;

describe("a disk that is full", () => {
  test("in truth is told, leaves the checkpoint before, and nothing of the one that had no room", async () => {
    const saver = await script(
      "saver",
      `import { readdirSync } from "node:fs";
       import { nodeFiles } from "./src/platform/nodeFiles.ts";
       import { CheckpointFolder } from "./src/train/checkpointFolder.ts";
       import { encodeSafetensors, fromArray } from "./src/train/safetensors.ts";
       const weights = (size) =>
         encodeSafetensors([["weight", fromArray("F32", [size], new Float32Array(size).fill(size))]]);
       const folder = new CheckpointFolder(nodeFiles, process.argv[2], { keep: 1 });
       await folder.save(1, weights(100_000));
       const error = await folder.save(2, weights(400_000)).catch((error) => error);
       const { step } = await folder.latest();
       const files = readdirSync(process.argv[2]);
       console.log(JSON.stringify([error.name, error.failure, error.message, step, files]));`,
    );
    const { stdout } = await promisify(execFile)("bash", [
      ...["-c", tiny, folder],
      ...[process.execPath, saver, folder],
    ]);
    const [name, failure, message, step, files] = JSON.parse(stdout);
    expect([name, failure, step]).toEqual(["FileError", "noSpace", 1]);
    expect(message).toMatch(
      /^cannot write .*step-000002\.safetensors: the (disk is full; free|file would be larger than)/,
    );
    expect(files).toEqual(["step-000001.safetensors"]);
  });

  test("is an error with its cure; the old checkpoints load, and nothing else is left", async () => {
    const full: FileStore = Object.assign(Object.create(nodeFiles), {
      writeAtomic: async (path: string) => {
        throw new FileError(`cannot write ${path}: the disk is full`, path, "noSpace");
      },
    });
    for (const step of [1, 2]) await new CheckpointFolder(nodeFiles, folder).save(step, { model });
    const before = await nodeFiles.list(folder);
    const checkpoints = new CheckpointFolder(full, folder, { keep: 1 });
    await expect(checkpoints.save(3, { model })).rejects.toMatchObject({ failure: "noSpace" });
    expect(await nodeFiles.list(folder)).toEqual(before);
    expect((await checkpoints.latest())!.step).toBe(2);
  });

  test("or a file beyond the size that the system allows leaves the old file and no temporary one", async () => {
    const path = join(folder, "model.safetensors");
    await saveCheckpoint(nodeFiles, path, { model, run: "old" });
    const writer = await script(
      "large",
      `import { nodeFiles } from "./src/platform/nodeFiles.ts";
       process.on("SIGXFSZ", () => {});
       try {
         await nodeFiles.writeAtomic(process.argv[2], new Uint8Array(1_000_000));
         console.log("written");
       } catch (error) {
         console.log(error.name, error.failure);
       }`,
    );
    const command = 'ulimit -f 100 && exec "$0" "$1" "$2"';
    const { stdout } = await promisify(execFile)("bash", [
      ...["-c", command],
      ...[process.execPath, writer, path],
    ]);
    expect(stdout).toBe("FileError noSpace\n");
    expect(await readdir(folder)).toEqual(["model.safetensors"]);
    expect((await Checkpoint.read(nodeFiles, path)).run).toBe("old");
  });
});

/** A written file: its only tensor, and the value that all elements should have. */
async function readValue(path: string): Promise<{ elements: Float32Array; value: number }> {
  const { tensors, metadata } = decodeSafetensors(await readFile(path), path);
  return { elements: toArray(tensors.get("weight")!, "F32"), value: Number(metadata["value"]) };
}
