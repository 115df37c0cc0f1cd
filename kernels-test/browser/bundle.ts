/** Bundles the browser door and the case modules into one script for a page. */
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import type { CaseModule, Tilegrad } from "../caseModules";

declare global {
  /** In the page: runs one case; resolves to null, or to the text of what it threw. */
  var runCase: (module: string, index: number) => Promise<string | null>;
  /** In the page: the library, from the browser door. */
  var tilegrad: Tilegrad;
}

const root = fileURLToPath(new URL("../../", import.meta.url));

export function bundleCases(modules: readonly CaseModule[]): Promise<string> {
  const imports = modules.map(({ file }, i) => `import { cases as cases${i} } from "${file}";`);
  const table = modules.map(({ name }, i) => `${JSON.stringify(name)}: cases${i}`);
  const contents = `
    import * as tilegrad from "${root}src/browser.ts";
    ${imports.join("\n")}
    const modules = { ${table.join(", ")} };
    globalThis.tilegrad = tilegrad;
    globalThis.runCase = async (module, index) => {
      try {
        await modules[module][index].run(tilegrad);
        return null;
      } catch (error) {
        return String(error?.stack ?? error);
      }
    };`;
  return bundleScript(contents);
}

/** Bundles a module of the repository's root for a page. */
export async function bundleScript(contents: string): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: root },
    absWorkingDir: root,
    bundle: true,
    format: "esm",
    platform: "browser",
    target: "es2022",
    define: { __COMPILER_VERSION__: '"test"' },
    write: false,
    loader: { ".wgsl": "text" },
  });
  return outputFiles[0]!.text;
}
