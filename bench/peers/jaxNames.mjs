/** Writes what jax-js exports to kernels-test/names/jaxNames.json: node bench/peers/jaxNames.mjs */
import { readFileSync, writeFileSync } from "node:fs";
import * as jax from "@jax-js/jax";

const manifest = new URL("package.json", import.meta.url);
const version = JSON.parse(readFileSync(manifest, "utf8")).dependencies["@jax-js/jax"];

/** Functions by their path, those of namespaces of namespaces too. */
function functionsOf(space, path) {
  return Object.entries(space).flatMap(([name, value]) => {
    if (typeof value === "function") return [path + name];
    return value && typeof value === "object" ? functionsOf(value, `${path}${name}.`) : [];
  });
}

/** Methods and accessors of a class and of those it extends. */
function methodsOf(prototype) {
  if (prototype === Object.prototype) return [];
  const own = Object.getOwnPropertyNames(prototype).filter((name) => /^[a-z]/.test(name));
  return [...own, ...methodsOf(Object.getPrototypeOf(prototype))];
}

const methods = [...new Set(methodsOf(jax.Array.prototype))]
  .filter((name) => name !== "constructor")
  .map((name) => `Array.${name}`);
const names = [...functionsOf(jax, ""), ...methods].sort();
const file = new URL("../../kernels-test/names/jaxNames.json", import.meta.url);
writeFileSync(file, `${JSON.stringify({ version, names }, null, 2)}\n`);
console.log(`${names.length} names of jax-js ${version}`);
