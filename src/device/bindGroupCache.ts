/** Bind groups of single dispatches, by layout and buffer ranges. */
import type { ErrorScopes } from "./errorScopes";
import { type BufferBinding, maxParamBytes } from "./executor";
import type { BindGroupKeeper, WebGPUBuffer } from "./webgpuBuffer";
import type { CompiledProgram } from "./webgpuPrograms";

/** Beyond this many, shapes vary so much that caching bind groups only holds memory; lavapipe maps some for each. */
const mostGroups = 4096;

/** Where dispatches find their parameters: `maxParamBytes` from the offset on, to which each adds its own. */
export interface ParamsBinding {
  readonly buffer: GPUBuffer;
  readonly offset: number;
}

/** Makes a bind group, within error scopes that name the kernel and its buffers. */
export function createBindGroup(
  device: GPUDevice,
  scopes: ErrorScopes,
  { program, layout }: CompiledProgram,
  bindings: readonly BufferBinding[],
  params: ParamsBinding | null,
): GPUBindGroup {
  const entries: GPUBindGroupEntry[] = bindings.map(({ buffer, offset, bytes }, i) => ({
    binding: program.bindings[i]!.index,
    resource: { buffer: (buffer as WebGPUBuffer).gpu, offset, size: bytes },
  }));
  if (program.params && params)
    entries.push({
      binding: program.params.index,
      resource: { ...params, size: maxParamBytes },
    });
  scopes.open();
  const group = device.createBindGroup({ layout: layout.gpu, entries });
  scopes.close(
    `kernel ${program.name} on ${bindings.map((b, i) => `${program.bindings[i]!.name}=${b.buffer.label}[${b.offset}+${b.bytes}]`).join(", ")}`,
  );
  return group;
}

export class BindGroupCache implements BindGroupKeeper {
  private readonly groups = new Map<string, GPUBindGroup>();
  /** Keys of the groups that hold a buffer. */
  private readonly keys = new Map<WebGPUBuffer, Set<string>>();

  /** Groups let go of since `collect` was called. */
  private dropped = 0;

  constructor(
    private readonly device: GPUDevice,
    private readonly scopes: ErrorScopes,
    /** Called after every 4,096 groups that were dropped: it is garbage collection that frees them. */
    private readonly collect: () => void,
  ) {}

  get size(): number {
    return this.groups.size;
  }

  /** @param chunk a number for `params` */
  get(
    compiled: CompiledProgram,
    bindings: readonly BufferBinding[],
    chunk: number,
    params: GPUBuffer | null,
  ): GPUBindGroup {
    let key = `${compiled.layout.id}/${chunk}`;
    for (const { buffer, offset, bytes } of bindings)
      key += `,${(buffer as WebGPUBuffer).id}:${offset}:${bytes}`;
    const known = this.groups.get(key);
    if (known) return known;
    const at = params && { buffer: params, offset: 0 };
    const group = createBindGroup(this.device, this.scopes, compiled, bindings, at);
    if (this.groups.size >= mostGroups) this.clear();
    this.groups.set(key, group);
    for (const { buffer } of bindings) this.note(buffer as WebGPUBuffer, key);
    return group;
  }

  drop(buffer: WebGPUBuffer): void {
    const before = this.groups.size;
    for (const key of this.keys.get(buffer) ?? []) this.groups.delete(key);
    this.keys.delete(buffer);
    this.noteDropped(before - this.groups.size);
  }

  clear(): void {
    const { size } = this.groups;
    this.groups.clear();
    for (const buffer of this.keys.keys()) buffer.keepers.delete(this);
    this.keys.clear();
    this.noteDropped(size);
  }

  private noteDropped(count: number): void {
    this.dropped += count;
    if (this.dropped < mostGroups) return;
    this.dropped = 0;
    this.collect();
  }

  private note(buffer: WebGPUBuffer, key: string): void {
    const keys = this.keys.get(buffer);
    if (keys) keys.add(key);
    else {
      this.keys.set(buffer, new Set([key]));
      buffer.keepers.add(this);
    }
  }
}
