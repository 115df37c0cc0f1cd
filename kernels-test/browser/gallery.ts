/** Opens the bundled examples in a page, as a static file host would serve them. */
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Locator, Page } from "playwright-core";
import { expect, inject } from "vitest";
import { buildExamples } from "../../examples/build.mjs";
import { emptyPage, type TestPage } from "./chromium";
import { policyHeader, strict } from "./contentPolicy";

let bundled: Promise<Record<string, Uint8Array>> | null = null;

async function bundle(): Promise<Record<string, Uint8Array>> {
  const folder = inject("examplesFolder");
  if (!existsSync(join(folder, "index.html"))) await buildExamples(folder);
  const files: Record<string, Uint8Array> = {};
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || entry.name.endsWith(".map")) continue;
    const path = join(entry.parentPath, entry.name);
    files[path.slice(folder.length + 1)] = readFileSync(path);
  }
  return files;
}

/** All files of the examples by their path, bundled anew once in a run of the tests. */
export function bundledExamples(): Promise<Readonly<Record<string, Uint8Array>>> {
  bundled ??= bundle();
  return bundled;
}

export interface ExampleOptions {
  readonly viewport?: { readonly width: number; readonly height: number };
  readonly colorScheme?: "light" | "dark";
  /** Runs in the page before its own scripts. */
  readonly before?: string;
  /** What computes, as the page's address says it; "auto" by default. */
  readonly executor?: "webgpu" | "cpu";
  /** Whether it is a touch screen. */
  readonly touch?: boolean;
  /** Paths of files that the server does not have. */
  readonly missing?: readonly string[];
}

export interface ExamplePage extends TestPage {
  /** Asserts that nothing was logged as an error, and nothing loaded from elsewhere. */
  expectQuiet(): void;
}

export const desktop = { width: 1280, height: 900 };
export const phone = { width: 360, height: 740 };

/** Opens an example under the strict policy. @param name a folder of examples/; "" is the gallery */
export async function openExample(
  name: string,
  {
    viewport = desktop,
    colorScheme = "light",
    touch = false,
    executor,
    before,
    missing = [],
  }: ExampleOptions = {},
): Promise<ExamplePage> {
  const files = { ...(await bundledExamples()) };
  for (const path of missing) delete files[path];
  const context = { viewport, colorScheme, hasTouch: touch };
  const opened = await emptyPage(files, policyHeader(strict), context);
  const { page, errors, foreign, url } = opened;
  if (before) await page.addInitScript(before);
  await page.goto(`${url}${name}${name && "/"}${executor ? `?executor=${executor}` : ""}`);
  return {
    ...opened,
    expectQuiet: () => expect({ errors, foreign }).toEqual({ errors: [], foreign: [] }),
    [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
  };
}

const pictures = fileURLToPath(new URL("./screenshots", import.meta.url));

/** Texts in the page that stand out less from their ground than WCAG 2.2 asks for (1.4.3, level AA). */
const faintTexts = (page: Page): Promise<string[]> =>
  page.evaluate(() => {
    const context = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true })!;
    const bytesOf = (colours: readonly string[]) => {
      context.clearRect(0, 0, 1, 1);
      for (const colour of colours) {
        context.fillStyle = colour;
        context.fillRect(0, 0, 1, 1);
      }
      return [...context.getImageData(0, 0, 1, 1).data.slice(0, 3)];
    };
    const luminance = (bytes: readonly number[]) => {
      const [red, green, blue] = bytes.map((byte) => {
        const share = byte / 255;
        return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
      });
      return 0.2126 * red! + 0.7152 * green! + 0.0722 * blue!;
    };
    /** The backgrounds under an element, the lowest first. */
    const grounds = (element: Element | null): string[] =>
      element
        ? [...grounds(element.parentElement), getComputedStyle(element).backgroundColor]
        : ["Canvas"];
    const faint = new Set<string>();
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      const element = node.parentElement!;
      const text = node.textContent!.trim();
      if (text === "" || !element.checkVisibility()) continue;
      // What cannot be used is exempt, and so is what stands on it.
      if (element.closest("label:has(:disabled), :disabled")) continue;
      const { color, fill, fontSize, fontWeight } = getComputedStyle(element);
      const ground = grounds(element);
      const own = element instanceof SVGElement ? fill : color;
      const [one, other] = [luminance(bytesOf([...ground, own])), luminance(bytesOf(ground))];
      const contrast = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
      const size = Number.parseFloat(fontSize);
      const large = size >= 24 || (size >= 18.66 && Number(fontWeight) >= 700);
      if (contrast < (large ? 3 : 4.5)) faint.add(`${text}: ${contrast.toFixed(2)}`);
    }
    return [...faint];
  });

/**
 * Keeps a picture of the whole page as `<name>.png`, and asserts that nothing is wider than the window, and no text too
 * faint.
 */
async function photograph(page: Page, name: string): Promise<void> {
  mkdirSync(pictures, { recursive: true });
  await page.screenshot({ path: join(pictures, `${name}.png`), fullPage: true });
  const overflow = await page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement;
    return scrollWidth - clientWidth;
  });
  expect({ overflow, faint: await faintTexts(page) }).toEqual({ overflow: 0, faint: [] });
}

/** Photographs a page in every look; `settled` waits until it shows one. */
export async function photographAll(
  page: Page,
  name: string,
  settled: (colorScheme: "light" | "dark") => Promise<void> = async () => {},
): Promise<void> {
  for (const [look, colorScheme, viewport] of looks) {
    await page.setViewportSize(viewport);
    await page.emulateMedia({ colorScheme });
    await settled(colorScheme);
    await photograph(page, `${name}-${look}`);
  }
}

/** Draws a stroke with a finger, where the page has a touch screen; points are parts of the element. */
export async function drawByTouch(
  element: Locator,
  points: readonly (readonly [number, number])[],
): Promise<void> {
  await element.scrollIntoViewIfNeeded();
  const { x, y, width, height } = (await element.boundingBox())!;
  const session = await element.page().context().newCDPSession(element.page());
  let type: "touchStart" | "touchMove" = "touchStart";
  for (const [across, down] of points) {
    const touchPoints = [{ x: x + across * width, y: y + down * height }];
    await session.send("Input.dispatchTouchEvent", { type, touchPoints });
    type = "touchMove";
  }
  await session.send("Input.dispatchTouchEvent", { type: "touchEnd", touchPoints: [] });
  await session.detach();
}

/** Each look that a page must have: its name, the theme, the window. */
const looks = [
  ["phone-light", "light", phone],
  ["phone-dark", "dark", phone],
  ["desktop-light", "light", desktop],
  ["desktop-dark", "dark", desktop],
] as const;
