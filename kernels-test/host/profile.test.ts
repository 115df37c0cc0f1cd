/** The forms of a profile, from fixed numbers. */
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { renderProfile } from "../../src/cli/profileReport/profilePage";
import type { ReportAssets } from "../../src/cli/report/report";
import type { KernelTiming } from "../../src/device/executor";
import { matmulRegister } from "../../src/kernels/generated/matmul/register";
import { type AnyKernel, specialise } from "../../src/kernels/kernel";
import { errorOfMean, resolutionOf } from "../../src/profile/resolution";
import { Profile } from "../../src/profile/result";
import { byKernel, byShape, statisticsOf } from "../../src/profile/statistics";
import { exampleProfile } from "./exampleProfile";

const profile = new Profile(exampleProfile);

describe("the table", () => {
  test("says what was measured and how, then the kernels in aligned columns", () => {
    expect(`\n${profile.table()}`).toMatchInlineSnapshot(`
      "
      llvmpipe (LLVM 15.0.6, 256 bits), WebGPU
      timed by the device's timestamps, which count in steps of 100 us; mean of 2 runs; 1 kernel below resolution
      roofline, as measured: copies 8.00 GB/s, multiply-adds 64.0 GFLOP/s
      one run: 5.25 ms in all, 0.50 ms of it the host's to record 4 dispatches in 1 submit
      one timed run: 6.00 ms in all, 4.00 ms in kernels, 0.50 ms in gaps between them; at most 3.00 MiB of buffers in use
      the first run compiled 3 programs and took 1.20 s longer

      total ms    share  calls  median us  GB/s  of copy  GFLOP/s  of peak  kernel
         3.000   75.0 %      2     1500.0  2.00     25 %     32.0     50 %  matmul/register
         1.000   25.0 %      1     1000.0  12.0    150 %                    indexing/gather
         0.000    0.0 %    1.5        0.0  below resolution                 reduce/serial
         4.000  100.0 %    4.5                                              all
      "
    `);
  });

  test("sums up the kernels beyond the rows that are wanted", () => {
    const lines = profile.table({ rows: 1 }).trimEnd().split("\n");
    expect(lines.at(-3)).toMatch(/matmul\/register$/);
    expect(lines.at(-2)).toMatch(/^ +1\.000 +25\.0 % +2\.5 +2 others$/);
    expect(lines.at(-1)).toMatch(/^ +4\.000 +100\.0 % +4\.5 +all$/);
  });

  test("says that bracketing knows no gaps", () => {
    const { device, ...data } = exampleProfile;
    const bracketed = new Profile({
      ...data,
      method: "bracketing",
      device: { ...device, idleMilliseconds: null },
      roofline: null,
    });
    expect(bracketed.table()).toContain("timed by bracketing: each dispatch submitted alone");
    expect(bracketed.table()).toContain("gaps between kernels are not known");
    expect(bracketed.table()).toContain("no roofline was measured");
  });
});

