/**
 * Layouts of bind groups, one for all programs that bind alike: so they share bind groups too. Vulkan drivers take
 * descriptors for 512 bindings at a layout's first group, and lavapipe a memory mapping for each group of them, of
 * which Linux allows a process 65,530 (vm.max_map_count): with a layout for each program, a few hundred ended it.
 */
import type { ErrorScopes } from "./errorScopes";
import { maxParamBytes, type Program } from "./executor";

export interface SharedLayout {
  readonly id: number;
  readonly gpu: GPUBindGroupLayout;
}

export class BindGroupLayouts {
  private readonly known = new Map<string, SharedLayout>();

  constructor(
    private readonly device: GPUDevice,
    private readonly scopes: ErrorScopes,
  ) {}

  /** What the program binds: buffers, and parameters at a dynamic offset, whatever their number. */
  of({ bindings, params }: Program): SharedLayout {
    const entries: GPUBindGroupLayoutEntry[] = bindings.map(({ index, access }) => ({
      binding: index,
      visibility: GPUShaderStage.COMPUTE,
      buffer: { type: access === "read" ? "read-only-storage" : "storage" },
    }));
    if (params)
      entries.push({
        binding: params.index,
        visibility: GPUShaderStage.COMPUTE,
        buffer: { type: "uniform", hasDynamicOffset: true, minBindingSize: maxParamBytes },
      });
    const key = JSON.stringify(entries);
    let layout = this.known.get(key);
    if (!layout) {
      this.scopes.open();
      layout = { id: this.known.size, gpu: this.device.createBindGroupLayout({ entries }) };
      this.scopes.close("a layout of bindings");
      this.known.set(key, layout);
    }
    return layout;
  }
}
