/** Under a strict Content-Security-Policy: what the library needs of it, and what it does without each part. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { bundleScript } from "./bundle";
import { emptyPage, isolation, openPage } from "./chromium";
import { bundledExamples } from "./gallery";

const strict = {
  "default-src": "'self'",
  "script-src": "'self' 'wasm-unsafe-eval'",
  "worker-src": "'self' blob:",
  "style-src": "'self' 'unsafe-inline'",
  "img-src": "'self' data: blob:",
};

const headerOf = (policy: Readonly<Record<string, string>>): Record<string, string> => ({
  "content-security-policy": Object.entries(policy)
    .map((entry) => entry.join(" "))
    .join("; "),
});

const patience = { timeout: 60_000 };

test("docs/security.md gives the policy that is tested here", () => {
  const page = readFileSync(new URL("../../docs/security.md", import.meta.url), "utf8");
  expect(page).toContain(headerOf(strict)["content-security-policy"]);
});

test("the transport page works, of all inline scripts with its own alone", async () => {
  const files = await bundledExamples();
  const html = Buffer.from(files["transport/index.html"]!).toString();
  const inline = [...html.matchAll(/<script type="module">([\s\S]*?)<\/script>/g)].map(
    ([, text]) => `'sha256-${createHash("sha256").update(text!).digest("base64")}'`,
  );
  const policy = { ...strict, "script-src": [strict["script-src"], ...inline].join(" ") };
  await using opened = await emptyPage(files, headerOf(policy));
  const { page, errors, foreign, url } = opened;
  await page.goto(`${url}transport/`);
  const colours = page.getByRole("region", { name: "Colours" });
  await colours.getByRole("status").getByText("Converged after").waitFor(patience);
  expect({ errors, foreign }).toEqual({ errors: [], foreign: [] });
  const ran = await page.evaluate(() => {
    const script = document.createElement("script");
    script.textContent = "globalThis.ran = true";
    document.body.append(script);
    return "ran" in globalThis;
  });
  expect(ran).toBe(false);
});

describe("the CPU executor", () => {
  let script = "";
  beforeAll(async () => {
    script = await bundleScript(
      'import * as tilegrad from "./src/browser.ts"; globalThis.tilegrad = tilegrad;',
    );
  });

  /** The device's description and 1 + ... + 100, or what was thrown. */
  async function compute(policy: Readonly<Record<string, string>>) {
    await using opened = await openPage(script, { ...isolation, ...headerOf(policy) });
    return await opened.page.evaluate(async () => {
      try {
        const device = await tilegrad.init({ executor: "cpu", threads: 2 });
        const sum = await tilegrad.arange(1, 101, 1, { dtype: "f32" }).sum().item();
        return { description: device.executor.adapter.description, sum };
      } catch (error) {
        return { description: String(error), sum: 0 };
      }
    });
  }

  test("has its threads under the strict policy", async () => {
    expect(await compute(strict)).toEqual({
      description: expect.stringContaining("2 threads") as string,
      sum: 5050,
    });
  });

  test("gives the same sum where workers of blobs are forbidden", async () => {
    expect((await compute({ ...strict, "worker-src": "'self'" })).sum).toBe(5050);
  });

  test("says what is forbidden where WebAssembly is", async () => {
    const { description } = await compute({ ...strict, "script-src": "'self'" });
    expect(description).toMatch(/WebAssembly/);
    expect(description).toMatch(/Content.Security.Policy/i);
  });
});
