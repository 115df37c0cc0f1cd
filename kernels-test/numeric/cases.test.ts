import { beforeAll, describe, test } from "vitest";
import * as tg from "../../src/node";
import { loadCaseModules } from "../caseModules";

beforeAll(async () => {
  await tg.init();
});

for (const { name, cases } of await loadCaseModules())
  describe(name, () => {
    for (const claim of cases) test(claim.name, () => claim.run(tg));
  });
