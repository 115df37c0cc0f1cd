import * as fc from "fast-check";
import { describe, test } from "vitest";
import { expectAgreement } from "./agreement";
import { Dawn } from "./dawn";
import { DawnCheck } from "./dawnCheck";
import { choiceLists } from "./generate/choices";
import { expressionFrom, expressionShader } from "./generate/expressionShader";

const dawn = await Dawn.create();
const validator = await DawnCheck.create();

/** Dawn compiles slowly, so that many expressions share a shader. */
const perShader = 40;
const batches = fc.tuple(
  fc.array(choiceLists(120), { minLength: 1, maxLength: perShader, size: "max" }),
  choiceLists(2000),
);

async function agrees(lists: readonly number[][], inputs: readonly number[], half: boolean) {
  const expressions = [];
  for (const list of lists) {
    const expression = expressionFrom(list, half);
    // A constant part may overflow: mutations.test.ts compares what is rejected.
    const alone = expressionShader([expression], inputs, half);
    if (!(await validator.module(alone.wgsl))) expressions.push(expression);
  }
  await expectAgreement(dawn, expressionShader(expressions, inputs, half));
}

describe("random expressions", () => {
  test("have the value that Dawn gives them, bit for bit", async () => {
    const property = fc.asyncProperty(batches, ([lists, inputs]) => agrees(lists, inputs, false));
    await fc.assert(property, { seed: 1, numRuns: dawn.share(60) });
  }, 300_000);

  if (dawn.has("shader-f16"))
    test("with f16 among their types have the value that Dawn gives them", async () => {
      const property = fc.asyncProperty(batches, ([lists, inputs]) => agrees(lists, inputs, true));
      await fc.assert(property, { seed: 2, numRuns: dawn.share(60) });
    }, 300_000);
});
