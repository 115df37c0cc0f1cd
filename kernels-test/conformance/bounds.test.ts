import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { runCompiled } from "../compiledShader";
import { shown } from "./agreement";
import { boundsShader, isMarked, lanes } from "./generate/bounds";
import { choiceLists } from "./generate/choices";
import { wordsOf } from "./run";

describe("indices outside", () => {
  test("read values of the variable or zero, and write nothing beside it", async () => {
    const property = fc.asyncProperty(choiceLists(80), async (numbers) => {
      const shader = boundsShader(numbers);
      const contents = await runCompiled(shader).catch((error) => {
        throw new Error(`${error}\n${shown(shader)}`);
      });
      const [inputs, ...marked] = contents.slice(0, 5);
      expect(inputs, `the inputs of\n${shown(shader)}`).toEqual(shader.buffers[0]!.bytes);
      marked.forEach((bytes, i) => {
        const strange = [...wordsOf(bytes)].filter((word) => !isMarked(word));
        expect(strange, `${shader.buffers[i + 1]!.name} of\n${shown(shader)}`).toEqual([]);
      });
      const out = wordsOf(contents[5]!);
      for (let lane = 0; lane < lanes; lane++)
        expect(out[2 * lane + 1], `lane ${lane} of\n${shown(shader)}`).toBe(0);
    });
    await fc.assert(property, { seed: 12, numRuns: 1500 });
  }, 300_000);
});
