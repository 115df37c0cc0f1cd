/** Dawn on the driver that the tests were given: what the CPU executor is held against. */
import { WebGPUExecutor } from "../../src/device/webgpu";
import { nodePlatform } from "../../src/platform/node";
import { runOn, type Shader } from "./run";

export class Dawn {
  private constructor(private executor: WebGPUExecutor) {}

  static async create(): Promise<Dawn> {
    return new Dawn(await WebGPUExecutor.create(nodePlatform));
  }

  has(feature: "shader-f16" | "subgroups"): boolean {
    return this.executor.adapter.features.includes(feature);
  }

  /** What each buffer holds after the shader ran. Rejects if Dawn rejects the shader. */
  async run(shader: Shader): Promise<Uint8Array[]> {
    try {
      return await runOn(this.executor, shader);
    } catch (error) {
      // The first failure ends an executor; shrinking goes on with another.
      await this.executor.destroy();
      this.executor = await WebGPUExecutor.create(nodePlatform);
      throw error;
    }
  }
}
