import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { check } from "../../src/cpu/wgsl/check";
import { ShaderError } from "../../src/cpu/wgsl/shaderError";
import { expectAgreement, shown } from "./agreement";
import { Dawn } from "./dawn";
import { DawnCheck, type Rejection } from "./dawnCheck";
import { choiceLists } from "./generate/choices";
import {
  constantFrom,
  constantShader,
  type OverrideShader,
  overrideShader,
} from "./generate/constants";
import type { Shader } from "./run";

const dawn = await Dawn.create();
const validator = await DawnCheck.create();

/** The checker's error, or null. */
function rejection({ wgsl, overrides = {} }: Shader): ShaderError | null {
  try {
    check(wgsl, overrides);
    return null;
  } catch (error) {
    if (error instanceof ShaderError) return error;
    throw error;
  }
}

const disagreement = (theirs: Rejection | null, ours: ShaderError | null, shader: Shader): Error =>
  new Error(
    `Dawn: ${theirs?.message ?? "accepted"}\nCPU executor: ${ours?.message ?? "accepted"}\n${shown(shader)}`,
  );

/** Whether both accept the shader. Rejects if only one does. */
async function accepted(shader: Shader): Promise<boolean> {
  const theirs = await validator.module(shader.wgsl);
  const ours = rejection(shader);
  if (!theirs !== !ours) throw disagreement(theirs, ours, shader);
  return !theirs;
}

/** The same for overrides. Dawn misses some of their errors; with constants instead it sees them all. */
async function acceptedOverrides(shader: OverrideShader): Promise<boolean> {
  const theirs =
    (await validator.pipeline(shader.wgsl, shader.overrides)) ??
    (await validator.module(shader.withConstants));
  const ours = rejection(shader);
  if (!theirs !== !ours) throw disagreement(theirs, ours, shader);
  return !theirs;
}

const perShader = 40;
const lists = fc.array(choiceLists(80), { minLength: 1, maxLength: perShader, size: "max" });

async function agrees(numbers: readonly number[][], half: boolean): Promise<void> {
  const constants = [];
  for (const list of numbers) {
    const constant = constantFrom(list, half);
    if (await accepted(constantShader([constant], half))) constants.push(constant);
  }
  await expectAgreement(dawn, constantShader(constants, half));
}

describe("random constant expressions", () => {
  test("are accepted and have the value as on Dawn", async () => {
    const property = fc.asyncProperty(lists, (numbers) => agrees(numbers, false));
    await fc.assert(property, { seed: 8, numRuns: dawn.share(40) });
  }, 300_000);

  if (dawn.has("shader-f16"))
    test("with f16 are accepted and have the value as on Dawn", async () => {
      const property = fc.asyncProperty(lists, (numbers) => agrees(numbers, true));
      await fc.assert(property, { seed: 9, numRuns: dawn.share(40) });
    }, 300_000);

  test("of overrides are accepted and have the value as on Dawn", async () => {
    let ran = 0;
    const property = fc.asyncProperty(choiceLists(80), async (numbers) => {
      const shader = overrideShader(numbers);
      if (!(await acceptedOverrides(shader))) return;
      ran++;
      await expectAgreement(dawn, shader);
    });
    await fc.assert(property, { seed: 10, numRuns: dawn.share(150) });
    expect(ran).toBeGreaterThan(dawn.share(75));
  }, 300_000);
});
