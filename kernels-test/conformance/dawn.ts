/** Dawn on the driver that the tests were given: what the CPU executor is held against. */
import { driverOf } from "../../setup/drivers.mjs";
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

  /**
   * How many of `count` generated shaders to run on the driver. lavapipe takes ten times as long to compile
   * one as SwiftShader, which runs them all.
   */
  share(count: number): number {
    return driverOf(this.executor.adapter) === "lavapipe" ? Math.ceil(count / 5) : count;
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
