/** examples/transport in a page, used as a person would: by pointer, by keyboard, with files. */
import { readFileSync } from "node:fs";
import type { Locator, Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import {
  drawByTouch,
  type ExampleOptions,
  type ExamplePage,
  openExample,
  photographAll,
} from "./gallery";

interface Visit extends ExamplePage {
  readonly colours: Locator;
  readonly flow: Locator;
}

async function visit(options: ExampleOptions = {}): Promise<Visit> {
  const opened = await openExample("transport", options);
  const { page } = opened;
  return {
    ...opened,
    colours: page.getByRole("region", { name: "Colours" }),
    flow: page.getByRole("region", { name: "A cloud that flows" }),
    [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
  };
}

const patience = { timeout: 60_000 };

const converged = (card: Locator) =>
  card.getByRole("status").getByText("Converged after").waitFor(patience);

interface Look {
  readonly mean: readonly number[];
  /** Root of the mean squared distance of a pixel's colour from the mean, in bytes. */
  readonly spread: number;
  /** A digest of all pixels. */
  readonly digest: string;
}

/** What is on a canvas. */
const look = (canvas: Locator): Promise<Look> =>
  canvas.evaluate(async (element) => {
    const { width, height } = element as HTMLCanvasElement;
    const context = (element as HTMLCanvasElement).getContext("2d")!;
    const { data } = context.getImageData(0, 0, width, height);
    const n = width * height;
    const mean = [0, 0, 0];
    for (let i = 0; i < data.length; i++) if (i % 4 < 3) mean[i % 4]! += data[i]! / n;
    let spread = 0;
    for (let i = 0; i < data.length; i++)
      if (i % 4 < 3) spread += (data[i]! - mean[i % 4]!) ** 2 / n;
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", data));
    return { mean, spread: Math.sqrt(spread), digest: String(digest) };
  });

const distance = (one: readonly number[], other: readonly number[]) =>
  Math.hypot(...one.map((value, i) => value - other[i]!));

/** The number under a name in a card. */
async function figure(card: Locator, name: string): Promise<number> {
  return Number(await card.locator(`[data-figure=${name}]`).innerText());
}

/** A PNG of four stripes of a hue, painted by the page. */
async function stripes(page: Page, hue: number): Promise<Buffer> {
  const url = await page.evaluate((angle) => {
    const canvas = document.createElement("canvas");
    canvas.width = 80;
    canvas.height = 60;
    const context = canvas.getContext("2d")!;
    for (let i = 0; i < 4; i++) {
      context.fillStyle = `hsl(${angle} 80% ${30 + 12 * i}%)`;
      context.fillRect(20 * i, 0, 20, 60);
    }
    return canvas.toDataURL("image/png");
  }, hue);
  return Buffer.from(url.split(",")[1]!, "base64");
}

describe("colours in the page", () => {
  test("the result has the target's colours; strength and entropy change it as they say", async () => {
    await using visited = await visit();
    const { page, colours } = visited;
    const result = page.locator("#recoloured");
    await converged(colours);
    const source = await look(colours.locator("[data-slot=source] .picture"));
    const target = await look(colours.locator("[data-slot=target] .picture"));
    const full = await look(result);
    expect(distance(source.mean, target.mean)).toBeGreaterThan(60);
    expect(distance(full.mean, target.mean)).toBeLessThan(10);
    expect(full.spread).toBeGreaterThan(0.8 * target.spread);

    await colours.getByRole("slider", { name: "Strength" }).focus();
    await page.keyboard.press("Home");
    await expect.poll(async () => (await look(result)).digest).toBe(source.digest);
    await page.keyboard.press("End");
    await expect.poll(async () => (await look(result)).digest).toBe(full.digest);

    await colours.getByRole("slider", { name: "Entropy" }).focus();
    await page.keyboard.press("End");
    await expect
      .poll(async () => (await look(result)).spread, patience)
      .toBeLessThan(0.5 * full.spread);
    await converged(colours);

    await colours.getByRole("button", { name: "Swap" }).click();
    await expect
      .poll(async () => distance((await look(result)).mean, source.mean), patience)
      .toBeLessThan(15);
    visited.expectQuiet();
  });

  test("files are chosen and dropped, what is no picture is refused in words, the result is saved", async () => {
    await using visited = await visit();
    const { page, colours } = visited;
    const result = page.locator("#recoloured");
    await converged(colours);

    const chosen = { name: "green.png", mimeType: "image/png", buffer: await stripes(page, 140) };
    await colours.getByLabel("Choose colours").setInputFiles(chosen);
    const target = colours.locator("[data-slot=target] .picture");
    await expect
      .poll(async () => target.evaluate((canvas: HTMLCanvasElement) => canvas.width))
      .toBe(80);
    const wanted = (await look(target)).mean;
    await expect
      .poll(async () => distance((await look(result)).mean, wanted), patience)
      .toBeLessThan(15);

    const dropped = (await stripes(page, 20)).toString("base64");
    const data = await page.evaluateHandle(async (base64) => {
      const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
      const transfer = new DataTransfer();
      transfer.items.add(new File([bytes], "orange.png", { type: "image/png" }));
      return transfer;
    }, dropped);
    const slot = colours.locator("[data-slot=source]");
    await slot.dispatchEvent("dragover", { dataTransfer: data });
    await slot.dispatchEvent("drop", { dataTransfer: data });
    const size = () => result.evaluate((c: HTMLCanvasElement) => [c.width, c.height]);
    await expect.poll(size, patience).toEqual([80, 60]);
    await converged(colours);

    const text = { name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("no picture") };
    await colours.getByLabel("Choose a picture").setInputFiles(text);
    const alert = colours.getByRole("alert");
    await alert.waitFor();
    expect(await alert.innerText()).toBe(
      "notes.txt is no picture that this browser can open. Choose a PNG, JPEG or WebP file.",
    );
    expect(await size()).toEqual([80, 60]);

    const saving = page.waitForEvent("download");
    await colours.getByRole("button", { name: "Save result" }).click();
    const saved = await saving;
    expect(saved.suggestedFilename()).toBe("recoloured.png");
    const png = readFileSync(await saved.path());
    expect([png.readUInt32BE(16), png.readUInt32BE(20)]).toEqual([80, 60]);
    visited.expectQuiet();
  });
});

describe("the flow in the page", () => {
  test("starts, pauses, goes on and arrives", async () => {
    await using visited = await visit();
    const { page, flow } = visited;
    await flow.getByRole("combobox", { name: "Particles" }).selectOption("300");
    await flow.getByRole("combobox", { name: "From" }).selectOption("disc");
    const canvas = page.locator("#particles");
    const before = await look(canvas);

    const first = flow.locator("[data-figure=divergence]").evaluate(
      (figure) =>
        new Promise<number>((resolve) =>
          new MutationObserver(() => resolve(Number(figure.textContent))).observe(figure, {
            childList: true,
          }),
        ),
    );
    await flow.getByRole("button", { name: "Start" }).focus();
    await page.keyboard.press("Enter");
    await expect.poll(() => figure(flow, "step"), patience).toBeGreaterThan(1);
    await flow.getByRole("button", { name: "Pause" }).click();
    const paused = await figure(flow, "step");
    const still = await look(canvas);
    expect(still.digest).not.toBe(before.digest);
    await page.waitForTimeout(500);
    expect(await figure(flow, "step")).toBe(paused);
    expect((await look(canvas)).digest).toBe(still.digest);

    const trails = flow.getByRole("checkbox", { name: "Show the ways they took" });
    await trails.uncheck();
    expect((await look(canvas)).digest).not.toBe(still.digest);
    await trails.check();
    expect((await look(canvas)).digest).toBe(still.digest);

    const far = await first;
    await flow.getByRole("button", { name: "Continue" }).click();
    await flow.getByRole("status").getByText("Arrived").waitFor({ timeout: 120_000 });
    expect(await figure(flow, "divergence")).toBeLessThan(far / 10);

    await flow.getByRole("button", { name: "Reset" }).click();
    await expect.poll(async () => (await look(canvas)).digest).toBe(before.digest);
    visited.expectQuiet();
  });

  test("goals are typed and drawn, and may change on the way", async () => {
    await using visited = await visit({ touch: true });
    const { page, flow } = visited;
    await flow.getByRole("combobox", { name: "Particles" }).selectOption("300");
    const canvas = page.locator("#particles");
    await flow.getByRole("button", { name: "Start" }).click();
    await expect.poll(() => figure(flow, "step"), patience).toBeGreaterThan(1);

    await flow.getByRole("combobox", { name: "To" }).selectOption("a word");
    const word = flow.getByRole("textbox", { name: "Word" });
    await word.fill("");
    expect(await flow.getByRole("alert").innerText()).toBe("The word is empty: type one.");
    expect(await flow.getByRole("button", { name: "Start" }).isDisabled()).toBe(true);
    await word.fill("M");
    expect(await flow.getByRole("alert").isHidden()).toBe(true);
    await flow.getByRole("button", { name: "Start" }).click();
    await expect.poll(() => figure(flow, "step"), patience).toBeGreaterThan(1);

    await flow.getByRole("combobox", { name: "To" }).selectOption("your drawing");
    expect(await flow.getByRole("status").innerText()).toBe("Draw a goal, then press Start.");
    await canvas.scrollIntoViewIfNeeded();
    const box = (await canvas.boundingBox())!;
    const empty = await look(canvas);
    await page.mouse.move(box.x + 0.2 * box.width, box.y + 0.9 * box.height);
    await page.mouse.down();
    await page.mouse.move(box.x + 0.4 * box.width, box.y + 0.9 * box.height, { steps: 5 });
    await page.mouse.up();
    const one = await look(canvas);
    expect(one.digest).not.toBe(empty.digest);
    await drawByTouch(
      canvas,
      [0.6, 0.65, 0.7, 0.75, 0.8].map((across) => [across, 0.9]),
    );
    expect((await look(canvas)).digest).not.toBe(one.digest);
    await page.context().setOffline(true);
    await flow.getByRole("button", { name: "Start" }).click();
    await expect.poll(() => figure(flow, "step"), patience).toBeGreaterThan(15);
    await flow.getByRole("button", { name: "Pause" }).click();
    // The word is some 0.4 above the drawing: the divergence was about its square.
    expect(await figure(flow, "divergence")).toBeLessThan(0.01);
    await flow.getByRole("button", { name: "Clear" }).click();
    expect(await flow.getByRole("button", { name: "Start" }).isDisabled()).toBe(true);
    visited.expectQuiet();
  });
});

describe("the page", () => {
  test("on phones and desktops, light and dark, it shows all, and has names for those who listen", async () => {
    await using visited = await visit();
    const { page, colours, flow } = visited;
    await page.getByText("Computed on: CPU through WebAssembly").waitFor();
    for (const role of ["slider", "combobox", "checkbox", "button", "img"] as const) {
      const all = page.getByRole(role);
      expect(await all.count()).toBeGreaterThan(0);
      expect(await page.getByRole(role, { name: /./ }).count()).toBe(await all.count());
    }
    for (const card of [colours, flow]) expect(await card.getByRole("status").count()).toBe(1);
    for (const id of ["", "computedBy"]) {
      await page.keyboard.press("Tab");
      expect(await page.locator(":focus").getAttribute("id")).toBe(id || null);
    }
    await page.keyboard.press("Tab");
    expect(await page.locator(":focus").getAttribute("type")).toBe("file");

    await converged(colours);
    await flow.getByRole("button", { name: "Start" }).click();
    await expect.poll(() => figure(flow, "step"), patience).toBeGreaterThan(5);
    await flow.getByRole("button", { name: "Pause" }).click();
    const canvas = page.locator("#particles");
    await photographAll(page, "transport", async (colorScheme) => {
      // The canvas follows the width and the theme, without a flow that runs.
      await expect
        .poll(() => canvas.evaluate((c: HTMLCanvasElement) => c.width - c.clientWidth))
        .toBe(0);
      const bright = async () => (await look(canvas)).mean[0]! > 128;
      await expect.poll(bright).toBe(colorScheme === "light");
      expect((await look(canvas)).spread).toBeGreaterThan(20);
      expect((await look(page.locator("#recoloured"))).spread).toBeGreaterThan(20);
    });
    visited.expectQuiet();
  });

  test("through WebGPU colours are matched and particles flow", async () => {
    await using visited = await visit({ executor: "webgpu" });
    const { page, colours, flow } = visited;
    await page.getByText("Computed on: CPU through WebGPU").waitFor(patience);
    await expect.poll(() => figure(colours, "iterations"), patience).toBeGreaterThan(0);
    await flow.getByRole("combobox", { name: "Particles" }).selectOption("300");
    await flow.getByRole("button", { name: "Start" }).click();
    await expect.poll(() => figure(flow, "step"), patience).toBeGreaterThan(1);
    expect(await page.getByRole("alert").count()).toBe(0);
    visited.expectQuiet();
  });
});
