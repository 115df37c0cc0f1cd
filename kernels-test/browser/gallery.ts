/** Opens the bundled examples in a page, as a static file host would serve them. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";
import { expect } from "vitest";
import { buildExamples } from "../../examples/build.mjs";
import { emptyPage, type TestPage } from "./chromium";

let bundled: Promise<Record<string, Uint8Array>> | null = null;

/** In a folder of its own: other processes bundle at the same time. */
async function bundle(): Promise<Record<string, Uint8Array>> {
  const folder = mkdtempSync(join(tmpdir(), "tilegrad-examples-"));
  try {
    await buildExamples(folder);
    const files: Record<string, Uint8Array> = {};
    for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile() || entry.name.endsWith(".map")) continue;
      const path = join(entry.parentPath, entry.name);
      files[path.slice(folder.length + 1)] = readFileSync(path);
    }
    return files;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** All files of the examples by their path, bundled anew once in a process. */
export function bundledExamples(): Promise<Readonly<Record<string, Uint8Array>>> {
  bundled ??= bundle();
  return bundled;
}

export interface ExampleOptions {
  readonly viewport?: { readonly width: number; readonly height: number };
  readonly colorScheme?: "light" | "dark";
  /** Runs in the page before its own scripts. */
  readonly before?: string;
  /** Paths of files that the server does not have. */
  readonly missing?: readonly string[];
}

export interface ExamplePage extends TestPage {
  /** Asserts that nothing was logged as an error, and nothing loaded from elsewhere. */
  expectQuiet(): void;
}

export const desktop = { width: 1280, height: 900 };
export const phone = { width: 360, height: 740 };

/** @param name a folder of examples/; "" is the gallery */
export async function openExample(
  name: string,
  { viewport = desktop, colorScheme = "light", before, missing = [] }: ExampleOptions = {},
): Promise<ExamplePage> {
  const files = { ...(await bundledExamples()) };
  for (const path of missing) delete files[path];
  const opened = await emptyPage(files);
  const { page, errors, foreign, url } = opened;
  await page.setViewportSize(viewport);
  await page.emulateMedia({ colorScheme });
  if (before) await page.addInitScript(before);
  await page.goto(`${url}${name}${name && "/"}`);
  return {
    ...opened,
    expectQuiet: () => expect({ errors, foreign }).toEqual({ errors: [], foreign: [] }),
    [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
  };
}

const pictures = fileURLToPath(new URL("./screenshots", import.meta.url));

/**
 * Keeps a picture of the whole page as `<name>.png`, and asserts that nothing is wider than the window.
 */
export async function photograph(page: Page, name: string): Promise<void> {
  mkdirSync(pictures, { recursive: true });
  await page.screenshot({ path: join(pictures, `${name}.png`), fullPage: true });
  const overflow = await page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement;
    return scrollWidth - clientWidth;
  });
  expect(overflow).toBe(0);
}

/** Each look that a page must have: its name, the theme, the window. */
export const looks = [
  ["phone-light", "light", phone],
  ["phone-dark", "dark", phone],
  ["desktop-light", "light", desktop],
  ["desktop-dark", "dark", desktop],
] as const;
