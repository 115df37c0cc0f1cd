/** From the WGSL of a program to a WebAssembly module: see docs/cpu.md for the stages. */
import type { Program } from "../device/executor";
import { removeBoundsChecks } from "./ir/boundsChecks";
import type { CompiledKernel, CompileOptions } from "./ir/kernel";
import { lowerKernel } from "./lower/kernel";
import { unsupported } from "./lower/lowering";
import { prune } from "./lower/pruning";
import { encodeModule } from "./wasm/module";
import { check } from "./wgsl/check";
import type { CheckedProgram } from "./wgsl/program";
import { ShaderError } from "./wgsl/shaderError";
import { checkUniformity } from "./wgsl/uniformity";

/** @throws ShaderError that names the kernel and the line */
export function compileProgram(program: Program, options: CompileOptions): CompiledKernel {
  try {
    const checked = check(program.wgsl, program.overrides);
    requireSharedFlow(checked);
    prune(checked);
    const { body, scratchBytes, leastBytes } = lowerKernel(checked, program);
    return { wasm: encodeModule(removeBoundsChecks(body), options), scratchBytes, leastBytes };
  } catch (error) {
    if (error instanceof ShaderError) throw new ShaderError(error.reason, error.at, program.name);
    throw error;
  }
}

/**
 * Subgroup functions split the code as barriers do (lower/barriers.ts), so all invocations must come to them.
 * A program may turn that error of WGSL off; here it stays one.
 */
function requireSharedFlow(program: CheckedProgram): void {
  if (program.diagnostics.length === 0) return;
  try {
    checkUniformity({ ...program, diagnostics: [] });
  } catch (error) {
    if (!(error instanceof ShaderError)) throw error;
    unsupported("A subgroup function to which only some invocations may come", error.at);
  }
}
