import { describe, expect, test } from "vitest";
import { Bench, type Case } from "../../bench/frame/bench";
import type { Options } from "../../bench/frame/commandLine";
import { readCommandLine, UsageError } from "../../bench/frame/commandLine";
import { Engine } from "../../bench/frame/engine";
import type { EngineKind } from "../../bench/frame/engines";
import { fitLine } from "../../bench/frame/fit";
import { plotsOf, renderPage } from "../../bench/frame/page";
import reference from "../../bench/frame/reference.json" with { type: "json" };
import { figures, median, type Row, tableLine } from "../../bench/frame/row";
import { lossFault, trainings } from "../../bench/frame/training";
import {
  batchCount,
  gptBatches,
  gptWeights,
  tinyGpt,
} from "../../bench/peers/trainingProblems.mjs";
import { suites } from "../../bench/suites/index";

const names = suites.map(({ name }) => name);
const options = (...args: string[]): Options =>
  readCommandLine(["--adapter", "cpu", ...args], names);

describe("the command line of the benches", () => {
  test("takes suites in the order given, and flags", () => {
    expect(readCommandLine(["train", "matmul", "--peers", "--adapter", "lavapipe"], names)).toEqual(
      {
        ...{ suites: ["train", "matmul"], peers: true, json: false, quick: false },
        ...{ roofline: false, force: false, layers: null, width: null },
        ...{ adapter: "lavapipe", threads: null, relaxed: false, page: null, save: false },
      },
    );
  });

  test.each([
    [["nosuch"], /no suite "nosuch".*matmul.*"all"/s],
    [["--fast"], /--fast.*\[--quick\]/s],
    [["--adapter", "mesa"], /--adapter is "mesa"; it is one of cpu, lavapipe, swiftshader, gpu/],
    [["--threads", "0"], /--threads is "0"; it is a whole number above 0/],
    [["--layers", "x"], /--layers is "x"; it is a whole number above 0/],
    [["--width", "100"], /--width is 100; it is a multiple of 64/],
    [["--adapter", "lavapipe", "--relaxed"], /--relaxed is for the CPU executor/],
    [["--page"], /--page/],
  ])("refuses %s and says what there is", (args, wanted) => {
    const read = () => readCommandLine(args, names);
    expect(read).toThrow(UsageError);
    expect(read).toThrow(wanted);
  });

  test("every suite has a name and a line of its own", () => {
    expect(new Set(names).size).toBe(names.length);
    for (const { summary } of suites) expect(summary).toMatch(/^[A-Z].*\.$/);
  });
});

describe("figures of rows", () => {
  test("a median is the middle, or the mean of both middles", () => {
    expect(median([5, 1, 3])).toBe(3);
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(median([])).toBeNull();
  });

  test("a ratio is the engine's median by ours, so that above 1 ours is faster", () => {
    expect(figures([8, 12, 10], [4, 6, 5])).toEqual({
      ...{ median: 10, min: 8, max: 12, samples: 3, ratio: 2 },
    });
  });

  test("nothing measured gives no figures, and nothing to compare with no ratio", () => {
    expect(figures([], [1])).toEqual({
      median: null,
      min: null,
      max: null,
      samples: 0,
      ratio: null,
    });
    expect(figures([2], []).ratio).toBeNull();
  });

  test("a line of the table says why there are no figures", () => {
    const row: Row = {
      ...{ suite: "train", case: "tiny GPT", engine: "peer", executor: "wasm", adapter: "CPU" },
      ...{ unit: "ms", ...figures([], []), note: "missing: npm ci installs it" },
    };
    expect(tableLine(row)).toContain("missing: npm ci installs it");
    expect(tableLine({ ...row, ...figures([1, 3], [1]) })).toMatch(
      /2\.000 ms .*1\.000 – 3\.000.*2\.00/,
    );
  });
});

/** An engine in a process of its own whose runs wait `ms`; task "broken" throws, others are unknown. */
function fake(name: string, ms: number, missing: string | null = null): EngineKind {
  const program = `
    import { serve } from ${JSON.stringify(new URL("../../bench/peers/serve.mjs", import.meta.url).href)};
    const wait = () => new Promise((resolve) => setTimeout(resolve, ${ms}));
    console.log("what an engine prints is no answer");
    await serve({
      about: { adapter: "nothing", version: "1" },
      tasks: { wait: async () => wait, broken: async () => { throw new Error("no such kernel"); } },
    });
    process.exit(0);`;
  const command = [process.execPath, "--input-type=module", "-e", program];
  return { name, executor: "wasm", missing, start: (env) => new Engine(name, command, env) };
}

async function rowsOf(engines: EngineKind[], task: string): Promise<Row[]> {
  const lines: Row[] = [];
  const bench = new Bench(options("--quick"), engines, (row) => lines.push(row));
  const one: Case = { name: "one", task, options: {} };
  await bench.compare("fake", [one]);
  return lines;
}

