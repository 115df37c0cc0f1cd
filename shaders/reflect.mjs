/**
 * From a kernel's WGSL to its typed launcher.
 *
 * A kernel file opens with a comment block (formula, shapes, access pattern, source), then may declare
 * what a caller may vary. Each of these lines stands at the top level of the kernel file itself, and its
 * trailing comment lists the allowed values, which become the launcher's types and the static tests:
 *
 *   override WG: u32 = 64;       // 32 | 64 | 256      a pipeline constant
 *   const TILE = 4u;             // 2 | 4 | 8          a constant expression, replaced in the text
 *   alias T = f32;               // f32 | i32 | u32    an element type, replaced in the text
 *   #slot OP = op_neg            // op_neg | op_exp    a function name, replaced in the text
 *
 * `#include "name"` brings shaders/include/name.wgsl, once. Entry point: `main`. Bindings are group 0;
 * the one uniform, if any, is a struct and becomes the launcher's parameters.
 *
 * The functions of shaders/rules/ are in no kernel's text: who launches an update brings the one it needs
 * (`KernelOptions.functions`), so that a program carries the rules it names and no others.
 */
import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { WgslReflect } from "wgsl_reflect/wgsl_reflect.module.js";

const declaration = {
  overrides: /^override\s+(\w+)\s*:\s*\w+\s*=\s*([^;]+);(?:[ \t]*\/\/[ \t]*(.*))?$/gm,
  constants: /^const\s+(\w+)(?:\s*:\s*\w+)?\s*=\s*([\w.+-]+);(?:[ \t]*\/\/[ \t]*(.*))?$/gm,
  types: /^alias\s+(\w+)\s*=\s*(\w+);(?:[ \t]*\/\/[ \t]*(.*))?$/gm,
  slots: /^#slot\s+(\w+)\s*=\s*(\w+)(?:[ \t]*\/\/[ \t]*(.*))?$/gm,
};

/**
 * Splits a kernel into its own text and its includes (once per name, depth first), in order. Launchers
 * refer to an include's text by name, so that a bundle holds it once.
 */
