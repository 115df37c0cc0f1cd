/** Under a strict Content-Security-Policy: what the library needs of it, and what it does without each part. */
import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { bundleScript } from "./bundle";
import { isolation, openPage } from "./chromium";
import { policyHeader, strict } from "./contentPolicy";

test("docs/security.md gives the policy that is tested here", () => {
  const page = readFileSync(new URL("../../docs/security.md", import.meta.url), "utf8");
  expect(page).toContain(policyHeader(strict)["content-security-policy"]);
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
    await using opened = await openPage(script, { ...isolation, ...policyHeader(policy) });
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
