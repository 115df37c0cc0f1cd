/** Dawn on its driver takes every text that the operations may ask for. */
import { beforeAll, describe, expect, test } from "vitest";
import { allKernels } from "../../src/kernels";
import { type AnyKernel, specialise } from "../../src/kernels/kernel";
import { nodePlatform } from "../../src/platform/node";
import { asOptions, combinations } from "../static/combinations";

let device: GPUDevice;
const held: unknown[] = [];
beforeAll(async () => {
  const gpu = await nodePlatform.gpu();
  const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
  const wanted = ["shader-f16", "subgroups"] as const;
  device = await adapter!.requestDevice({
    requiredFeatures: wanted.filter((feature) => adapter!.features.has(feature)),
    requiredLimits: {
      maxStorageBuffersPerShaderStage: adapter!.limits.maxStorageBuffersPerShaderStage,
      maxComputeInvocationsPerWorkgroup: adapter!.limits.maxComputeInvocationsPerWorkgroup,
      maxComputeWorkgroupStorageSize: adapter!.limits.maxComputeWorkgroupStorageSize,
      maxComputeWorkgroupSizeX: adapter!.limits.maxComputeWorkgroupSizeX,
    },
  });
  held.push(gpu, adapter);
});

/** WGSL calls it `f16`, WebGPU `shader-f16`. */
const featureNames: Readonly<Record<string, GPUFeatureName>> = {
  f16: "shader-f16",
  subgroups: "subgroups",
  // Dawn's null backend compiles what needs it: see subgroupMatrix.test.ts.
  chromium_experimental_subgroup_matrix: "chromium-experimental-subgroup-matrix" as GPUFeatureName,
};

function isOffered(kernel: AnyKernel, chosen: Readonly<Record<string, string>>): boolean {
  const needed = kernel.features.map((name) => featureNames[name]!);
  if (Object.values(chosen).includes("f16")) needed.push("shader-f16");
  return needed.every((feature) => device.features.has(feature));
}

/** The error of one combination, or null. */
async function compile(
  kernel: AnyKernel,
  chosen: Readonly<Record<string, string>>,
): Promise<string | null> {
  const program = specialise(kernel, asOptions(kernel, chosen));
  const entries: GPUBindGroupLayoutEntry[] = program.bindings.map((b) => ({
    binding: b.index,
    visibility: GPUShaderStage.COMPUTE,
    buffer: { type: b.access === "read" ? "read-only-storage" : "storage" },
  }));
  if (program.params)
    entries.push({
      binding: program.params.index,
      visibility: GPUShaderStage.COMPUTE,
      buffer: { type: "uniform", hasDynamicOffset: true, minBindingSize: program.params.size },
    });
  device.pushErrorScope("validation");
  const module = device.createShaderModule({ code: program.wgsl });
  const layout = device.createBindGroupLayout({ entries });
  const made = device
    .createComputePipelineAsync({
      layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
      compute: { module, entryPoint: "main", constants: { ...program.overrides } },
    })
    .then(
      () => null,
      (error: unknown) => String(error),
    );
  const [scope, pipeline] = await Promise.all([device.popErrorScope(), made]);
  const error = scope?.message ?? pipeline;
  return error && `${program.key}: ${error.slice(0, 2000)}`;
}

describe("Dawn compiles every kernel in every combination of its choices", () => {
  test.each(allKernels.map((kernel) => [kernel.name, kernel] as const))("%s", async (_, kernel) => {
    const chosen = combinations(kernel);
    expect(chosen.length).toBeGreaterThan(0);
    const usable = chosen.filter((c) => isOffered(kernel, c));
    const failures: string[] = [];
    for (const combination of usable) {
      const failure = await compile(kernel, combination);
      if (failure) failures.push(failure);
    }
    expect(failures).toEqual([]);
  });
});