describe("the trace", () => {
  const { traceEvents } = profile.trace();

  test("has an interval for each dispatch, in microseconds, on a track that has a name", () => {
    const kernels = traceEvents.filter(({ cat }) => cat === "kernel");
    expect(kernels).toHaveLength(4);
    expect(kernels[1]).toEqual({
      name: "indexing/gather",
      ph: "X",
      cat: "kernel",
      pid: 1,
      tid: 2,
      ts: 3000,
      dur: 1000,
      args: {
        program: "indexing/gather;T=f32",
        workgroups: "4 x 1 x 1",
        bytes: 12e6,
        operations: null,
        "GB/s": 12,
      },
    });
    const named = traceEvents.filter(({ name }) => name === "thread_name");
    expect(named.map(({ tid, args }) => [tid, args["name"]])).toEqual([
      [1, "host"],
      [2, "kernels"],
    ]);
  });

  test("has the host's phases one after the other, and memory as a counter", () => {
    const host = traceEvents.filter(({ cat }) => cat === "host");
    expect(host.map(({ name, ts, dur }) => [name, ts, dur])).toEqual([
      ["record", 0, 1000],
      ["wait for the device", 1000, 5000],
    ]);
    const memory = traceEvents.filter(({ ph }) => ph === "C");
    expect(memory.map(({ ts, args }) => [ts, args["bytes"]])).toEqual([
      [0, 2 ** 20],
      [250, 3 * 2 ** 20],
      [750, 2 ** 20],
    ]);
  });

  test("every event has what the format requires, and survives JSON", () => {
    for (const event of traceEvents) {
      expect(event.pid).toBe(1);
      if (event.ph === "M") continue;
      expect(event.ts).toBeGreaterThanOrEqual(0);
      if (event.ph === "X") expect(event.dur).toBeGreaterThanOrEqual(0);
    }
    expect(JSON.parse(JSON.stringify(profile.trace()))).toEqual(profile.trace());
    expect(JSON.parse(JSON.stringify(profile))).toEqual(exampleProfile);
  });
});

describe("the clock's resolution", () => {
  test.each([
    ["a browser's 100 us", [0, 100_000, 300_000, 1_200_000], 100_000],
    ["65.536 us", [65_536, 131_072, 655_360], 65_536],
    ["5 us, read as milliseconds", [5_000, 14_999, 20_001], 5_000],
    ["5 us, on the clock that threads share", [4_883, 10_010, 30_029, 14_893], 5_000],
    ["nanoseconds", [12_345, 901, 77], 1],
    ["nothing but zeros", [0, 0], 1],
  ])("%s", (_, readings, resolution) => {
    expect(resolutionOf(readings)).toBe(resolution);
  });

  test("a time is below it until enough readings tell it from 0", () => {
    const timing = (nanoseconds: number): KernelTiming => ({
      name: "matmul/register",
      program: "matmul/register",
      source: specialise(matmulRegister as AnyKernel),
      bindings: [],
      params: null,
      grid: [1, 1, 1],
      nanoseconds,
      start: 0,
    });
    const of = (readings: number[]) =>
      statisticsOf(readings.map(timing), byKernel, {
        runs: 1,
        resolution: 100_000,
        roofline: null,
      })[0]!;
    // A kernel of 25 us reads as 0 three times out of four.
    const readings = (count: number) =>
      Array.from({ length: count }, (_, i) => (i % 4 === 0 ? 100_000 : 0));
    expect(of(readings(4)).belowResolution).toBe(true);
    expect(of(readings(4)).gigabytesPerSecond).toBeNull();
    expect(of(readings(400)).belowResolution).toBe(false);
    expect(of(readings(400)).totalMilliseconds / 400).toBeCloseTo(0.025, 6);
    expect(errorOfMean(100_000, 400)).toBeCloseTo(2041.24, 1);
  });
});

