import { EventEmitter } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { CommandContext, Commands } from "../../src/cli/command";
import { UsageError } from "../../src/cli/exitCodes";
import { resumeCommand, watchInterrupt } from "../../src/cli/interrupt";
import { runProgram } from "../../src/cli/program";
import { createProgress } from "../../src/cli/progress";
import type { RunEvent } from "../../src/cli/runEvents";
import { runFolder } from "../../src/cli/runFolder";
import { openRunFolder } from "../../src/cli/runInputs";
import { RunLog, readRunLog } from "../../src/cli/runLog";
import type { TrainOptions } from "../../src/cli/trainOptions";
import * as wording from "../../src/cli/wording";
import { DeviceLostError } from "../../src/errors";
import { FileError } from "../../src/platform/files";
import { nodeFiles } from "../../src/platform/nodeFiles";
import { done, options, start, step } from "./exampleRun";

let folder = "";
const at = (name: string) => join(folder, name);

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tilegrad-cli-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

class Written {
  text = "";
  isTTY: boolean | undefined;
  columns: number | undefined;

  write(text: string): boolean {
    this.text += text;
    return true;
  }
}

/** A context whose clock stands still until it is moved. */
function surroundings() {
  const stdout = new Written();
  const stderr = new Written();
  const clock = { now: 0 };
  const context: CommandContext = {
    stdout,
    stderr,
    files: nodeFiles,
    signals: new EventEmitter(),
    now: () => clock.now,
    exit: () => {},
  };
  return { stdout, stderr, clock, context };
}

/** Runs a command line with commands that only note what they were asked. */
async function run(args: string[], outcome: number | Error = 0) {
  const { stdout, stderr, context } = surroundings();
  const calls: [string, unknown][] = [];
  const note =
    (name: string) =>
    async (options: unknown): Promise<number> => {
      calls.push([name, options]);
      if (outcome instanceof Error) throw outcome;
      return outcome;
    };
  const commands: Commands = {
    doctor: note("doctor"),
    trainGpt: note("trainGpt"),
    sample: note("sample"),
    kernels: note("kernels"),
    profile: note("profile"),
    compare: note("compare"),
    memory: note("memory"),
  };
  const code = await runProgram(args, commands, context);
  return { code, calls, out: stdout.text, err: stderr.text };
}

