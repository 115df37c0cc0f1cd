/** Bind groups of single dispatches, by program and buffer ranges. */
import type { ErrorScopes } from "./errorScopes";
import type { BufferBinding } from "./executor";
import type { BindGroupKeeper, WebGPUBuffer } from "./webgpuBuffer";
import type { CompiledProgram } from "./webgpuPrograms";

/** Beyond this many, shapes vary so much that caching bind groups only holds memory. */
const mostGroups = 16384;

/** Where a dispatch finds its parameters. */
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
      resource: { ...params, size: program.params.size },
    });
  scopes.open();
  const group = device.createBindGroup({ layout, entries, label: program.name });
  scopes.close(
    `kernel ${program.name} on ${bindings.map((b, i) => `${program.bindings[i]!.name}=${b.buffer.label}[${b.offset}+${b.bytes}]`).join(", ")}`,
  );
  return group;
}

export class BindGroupCache implements BindGroupKeeper {
  private readonly groups = new Map<string, GPUBindGroup>();
  /** Keys of the groups that hold a buffer. */
  private readonly keys = new Map<WebGPUBuffer, Set<string>>();

  constructor(
    private readonly device: GPUDevice,
    private readonly scopes: ErrorScopes,
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
    let key = `${compiled.id}/${chunk}`;
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
    for (const key of this.keys.get(buffer) ?? []) this.groups.delete(key);
    this.keys.delete(buffer);
  }

  clear(): void {
    this.groups.clear();
    for (const buffer of this.keys.keys()) buffer.keepers.delete(this);
    this.keys.clear();
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