describe("statistics", () => {
  const source = specialise(matmulRegister as AnyKernel);
  const timing = (nanoseconds: number, m: number, bytes: number): KernelTiming => {
    const view = new DataView(new ArrayBuffer(source.params!.size));
    matmulRegister.params!.write(view, {
      ...Object.fromEntries(
        ["a", "b", "c"]
          .flatMap((x) => [`${x}_row`, `${x}_col`, `${x}_offset`, `${x}_batch`])
          .map((name) => [name, 0]),
      ),
      m,
      n: 10,
      k: 10,
      k_all: 10,
      part_products: 1,
      groups: 1,
      groups_product: 1,
      groups_n: 1,
      biased: 0,
      bias_row: 0,
      bias_col: 0,
      bias_offset: 0,
      batch_rank: 0,
      batch_shape: [],
      a_batch: [],
      b_batch: [],
    } as never);
    return {
      name: "matmul/register",
      program: source.key,
      source,
      bindings: [{ name: "a", access: "read", bytes, first: 0 }],
      params: new Uint8Array(view.buffer),
      grid: [1, 1, 1],
      nanoseconds,
      start: 0,
    };
  };
  const timings = [timing(1000, 10, 4000), timing(3000, 20, 4000), timing(2000, 10, 8000)];
  const options = {
    runs: 2,
    resolution: 1,
    roofline: { gigabytesPerSecond: 4, gigaflopsPerSecond: 2 },
  };

  test("are means over the runs, rates are total work over total time", () => {
    expect(statisticsOf(timings, byKernel, options)).toEqual([
      {
        name: "matmul/register",
        calls: 1.5,
        totalMilliseconds: 0.003,
        medianMicroseconds: 2,
        bytes: 8000,
        flops: 4000,
        gigabytesPerSecond: 16000 / 6000,
        gigaflopsPerSecond: 8000 / 6000,
        bandwidthFraction: 16000 / 6000 / 4,
        peakFraction: 8000 / 6000 / 2,
        belowResolution: false,
      },
    ]);
  });

  test("by shape, dispatches of other sizes are told apart", () => {
    expect(statisticsOf(timings, byShape, options).map(({ calls }) => calls)).toEqual([1, 0.5]);
  });
});

describe("the page", () => {
  let assets: ReportAssets;
  let page = "";
  const subject = {
    version: "1.2.3",
    command: "train gpt --text <a>&b.txt",
    unit: "training step",
  };

  beforeAll(async () => {
    const uplot = join(dirname(createRequire(import.meta.url).resolve("uplot")));
    const own = new URL("../../src/cli/", import.meta.url);
    assets = {
      chartScript: await readFile(join(uplot, "uPlot.iife.min.js"), "utf8"),
      chartStyle: await readFile(join(uplot, "uPlot.min.css"), "utf8"),
      pageScript: await readFile(new URL("profileReport/page.js", own), "utf8"),
      pageStyle: await readFile(new URL("report/page.css", own), "utf8"),
    };
    page = renderProfile(exampleProfile, subject, assets);
  });

  test("shows the figures, the kernels and how they were measured", () => {
    const text = page
      .replace(/<(script|style)[^>]*>.*?<\/\1>/gs, "")
      .replace(/<[^>]+>/g, " ")
      .replace(/\s+/g, " ");
    for (const shown of [
      "train gpt --text &lt;a&gt;&amp;b.txt",
      "One training step 5.25 ms",
      "67 % 4.00 ms of a timed run",
      "to record 4 dispatches in 1 submit",
      "Device memory at most 3.00 MiB",
      "Compiling 1.2 s",
      "matmul/register 3.000 75.0 % 2 1500 us 2.00 25 % 32.0 50 %",
      "indexing/gather 1.000 25.0 % 1 1000 us 12.0 150 %",
      "below resolution",
      "which count in steps of 100 us; mean of 2 runs; 1 kernel below resolution",
    ])
      expect(text).toContain(shown);
  });

  test("loads nothing, and what it is given cannot become markup", () => {
    expect(page.replace(/\/\*.*?\*\//gs, "")).not.toMatch(/https?:\/\//);
    expect(page).toContain("default-src 'none'");
    const hostile = `</script><script>alert(1)</script>`;
    const other = renderProfile(exampleProfile, { ...subject, command: hostile }, assets);
    expect(other.match(/<script/g)).toHaveLength(3);
  });

  test("places a kernel in the roofline only where bytes, operations and time are known", () => {
    const json = /<script type="application\/json" id="chart-data">(.*?)<\/script>/s.exec(page)!;
    const { roofline, timeline } = JSON.parse(json[1]!);
    expect(roofline.points).toHaveLength(1);
    expect(roofline.points[0]).toMatchObject({
      name: "matmul/register",
      x: 16,
      y: 32,
      share: 0.75,
    });
    expect(timeline.lanes).toEqual(["host", "matmul/register", "indexing/gather", "reduce/serial"]);
    expect(timeline.bars).toHaveLength(6);
  });
});
