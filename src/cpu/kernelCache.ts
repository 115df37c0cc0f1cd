/**
 * Compiled kernels, by what they are compiled from: in this process for all its devices, and as bytes that
 * outlive it. An entry holds its whole source, so that names may collide, and a checksum; one that does not
 * fit (another source, another version of the compiler, a torn or damaged file) is made again.
 */
import type { Program } from "../device/executor";
import type { ByteCache, Platform } from "../platform/platform";
import type { CompiledKernel, CompileOptions } from "./ir/kernel";

export type Compile = (program: Program, options: CompileOptions) => CompiledKernel;

export interface KernelModule {
  readonly module: WebAssembly.Module;
  readonly scratchBytes: number;
  readonly leastBytes: readonly number[];
}

/** Set by the build from the compiler's sources; sources that run unbuilt change too often to be kept. */
declare const __COMPILER_VERSION__: string | undefined;

const builtVersion: string | null =
  typeof __COMPILER_VERSION__ === "undefined" ? null : __COMPILER_VERSION__;

/** Milliseconds of compiling after which the event loop gets its turn. */
const longestTurn = 20;

export class KernelCache {
  private readonly modules = new WeakMap<Program, Map<string, Promise<KernelModule>>>();
  private turn: Promise<void> = Promise.resolve();
  private turnBegan = 0;

  constructor(
    /** Default: compile.ts, loaded once a kernel is not found. */
    private readonly compile: Compile | null = null,
    /** Of the compiler; null to keep nothing beyond this process. */
    private readonly version: string | null = builtVersion,
  ) {}

  /** @throws ShaderError through the promise */
  get(
    program: Program,
    options: CompileOptions,
    platform: Platform,
    kept: ByteCache | null,
  ): Promise<KernelModule> {
    let forms = this.modules.get(program);
    if (!forms) {
      forms = new Map();
      this.modules.set(program, forms);
    }
    const form = formOf(options);
    let module = forms.get(form);
    if (!module) {
      module = this.make(program, options, platform, this.version === null ? null : kept);
      forms.set(form, module);
    }
    return module;
  }

  private async make(
    program: Program,
    options: CompileOptions,
    platform: Platform,
    kept: ByteCache | null,
  ): Promise<KernelModule> {
    const identity = JSON.stringify([
      formOf(options),
      program.wgsl,
      Object.entries(program.overrides).sort(),
      program.bindings,
      program.params,
    ]);
    const source = `${this.version} ${identity}`;
    // Without the version: what an older compiler made is replaced, not kept beside.
    const name = kept && `${program.name.replace(/\W/g, ".")}.${hash(encode(identity))}`;
    const bytes = kept && (await kept.get(name!));
    const found = bytes && decodeEntry(bytes, source);
    if (found) {
      const module = await asModule(found).catch(() => null);
      if (module) return module;
    }
    const compile = this.compile ?? (await import("./compile")).compileProgram;
    const compiled = await this.inTurn(platform, () => compile(program, options));
    const module = await asModule(compiled);
    if (kept) void kept.put(name!, encodeEntry(source, compiled));
    return module;
  }

  /** Compiles one after the other, and lets the event loop in between. */
  private inTurn<T>(platform: Platform, compile: () => T): Promise<T> {
    const result = this.turn.then(async () => {
      if (performance.now() - this.turnBegan > longestTurn) {
        await platform.pause();
        this.turnBegan = performance.now();
      }
      return compile();
    });
    this.turn = result.then(
      () => undefined,
      () => undefined,
    );
    return result;
  }
}

/** What devices share that do not bring their own. */
export const processKernels = new KernelCache();

const formOf = ({ shared, relaxed }: CompileOptions): string =>
  `${shared ? "shared" : "unshared"} ${relaxed ? "relaxed" : "exact"}`;

async function asModule({ wasm, scratchBytes, leastBytes }: CompiledKernel): Promise<KernelModule> {
  return { module: await WebAssembly.compile(wasm as BufferSource), scratchBytes, leastBytes };
}

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Two 32-bit FNV-1a sums with different starts, in hex. */
export function hash(bytes: Uint8Array): string {
  let a = 0x811c9dc5;
  let b = 0x2f0b4a27;
  for (const byte of bytes) {
    a = Math.imul(a ^ byte, 0x01000193);
    b = Math.imul(b ^ byte, 0x01000193) ^ (b >>> 13);
  }
  return [a, b].map((sum) => (sum >>> 0).toString(16).padStart(8, "0")).join("");
}

/** The hash (16 characters), the length of the head, the head as JSON, the module. */
export function encodeEntry(source: string, kernel: CompiledKernel): Uint8Array {
  const { scratchBytes, leastBytes, wasm } = kernel;
  const head = encode(JSON.stringify({ source, scratchBytes, leastBytes }));
  const rest = new Uint8Array(4 + head.length + wasm.length);
  new DataView(rest.buffer).setUint32(0, head.length, true);
  rest.set(head, 4);
  rest.set(wasm, 4 + head.length);
  const entry = new Uint8Array(16 + rest.length);
  entry.set(encode(hash(rest)));
  entry.set(rest, 16);
  return entry;
}

/** The kernel of an entry that was made from this source and is whole, else null. */
export function decodeEntry(entry: Uint8Array, source: string): CompiledKernel | null {
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  const rest = entry.subarray(16);
  if (rest.length < 4 || text(entry.subarray(0, 16)) !== hash(rest)) return null;
  const length = new DataView(rest.buffer, rest.byteOffset).getUint32(0, true);
  const head = JSON.parse(text(rest.subarray(4, 4 + length))) as {
    source: string;
    scratchBytes: number;
    leastBytes: number[];
  };
  if (head.source !== source) return null;
  const { scratchBytes, leastBytes } = head;
  return { wasm: rest.slice(4 + length), scratchBytes, leastBytes };
}
