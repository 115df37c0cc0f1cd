/** From a program to the WebAssembly module that runs it. */
import type { Program } from "../device/executor";
import type { CompiledKernel, CompileOptions } from "./ir/kernel";
import { ShaderError } from "./wgsl/shaderError";

/** @throws ShaderError for text that is not WGSL, or that cannot be compiled. */
export function compileProgram(program: Program, _options: CompileOptions): CompiledKernel {
  throw new ShaderError(`the compiler cannot compile ${program.name} yet`, { line: 1, column: 1 });
}
