/** The CPU executor's compiler takes every text that the operations may ask for. */
import { describe, expect, test } from "vitest";
import { compileProgram } from "../../src/cpu/compile";
import { allKernels } from "../../src/kernels";
import { type AnyKernel, specialise } from "../../src/kernels/kernel";
import { asOptions, combinations, isDefault, knownKernels } from "./combinations";

type Choices = ReturnType<typeof combinations>[number];

/** What is wrong with the module of a program, or null. Pages without shared memory get another module. */
function problem(kernel: AnyKernel, chosen: Choices, shared: boolean): string | null {
  const program = specialise(kernel, asOptions(kernel, chosen));
  try {
    const { wasm } = compileProgram(program, { shared, relaxed: false });
    return WebAssembly.validate(wasm as BufferSource) ? null : `${program.key}: invalid module`;
  } catch (error) {
    return `${program.key}: ${error}`;
  }
}

test("only the kernel that needs subgroup matrices is left out", () => {
  const left = allKernels.filter((kernel) => !knownKernels.includes(kernel));
  expect(left.map(({ name }) => name)).toEqual(["matmul/subgroup_matrix"]);
});

describe("every kernel compiles in every combination of its choices", () => {
  test.each(knownKernels.map((kernel) => [kernel.name, kernel] as const))("%s", (_, kernel) => {
    const [first, ...others] = combinations(kernel);
    expect(first).toBeDefined();
    const problems = [
      problem(kernel, first!, false),
      ...[first!, ...others].map((chosen) => problem(kernel, chosen, true)),
    ];
    expect(problems.filter((text) => text !== null)).toEqual([]);
  });
});

test("the default of every kernel is among its combinations", () => {
  const missing = allKernels.filter(
    (kernel) => !combinations(kernel).some((chosen) => isDefault(kernel, chosen)),
  );
  expect(missing.map((kernel) => kernel.name)).toEqual([]);
});
