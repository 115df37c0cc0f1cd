/** examples/profiler in a page, used as a person would. */
import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { openExample, photographAll } from "./gallery";

const patience = { timeout: 60_000 };

async function measure(page: Page, kernel: string, size: string): Promise<void> {
  await page.getByRole("combobox", { name: "Kernel" }).selectOption(kernel);
  for (const field of await page.getByRole("spinbutton").all()) await field.fill(size);
  await page.getByRole("button", { name: "Measure" }).click();
}

const done = (page: Page, kernel: string) =>
  page
    .getByRole("status")
    .getByText(new RegExp(`^Done: \\d+ samples of ${kernel} `))
    .waitFor(patience);

describe("the profiler", () => {
  test("a kernel's times, its place under the roofline and its text show; a second joins the first", async () => {
    await using visited = await openExample("profiler");
    const { page } = visited;
    await measure(page, "matmul", "128");
    await done(page, "matmul");
    await page.getByText("Computed on: CPU through WebAssembly").waitFor();
    const row = page.getByRole("row", { name: /^matmul\// });
    const cells = await row.getByRole("cell").allInnerTexts();
    // Operations are exact: 2 m n k over the three matrices' bytes.
    expect(Number(cells[5])).toBeCloseTo((2 * 128 ** 3) / (3 * 4 * 128 ** 2), 1);
    expect(Number(cells[4])).toBeGreaterThan(0);
    expect(await page.locator("#text").innerText()).toMatch(/@compute[\s\S]*fn main/);
    expect(await page.locator("#text .keyword").count()).toBeGreaterThan(5);
    expect(await page.locator("#roofline circle.now").count()).toBe(1);
    expect(await page.locator("#times rect").count()).toBeGreaterThan(3);

    await measure(page, "crossEntropy", "64");
    await done(page, "crossEntropy");
    expect(await page.locator("#roofline circle.before").count()).toBe(1);
    const programs = page.getByRole("combobox", { name: "Program" });
    const names = await programs.getByRole("option").allInnerTexts();
    expect(names.length).toBeGreaterThan(1);
    const first = await page.locator("#text").innerText();
    await programs.selectOption(names[1]!);
    expect(await page.locator("#text").innerText()).not.toBe(first);
    const unused = () =>
      page.evaluate(() => {
        const chart = document.getElementById("roofline")!;
        return chart.querySelector("svg")!.clientWidth - chart.clientWidth;
      });
    await photographAll(page, "profiler", () => expect.poll(unused).toBe(0));
    visited.expectQuiet();
  });

  test("sizes out of bounds are refused in words, by keyboard too", async () => {
    await using visited = await openExample("profiler");
    const { page } = visited;
    const field = page.getByRole("spinbutton", { name: /^m / });
    for (const [typed, says] of [
      ["100000", "matmul: m is 100000; it is a whole number from 1 to 2048."],
      ["1.5", "matmul: m is 1.5; it is a whole number from 1 to 2048."],
      ["", "matmul: m is no number; it is a whole number from 1 to 2048."],
    ] as const) {
      await field.fill(typed);
      await field.press("Enter");
      expect(await page.getByRole("alert").innerText()).toBe(says);
    }
    await field.fill("64");
    expect(await page.getByRole("alert").count()).toBe(0);
    visited.expectQuiet();
  });

  test("Stop ends a measurement at once, and another can follow", async () => {
    await using visited = await openExample("profiler");
    const { page } = visited;
    await measure(page, "matmul", "1024");
    await page.getByRole("button", { name: "Stop" }).click();
    await page
      .getByRole("status")
      .getByText(/^Stopped/)
      .waitFor({ timeout: 1000 });
    await measure(page, "sum", "32");
    await done(page, "sum");
    visited.expectQuiet();
  });

  test("a kernel is measured through WebGPU, and again without a network", async () => {
    await using visited = await openExample("profiler", { executor: "webgpu" });
    const { page } = visited;
    await measure(page, "gelu", "32");
    await done(page, "gelu");
    await page.getByText("Computed on: CPU through WebGPU").waitFor();
    await page.context().setOffline(true);
    await measure(page, "sum", "32");
    await done(page, "sum");
    visited.expectQuiet();
  });
});
