/** What Dawn's WGSL front end says of a text, without a driver. */
import { create, globals } from "webgpu";

export interface Rejection {
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

export class DawnCheck {
  private constructor(
    private readonly device: GPUDevice,
    /** Dawn crashes when one of them is collected while in use. */
    readonly held: readonly [GPU, GPUAdapter],
  ) {}

  static async create(): Promise<DawnCheck> {
    Object.assign(globalThis, globals);
    const gpu = create(["backend=null"]);
    const adapter = (await gpu.requestAdapter())!;
    const device = await adapter.requestDevice({ requiredFeatures: ["shader-f16", "subgroups"] });
    return new DawnCheck(device, [gpu, adapter]);
  }

  /** The first error of the module, or null. */
  async module(wgsl: string): Promise<Rejection | null> {
    return (await this.compile(wgsl)).rejection;
  }

  private async compile(wgsl: string) {
    this.device.pushErrorScope("validation");
    const module = this.device.createShaderModule({ code: wgsl });
    const error = await this.device.popErrorScope();
    if (!error) return { module, rejection: null };
    const { messages } = await module.getCompilationInfo();
    const first = messages.find(({ type }) => type === "error");
    const rejection: Rejection = {
      line: first?.lineNum ?? 0,
      column: first?.linePos ?? 0,
      message: first?.message ?? error.message,
    };
    return { module, rejection };
  }

  /** The first error of the module or of a pipeline made of it, or null. */
  async pipeline(
    wgsl: string,
    overrides: Readonly<Record<string, number>> = {},
  ): Promise<Rejection | null> {
    const { module, rejection } = await this.compile(wgsl);
    if (rejection) return rejection;
    this.device.pushErrorScope("validation");
    try {
      this.device.createComputePipeline({
        layout: "auto",
        compute: { module, entryPoint: "main", constants: { ...overrides } },
      });
    } catch (error) {
      await this.device.popErrorScope();
      return { line: 0, column: 0, message: String(error) };
    }
    const error = await this.device.popErrorScope();
    return error && { line: 0, column: 0, message: error.message };
  }
}