describe("the command line", () => {
  test("each command gets its options", async () => {
    await writeFile(at("a.txt"), "abc");
    await writeFile(at("model.safetensors"), "");
    expect((await run(["doctor", "--json"])).calls).toEqual([
      ["doctor", { adapter: null, json: true, probe: false }],
    ]);
    expect((await run(["kernels", "matmul"])).calls).toEqual([
      ["kernels", { name: "matmul", json: false }],
    ]);
    const sample = await run(["sample", folder, "--top-k", "3", "--prompt", "-x"]);
    expect(sample.calls[0]).toMatchObject(["sample", { run: folder, topK: 3, prompt: "-x" }]);
    const train = await run(["train", "gpt", "--text", at("a.txt"), "--eval-every", "3", "--json"]);
    expect(train.calls[0]![0]).toBe("trainGpt");
    expect(train.calls[0]![1]).toMatchObject({ config: { evalEvery: 3, width: 128 }, json: true });
    const on = ["--adapter", "cpu", "--threads", "1"];
    for (const command of [["start"], ["sample", folder]])
      expect((await run([...command, ...on])).calls[0]![1]).toMatchObject({
        device: { adapter: "cpu", threads: 1 },
      });
    const start = (await run(["start"])).calls[0]![1] as TrainOptions;
    expect(start.device).toEqual({ adapter: null, threads: null });
    expect(start.config.text).toBeNull();
    expect(start.given.size).toBe(0);
  });

  test("profile gets the words of the command behind --, or behind its own flags", async () => {
    const flags = ["--steps", "4", "--out", "p", "--measure-roofline"];
    const words = ["train", "gpt", "--text", "a.txt", "--json"];
    const expected = {
      command: words,
      steps: 4,
      warmup: 2,
      out: "p",
      measureRoofline: true,
      json: false,
    };
    for (const dashes of [["--"], []]) {
      const { calls } = await run(["profile", ...flags, ...dashes, ...words]);
      expect(calls).toEqual([["profile", expected]]);
    }
    const { calls } = await run(["profile", "--json", "--warmup", "0", "--", "start"]);
    expect(calls[0]![1]).toMatchObject({ command: ["start"], steps: 5, warmup: 0, json: true });
    expect((calls[0]![1] as { out: string }).out).toMatch(/^runs\/profile-/);
  });

  test.each([
    [["compare", "--task", "cifar"], /--task must be one of gpt, .* got "cifar".*/],
    [["compare", "--optimizer", "lion"], /unknown option '--optimizer' .*compare --help/],
    [["profile"], /profile what\? Try: tilegrad profile -- train gpt --text FILE/],
    [
      ["profile", "--stepz", "3"],
      /unknown option '--stepz' .*Did you mean --steps\?.*profile --help/,
    ],
    [
      ["profile", "--steps", "0", "--", "start"],
      /--steps must be a whole number from 1 up, got "0"/,
    ],
    [["profile", "--warmup", "x", "--", "start"], /--warmup must be a whole number from 0 up/],
    [["train", "gpt", "--stepz", "3"], /unknown option '--stepz' .*Did you mean --steps\?.*--help/],
    [["train", "gpt", "--text"], /option '--text <file>' argument missing/],
    [["train", "gpt", "--text", "nosuch.txt"], /--text nosuch\.txt: there is no such file/],
    [["train", "gpt", "--text", "nosuch.txt", "--steps", "0"], /--steps must be .* got "0"/],
    [["train", "gpt"], /--text FILE is missing/],
    [["train", "gpt", "stray"], /too many arguments/],
    [["start", "--resume", "nosuch"], /--resume nosuch: there is no checkpoint/],
    [["start", "--lr", "-1"], /--lr must be a number above 0, got "-1"/],
    [["start", "--adapter", "nvidia"], /--adapter must be one of cpu, gpu, .* got "nvidia"/],
    [["start", "--adapter", "gpu", "--threads", "2"], /--threads is for the CPU executor/],
    [["doctor", "--adapter", "metal"], /--adapter must be one of cpu/],
    [["train"], /train what\?/],
    [["train", "resnet"], /unknown command 'resnet'/],
    [["trian"], /unknown command 'trian' .*Did you mean train\?/],
    [["sample"], /missing required argument 'dir'/],
    [["sample", "nosuch"], /nosuch: there is no checkpoint/],
    [["doctor", "--verbose"], /unknown option '--verbose'/],
  ])("%j is one clear line on standard error and exit code 2", async (args, message) => {
    const { code, calls, out, err } = await run(args);
    expect(code).toBe(2);
    expect(err).toMatch(message);
    expect(err).toMatch(/^tilegrad: [^\n]+\n$/);
    expect(out).toBe("");
    expect(calls).toEqual([]);
  });

  test("what goes wrong while running is one line and exit code 1", async () => {
    const { code, err } = await run(["doctor"], new DeviceLostError("the device\n  is gone"));
    expect(code).toBe(1);
    expect(err).toBe("tilegrad: the device is gone\n");
  });

  test("a defect shows where it is", async () => {
    const { code, err } = await run(["doctor"], new TypeError("x is undefined"));
    expect(code).toBe(1);
    expect(err).toMatch(/internal error, please report it: TypeError: x is undefined\n {4}at /);
  });

  test("a command's own exit code is returned", async () => {
    expect((await run(["start"], 130)).code).toBe(130);
  });

  test("help and version go to standard output with exit code 0", async () => {
    for (const args of [[], ["--help"], ["train", "gpt", "--help"]]) {
      const { code, out, err } = await run(args);
      expect([code, err]).toEqual([0, ""]);
      expect(out).toContain("Usage: tilegrad");
    }
    expect((await run(["train", "gpt", "--help"])).out).toMatch(
      /--eval-every <n> .*\n?.*default 250/,
    );
    const { version } = JSON.parse(await readFile("package.json", "utf8"));
    expect((await run(["--version"])).out).toBe(`${version}\n`);
  });
});

