/** The built command, run as a person runs it: a process, its files, its exit code. */

import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { RunEvent } from "../../src/cli/runEvents";
import { readRunLog } from "../../src/cli/runLog";
import { agrees } from "../../src/cli/runMemory";
import { nodeFiles } from "../../src/platform/nodeFiles";
import { decodeSafetensors, encodeSafetensors } from "../../src/train/safetensors";

const dist = fileURLToPath(new URL("../../dist", import.meta.url));
const command = join(dist, "cli/main.js");

let folder = "";
const at = (name: string) => join(folder, name);

interface Ended {
  code: number;
  out: string;
  err: string;
}

/** Runs the command in the test's folder; `listen` hears each line of its standard output. */
function tilegrad(
  args: string[],
  {
    main = command,
    env = {},
    listen = () => {},
  }: {
    main?: string;
    env?: Record<string, string>;
    listen?: (line: string, kill: (signal: NodeJS.Signals) => void) => void;
  } = {},
): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [main, ...args], {
      cwd: folder,
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let [out, err, heard] = ["", "", 0];
    child.stdout.setEncoding("utf8").on("data", (part: string) => {
      out += part;
      for (let end = out.indexOf("\n", heard); end >= 0; end = out.indexOf("\n", heard)) {
        listen(out.slice(heard, end), (signal) => child.kill(signal));
        heard = end + 1;
      }
    });
    child.stderr.setEncoding("utf8").on("data", (part: string) => {
      err += part;
    });
    child.on("error", reject);
    child.on("close", (code) => resolve({ code: code ?? -1, out, err: ownWords(err) }));
  });
}

/** Without what Dawn and the Vulkan loader say on their own. */
const ownWords = (err: string): string => err.replace(/^Warning: .*\n( {4}at .*\n|\n)*/gm, "");

const events = (out: string): RunEvent[] =>
  out
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as RunEvent);

const only = <K extends RunEvent["event"]>(list: RunEvent[], kind: K) =>
  list.filter((event): event is Extract<RunEvent, { event: K }> => event.event === kind);

const last50 = "step-000050.safetensors";
const SMALL = "--layers 2 --heads 2 --width 16 --context 16 --batch 4 --seed 7".split(" ");
const STEPS = "--steps 50 --eval-every 20 --lr 1e-2".split(" ");

/** Interrupts with `signal` once `step` is done. */
const after =
  (step: number, signal: NodeJS.Signals) =>
  (line: string, kill: (signal: NodeJS.Signals) => void): void => {
    const event = JSON.parse(line) as RunEvent;
    if (event.event === "step" && event.step === step) kill(signal);
  };

const digests = async (path: string): Promise<Record<string, string>> =>
  Object.fromEntries(
    await Promise.all(
      (await readdir(path)).map(async (name) => {
        const digest = createHash("sha256").update(await readFile(join(path, name)));
        return [name, digest.digest("hex")];
      }),
    ),
  );

