/** What is to be known of a kernel without running it: formula, bindings, parameters, choices. */

import type { AnyKernel } from "../kernels/kernel";

/** Something a caller may vary, and the values it may take. */
export interface KernelChoice {
  name: string;
  /** `override`: a pipeline constant; the others are replaced in the text. */
  kind: "override" | "constant" | "type" | "slot";
  default: string;
  /** Empty where the kernel lists none: any value of its kind. */
  allowed: readonly string[];
}

export interface KernelDescription {
  /** Path below shaders/ without extension. */
  name: string;
  /** The paragraph the kernel's file opens with. */
  formula: string;
  /** All of the comment that the file opens with: formula, shapes, access pattern, source. */
  doc: string;
  bindings: readonly { name: string; index: number; access: "read" | "read_write" }[];
  /** The uniform; `size` in bytes. */
  params: {
    index: number;
    size: number;
    fields: readonly { name: string; type: string }[];
  } | null;
  /** Numbers, names of choices, or what is worked out from them: `max(TEAM, 64u)`. */
  workgroupSize: readonly (number | string)[];
  choices: readonly KernelChoice[];
  /** WGSL features that its text enables. */
  features: readonly string[];
}

export function describeKernel(kernel: AnyKernel): KernelDescription {
  const { name, doc, bindings, params, workgroupSize, defaults, allowed, features } = kernel;
  const choices = (kind: KernelChoice["kind"], values: Readonly<Record<string, string>>) =>
    Object.entries(values).map(
      ([choice, value]): KernelChoice => ({
        name: choice,
        kind,
        default: value.replace(/^(\d+)u$/, "$1"),
        allowed: allowed[choice] ?? [],
      }),
    );
  return {
    name,
    formula: doc.split(/\n\s*\n/)[0]!,
    doc,
    bindings,
    params: params && {
      index: params.index,
      size: params.size,
      fields: paramsFields(kernel.source),
    },
    workgroupSize: workgroupSize.map((size) =>
      typeof size === "number" || size in allowed ? size : constantOf(kernel.source, size),
    ),
    choices: [
      ...choices("override", defaults.overrides),
      ...choices("constant", defaults.constants),
      ...choices("type", defaults.types),
      ...choices("slot", defaults.slots),
    ],
    features,
  };
}

/** The expression a constant of the text stands for, or its name where there is none. */
function constantOf(source: string, name: string): string {
  return new RegExp(`^const\\s+${name}\\b[^=;]*=\\s*([^;]+);`, "m").exec(source)?.[1] ?? name;
}

/** The fields of the struct that is the uniform's. */
function paramsFields(source: string): { name: string; type: string }[] {
  const struct = /var<uniform>\s+\w+\s*:\s*(\w+)/.exec(source)?.[1] ?? "";
  const body = new RegExp(`struct\\s+${struct}\\s*\\{([^}]*)\\}`).exec(source)?.[1] ?? "";
  const fields = body.matchAll(/^\s*(\w+)\s*:\s*(.*?),?\s*(?:\/\/.*)?$/gm);
  return [...fields].map(([, name, type]) => ({ name: name!, type: type! }));
}
