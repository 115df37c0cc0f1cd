/** examples/profiler: its figures, and the command line as a reader runs it, on the built library. */
import { init, scope } from "tilegrad";
import { describe, expect, test } from "vitest";
import { quantile, ratesOf } from "../../examples/profiler/figures.js";
import { indented, partsOf } from "../../examples/profiler/highlight.js";
import { workloadOf, workloads } from "../../examples/profiler/workloads.js";
import { nodeExample } from "./nodeExample.mjs";

const run = nodeExample("profiler");

const roofline = { gigabytesPerSecond: 10, gigaflopsPerSecond: 100 };

describe("figures", () => {
  test("left of the bend the roof is the bandwidth's, right of it the arithmetic's", () => {
    const left = ratesOf({ milliseconds: 1, bytes: 4e6, flops: 8e6 }, roofline);
    expect(left).toEqual({ gigabytes: 4, gigaflops: 8, intensity: 2, share: 0.4 });
    const right = ratesOf({ milliseconds: 1, bytes: 1e6, flops: 5e7 }, roofline);
    expect(right).toEqual({ gigabytes: 1, gigaflops: 50, intensity: 50, share: 0.5 });
  });

  test("a kernel of unknown operations is told by its bytes; one of no time by nothing", () => {
    const moved = ratesOf({ milliseconds: 1, bytes: 5e6, flops: null }, roofline);
    expect(moved).toEqual({ gigabytes: 5, gigaflops: null, intensity: null, share: 0.5 });
    const short = ratesOf({ milliseconds: 0, bytes: 5e6, flops: 1 }, roofline);
    expect([short.gigabytes, short.gigaflops, short.share]).toEqual([null, null, null]);
  });

  test("quantiles lie between the samples", () => {
    expect(quantile([3, 1, 2], 0.5)).toBe(2);
    expect(quantile([1, 2], 0.25)).toBe(1.25);
    expect(quantile([7], 0.9)).toBe(7);
  });
});

describe("the text", () => {
  const text =
    "override SIZE: u32 = 0x10u;\n@compute fn main() { // vec4f here\nlet a=vec4f(1.5e3);\n}\n";

  test("its parts are all of it, each of its kind", () => {
    const parts = partsOf(text);
    expect(parts.map((part) => part.text).join("")).toBe(text);
    const of = (kind) => parts.filter((part) => part.kind === kind).map((part) => part.text);
    expect(of("keyword")).toEqual(["override", "fn", "let"]);
    expect(of("comment")).toEqual(["// vec4f here"]);
    expect(of("number")).toEqual(["0x10u", "1.5e3"]);
    expect(of("type")).toEqual(["u32", "vec4f"]);
    expect(of("attribute")).toEqual(["@compute"]);
  });

  test("lines are indented by their braces", () => {
    expect(indented("fn f() {\nif (a) {\nb();\n}\n}\n")).toBe(
      "fn f() {\n  if (a) {\n    b();\n  }\n}",
    );
  });
});

test("every workload runs, at even sizes and at odd ones", async () => {
  const device = await init({ executor: "cpu", threads: 0 });
  for (const [name, { sizes }] of Object.entries(workloads))
    for (const more of [3, 4]) {
      const chosen = sizes.map(({ least }) => least + more);
      const { operands, run: compute } = workloadOf(name, chosen);
      const given = operands(...chosen);
      const { dispatches } = device.executor.counters;
      scope(() => void compute(...given));
      expect(device.executor.counters.dispatches, name).toBeGreaterThan(dispatches);
    }
  await device.destroy();
});

describe("node examples/profiler", () => {
  test("prints the operations of a product exactly, rates that fit them, and the text", async () => {
    const { code, out, err } = await run("--kernel", "matmul", "--size", "64x32x48", "--json");
    expect({ code, err }).toEqual({ code: 0, err: "" });
    const { kernels, samples, roofline: measured } = JSON.parse(out);
    expect(kernels.reduce((sum, { flops }) => sum + flops, 0)).toBe(2 * 64 * 32 * 48);
    expect(kernels[0].wgsl).toContain("@compute");
    expect(samples.length).toBeGreaterThan(0);
    expect(measured.gigaflopsPerSecond).toBeGreaterThan(0.1);
  }, 60_000);

  test("prints a table", async () => {
    const { code, out } = await run("--kernel", "softmax", "--size", "32");
    expect(code).toBe(0);
    expect(out).toMatch(/^softmax 32 x 32 on CPU through WebAssembly/);
    expect(out).toMatch(
      /kernel +calls +ms +GB\/s +GFLOP\/s +op\/byte +of its roof\nsoftmax\/forward/,
    );
  }, 60_000);

  test.each([
    [["--kernel", "matmull"], /error: There is no kernel "matmull". There are: matmul, attention/],
    [["--size", "4000"], /error: matmul: m is 4000; it is a whole number from 1 to 2048/],
    [["--size", "8x8"], /error: matmul has 3 sizes: m x k x n/],
    [["--size", "big"], /error: --size big is no size: it is as in 512, or 512x256/],
    [["--kernal", "sum"], /unknown option '--kernal'\n\(Did you mean --kernel\?\)/],
  ])(
    "%j ends with what is wrong",
    async (args, message) => {
      const { code, out, err } = await run(...args);
      expect(code).toBe(1);
      expect(err).toMatch(message);
      expect(out).toBe("");
    },
    60_000,
  );
});