describe("createProgress", () => {
  test("with JSON, standard output has the events and nothing else", () => {
    const { context, stdout, stderr } = surroundings();
    stderr.isTTY = true;
    const progress = createProgress(context, true);
    const events = [start(), step(1), step(2, null), done];
    for (const event of events) {
      progress.show(event);
      progress.note("for people");
    }
    progress.close();
    expect(
      stdout.text
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line)),
    ).toEqual(events);
    expect(stderr.text).toBe("");
  });

  test("without a terminal there is a line at most every five seconds, with loss, speed and time left", () => {
    const { context, clock, stdout, stderr } = surroundings();
    const progress = createProgress(context, false);
    progress.show(start());
    for (let n = 1; n <= 20; n++) {
      clock.now += 1000;
      progress.show(step(n, 2));
    }
    progress.show({ event: "eval", step: 20, trainLoss: 2, valLoss: 2.125 });
    progress.show(done);
    const lines = stdout.text.trimEnd().split("\n");
    expect(lines[0]).toMatch(/^GPT with 2 layers.*: 1\.23 M parameters, 65 characters$/);
    expect(lines[1]).toBe("on llvmpipe, software");
    const steps = lines.filter((line) => line.startsWith("step") && line.includes("tokens/s"));
    expect(steps).toEqual([
      "step 1/100  loss 2.0000  5.00 k tokens/s",
      "step 6/100  loss 2.0000  5.00 k tokens/s  1 min 34 s left",
      "step 11/100  loss 2.0000  5.00 k tokens/s  1 min 29 s left",
      "step 16/100  loss 2.0000  5.00 k tokens/s  1 min 24 s left",
    ]);
    expect(lines.slice(-3)).toEqual([
      "step 20  validation loss 2.1250  (training 2.0000)",
      "done: 100 steps, training loss 1.5000, validation loss 1.6250",
      "5.12 k tokens/s, 3.00 MiB of device memory at most, 87 dispatches and 2 submits a step",
    ]);
    expect(stderr.text).toBe("");
  });

  test("time left counts from the first step after a resume, for before it kernels are compiled", () => {
    const { context, clock, stdout } = surroundings();
    const progress = createProgress(context, false);
    progress.show(start(80));
    clock.now += 60_000;
    progress.show(step(81));
    clock.now += 9000;
    progress.show(step(90));
    expect(stdout.text).toMatch(
      /resumed after step 80\nstep 81.*tokens\/s\nstep 90\/100 .* 10 s left/,
    );
  });

  test("on a terminal the bar is drawn on standard error, fits the width and is taken away", () => {
    const { context, stdout } = surroundings();
    const stderr = Object.assign(new EventEmitter(), new Written(), { isTTY: true, columns: 100 });
    const terminal = Object.assign(stderr, {
      write: Written.prototype.write,
      cursorTo: () => true,
      moveCursor: () => true,
      clearLine: () => true,
    });
    const before = process.listenerCount("SIGINT");
    const progress = createProgress({ ...context, stderr: terminal }, false);
    progress.show(start());
    // The bar must not answer Ctrl-C itself: the run has to be saved first.
    expect(process.listenerCount("SIGINT")).toBe(before);
    progress.show(step(50, 2));
    progress.show({ event: "eval", step: 50, trainLoss: 2, valLoss: 2.125 });
    progress.note("beside the bar");
    progress.show({ event: "sample", step: 100, prompt: "let ", text: "x = 1" });
    progress.show(done);
    progress.close();
    expect(terminal.text).toContain("beside the bar\n");
    // What stays on the screen above the bar shows the loss fall.
    expect(terminal.text).toContain("step 50  validation loss 2.1250  (training 2.0000)\n");
    expect(stdout.text).toContain("let x = 1\n");
    const bar = terminal.text.split("\n").find((line) => line.includes("50/100"))!;
    expect(bar).toMatch(
      /━+─+ {2}50\/100 {2}loss 2\.0000 {2}validation 2\.1250 {2}5\.00 k tokens\/s/,
    );
    expect(stdout.text).toMatch(/^GPT with/);
    expect(stdout.text).toMatch(/done: 100 steps/);
  });

  test.each([
    [100, /^ [━─]{40} {2}50\/100 {2}loss 2\.0000 {2}5\.00 k tokens\/s {2}10 s left$/],
    [46, /^ [━─]{8,} {2}50\/100 {2}loss 2\.0000 {2}10 s left$/],
    [26, /^ [━─]{8,} {2}50\/100$/],
  ])("a terminal of %i columns gets the words that fit", (columns, shape) => {
    const { context, clock } = surroundings();
    const terminal = Object.assign(new EventEmitter(), new Written(), {
      isTTY: true,
      columns,
      write: Written.prototype.write,
      cursorTo: () => true,
      moveCursor: () => true,
      clearLine: () => true,
    });
    const progress = createProgress({ ...context, stderr: terminal }, false);
    progress.show(start());
    progress.show(step(1, 2));
    clock.now += 9800;
    progress.show(step(50, 2));
    progress.close();
    const escaped = terminal.text.split("\u001b").find((part) => part.includes("50/100"))!;
    const drawn = escaped.slice(escaped.indexOf(" ━"));
    expect(drawn).toMatch(shape);
    expect(drawn.length).toBeLessThan(columns);
  });
});

