import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadCaseModules } from "../caseModules";
import { bundleCases } from "./bundle";
import { openPage, type TestPage } from "./chromium";

const modules = await loadCaseModules();

let opened: TestPage;
beforeAll(async () => {
  opened = await openPage(await bundleCases(modules));
  expect(opened.errors).toEqual([]);
  await opened.page.evaluate(async () => void (await tilegrad.init({ executor: "webgpu" })));
});
afterAll(() => opened?.[Symbol.asyncDispose]());

for (const { name, cases } of modules)
  describe(name, () => {
    cases.forEach((claim, index) => {
      test(claim.name, async () => {
        const failure = await opened.page.evaluate(([module, at]) => runCase(module, at), [
          name,
          index,
        ] as const);
        if (failure !== null) throw new Error(failure);
      });
    });
  });