describe("comparing engines", () => {
  test("gives a row each and a control, with ratios against ours", async () => {
    const rows = await rowsOf([fake("tilegrad", 20), fake("peer", 60)], "wait");
    expect(rows.map(({ engine }) => engine)).toEqual(["tilegrad", "peer", "control"]);
    expect(Object.keys(JSON.parse(JSON.stringify(rows[0])))).toEqual([
      ...["suite", "case", "engine", "executor", "adapter", "unit"],
      ...["median", "min", "max", "samples", "ratio"],
    ]);
    const [ours, peer, control] = rows as [Row, Row, Row];
    expect(ours.ratio).toBe(1);
    expect(ours.median).toBeGreaterThan(19);
    expect(peer.ratio).toBeGreaterThan(control.ratio!);
    expect(peer.samples).toBeGreaterThanOrEqual(2);
  });

  test("says of a missing engine that it is missing, of a failing one why, of an ignorant one that", async () => {
    const rows = await rowsOf([fake("tilegrad", 1), fake("absent", 1, "install it")], "broken");
    expect(rows.map(({ engine, note }) => [engine, note])).toEqual([
      ["absent", "missing: install it"],
      ["tilegrad", "fails: no such kernel"],
    ]);
    const [unknown] = await rowsOf([fake("tilegrad", 1)], "unknown");
    expect(unknown).toMatchObject({ median: null, ratio: null, note: "does not have this" });
  });

  test("an engine that ends instead of answering is a failure with its request", async () => {
    const engine = new Engine("mute", [process.execPath, "-e", ""]);
    await expect(engine.about()).rejects.toThrow('ended at the request "about"');
  });
});

describe("what counts as training", () => {
  test("losses beside PyTorch's pass, others and NaN are told with their step", () => {
    expect(lossFault([1, 2.0005], [1, 2, 3])).toBeNull();
    expect(lossFault([1, 2.1], [1, 2])).toMatch(/wrong values: the loss of step 2 is 2\.1/);
    expect(lossFault([Number.NaN], [1])).toMatch(/wrong values/);
  });

  test("there is a loss of PyTorch's for each batch of each training", () => {
    for (const losses of [reference.gpt, reference.mnist, reference.madeUp]) {
      expect(losses).toHaveLength(batchCount);
      expect(losses.every((loss) => loss > 0)).toBe(true);
    }
    expect(trainings().gpt.reference).toBe(reference.gpt);
  });

  test("weights and batches are the same on every call, targets follow inputs", () => {
    const small = { ...tinyGpt, vocab: 7, context: 8, layers: 1, heads: 1, width: 4, batch: 2 };
    expect(gptWeights(small)).toEqual(gptWeights(small));
    const { input, target } = gptBatches(small)[3]!;
    expect(target.subarray(0, 7)).toEqual(input.subarray(1, 8));
    expect(Math.max(...input)).toBeLessThan(small.vocab);
  });
});

test("a line through points on a line explains all, through others less", () => {
  const { slope, intercept, r2 } = fitLine([
    [1, 5],
    [2, 7],
    [4, 11],
  ]);
  expect([slope, intercept, r2].map((x) => Number(x.toFixed(9)))).toEqual([2, 3, 1]);
  expect(
    fitLine([
      [1, 1],
      [2, 4],
      [3, 9],
      [4, 16],
    ]).r2,
  ).toBeLessThan(0.99);
});

describe("the page of results", () => {
  const row = (name: string, engine: string, value: number): Row => ({
    ...{ suite: "curves", case: name, engine, executor: "cpu", adapter: "<CPU>", unit: "ms" },
    ...figures([value, value + 1], [value]),
  });

  test("draws curves over their sizes and other cases side by side", () => {
    const rows = ["step: 1", "step: 4", "a", "b"].map((name, i) => row(name, "tilegrad", i + 1));
    const [curve, cases] = plotsOf(rows);
    expect(curve).toMatchObject({ title: "step", labels: null, x: [1, 4] });
    expect(cases).toMatchObject({ labels: ["a", "b"], x: [0, 1] });
    expect(cases!.series[0]).toEqual({
      label: "tilegrad",
      median: [3.5, 4.5],
      min: [3, 4],
      max: [4, 5],
    });
  });

  test("holds adapter, driver and versions, escaped, and loads nothing", () => {
    const page = renderPage(
      {
        ...{ adapter: "<b>GPU</b>", driver: "lavapipe", processor: "EPYC", quick: true },
        ...{ started: "2026-01-01T00:00:00.000Z", versions: { Node: "20.1.0" } },
      },
      [row("a", "tilegrad", 1), row("b", "tilegrad", 2)],
      { chartScript: "", chartStyle: "", pageScript: "", pageStyle: "" },
    );
    expect(page).toContain("&lt;b&gt;GPU&lt;/b&gt;");
    expect(page).toContain("driver lavapipe");
    expect(page).toContain("Node 20.1.0");
    expect(page).not.toMatch(/(src|href)="(?!data:)/);
  });
});
