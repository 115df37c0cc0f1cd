/** A kernel as reflected from its WGSL, and a kernel with its choices made: a program. */
import type { Program } from "../device/executor";
import { ArgumentError } from "../errors";

export type { BufferBinding } from "../device/executor";

/** What a caller may choose: see the head of shaders/reflect.mjs. */
export interface KernelOptions {
  overrides?: Readonly<Record<string, number>>;
  constants?: Readonly<Record<string, number>>;
  types?: Readonly<Record<string, string>>;
  slots?: Readonly<Record<string, string>>;
  /** WGSL functions that slots name and the kernel's text lacks. */
  functions?: string;
}

/**
 * @typeParam B binding name to buffer range
 * @typeParam P the uniform's fields
 * @typeParam O the choices
 */
export interface Kernel<B, P, O> {
  /** Path below shaders/ without extension. */
  readonly name: string;
  /** The comment block the file opens with; empty in the built package, whose texts carry no comments. */
  readonly doc: string;
  /** WGSL with includes expanded; slots still by name. */
  readonly source: string;
  readonly bindings: readonly {
    readonly name: keyof B & string;
    readonly index: number;
    readonly access: "read" | "read_write";
  }[];
  readonly params: {
    readonly index: number;
    readonly size: number;
    write(view: DataView, params: P): void;
  } | null;
  /** Numbers, or names of overrides. */
  readonly workgroupSize: readonly (number | string)[];
  readonly defaults: {
    readonly overrides: Readonly<Record<string, string>>;
    readonly constants: Readonly<Record<string, string>>;
    readonly types: Readonly<Record<string, string>>;
    readonly slots: Readonly<Record<string, string>>;
  };
  /** The listed values of each choice that lists them; empty in the built package. */
  readonly allowed: Readonly<Record<string, readonly string[]>>;
  /** WGSL features the text enables. */
  readonly features: readonly string[];
  /** Only for the types: options this kernel takes. */
  readonly options?: O;
}

// biome-ignore lint/suspicious/noExplicitAny: the one place that erases a kernel's own types
export type AnyKernel = Kernel<any, any, any>;

/** What a launcher says of its kernel, in few words: a page loads those of each kernel it may run. */
export interface KernelWords
  extends Pick<AnyKernel, "name" | "doc" | "source" | "workgroupSize" | "allowed" | "features"> {
  /** "x y! z!:4": x at 0 is read, y at 1 and z at 4 are written. */
  readonly bindings: string;
  /** Binding and bytes, then the fields: "3 32 m u0 s f16x4", m a u32 at byte 0, s four f32s from byte 16 on. */
  readonly params: string | null;
  /** "RANK=2 WG=64;TILE=4;T=f32;OP=op_add": overrides, constants, types, slots. */
  readonly defaults: string;
}

function bindingsOf(words: string): AnyKernel["bindings"] {
  let next = 0;
  return words.split(" ").map((word) => {
    const [, name, writes, index = next] = /^(\w+)(!?)(?::(\d+))?$/.exec(word)!;
    next = Number(index) + 1;
    return { name: name!, index: next - 1, access: writes ? "read_write" : "read" };
  });
}

const setters = { u: "setUint32", i: "setInt32", f: "setFloat32" } as const;

function paramsOf(words: string): AnyKernel["params"] {
  const [index, size] = words.split(" ", 2).map(Number) as [number, number];
  const fields = [...words.matchAll(/(\w+) ([uif])(\d+)x?(\d*)/g)].map(
    ([, name, type, offset, count]) => ({
      name: name!,
      set: setters[type as keyof typeof setters],
      offset: Number(offset),
      /** 0: a number, and no list. */
      count: Number(count),
    }),
  );
  return {
    index,
    size,
    write(view, params) {
      for (const { name, set, offset, count } of fields) {
        const value = params[name];
        if (count === 0) view[set](offset, value, true);
        for (let i = 0; i < count; i++) view[set](offset + 4 * i, value[i] ?? 0, true);
      }
    },
  };
}

function defaultsOf(words: string): AnyKernel["defaults"] {
  const [overrides, constants, types, slots] = words
    .split(";")
    .map((kind) =>
      Object.fromEntries(
        [...kind.matchAll(/(\w+)=(\S+)/g)].map(([, name, value]) => [name, value]),
      ),
    );
  return { overrides, constants, types, slots };
}

/** The kernel that a launcher speaks of. */
// @__NO_SIDE_EFFECTS__
export function kernelOf<B, P, O>(words: KernelWords): Kernel<B, P, O> {
  return {
    ...words,
    bindings: bindingsOf(words.bindings) as Kernel<B, P, O>["bindings"],
    params: words.params === null ? null : paramsOf(words.params),
    defaults: defaultsOf(words.defaults),
  };
}

/** With the texts that it was made of. */
interface SpecialisedProgram extends Program {
  readonly source: string;
  readonly functions: string;
}

const programs = new Map<string, SpecialisedProgram>();

function optionsKey(options: KernelOptions): string {
  let key = "";
  for (const kind of ["types", "slots", "constants", "overrides"] as const) {
    const values = options[kind];
    if (!values) continue;
    for (const name in values) key += `;${name}=${values[name]}`;
  }
  return key;
}

/** The program of a kernel with the given choices; made once per combination. */
export function specialise(kernel: AnyKernel, options: KernelOptions = {}): Program {
  const names = kernel.name + optionsKey(options);
  const { source } = kernel;
  const { functions = "" } = options;
  let key = names;
  let program = programs.get(key);
  // Other texts may have the same names, such as the drafts of a rule.
  for (let i = 2; program && (program.source !== source || program.functions !== functions); i++) {
    key = `${names}#${i}`;
    program = programs.get(key);
  }
  if (!program) {
    program = {
      source,
      functions,
      key,
      name: kernel.name,
      wgsl: specialisedText(kernel, options),
      overrides: options.overrides ?? {},
      bindings: kernel.bindings,
      params: kernel.params && { index: kernel.params.index, size: kernel.params.size },
    };
    programs.set(key, program);
  }
  return program;
}

function specialisedText(kernel: AnyKernel, options: KernelOptions): string {
  let text = kernel.source;
  const unknown = (kind: string, name: string): never => {
    throw new ArgumentError(`Kernel ${kernel.name} has no ${kind} ${name}.`);
  };
  for (const name of Object.keys(options.overrides ?? {}))
    if (!(name in kernel.defaults.overrides)) unknown("override", name);
  for (const [name, value] of Object.entries(options.constants ?? {})) {
    if (!(name in kernel.defaults.constants)) unknown("constant", name);
    text = text.replace(
      new RegExp(`^(const\\s+${name}\\b[^=]*=\\s*)([\\d.]+)([ufi]?)`, "m"),
      (_, head: string, _old: string, suffix: string) => `${head}${value}${suffix}`,
    );
  }
  for (const [name, value] of Object.entries(options.types ?? {})) {
    if (!(name in kernel.defaults.types)) unknown("type", name);
    text = text.replace(new RegExp(`^(alias\\s+${name}\\s*=\\s*)\\w+`, "m"), `$1${value}`);
  }
  const slots = { ...kernel.defaults.slots, ...options.slots };
  for (const [name, value] of Object.entries(slots)) {
    if (!(name in kernel.defaults.slots)) unknown("slot", name);
    text = text.replace(new RegExp(`\\b${name}\\b`, "g"), value);
  }
  if (options.functions) text += options.functions;
  const half = Object.values(options.types ?? {}).includes("f16");
  return half ? `enable f16;\n${text}` : text;
}
