import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { check } from "../../src/cpu/wgsl/check";
import { ShaderError } from "../../src/cpu/wgsl/shaderError";
import { DawnCheck } from "./dawnCheck";
import { Choices, choiceLists } from "./generate/choices";
import { layoutShader } from "./generate/layouts";
import { mutated } from "./generate/mutations";
import { statementShader } from "./generate/statements";
import { workgroupShader } from "./generate/workgroups";
import { rejectedPrograms } from "./rejected";

const dawn = await DawnCheck.create();

/** The checker's error, or null. Anything but a ShaderError passes through. */
function rejection(wgsl: string): ShaderError | null {
  try {
    check(wgsl, {});
    return null;
  } catch (error) {
    if (error instanceof ShaderError) return error;
    throw error;
  }
}

describe("what Dawn rejects is rejected, with the same line:", () => {
  for (const rule of new Set(rejectedPrograms.map((program) => program.rule)))
    test(`errors of ${rule}`, async () => {
      const programs = rejectedPrograms.filter((program) => program.rule === rule);
      const expected: string[] = [];
      const actual: string[] = [];
      for (const { text, wgsl } of programs) {
        const theirs = await dawn.module(wgsl);
        expect(theirs, `Dawn accepts ${text}`).not.toBeNull();
        const line = rejection(wgsl)?.at.line;
        expected.push(`${theirs!.line || line}: ${text}`);
        actual.push(`${line ?? "accepted"}: ${text}`);
      }
      expect(actual).toEqual(expected);
    });
});

/** A valid program of some kind. */
function original(choices: Choices, numbers: readonly number[]): string {
  switch (choices.below(4)) {
    case 0:
      return layoutShader(numbers.slice(0, 60), true)?.wgsl ?? "const a = 1;";
    case 1:
      return workgroupShader(numbers.slice(0, 20), true).wgsl;
    default: {
      const third = Math.floor(numbers.length / 3);
      const parts = [0, 1, 2].map((i) => numbers.slice(i * third, (i + 1) * third));
      return statementShader(parts as [number[], number[], number[]]).wgsl;
    }
  }
}

test("programs with tokens deleted, doubled, swapped or replaced are judged as Dawn judges them", async () => {
  const counts = { accepted: 0, rejected: 0 };
  const property = fc.asyncProperty(choiceLists(20), choiceLists(200), async (changes, numbers) => {
    const choices = new Choices(changes);
    const text = mutated(original(choices, numbers), choices, choices.chance(20) ? 2 : 1);
    const theirs = await dawn.module(text);
    const ours = rejection(text);
    counts[theirs ? "rejected" : "accepted"]++;
    if ((theirs === null) === (ours === null)) return;
    // Overrides have their values in our check, and get them with the pipeline on Dawn.
    if (!theirs && (await dawn.pipeline(text))) return;
    throw new Error(
      `Dawn: ${theirs ? `line ${theirs.line}: ${theirs.message}` : "accepted"}\nCPU executor: ${ours?.message ?? "accepted"}\n${text}`,
    );
  });
  await fc.assert(property, { seed: 11, numRuns: 4000 });
  expect(counts.accepted).toBeGreaterThan(400);
  expect(counts.rejected).toBeGreaterThan(400);
}, 300_000);
