/** A headless Chromium with WebGPU on SwiftShader that talks to nobody but localhost. */
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { findChromium } from "../../setup/browsers.mjs";
import { serve } from "./server";

const webgpuFlags = [
  "--no-sandbox",
  "--enable-unsafe-webgpu",
  "--use-webgpu-adapter=swiftshader",
  "--enable-features=Vulkan",
];

const offlineFlags = [
  "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost",
  "--no-proxy-server",
  "--disable-background-networking",
  "--disable-client-side-phishing-detection",
  "--disable-component-update",
  "--disable-default-apps",
  "--disable-domain-reliability",
  "--disable-extensions",
  "--disable-sync",
  "--metrics-recording-only",
  "--no-default-browser-check",
  "--no-first-run",
  "--no-pings",
];

export async function launchChromium(): Promise<Browser> {
  const executablePath = findChromium();
  if (!executablePath) throw new Error("No Chromium here: `npm test` installs or asks for one.");
  return chromium.launch({ executablePath, args: [...webgpuFlags, ...offlineFlags] });
}

/** One for all pages of a process: each has a context, and so storage, of its own. */
let shared: Promise<Browser> | null = null;

/** Closes the browser that pages were opened in, if any was: the last thing that a process does with it. */
export async function closeBrowser(): Promise<void> {
  await (await shared)?.close();
  shared = null;
}

export interface TestPage extends AsyncDisposable {
  readonly page: Page;
  /** Uncaught errors and console.error lines of the page so far. */
  readonly errors: readonly string[];
  /** Addresses of other origins that the page asked for so far. */
  readonly foreign: readonly string[];
}

/** What gives a page shared memory. */
export const isolation = {
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-embedder-policy": "require-corp",
};

/** An empty page with storage of its own, and a server of `files` whose address is `url`. */
export async function emptyPage(
  files: Readonly<Record<string, string | Uint8Array>>,
  headers: Readonly<Record<string, string>> = {},
  options: BrowserContextOptions = {},
): Promise<TestPage & { readonly url: string }> {
  const server = await serve(files, headers);
  const { url } = server;
  shared ??= launchChromium();
  const context = await (await shared).newContext(options);
  const page = await context.newPage();
  const errors: string[] = [];
  page.on("pageerror", (error) => errors.push(error.stack ?? error.message));
  page.on("console", (line) => {
    if (line.type() === "error") errors.push(line.text());
  });
  const foreign: string[] = [];
  page.on("request", (request) => {
    const { protocol, origin } = new URL(request.url());
    if (!url.startsWith(origin) && protocol !== "data:" && protocol !== "blob:")
      foreign.push(request.url());
  });
  return {
    page,
    errors,
    foreign,
    url,
    async [Symbol.asyncDispose]() {
      await context.close();
      await server[Symbol.asyncDispose]();
    },
  };
}

/** Opens a page that loads `script` as a module, with storage of its own. `files` lie beside it. */
export async function openPage(
  script = "",
  headers: Readonly<Record<string, string>> = {},
  files: Readonly<Record<string, string | Uint8Array>> = {},
): Promise<TestPage> {
  const html =
    '<!doctype html><link rel="icon" href="data:,"><script type="module" src="page.js"></script>';
  const opened = await emptyPage({ ...files, "index.html": html, "page.js": script }, headers);
  await opened.page.goto(opened.url);
  return opened;
}
