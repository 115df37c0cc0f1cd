/** One declared choice of a kernel: its default and the values its comment lists. */
export interface Choice {
  readonly value: string;
  readonly allowed: readonly string[];
}

export interface ParamsMember {
  readonly name: string;
  /** Bytes from the start of the struct. */
  readonly offset: number;
  readonly setter: "setUint32" | "setInt32" | "setFloat32";
  /** Components of a vector; 1 for a scalar. */
  readonly lanes: number;
  /** Elements of an array; 1 for anything else. */
  readonly count: number;
  /** Bytes between array elements; 0 for anything else. */
  readonly stride: number;
}

export interface ReflectedKernel {
  readonly name: string;
  readonly doc: string;
  readonly parts: readonly { readonly text: string; readonly include?: string }[];
  /** The text with every slot filled by its default. */
  readonly plain: string;
  readonly params: {
    readonly index: number;
    readonly size: number;
    readonly members: readonly ParamsMember[];
  } | null;
  readonly overrides: Readonly<Record<string, Choice>>;
  readonly constants: Readonly<Record<string, Choice>>;
  readonly types: Readonly<Record<string, Choice>>;
  readonly slots: Readonly<Record<string, Choice>>;
}

/** A kernel's text as wgsl_reflect can parse it. */
export function withoutExtensions(text: string): string;
export function readKernel(folder: string, relative: string): Promise<ReflectedKernel>;
export function readKernels(folder: string): Promise<ReflectedKernel[]>;
export function generateLaunchers(folder: string): Promise<{ path: string; text: string }[]>;