describe("RunLog", () => {
  test("events are in the file in order once flushed, one JSON object a line", async () => {
    const log = await RunLog.open(nodeFiles, at("run.jsonl"));
    const events = [start(), ...Array.from({ length: 50 }, (_, i) => step(i + 1)), done];
    for (const event of events) log.write(event);
    await log.flush();
    const lines = (await readFile(at("run.jsonl"), "utf8")).trimEnd().split("\n");
    expect(lines.map((line) => JSON.parse(line))).toEqual(events);
    expect(await readRunLog(nodeFiles, at("run.jsonl"))).toEqual(events);
  });

  test("a line cut short by a crash costs that line only", async () => {
    const cut = `${JSON.stringify(start())}\n${JSON.stringify(step(1))}\n{"event":"step","st`;
    await writeFile(at("run.jsonl"), cut);
    const log = await RunLog.open(nodeFiles, at("run.jsonl"));
    log.write(step(2));
    await log.flush();
    expect(await readRunLog(nodeFiles, at("run.jsonl"))).toEqual([start(), step(1), step(2)]);
  });

  test("what was done again after a resume counts once", async () => {
    const log = await RunLog.open(nodeFiles, at("run.jsonl"));
    const stopped: RunEvent = { event: "interrupted", step: 30, resume: "…" };
    for (const event of [start(), step(10), step(20), step(30), stopped]) log.write(event);
    for (const event of [start(20), step(30, 1), start(20), step(30, 1.5), done]) log.write(event);
    await log.flush();
    expect(await readRunLog(nodeFiles, at("run.jsonl"))).toEqual([
      start(),
      step(10),
      step(20),
      start(20),
      step(30, 1.5),
      done,
    ]);
  });

  test("a log that cannot be written fails at opening, and later at the next flush", async () => {
    await expect(RunLog.open(nodeFiles, at("no/run.jsonl"))).rejects.toThrow(FileError);
    await nodeFiles.makeDirectory(at("here"));
    const log = await RunLog.open(nodeFiles, at("here/run.jsonl"));
    await rm(at("here"), { recursive: true });
    log.write(start());
    await expect(log.flush()).rejects.toThrow(FileError);
    await log.flush();
  });
});

describe("the run folder", () => {
  const into = (out: string, resume: string | null = null): TrainOptions => ({
    ...options,
    out,
    resume,
  });

  test("is created, with everything above it", async () => {
    const { path, model, log, report } = await openRunFolder(nodeFiles, into(at("a/b/")));
    expect(path).toBe(at("a/b"));
    expect([model, log, report]).toEqual(
      ["model.safetensors", "run.jsonl", "report.html"].map((name) => at(`a/b/${name}`)),
    );
    expect(await nodeFiles.exists(path)).toBe(true);
    expect(runFolder("/").model).toBe("/model.safetensors");
  });

  test("a trained model in it is not replaced by another run, but gone on with", async () => {
    for (const name of ["model.safetensors", "step-000007.safetensors"]) {
      await writeFile(at(name), "precious");
      await expect(openRunFolder(nodeFiles, into(folder))).rejects.toThrow(UsageError);
      await expect(openRunFolder(nodeFiles, into(folder))).rejects.toThrow(/--resume/);
      await openRunFolder(nodeFiles, into(`${folder}/`, folder));
      expect(await readFile(at(name), "utf8")).toBe("precious");
      await rm(at(name));
    }
  });

  test("a folder that cannot be written is refused with flag, path and cause", async () => {
    await writeFile(at("file"), "");
    const opened = openRunFolder(nodeFiles, into(at("file/run")));
    await expect(opened).rejects.toThrow(FileError);
    await expect(opened).rejects.toThrow(/^--out .*file\/run cannot be used: .*is a file/);
  });
});

describe("watchInterrupt", () => {
  test("the first Ctrl-C asks to stop, the second leaves at once with 130", () => {
    const signals = new EventEmitter();
    const log: (string | number)[] = [];
    const interrupt = watchInterrupt(signals, {
      onFirst: () => log.push("first"),
      exit: (code) => log.push(code),
    });
    expect(interrupt.signal.aborted).toBe(false);
    signals.emit("SIGINT");
    expect(interrupt.signal.aborted).toBe(true);
    expect(log).toEqual(["first"]);
    signals.emit("SIGTERM");
    expect(log).toEqual(["first", 130]);
    interrupt.close();
    expect(signals.eventNames()).toEqual([]);
  });

  test("the command to go on quotes a folder that a shell would split", () => {
    expect(resumeCommand("runs/a-1")).toBe("npx tilegrad train gpt --resume runs/a-1");
    expect(resumeCommand("my run")).toBe("npx tilegrad train gpt --resume 'my run'");
  });
});

test("numbers read well", () => {
  expect([wording.counted(1, "submit"), wording.counted(2000, "dispatch", "dispatches")]).toEqual([
    "1 submit",
    "2,000 dispatches",
  ]);
  expect([0.04, 9.94, 42.4, 59.6, 125, 12_000].map(wording.duration)).toEqual([
    "0.0 s",
    "9.9 s",
    "42 s",
    "1 min 0 s",
    "2 min 5 s",
    "3 h 20 min",
  ]);
  expect([0, 1023, 1024, 1_048_064, 5 * 2 ** 30].map(wording.bytes)).toEqual([
    "0 B",
    "1023 B",
    "1.00 KiB",
    "1024 KiB",
    "5.00 GiB",
  ]);
  expect([7.4, 812_353, 12_345_678, 2e9].map(wording.magnitude)).toEqual([
    "7",
    "812 k",
    "12.3 M",
    "2.00 G",
  ]);
});
