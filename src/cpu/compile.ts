/** From the WGSL of a program to a WebAssembly module: see docs/cpu.md for the stages. */
import type { Program } from "../device/executor";
import { removeBoundsChecks } from "./ir/boundsChecks";
import type { CompiledKernel, CompileOptions } from "./ir/kernel";
import { lowerKernel } from "./lower/kernel";
import { prune } from "./lower/pruning";
import { encodeModule } from "./wasm/module";
import { check } from "./wgsl/check";
import { ShaderError } from "./wgsl/shaderError";

/** @throws ShaderError that names the kernel and the line */
export function compileProgram(program: Program, options: CompileOptions): CompiledKernel {
  try {
    const checked = check(program.wgsl, program.overrides);
    prune(checked);
    const { body, scratchBytes, leastBytes } = lowerKernel(checked, program);
    return { wasm: encodeModule(removeBoundsChecks(body), options), scratchBytes, leastBytes };
  } catch (error) {
    if (error instanceof ShaderError) throw new ShaderError(error.reason, error.at, program.name);
    throw error;
  }
}
