import * as fc from "fast-check";
import { describe, test } from "vitest";
import { expectAgreement } from "./agreement";
import { Dawn } from "./dawn";
import { DawnCheck } from "./dawnCheck";
import { choiceLists } from "./generate/choices";
import { layoutShader } from "./generate/layouts";
import { statementShader } from "./generate/statements";
import { workgroupShader } from "./generate/workgroups";
import type { Shader } from "./run";

const dawn = await Dawn.create();
const validator = await DawnCheck.create();

/** Every program that Dawn accepts does the same on both. */
async function expectSameEffect(
  numbers: fc.Arbitrary<Shader | null>,
  seed: number,
  numRuns: number,
): Promise<void> {
  const property = fc.asyncProperty(numbers, async (shader) => {
    fc.pre(shader !== null && !(await validator.module(shader.wgsl)));
    await expectAgreement(dawn, shader!);
  });
  await fc.assert(property, { seed, numRuns: dawn.share(numRuns) });
}

describe("random programs do what they do on Dawn:", () => {
  test("control flow, functions, pointers and memory of every kind", async () => {
    const numbers = fc.tuple(choiceLists(200), choiceLists(200), choiceLists(400));
    await expectSameEffect(numbers.map(statementShader), 3, 250);
  }, 300_000);

  test("layouts of structs, arrays, vectors and matrices in buffers", async () => {
    await expectSameEffect(
      choiceLists(80).map((list) => layoutShader(list, false)),
      4,
      60,
    );
  }, 300_000);

  if (dawn.has("shader-f16"))
    test("layouts with f16", async () => {
      await expectSameEffect(
        choiceLists(80).map((list) => layoutShader(list, true)),
        5,
        100,
      );
    }, 300_000);

  test("algorithms in workgroup memory between barriers", async () => {
    await expectSameEffect(
      choiceLists(60).map((list) => workgroupShader(list, false)),
      6,
      80,
    );
  }, 300_000);

  if (dawn.has("subgroups"))
    test("the same with subgroup functions", async () => {
      await expectSameEffect(
        choiceLists(60).map((list) => workgroupShader(list, true)),
        7,
        80,
      );
    }, 300_000);
});
