/**
 * The types that are shipped, read by the TypeScript compiler: none is `any`, written or inferred, but the parameters
 * of four types that stand for "a record with whatever parameters", for which TypeScript has no other word.
 */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** Every `types` of an exports map. */
function doorsOf(exports: unknown): string[] {
  if (typeof exports !== "object" || exports === null) return [];
  return Object.entries(exports).flatMap(([key, value]) =>
    key === "types" && typeof value === "string" ? [root + value.slice(2)] : doorsOf(value),
  );
}

const recordsOfAny = ["AnyKernel", "AnyPrimitive", "AnyRule", "AnyStructuredRule"];

const isRecordOfAny = (node: ts.Node): boolean =>
  ts.isTypeAliasDeclaration(node) && recordsOfAny.includes(node.name.text);

/** Where `any` is written in a file, as `file:line: text`. */
function writtenAny(file: ts.SourceFile): string[] {
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (node.kind === ts.SyntaxKind.AnyKeyword) {
      const { line } = file.getLineAndCharacterOfPosition(node.getStart(file));
      found.push(`${file.fileName}:${line + 1}: ${node.parent.getText(file)}`);
    }
    if (!isRecordOfAny(node)) ts.forEachChild(node, visit);
  };
  visit(file);
  return found;
}

function programOf(files: readonly string[], host?: ts.CompilerHost): ts.Program {
  const options: ts.CompilerOptions = {
    ...{ noEmit: true, strict: true, skipLibCheck: false, types: [] },
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
  };
  return ts.createProgram(files, options, host ?? ts.createCompilerHost(options));
}

/** What is wrong with the declarations that `files` reach; an unresolved or missing type would be an `any`. */
function faults(files: readonly string[]): { readonly read: number; readonly found: string[] } {
  const program = programOf(files);
  const own = program.getSourceFiles().filter((file) => !program.isSourceFileDefaultLibrary(file));
  const diagnosed = own
    .flatMap((file) => [
      ...program.getSyntacticDiagnostics(file),
      ...program.getSemanticDiagnostics(file),
    ])
    .map(({ messageText, file }) => {
      return `${file?.fileName}: ${ts.flattenDiagnosticMessageText(messageText, " ")}`;
    });
  return { read: own.length, found: [...diagnosed, ...own.flatMap(writtenAny)] };
}

test("nothing that the doors' declarations reach is any, written, implicit or unresolved", {
  timeout: 120_000,
}, () => {
  const { exports } = JSON.parse(readFileSync(`${root}package.json`, "utf8"));
  const doors = doorsOf(exports);
  expect(doors.length).toBeGreaterThan(5);
  const { read, found } = faults(doors);
  expect(found).toEqual([]);
  expect(read).toBeGreaterThan(100);
});

test("the check sees an any that is written, one that is implied, and a type that is not there", {
  timeout: 60_000,
}, () => {
  const text = `
    export declare function written(x: any): void;
    export declare function implied(x): void;
    export declare const lost: import("./absent.js").Absent;`;
  const name = `${root}dist/types/made-up.d.ts`;
  const options = { target: ts.ScriptTarget.ES2022 };
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists } = host;
  host.fileExists = (file) => file === name || fileExists(file);
  host.getSourceFile = (file, ...rest) =>
    file === name
      ? ts.createSourceFile(name, text, ts.ScriptTarget.ES2022, true)
      : getSourceFile(file, ...rest);
  const program = programOf([name], host);
  const file = program.getSourceFile(name)!;
  expect(writtenAny(file)).toHaveLength(1);
  const codes = program.getSemanticDiagnostics(file).map(({ code }) => code);
  // "Parameter implicitly has an 'any' type" and "Cannot find module".
  expect(codes).toEqual(expect.arrayContaining([7006, 2307]));
});
