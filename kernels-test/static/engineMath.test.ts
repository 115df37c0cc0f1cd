/**
 * The CPU executor evaluates constant expressions with the engine's Math, and engines differ in the last bits
 * of exp and its like. The project's kernels leave those to the time they run.
 */
import { expect, test, vi } from "vitest";
import { compileProgram } from "../../src/cpu/compile";
import { specialise } from "../../src/kernels/kernel";
import { knownKernels } from "./combinations";

const { evaluated } = vi.hoisted(() => ({ evaluated: new Set<string>() }));

vi.mock("../../src/cpu/wgsl/constantBuiltins", async (original) => {
  const { evaluateBuiltin } =
    await original<typeof import("../../src/cpu/wgsl/constantBuiltins")>();
  return {
    evaluateBuiltin: (...call: Parameters<typeof evaluateBuiltin>) => {
      evaluated.add(call[0]);
      return evaluateBuiltin(...call);
    },
  };
});

test("no constant of a kernel is a value that engines may round differently", () => {
  for (const kernel of knownKernels)
    compileProgram(specialise(kernel, {}), { shared: true, relaxed: false });
  expect(evaluated.size).toBeGreaterThan(0);
  const free = /^(a?(cos|sin|tan)h?|atan2|exp2?|log2?|pow)$/;
  expect([...evaluated].filter((name) => free.test(name))).toEqual([]);
});
