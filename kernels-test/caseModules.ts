/** The numeric cases that run both in Node and in a page: kernels-test/cases/*.ts. */
import { readdirSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";

/** The library as a case sees it: what both doors export. */
export type Tilegrad = typeof import("../src/node");

/** A claim about the library, checked by throwing when it does not hold. */
export interface Case {
  name: string;
  run(tg: Tilegrad): Promise<void>;
}

export interface CaseModule {
  name: string;
  file: string;
  cases: readonly Case[];
}

/** Throws if there is no module, or a module without cases: a missing test is not a passed one. */
export async function loadCaseModules(): Promise<CaseModule[]> {
  const folder = fileURLToPath(new URL("./cases/", import.meta.url));
  const files = readdirSync(folder).filter((file) => file.endsWith(".ts"));
  if (files.length === 0) throw new Error(`There are no case modules in ${folder}.`);
  return Promise.all(
    files.map(async (name) => {
      const file = `${folder}${name}`;
      const { cases } = (await import(file)) as { cases?: readonly Case[] };
      if (!cases?.length) throw new Error(`${file} must export a non-empty list \`cases\`.`);
      return { name: basename(name, ".ts"), file, cases };
    }),
  );
}
