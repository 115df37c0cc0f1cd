/** The gallery, as a person finds an example in it. */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { looks, openExample, photograph } from "./gallery";

const names = [
  "Train a language model",
  "Teach it your handwriting",
  "Optimizer race",
  "Grokking",
  "Optimal transport",
  "Kernel profiler",
  "Fit a sine wave",
];

test("on phones and desktops, light and dark, all cards show, and what computes on this machine", async () => {
  await using visited = await openExample("");
  const { page } = visited;
  await page.getByRole("status").getByText("Computes here on: CPU through WebAssembly").waitFor();
  for (const [name, colorScheme, viewport] of looks) {
    await page.setViewportSize(viewport);
    await page.emulateMedia({ colorScheme });
    await photograph(page, `gallery-${name}`);
  }
  expect(await page.getByRole("listitem").count()).toBe(names.length);
  expect(await page.getByRole("alert").count()).toBe(0);
  visited.expectQuiet();
});

test("by keyboard one comes to each example in order, and into it", async () => {
  await using visited = await openExample("");
  const { page } = visited;
  expect(await page.title()).toBe("tilegrad: examples");
  expect(await page.getByRole("heading", { level: 1 }).count()).toBe(1);
  for (const name of names) {
    await page.keyboard.press("Tab");
    expect(await page.locator(":focus").innerText()).toBe(name);
  }
  await page.keyboard.press("Enter");
  await page.waitForURL("**/fit/");
  await page
    .getByRole("heading", { level: 1, name: "A small network learns a sine wave" })
    .waitFor();
  await page.getByRole("link", { name: "tilegrad examples" }).click();
  await page.getByRole("heading", { level: 1, name: "tilegrad examples" }).waitFor();
});

test("every folder with a page has a card, and every card a page", async () => {
  await using visited = await openExample("");
  const hrefs = await visited.page
    .getByRole("main")
    .getByRole("link")
    .evaluateAll((links) => links.map((link) => link.getAttribute("href")));
  for (const href of hrefs)
    expect(
      existsSync(fileURLToPath(new URL(`../../examples/${href}index.html`, import.meta.url))),
    ).toBe(true);
  expect(new Set(hrefs).size).toBe(names.length);
});

test("where nothing can compute, the page says so in words", async () => {
  const before = `
    Object.defineProperty(Navigator.prototype, "gpu", { value: undefined });
    WebAssembly = undefined;`;
  await using visited = await openExample("", { before });
  await visited.page
    .getByRole("alert")
    .getByText(/^Nothing can compute here: ./)
    .waitFor();
});
