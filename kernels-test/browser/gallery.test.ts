/** The gallery, as a person finds an example in it. */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { bundledExamples, openExample, photographAll } from "./gallery";

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
  await photographAll(page, "gallery");
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
    const outline = await page
      .locator(":focus")
      .evaluate((link) => getComputedStyle(link, "::after").outlineStyle);
    expect(outline).toBe("solid");
  }
  await page.keyboard.press("Enter");
  await page.waitForURL("**/fit/");
  await page
    .getByRole("heading", { level: 1, name: "A small network learns a sine wave" })
    .waitFor();
  await page.getByRole("link", { name: "tilegrad examples" }).click();
  await page.getByRole("heading", { level: 1, name: "tilegrad examples" }).waitFor();
  await page.goBack();
  await page.getByRole("log").getByText("the network says").waitFor();
  visited.expectQuiet();
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

test("each page says what it is, links back, and tells in words that its script is missing", async () => {
  const scripts = Object.keys(await bundledExamples()).filter((path) => path.endsWith("page.js"));
  expect(scripts.length).toBe(names.length + 1);
  await using visited = await openExample("", { missing: scripts });
  const { page } = visited;
  const { origin } = new URL(page.url());
  for (const script of scripts) {
    const folder = script.replace(/page\.js$/, "");
    await page.goto(`${origin}/${folder}`);
    const alert = page.getByRole("alert");
    await alert.waitFor();
    const words = folder ? "The page could not start" : "Nothing can compute here";
    expect(await alert.innerText()).toMatch(new RegExp(`^${words}: .*${script}`));
    expect(await page.locator("#executor").innerText()).toBe("Not running.");
    expect(await page.title()).toMatch(/^tilegrad: .{7}/);
    expect(await page.locator("html").getAttribute("lang")).toBe("en");
    expect(await page.locator("meta[name=description]").getAttribute("content")).toMatch(/.{50}/);
    expect(await page.getByRole("heading", { level: 1 }).count()).toBe(1);
    if (folder) expect(await page.getByRole("link", { name: "tilegrad examples" }).count()).toBe(1);
  }
  // The strict policy is in force: no script of the markup runs.
  const ran = await page.evaluate(() => {
    const script = document.createElement("script");
    script.textContent = "globalThis.ran = true";
    document.body.append(script);
    return "ran" in globalThis;
  });
  expect(ran).toBe(false);
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