beforeAll(async () => {
  if (!existsSync(command)) throw new Error(`${command} is missing: run \`npm run build\` first`);
  folder = await mkdtemp(join(tmpdir(), "tilegrad-cli-"));
  const words = "the quick brown fox jumps over the lazy dog; pack my box with five dozen jugs\n";
  const lines = Array.from({ length: 60 }, (_, i) => words.slice(i % 40) + words.slice(0, i % 40));
  await writeFile(at("text.txt"), lines.join(""));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

describe("compare", () => {
  test("leaves a page with its charts, style and numbers inside, and prints a table", async () => {
    const { code, out, err } = await tilegrad([
      ...["compare", "--task", "rosenbrock", "--steps", "20", "--trials", "1"],
      ...["--optimizers", "adamw,sgd:lr=1e-3", "--out", "compared/report.html"],
    ]);
    expect([code, err]).toEqual([0, "report: compared/report.html\n"]);
    expect(out).toMatch(/final loss .* dispatches\n/);
    expect(out).toMatch(/^sgd:lr=0\.001 +\d/m);
    const page = await readFile(at("compared/report.html"), "utf8");
    for (const inside of ["Content-Security-Policy", "uPlot", ".legend button", "data-series"])
      expect(page).toContain(inside);
  });

  test("a mistyped optimizer is one line with the name that was meant", async () => {
    const { code, out, err } = await tilegrad(["compare", "--optimizers", "adamww"]);
    expect([code, out]).toEqual([2, ""]);
    expect(err).toBe('tilegrad: --optimizers: there is no rule "adamww"; did you mean adamw?\n');
  });
});

describe("profile", () => {
  const profile = (...flags: string[]) =>
    tilegrad([
      ...["profile", "--steps", "2", ...flags, "--"],
      ...["train", "gpt", "--text", "text.txt", ...SMALL],
    ]);

  test("prints a table of the kernels of a training step, and leaves three files", async () => {
    const { code, out, err } = await profile("--out", "profiled");
    expect(code).toBe(0);
    expect(err).toContain("2 runs to warm up, one by the clock, 2 timed runs");
    expect(out).toMatch(/^one run is one training step\n/);
    expect(out).toMatch(
      /roofline, as measured: copies [\d.]+ GB\/s, multiply-adds [\d.]+ GFLOP\/s/,
    );
    expect(out).toMatch(/% +1 .* optim\/update$/m);
    const files = (await readdir(at("profiled"))).sort();
    expect(files).toEqual(["profile.html", "profile.json", "trace.json"]);
    const data = JSON.parse(await readFile(at("profiled/profile.json"), "utf8"));
    expect(data.unit).toBe("training step");
    expect(data.runs).toBe(2);
    expect(data.dispatches).toHaveLength(data.host.dispatches);
    const { traceEvents } = JSON.parse(await readFile(at("profiled/trace.json"), "utf8"));
    const kernels = traceEvents.filter(({ cat }: { cat?: string }) => cat === "kernel");
    expect(kernels).toHaveLength(data.host.dispatches);
    const page = await readFile(at("profiled/profile.html"), "utf8");
    expect(page).toContain("Content-Security-Policy");
    expect(page).toContain("uPlot");
  });

  test("with --json prints one object, and says in it where the files are", async () => {
    const { code, out } = await profile("--out", "profiledJson", "--json");
    expect(code).toBe(0);
    const data = JSON.parse(out);
    expect(data.files).toContain("profiledJson/trace.json");
    expect(data.kernels.map(({ name }: { name: string }) => name)).toContain("optim/update");
  });

  test("a wrong flag of the inner command is one line, and nothing is written", async () => {
    const { code, out, err } = await tilegrad(["profile", "--", "train", "gpt", "--stepz", "3"]);
    expect([code, out]).toEqual([2, ""]);
    expect(err).toMatch(/^tilegrad: unknown option '--stepz' .*Did you mean --steps\?.*\n$/);
    expect(existsSync(at("runs"))).toBe(false);
  });
});

describe("train gpt", () => {
  let straight: RunEvent[];

  beforeAll(async () => {
    const { code, out, err } = await tilegrad([
      "train",
      "gpt",
      "--text",
      "text.txt",
      ...SMALL,
      ...STEPS,
      "--out",
      "straight",
      "--json",
    ]);
    expect([code, err]).toEqual([0, ""]);
    straight = events(out);
  });

  test("learns, and ends with the totals as the last line", () => {
    const first = only(straight, "step")[0]!;
    const done = straight.at(-1)!;
    expect(Object.keys(done)).toEqual([
      "event",
      "steps",
      "trainLoss",
      "valLoss",
      "tokensPerSecond",
      "peakGpuBytes",
      "dispatchesPerStep",
      "submitsPerStep",
    ]);
    if (done.event !== "done") throw new Error("unreachable");
    expect(done.steps).toBe(50);
    expect(done.trainLoss).toBeLessThan(first.loss! - 0.5);
    expect(done.valLoss).toBe(only(straight, "eval").at(-1)!.valLoss);
    expect(done.tokensPerSecond).toBeGreaterThan(0);
    expect(done.peakGpuBytes).toBeGreaterThan(4 * only(straight, "start")[0]!.parameters);
    expect(done.submitsPerStep).toBeLessThanOrEqual(2);
    expect(Number.isInteger(done.dispatchesPerStep)).toBe(true);
  });

  test("has of the device's memory what was predicted for it", () => {
    const [memory, ...more] = only(straight, "memory");
    expect(more).toEqual([]);
    expect(agrees(memory!)).toBe(true);
    expect(memory!.predicted.parameter).toBe(memory!.allocated.parameter);
    expect(memory!.predicted.gradient).toBe(memory!.allocated.gradient);
  });

  test("reads each loss of a short run, and validates as often as asked and at the end", () => {
    expect(only(straight, "step").map(({ step }) => step)).toEqual(
      Array.from({ length: 50 }, (_, i) => i + 1),
    );
    expect(only(straight, "eval").map(({ step }) => step)).toEqual([20, 40, 50]);
    expect(only(straight, "checkpoint").map(({ step }) => step)).toEqual([0, 20, 40, 50]);
  });

  test("times the kernels of a step, all of them", () => {
    const [profile] = only(straight, "profile");
    const done = only(straight, "done")[0]!;
    const dispatches = profile!.kernels.reduce((sum, kernel) => sum + kernel.dispatches, 0);
    expect(dispatches).toBe(done.dispatchesPerStep);
    expect(profile!.kernels.map(({ kernel }) => kernel)).toContain("optim/update");
  });

  test("leaves the log, the last three checkpoints and a report that loads nothing, and no other file", async () => {
    expect((await readdir(at("straight"))).sort()).toEqual([
      "report.html",
      "run.jsonl",
      ...[20, 40, 50].map((step) => `step-0000${step}.safetensors`),
    ]);
    expect(await readRunLog(nodeFiles, at("straight/run.jsonl"))).toEqual(straight);
    const report = await readFile(at("straight/report.html"), "utf8");
    expect(report).toContain("finished");
    expect(report).toContain("Content-Security-Policy");
    expect(report).toContain(only(straight, "sample")[0]!.prompt);
  });

  test("a run that was interrupted, resumed, killed and resumed again ends with the same bits", async () => {
    const out = ["--out", "broken", "--json"];
    const interrupted = await tilegrad(
      ["train", "gpt", "--text", "text.txt", ...SMALL, ...STEPS, ...out],
      { listen: after(10, "SIGINT") },
    );
    expect(interrupted).toMatchObject({ code: 130, err: "" });
    const last = events(interrupted.out).at(-1)!;
    if (last.event !== "interrupted") throw new Error(`ended with ${last.event}`);
    expect(last.step).toBeGreaterThanOrEqual(10);
    // Steps of a few milliseconds go on until the signal arrives, but not to the end of the run.
    expect(last.step).toBeLessThan(40);
    expect(last.resume).toBe("npx tilegrad train gpt --resume broken");

    const resume = ["train", "gpt", "--resume", "broken", "--json"];
    const killed = await tilegrad(resume, { listen: after(45, "SIGKILL") });
    expect(killed.code).toBe(-1);
    expect(only(events(killed.out), "start")[0]!.fromStep).toBe(last.step);

    const resumed = await tilegrad(resume);
    expect(resumed).toMatchObject({ code: 0, err: "" });
    expect(only(events(resumed.out), "start")[0]!.fromStep).toBe(40);

    const losses = (list: RunEvent[]) => only(list, "step").map(({ step, loss }) => [step, loss]);
    const whole = await readRunLog(nodeFiles, at("broken/run.jsonl"));
    expect(losses(whole)).toEqual(losses(straight));
    expect(only(whole, "eval")).toEqual(only(straight, "eval"));
    expect((await digests(at("broken")))[last50]).toBe((await digests(at("straight")))[last50]);
    const report = await readFile(at("broken/report.html"), "utf8");
    expect(report).toContain("finished");
  });

  test("a finished run goes on only with more steps, and can be gone on with elsewhere", async () => {
    const before = await digests(at("straight"));
    const resume = ["train", "gpt", "--resume", "straight"];
    const refused = await tilegrad(resume);
    expect(refused).toMatchObject({ code: 2, out: "" });
    expect(refused.err).toMatch(
      /^tilegrad: --resume straight: .* 50 of 50 steps; .*--steps 100\n$/,
    );
    const more = await tilegrad([...resume, "--steps", "53", "--out", "longer", "--json"]);
    expect(more).toMatchObject({ code: 0, err: "" });
    expect(only(events(more.out), "step").map(({ step }) => step)).toEqual([51, 52, 53]);
    expect(await digests(at("straight"))).toEqual(before);
  });

  test("goes on from the newest whole checkpoint, on another text only by --force, which stays on record", async () => {
    await cp(at("straight"), at("hurt"), { recursive: true });
    await truncate(at(`hurt/${last50}`), 5000);
    const text = await readFile(at("text.txt"), "utf8");
    await writeFile(at("turned.txt"), text.slice(1) + text[0]);
    const resume = ["train", "gpt", "--resume", "hurt", "--text", "turned.txt"].concat([
      ...["--steps", "42", "--keep", "1", "--json"],
    ]);
    const before = await digests(at("hurt"));
    const refused = await tilegrad(resume);
    expect(refused).toMatchObject({ code: 1, out: "" });
    expect(refused.err).toMatch(
      /^tilegrad: hurt\/step-000040\.safetensors does not belong to this run: sha256 of the text was "\w+" and is "\w+"\. .*--force\)\.\n$/,
    );
    expect(await digests(at("hurt"))).toEqual(before);
    const { code, out } = await tilegrad([...resume, "--force"]);
    expect(code).toBe(0);
    const [{ fromStep, forced }] = only(events(out), "start") as [
      Extract<RunEvent, { event: "start" }>,
    ];
    expect(fromStep).toBe(40);
    expect(forced).toMatchObject([
      { file: "hurt/step-000040.safetensors", differences: [expect.stringContaining("sha256")] },
    ]);
    const checkpoints = (await readdir(at("hurt"))).filter((name) => name.endsWith("tensors"));
    expect(checkpoints).toEqual(["step-000042.safetensors"]);
    const bytes = await readFile(at("hurt/step-000042.safetensors"));
    const { metadata } = decodeSafetensors(bytes, "hurt");
    expect(JSON.parse(metadata["tilegrad.forced"]!)).toEqual(forced);
  });

  test("goes on with a run that has the one checkpoint of earlier versions", async () => {
    await mkdir(at("older"));
    await cp(at(`straight/${last50}`), at("older/model.safetensors"));
    const resumed = await tilegrad([
      "train",
      "gpt",
      "--resume",
      "older",
      "--steps",
      "51",
      "--json",
    ]);
    expect(resumed).toMatchObject({ code: 0, err: "" });
    expect(only(events(resumed.out), "step").map(({ step }) => step)).toEqual([51]);
    expect(await readdir(at("older"))).toContain("step-000051.safetensors");
    expect((await digests(at("older")))["model.safetensors"]).toBe(
      (await digests(at("straight")))[last50],
    );
  });

  test("a rate that diverges stops the run; the last good checkpoint is kept, named, and usable", async () => {
    const diverged = await tilegrad([
      "train",
      "gpt",
      "--text",
      "text.txt",
      ...SMALL,
      "--lr",
      "1e9",
      "--out",
      "wild",
      "--json",
    ]);
    expect(diverged.code).toBe(1);
    expect(diverged.err).toMatch(
      /^tilegrad: The gradients are not finite at step \d+ .*diverged.* The checkpoint of step 0 is kept in wild\/step-000000\.safetensors; .*--resume wild --lr 0\.001\n$/,
    );
    expect(events(diverged.out).at(-1)).toMatchObject({ event: "diverged", lastGoodStep: 0 });
    expect(await readFile(at("wild/report.html"), "utf8")).toContain("diverged");
    const tamed = await tilegrad([
      "train",
      "gpt",
      "--resume",
      "wild",
      "--lr",
      "0.001",
      "--steps",
      "2",
      "--json",
    ]);
    expect(tamed).toMatchObject({ code: 0, err: "" });
  });

  test("each update rule trains", async () => {
    for (const rule of ["lion", "sgd"]) {
      const { code, out } = await tilegrad(
        ["train", "gpt", "--text", "text.txt", ...SMALL, "--optimizer", rule].concat([
          "--steps",
          "30",
          "--out",
          rule,
          "--json",
        ]),
      );
      expect(code).toBe(0);
      const losses = only(events(out), "step");
      expect(losses.at(-1)!.loss).toBeLessThan(losses[0]!.loss!);
    }
  });
});

test("start trains on tilegrad's own source, and says where the report is", async () => {
  const { code, out, err } = await tilegrad(["start", ...SMALL, "--steps", "2", "--out", "own"]);
  expect([code, err]).toEqual([0, ""]);
  expect(out).toMatch(/^GPT with 2 layers/);
  expect(out).toMatch(/\ndone: 2 steps, training loss/);
  expect(out).toMatch(/\nreport: own\/report\.html\n/);
  const [start] = only(await readRunLog(nodeFiles, at("own/run.jsonl")), "start");
  expect(start!.config.text).toBeNull();
  expect(start!.trainTokens).toBeGreaterThan(100_000);
});

describe("sample", () => {
  const sample = (...args: string[]) => tilegrad(["sample", "straight", "--length", "20", ...args]);

  test("continues a prompt, the same for the same seed", async () => {
    const text = async (seed: string) => (await sample("--prompt", "the ", "--seed", seed)).out;
    const first = await text("1");
    expect(first).toMatch(/^the [\s\S]{20}\n$/);
    expect(await text("1")).toBe(first);
    expect(await text("2")).not.toBe(first);
  });

  test("with JSON there is one object, and the most likely character alone needs no luck", async () => {
    const { code, out } = await sample("--top-k", "1", "--seed", "3", "--json");
    expect(code).toBe(0);
    const parsed = JSON.parse(out);
    expect(parsed).toMatchObject({ run: "straight", step: 50, prompt: "\n", topK: 1, seed: 3 });
    expect(JSON.parse((await sample("--top-k", "1", "--seed", "4", "--json")).out).text).toBe(
      parsed.text,
    );
  });
});

describe("doctor", () => {
  test("finds the adapter that the tests use, has it compute, and returns 0", async () => {
    const { code, out, err } = await tilegrad(["doctor", "--json"]);
    expect([code, err]).toEqual([0, ""]);
    const { usable, executor, used, adapters, cpu } = JSON.parse(out);
    expect(usable).toBe(true);
    expect(cpu).toMatchObject({ works: true, engine: { simd: true }, threads: expect.any(Number) });
    const onCPU = process.env["TILEGRAD_ADAPTER"] === "cpu";
    expect(executor).toBe(onCPU ? "cpu" : "webgpu");
    if (onCPU) expect(used).toBeNull();
    else
      expect(adapters.find(({ name }: { name: string }) => name === used)).toMatchObject({
        works: true,
        driver: process.env["TILEGRAD_ADAPTER"],
      });
  });

  test("where the webgpu package is missing, says how to install it, and takes the CPU executor", async () => {
    const elsewhere = at("elsewhere");
    for (const part of ["cli", "chunks"])
      await cp(join(dist, part), join(elsewhere, "dist", part), { recursive: true });
    await writeFile(join(elsewhere, "package.json"), '{ "type": "module" }');
    const doctor = (...args: string[]) =>
      tilegrad(["doctor", ...args], {
        main: join(elsewhere, "dist/cli/main.js"),
        env: { TILEGRAD_ADAPTER: "" },
      });
    const { code, out, err } = await doctor();
    expect([code, err]).toEqual([0, ""]);
    expect(out).toContain("npm install webgpu");
    expect(out).toMatch(/CPU executor: works\n[\s\S]*init\(\) takes the CPU executor\./);
    expect((await doctor("--adapter", "gpu")).code).toBe(1);
  });
});

describe("bad input", () => {
  beforeAll(async () => {
    await writeFile(at("empty.txt"), "");
    await writeFile(at("latin1.txt"), Buffer.from("na\xefve text\n".repeat(400), "latin1"));
    await writeFile(at("short.txt"), "twenty characters in.");
    await writeFile(at("greek.txt"), "αβγ ".repeat(2000));
    const good = await readFile(at(`straight/${last50}`));
    const model = async (name: string, bytes: Uint8Array) => {
      await mkdir(at(name));
      await writeFile(at(`${name}/model.safetensors`), bytes);
    };
    await model("truncated", good.subarray(0, good.length - 100));
    await model("headless", good.subarray(0, 5));
    await model("noise", Buffer.alloc(4096, 0xa5));
    const { tensors, metadata } = decodeSafetensors(good, "straight");
    await model("foreign", encodeSafetensors([...tensors], { format: "pt" }));
    const run = JSON.parse(metadata["tilegrad.run"]!);
    run.model.layers = 3;
    const relabelled = { ...metadata, "tilegrad.run": JSON.stringify(run) };
    await model("relabelled", encodeSafetensors([...tensors], relabelled));
    await cp(at("straight"), at("taken"), { recursive: true });
  });

  const train = (...args: string[]) => ["train", "gpt", ...args];
  const onText = (...args: string[]) => train("--text", "text.txt", "--out", "never", ...args);

  test.each<[what: string, args: string[], code: number, message: RegExp]>([
    ["an empty text", train("--text", "empty.txt"), 1, /empty\.txt is empty/],
    ["a text that is not UTF-8", train("--text", "latin1.txt"), 1, /latin1\.txt.* UTF-8/],
    ["a text shorter than the context", train("--text", "short.txt"), 1, /short\.txt is too short/],
    ["a text that is a folder", train("--text", "straight"), 1, /straight: it is a folder/],
    ["a text that is not there", train("--text", "nosuch.txt"), 2, /--text nosuch\.txt/],
    ["no text", train(), 2, /--text FILE is missing/],
    ["an unknown flag", onText("--stepz", "5"), 2, /unknown option '--stepz'/],
    ["no steps", onText("--steps", "0"), 2, /--steps must be .* got "0"/],
    ["a rate below 0", onText("--lr", "-1"), 2, /--lr must be .* got "-1"/],
    ["heads that do not divide the width", onText("--heads", "3"), 2, /--width 128 is not a mult/],
    [
      "an output folder below a file",
      onText("--out", "text.txt/x"),
      1,
      /--out text\.txt\/x cannot/,
    ],
    ["an output folder with a run", onText("--out", "taken"), 2, /--out taken already holds/],
    [
      "a resumed run of another size",
      train("--resume", "taken", "--layers", "5"),
      2,
      /--layers is 5/,
    ],
    [
      "a resumed run on other characters",
      train("--resume", "taken", "--steps", "60", "--text", "greek.txt"),
      1,
      /does not know the character "α"/,
    ],
    ["a truncated checkpoint", train("--resume", "truncated"), 1, /truncated\/model\.safetensors/],
    [
      "a checkpoint of five bytes",
      train("--resume", "headless"),
      1,
      /headless\/model\.safetensors/,
    ],
    ["a corrupt checkpoint", train("--resume", "noise"), 1, /noise\/model\.safetensors/],
    ["another program's model", train("--resume", "foreign"), 1, /foreign\/.* holds no run/],
    [
      "a checkpoint of another architecture",
      train("--resume", "relabelled", "--steps", "60"),
      1,
      /relabelled\/.*transformer\.h\.2\.ln_1\.weight is not in the checkpoint.*saved from\.\n/,
    ],
    ["a sample from a truncated checkpoint", ["sample", "truncated"], 1, /truncated\/model/],
    ["a sample of another architecture", ["sample", "relabelled"], 1, /relabelled\/.*missing/],
    ["a prompt of unknown characters", ["sample", "taken", "--prompt", "é"], 1, /character "é"/],
    ["a sample of no run", ["sample", "nosuch"], 2, /nosuch: there is no checkpoint/],
    ["a kernel that is not there", ["kernels", "nosuch"], 2, /no kernel's name contains "nosuch"/],
    ["an unknown command", ["trian"], 2, /unknown command 'trian'/],
  ])("%s: one line, and no file is changed", async (_, args, code, message) => {
    const untouched = ["taken", "truncated", "noise", "foreign", "relabelled"];
    const before = await Promise.all(untouched.map((name) => digests(at(name))));
    const names = await readdir(folder);
    const ended = await tilegrad(args);
    expect(ended.err).toMatch(message);
    expect(ended.err).toMatch(/^tilegrad: [^\n]+\n$/);
    expect(ended.code).toBe(code);
    expect(ended.out).toBe("");
    expect(await readdir(folder)).toEqual(names);
    expect(await Promise.all(untouched.map((name) => digests(at(name))))).toEqual(before);
  });

  test("an unknown driver is one line that names the known ones", async () => {
    const env = { VK_DRIVER_FILES: "", VK_ICD_FILENAMES: "", TILEGRAD_ADAPTER: "nvidia" };
    const ended = await tilegrad(onText("--steps", "1"), { env });
    expect(ended.code).toBe(1);
    expect(ended.err).toMatch(/^tilegrad: TILEGRAD_ADAPTER is "nvidia"; .*gpu.*\n$/);
  });
});
