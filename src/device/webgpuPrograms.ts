/** The pipelines of the WebGPU executor: one per program, made at its first use or ahead of it, in parallel. */
import type { DeviceError } from "../errors";
import { BindGroupLayouts, type SharedLayout } from "./bindGroupLayouts";
import type { ErrorScopes } from "./errorScopes";
import type { ExecutorCounters, Program } from "./executor";
import { typedError } from "./gpuErrors";

export interface CompiledProgram {
  readonly program: Program;
  readonly layout: SharedLayout;
  /** Null while it is being compiled; `WebGPUPrograms.ready` does not wait for that. */
  pipeline: GPUComputePipeline | null;
}

export class WebGPUPrograms {
  private readonly known = new Map<string, CompiledProgram>();
  private readonly compiling = new Map<string, Promise<void>>();
  private readonly layouts: BindGroupLayouts;

  constructor(
    private readonly device: GPUDevice,
    private readonly scopes: ErrorScopes,
    private readonly counters: ExecutorCounters,
    private readonly fail: (error: DeviceError) => void,
  ) {
    this.layouts = new BindGroupLayouts(device, scopes);
  }

  /** The program, with its pipeline if nobody is compiling it already. */
  get(program: Program): CompiledProgram {
    const known = this.known.get(program.key);
    return known ?? this.ready(program);
  }

  /** The program with its pipeline: compiled on the spot where it has none. */
  ready(program: Program): CompiledProgram & { readonly pipeline: GPUComputePipeline } {
    const compiled = this.known.get(program.key) ?? this.add(program);
    if (!compiled.pipeline) {
      this.scopes.open();
      compiled.pipeline = this.device.createComputePipeline(this.descriptor(compiled));
      this.scopes.close(nameOf(program));
    }
    return compiled as CompiledProgram & { readonly pipeline: GPUComputePipeline };
  }

  /**
   * Compiles without blocking what is not compiled; calls that ask for the same program share the work.
   * A failure goes to `fail`.
   * @param compiled called once for each program that had no pipeline
   */
  async prepare(programs: readonly Program[], compiled?: () => void): Promise<void> {
    const missing = new Map<string, Program>();
    for (const program of programs)
      if (!this.known.get(program.key)?.pipeline) missing.set(program.key, program);
    await Promise.all(
      [...missing.values()].map(async (one) => {
        await this.inBackground(one);
        if (this.known.get(one.key)?.pipeline) compiled?.();
      }),
    );
  }

  clear(): void {
    this.known.clear();
  }

  private inBackground(program: Program): Promise<void> {
    const { key } = program;
    let work = this.compiling.get(key);
    if (!work) {
      work = this.compile(program).finally(() => this.compiling.delete(key));
      this.compiling.set(key, work);
    }
    return work;
  }

  private async compile(program: Program): Promise<void> {
    const compiled = this.add(program);
    this.scopes.open();
    const descriptor = this.descriptor(compiled);
    this.scopes.close(nameOf(program));
    try {
      const pipeline = await this.device.createComputePipelineAsync(descriptor);
      compiled.pipeline ??= pipeline;
    } catch (error) {
      const { reason, message } = error as GPUPipelineError;
      this.fail(typedError(reason ?? "internal", message, nameOf(program)));
    }
  }

  private add(program: Program): CompiledProgram {
    const compiled = { program, layout: this.layouts.of(program), pipeline: null };
    this.counters.programs++;
    this.known.set(program.key, compiled);
    return compiled;
  }

  private descriptor({ program, layout }: CompiledProgram): GPUComputePipelineDescriptor {
    return {
      label: program.name,
      layout: this.device.createPipelineLayout({ bindGroupLayouts: [layout.gpu] }),
      compute: {
        module: this.device.createShaderModule({ code: program.wgsl, label: program.name }),
        entryPoint: "main",
        constants: { ...program.overrides },
      },
    };
  }
}

const nameOf = ({ name, key }: Program): string => `kernel ${name} (${key})`;