async function expand(text, folder, file, includes = new Map()) {
  const parts = [];
  let own = [];
  const close = () => {
    if (own.length) parts.push({ text: `${own.join("\n")}\n` });
    own = [];
  };
  for (const line of text.split("\n")) {
    const include = /^#include\s+"([\w/]+)"\s*$/.exec(line);
    if (!include) {
      own.push(line);
      continue;
    }
    const name = include[1];
    if (includes.has(name)) continue;
    const source = await readFile(path.join(folder, "include", `${name}.wgsl`), "utf8").catch(
      () => {
        throw new Error(`${file}: #include "${name}" names no file shaders/include/${name}.wgsl`);
      },
    );
    includes.set(name, null);
    close();
    const nested = source.match(/^#include .*$/gm)?.join("\n");
    if (nested)
      parts.push(...(await expand(nested, folder, file, includes)).filter((p) => p.include));
    parts.push({ include: name, text: withoutIncludes(source) });
  }
  close();
  return parts;
}

const withoutIncludes = (text) => text.replace(/^#include .*\n/gm, "");

function declared(source, kind) {
  const found = {};
  for (const [, name, value, comment] of source.matchAll(declaration[kind])) {
    const allowed = comment?.includes("|") ? comment.split("|").map((v) => v.trim()) : [];
    found[name] = { value: value.trim(), allowed };
  }
  return found;
}

/** Puts the default functions in place, so that the text is plain WGSL. */
function fillSlots(text, slots) {
  let filled = text;
  for (const [name, { value }] of Object.entries(slots))
    filled = filled.replace(new RegExp(`\\b${name}\\b`, "g"), value);
  return filled;
}

/** What wgsl_reflect can parse: it knows no extensions, nor their types and functions with template arguments. */
export const withoutExtensions = (text) =>
  text
    .replace(/^enable .*;$/gm, "")
    .replace(/\bsubgroup_matrix_\w+<[^>]*>/g, "vec4f")
    .replace(/\b(subgroupMatrix\w+)<[^>]*>/g, "$1");

/** Reads one kernel; the result is plain data, which the launcher text and the tests are made from. */
export async function readKernel(folder, relative) {
  const file = path.join(folder, relative);
  const own = await readFile(file, "utf8");
  const name = relative.replace(/\.wgsl$/, "").replaceAll(path.sep, "/");
  const slots = declared(own, "slots");
  const parts = await expand(own.replace(declaration.slots, ""), folder, file);
  const text = parts.map((part) => part.text).join("");
  const docLines = [];
  for (const line of own.split("\n")) {
    if (!line.startsWith("//")) break;
    docLines.push(line.replace(/^\/\/ ?/, ""));
  }
  if (docLines.length === 0) throw new Error(`${file}: a kernel opens with a comment block`);
  const plain = fillSlots(text, slots);
  let reflection;
  try {
    reflection = new WgslReflect(withoutExtensions(plain));
  } catch (error) {
    throw new Error(`${file}: wgsl_reflect cannot parse it: ${error.message ?? error}`);
  }
  const entry = reflection.entry.compute.find((e) => e.name === "main");
  if (!entry) throw new Error(`${file}: no compute entry point named main`);
  const bindings = reflection.getBindGroups()[0]?.filter(Boolean) ?? [];
  const uniforms = bindings.filter((b) => b.resourceType === 0);
  if (uniforms.length > 1) throw new Error(`${file}: more than one uniform`);
  const size = entry.attributes.find((a) => a.name === "workgroup_size")?.value;
  return {
    name,
    doc: docLines.join("\n").trim(),
    parts,
    plain,
    bindings: bindings
      .filter((b) => b.resourceType !== 0)
      .map((b) => ({ name: b.name, index: b.binding, access: b.access })),
    params: uniforms[0] && {
      index: uniforms[0].binding,
      size: uniforms[0].size,
      members: uniforms[0].members.map((m) => member(file, m)),
    },
    workgroupSize: [size].flat().map((s) => (/^\d+u?$/.test(s) ? Number.parseInt(s, 10) : s)),
    overrides: declared(own, "overrides"),
    constants: declared(own, "constants"),
    types: declared(own, "types"),
    slots,
    features: [...text.matchAll(/^enable\s+(\w+);$/gm)].map((m) => m[1]),
  };
}

const setters = { u32: "setUint32", i32: "setInt32", f32: "setFloat32" };

function member(file, m) {
  const isArray = m.type.name === "array";
  const type = isArray ? m.type.format : m.type;
  const vector = /^vec([234])$/.exec(type.name);
  const scalar = vector ? type.format.name : type.name;
  const shorthand = /^vec([234])([uif])$/.exec(type.name);
  const element = shorthand ? { u: "u32", i: "i32", f: "f32" }[shorthand[2]] : scalar;
  if (!setters[element])
    throw new Error(
      `${file}: parameter ${m.name} has a type the writer does not know: ${type.name}`,
    );
  const lanes = Number(vector?.[1] ?? shorthand?.[1] ?? 1);
  const count = isArray ? m.type.count : 1;
  if (count > 1 && m.type.stride !== 4 * lanes)
    throw new Error(
      `${file}: parameter ${m.name} has gaps between its elements; make it an array of vec4s`,
    );
  return {
    name: m.name,
    offset: m.offset,
    setter: setters[element],
    lanes,
    count,
    stride: isArray ? m.type.stride : 0,
  };
}

const camel = (name) => name.replace(/[/_-](\w)/g, (_, c) => c.toUpperCase());
const pascal = (name) => camel(name).replace(/^\w/, (c) => c.toUpperCase());

/**
 * Where the fields lie, in words: "m u0 s f4x4" means that m is a u32 at byte 0 and s four f32s from byte 4 on.
 */
function placesOf({ members }) {
  return members
    .map(({ name, setter, offset, lanes, count }) => {
      const several = lanes * count === 1 ? "" : `x${lanes * count}`;
      return `${name} ${setter[3].toLowerCase()}${offset}${several}`;
    })
    .join(" ");
}

/** "x y! z!:4": in order, with "!" where the kernel writes, with a number where it is not the one after the last. */
function bindingWords(bindings) {
  let next = 0;
  return bindings
    .map(({ name, index, access }) => {
      const number = index === next ? "" : `:${index}`;
      next = index + 1;
      return `${name}${access === "read" ? "" : "!"}${number}`;
    })
    .join(" ");
}

/** "RANK=2 WG=64", the kinds of choices one after the other with ";" between. */
const defaultWords = (kernel) =>
  ["overrides", "constants", "types", "slots"]
    .map((kind) =>
      Object.entries(kernel[kind])
        .map(([name, { value }]) => `${name}=${value}`)
        .join(" "),
    )
    .join(";");

const fields = (entries, type) =>
  entries.length === 0
    ? "Record<never, never>"
    : `{ ${entries.map(([name, info]) => `${name}?: ${type(info)}`).join("; ")} }`;
const union = (fallback) => (info) =>
  info.allowed.length ? info.allowed.map((v) => JSON.stringify(v)).join(" | ") : fallback;

function launcher(kernel) {
  const id = camel(kernel.name);
  const Type = pascal(kernel.name);
  const depth = "../".repeat(kernel.name.split("/").length);
  const params = kernel.params
    ? `export interface ${Type}Params {\n${kernel.params.members
        .map((m) => `  ${m.name}: ${m.lanes * m.count === 1 ? "number" : "ArrayLike<number>"};`)
        .join("\n")}\n}`
    : `export type ${Type}Params = undefined;`;
  const allowed = {};
  for (const kind of ["overrides", "constants", "types", "slots"])
    for (const [name, info] of Object.entries(kernel[kind]))
      if (info.allowed.length) allowed[name] = info.allowed;
  return `// Generated by build.mjs from shaders/${kernel.name}.wgsl. Do not edit.
import { type BufferBinding, type Kernel, kernelOf } from "${depth}kernel";
${kernel.parts.some((p) => p.include) ? `import * as includes from "${"../".repeat(kernel.name.split("/").length - 1) || "./"}includes";\n` : ""}
export interface ${Type}Bindings {
${kernel.bindings.map((b) => `  /** ${b.access} */\n  ${b.name}: BufferBinding;`).join("\n")}
}
${params}
export interface ${Type}Options {
  overrides?: ${fields(Object.entries(kernel.overrides), () => "number")};
  constants?: ${fields(Object.entries(kernel.constants), () => "number")};
  types?: ${fields(Object.entries(kernel.types), union("string"))};
  slots?: ${fields(Object.entries(kernel.slots), union("string"))};
  functions?: string;
}
/**
${kernel.doc
  .split("\n")
  .map((line) => ` * ${line.replaceAll("*/", "* /")}`.trimEnd())
  .join("\n")}
 */
export const ${id}: Kernel<${Type}Bindings, ${Type}Params, ${Type}Options> = /* @__PURE__ */ kernelOf({
  name: ${JSON.stringify(kernel.name)},
  doc: ${JSON.stringify(kernel.doc)},
  source: ${kernel.parts.map((p) => (p.include ? `includes.${camel(p.include)}` : JSON.stringify(p.text))).join(" +\n    ")},
  bindings: ${JSON.stringify(bindingWords(kernel.bindings))},
  params: ${kernel.params ? JSON.stringify(`${kernel.params.index} ${kernel.params.size} ${placesOf(kernel.params)}`) : "null"},
  workgroupSize: ${JSON.stringify(kernel.workgroupSize)},
  defaults: ${JSON.stringify(defaultWords(kernel))},
  allowed: ${JSON.stringify(allowed)},
  features: ${JSON.stringify(kernel.features)},
});
`;
}

/** Every kernel below `folder`, sorted by name. */
export async function readKernels(folder) {
  const files = (await readdir(folder, { recursive: true }))
    .filter((f) => f.endsWith(".wgsl") && !/^(include|rules)\b/.test(f))
    .sort();
  return Promise.all(files.map((f) => readKernel(folder, f)));
}

/** The texts of shaders/include/, one constant each, without what they include themselves. */
async function readIncludes(folder) {
  const files = (await readdir(path.join(folder, "include")))
    .filter((f) => f.endsWith(".wgsl"))
    .sort();
  return Promise.all(
    files.map(async (file) => {
      const text = await readFile(path.join(folder, "include", file), "utf8");
      return `export const ${camel(file.replace(/\.wgsl$/, ""))} = ${JSON.stringify(withoutIncludes(text))};\n`;
    }),
  );
}

/** The texts of shaders/rules/, one constant each. */
async function readRules(folder) {
  const files = (await readdir(path.join(folder, "rules")))
    .filter((f) => f.endsWith(".wgsl"))
    .sort();
  const texts = await Promise.all(
    files.map(async (file) => {
      const text = await readFile(path.join(folder, "rules", file), "utf8");
      return `export const ${camel(file.replace(/\.wgsl$/, ""))} = ${JSON.stringify(text)};\n`;
    }),
  );
  return `// Generated by build.mjs from shaders/rules/. Do not edit.\n${texts.join("")}`;
}

/**
 * Where each kernel's parameters lie, for those who meet them as bytes: type (u, i, f), byte offset and, where it
 * is not one, how many numbers lie there, by name. No launcher imports it.
 */
function layouts(kernels) {
  const rows = kernels
    .filter((k) => k.params)
    .map((k) => `  ${JSON.stringify(k.name)}: ${JSON.stringify(placesOf(k.params))},`);
  return `// Generated by build.mjs. Do not edit.

/** By kernel: "m u0 s f4x4" means that m is a u32 at byte 0 and s four f32s from byte 4 on. */
export const paramLayouts: Readonly<Record<string, string>> = {
${rows.join("\n")}
};
`;
}

/**
 * The launcher files, as `{ path, text }`, plus an index that lists all kernels and the layouts of their
 * parameters.
 */
export async function generateLaunchers(folder) {
  const kernels = await readKernels(folder);
  const rules = await readRules(folder);
  const index = `// Generated by build.mjs. Do not edit.
import type { AnyKernel } from "../kernel";
${kernels.map((k) => `import { ${camel(k.name)} } from "./${k.name}";`).join("\n")}

${kernels.map((k) => `export * from "./${k.name}";`).join("\n")}

/** Every kernel of the library, sorted by name. */
export const allKernels: readonly AnyKernel[] = [
${kernels.map((k) => `  ${camel(k.name)},`).join("\n")}
];
`;
  const includes = await readIncludes(folder);
  return [
    ...kernels.map((k) => ({ path: `${k.name}.ts`, text: launcher(k) })),
    { path: "includes.ts", text: `// Generated by build.mjs. Do not edit.\n${includes.join("")}` },
    { path: "rules.ts", text: rules },
    { path: "index.ts", text: index },
    { path: "paramLayouts.ts", text: layouts(kernels) },
  ];
}
