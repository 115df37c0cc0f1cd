/** Profiles in pages: of a function in a page, and the page that `tilegrad profile` writes. */
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { renderProfile } from "../../src/cli/profileReport/profilePage";
import { exampleProfile } from "../host/exampleProfile";
import { bundleCases } from "./bundle";
import { isolation, launchChromium, openPage, type TestPage } from "./chromium";
import { type Server, serve } from "./server";

describe.each(["webgpu", "cpu"] as const)("profile in a page, on %s", (executor) => {
  let opened: TestPage;
  beforeAll(async () => {
    opened = await openPage(await bundleCases([]), isolation);
  });
  afterAll(() => opened?.[Symbol.asyncDispose]());

  test("counts exactly, says how fine its clock is, and shows the dispatches to DevTools", async () => {
    const { data, table, measures } = await opened.page.evaluate(async (kind) => {
      const device = await tilegrad.init({ executor: kind });
      const a = tilegrad.ones([128, 96]);
      const b = tilegrad.ones([96, 160]);
      // In a few runs times may be alike, and then they do not tell the clock's steps.
      const profile = await tilegrad.profile(() => tilegrad.gelu(tilegrad.matmul(a, b)), {
        repeats: 30,
      });
      const entries = performance.getEntriesByType("measure") as PerformanceMeasure[];
      const result = {
        data: profile.data,
        table: profile.table(),
        measures: entries.map(({ name, startTime, duration, detail }) => ({
          name,
          startTime,
          duration,
          track: (detail as { devtools: { track: string } }).devtools.track,
        })),
      };
      await device.destroy();
      return result;
    }, executor);
    expect(opened.errors).toEqual([]);
    expect(data.executor).toBe(executor);
    const product = data.kernels.find(({ name }) => name.startsWith("matmul/"))!;
    expect(product.flops).toBe(2 * 128 * 96 * 160);
    expect(data.roofline!.gigabytesPerSecond).toBeGreaterThan(0);
    expect(data.runs).toBe(30);
    // The flag that gives this browser WebGPU also makes its timestamps finer than users' are; its own clock
    // counts in steps of 5 us.
    const step = data.resolutionMicroseconds;
    expect(step).toBeGreaterThanOrEqual(executor === "webgpu" ? 0.001 : 1);
    expect(table.includes("which count in steps of")).toBe(step > 0.001);
    expect(measures.map(({ name }) => name)).toEqual(data.dispatches.map(({ kernel }) => kernel));
    measures.forEach(({ duration, track }, i) => {
      expect(track).toBe("kernels");
      expect(duration).toBeCloseTo(data.dispatches[i]!.milliseconds, 1);
    });
  });
});

describe("the page that tilegrad profile writes", () => {
  const read = (path: string | URL) => readFileSync(path, "utf8");
  const own = new URL("../../src/cli/", import.meta.url);
  const uplot = dirname(createRequire(import.meta.url).resolve("uplot"));
  const page = renderProfile(
    exampleProfile,
    { version: "1.2.3", command: "train gpt --text book.txt", unit: "training step" },
    {
      chartScript: read(join(uplot, "uPlot.iife.min.js")),
      chartStyle: read(join(uplot, "uPlot.min.css")),
      pageScript: read(new URL("profileReport/page.js", own)),
      pageStyle: read(new URL("report/page.css", own)),
    },
  );
  const screenshots = fileURLToPath(new URL("screenshots", import.meta.url));
  mkdirSync(screenshots, { recursive: true });

  let server: Server;
  let browser: Awaited<ReturnType<typeof launchChromium>>;
  beforeAll(async () => {
    server = await serve({ "index.html": page });
    browser = await launchChromium();
  });
  afterAll(async () => {
    await browser?.close();
    await server?.[Symbol.asyncDispose]();
  });

  test.each([
    ["desktop", "light", 1280],
    ["desktop", "dark", 1280],
    ["phone", "light", 360],
    ["phone", "dark", 360],
  ] as const)(
    "draws its charts, fits a %s and follows the %s scheme",
    async (name, scheme, width) => {
      const context = await browser.newContext({
        colorScheme: scheme,
        viewport: { width, height: 900 },
      });
      const view = await context.newPage();
      const errors: string[] = [];
      view.on("pageerror", (error) => errors.push(error.message));
      view.on("console", (line) => {
        if (line.type() === "error") errors.push(line.text());
      });
      await view.goto(server.url);
      await view.screenshot({
        path: `${screenshots}/profile-${name}-${scheme}.png`,
        fullPage: true,
      });
      expect(errors).toEqual([]);
      const drawn = await view.evaluate(() => {
        /** Pixels that are not those of the empty canvas, and different colours among them. */
        const ink = (id: string) => {
          const canvas = document.querySelector<HTMLCanvasElement>(`#${id} canvas`)!;
          const { data } = canvas.getContext("2d")!.getImageData(0, 0, canvas.width, canvas.height);
          let pixels = 0;
          const colors = new Set<number>();
          for (let i = 0; i < data.length; i += 4) {
            if (data[i + 3] === 0) continue;
            pixels++;
            colors.add((data[i]! << 16) | (data[i + 1]! << 8) | data[i + 2]!);
          }
          return { pixels, colors: colors.size };
        };
        return {
          charts: ["timeline-chart", "memory-chart", "roofline-chart"].map(ink),
          overflow: document.documentElement.scrollWidth - innerWidth,
          background: getComputedStyle(document.body).backgroundColor,
        };
      });
      for (const { pixels, colors } of drawn.charts) {
        expect(pixels).toBeGreaterThan(1000);
        expect(colors).toBeGreaterThan(3);
      }
      expect(drawn.overflow).toBeLessThanOrEqual(0);
      expect(drawn.background).toBe(scheme === "light" ? "rgb(246, 247, 249)" : "rgb(15, 17, 22)");
      await context.close();
    },
  );

  test("tells of the dispatch and of the kernel under the pointer", async () => {
    const view = await browser.newPage({ viewport: { width: 1280, height: 900 } });
    await view.goto(server.url);
    const over = (await view.locator("#timeline-chart .u-over").boundingBox())!;
    // The gather runs from 3 to 4 of 6 ms, in the third of four lanes.
    await view.mouse.move(over.x + (over.width * 3.5) / 6, over.y + (over.height * 2.5) / 4);
    expect(await view.locator("#timeline-note").textContent()).toBe(
      "indexing/gather: 1.00 ms, 4 x 1 x 1 workgroups, 11.4 MiB, 12.0 GB/s",
    );
    await view.mouse.move(5, 5);
    expect(await view.locator("#timeline-note").textContent()).toContain("Point at a bar");
    await view.close();
  });
});
