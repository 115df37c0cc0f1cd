/** Dawn takes the text of the product by subgroup matrices, which no driver here can run. */
import { expect, test } from "vitest";
import { create } from "webgpu";
import { matmulSubgroupMatrix } from "../../src/kernels";
import { type AnyKernel, specialise } from "../../src/kernels/kernel";
import { asOptions, combinations } from "../static/combinations";

const feature = "chromium-experimental-subgroup-matrix" as GPUFeatureName;

test("every combination compiles where nothing is executed", async () => {
  const gpu = create(["backend=null", "enable-dawn-features=allow_unsafe_apis"]);
  const adapter = (await gpu.requestAdapter())!;
  expect(adapter.features.has(feature)).toBe(true);
  const device = await adapter.requestDevice({
    requiredFeatures: [feature, "subgroups", "shader-f16"],
  });
  const chosen = combinations(matmulSubgroupMatrix as AnyKernel);
  expect(chosen.length).toBeGreaterThan(10);
  const failures: string[] = [];
  for (const combination of chosen) {
    const { key, wgsl, overrides } = specialise(
      matmulSubgroupMatrix as AnyKernel,
      // A multiple of the largest subgroup that this backend claims to have.
      asOptions(matmulSubgroupMatrix as AnyKernel, { ...combination, WG: "128" }),
    );
    device.pushErrorScope("validation");
    const module = device.createShaderModule({ code: wgsl });
    const failure = await device
      .createComputePipelineAsync({
        layout: "auto",
        compute: { module, entryPoint: "main", constants: { ...overrides } },
      })
      .then(
        () => null,
        (error: unknown) => String(error),
      );
    const scope = await device.popErrorScope();
    if (failure ?? scope) failures.push(`${key}: ${scope?.message ?? failure}`);
  }
  expect(failures).toEqual([]);
});
