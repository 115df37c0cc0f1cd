/**
 * The front of the compiler: WGSL text to a checked program. Overrides have their values here, so that all
 * that follows sees constants. What WGSL does not allow, or the CPU executor does not have, is a
 * ShaderError that names the line.
 */
import { checkAliasing } from "./aliasing";
import type { Declaration, Extension } from "./ast";
import { checkDeclaration, overrideKey } from "./checkModule";
import { checkAssertion } from "./checkStatements";
import { parse } from "./parser";
import type { CheckedProgram } from "./program";
import { fail, Module, Scope } from "./scope";
import { checkUniformity } from "./uniformity";

const enableExtensions: readonly string[] = ["f16", "subgroups"];
const languageFeatures: readonly string[] = [
  "readonly_and_readwrite_storage_textures",
  "packed_4x8_integer_dot_product",
  "unrestricted_pointer_parameters",
  "pointer_composite_access",
  "uniform_buffer_standard_layout",
  "subgroup_id",
  "subgroup_uniformity",
  "linear_indexing",
];

/**
 * @param overrides values by the @id of an override if it has one, else by its name
 * @throws ShaderError
 */
export function check(text: string, overrides: Readonly<Record<string, number>>): CheckedProgram {
  const unit = parse(text);
  const enabled = unit.extensions.filter(isEnabled).map(({ name }) => name);
  const module = new Module(unit.declarations, new Set(enabled), overrides, checkDeclaration);
  requireKnownOverrides(module, unit.declarations);
  for (const declaration of unit.declarations)
    if (declaration.kind === "const_assert") checkAssertion(new Scope(module), declaration);
    else module.lookup(declaration.name, declaration.at);
  checkAliasing(module);
  const { structs, globals, functions, entries } = module;
  const { diagnostics } = unit;
  const program = { structs, globals, functions, entries, enabled, diagnostics };
  checkUniformity(program);
  return program;
}

/** Whether it is a known `enable`, as opposed to a known `requires`. */
function isEnabled({ directive, name, at }: Extension): boolean {
  const known = directive === "enable" ? enableExtensions : languageFeatures;
  if (!known.includes(name))
    fail(at, `The CPU executor has no ${name}. It has ${known.join(", ")}.`);
  return directive === "enable";
}

function requireKnownOverrides(module: Module, declarations: readonly Declaration[]): void {
  const scope = new Scope(module);
  const keys = new Set<string>();
  for (const declaration of declarations) {
    if (declaration.kind !== "override") continue;
    const key = overrideKey(scope, declaration);
    if (keys.has(key)) fail(declaration.at, `@id(${key}) is there twice. Change one.`);
    keys.add(key);
  }
  for (const name in module.overrides)
    if (!keys.has(name))
      fail(
        { line: 1, column: 1 },
        `There is no override ${name}. There are: ${[...keys].join(", ") || "none"}.`,
      );
}
