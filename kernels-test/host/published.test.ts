/** What `npm pack` would publish: which files, how large, and no code from text in them. */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("../../", import.meta.url));

interface Packed {
  readonly size: number;
  readonly unpackedSize: number;
  readonly files: readonly { readonly path: string; readonly size: number }[];
}

const [packed] = JSON.parse(
  execFileSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], {
    cwd: root,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
    maxBuffer: 1 << 26,
  }),
) as [Packed];

/** Everything that may be published, with the most bytes that the files of a row may have together. */
const contents: readonly (readonly [pattern: RegExp, bytes: number])[] = [
  [/^(package\.json|LICENSE)$/, 10_000],
  [/^(README|CHANGELOG)\.md$/, 100_000],
  [/^dist\/browser\.js$/, 2_600_000],
  [/^dist\/cpu\.js$/, 300_000],
  [/^dist\/kernels\.js$/, 750_000],
  [/^dist\/(browser|cpu|kernels)\.js\.map$/, 9_000_000],
  [/^dist\/demo\.txt$/, 1_000_000],
  [/^dist\/cli\/main\.js$/, 20_000],
  [/^dist\/chunks\/[\w-]+\.js$/, 3_600_000],
  [/^dist\/modules\/([\w-]+\/)*[\w-]+\.js$/, 3_500_000],
  [/^dist\/modules\/([\w-]+\/)*[\w-]+\.js\.map$/, 8_000_000],
  [/^dist\/types\/([\w-]+\/)*[\w-]+\.d\.ts$/, 1_500_000],
];

test("every file that would be published is of a kind that is listed, within its budget", () => {
  const strays = packed.files.filter(({ path }) => !contents.some(([kind]) => kind.test(path)));
  expect(strays.map(({ path }) => path)).toEqual([]);
  for (const [kind, budget] of contents) {
    const bytes = packed.files
      .filter(({ path }) => kind.test(path))
      .reduce((sum, { size }) => sum + size, 0);
    expect(bytes, `${kind}`).toBeGreaterThan(0);
    expect(bytes, `${kind}`).toBeLessThanOrEqual(budget);
  }
  expect(packed.size).toBeLessThan(6_500_000);
  expect(packed.unpackedSize).toBeLessThan(28_000_000);
});

/** eval with an argument, also by another name; new Function; what Node offers; timers of text. */
const codeFromText =
  /(?<![.\w$])eval\s*\((?!\))|\(0,\s*eval\)|\b(?:globalThis|window|self)\.eval\b|\bnew Function\b|(?<![.\w$])Function\s*\(\s*["`'a-z]|\brunIn(?:New|This)?Context\s*\(|\bcompileFunction\s*\(|\beval:\s*(?:true|!0)|\bset(?:Timeout|Interval)\(\s*["'`]/g;

const found = (text: string): string[] =>
  [...text.matchAll(codeFromText)].map(([match]) => match.replace(/\s*\($/, "("));

test("the search finds each way of running text", () => {
  for (const text of [
    ...["eval(x)", "(0, eval)(x)", "globalThis.eval(x)", "new Function(x)", 'Function("a")'],
    ...["runInNewContext(x)", "vm.runInThisContext(x)", "compileFunction(x)", "{ eval: true }"],
    ...['setTimeout("x", 1)', "{eval:!0}"],
  ])
    expect(found(text), text).toHaveLength(1);
  for (const text of [
    "model.eval()",
    "eval() {",
    "setTimeout(f, 1)",
    "isFunction(x)",
    "evaluate(x)",
  ])
    expect(found(text), text).toEqual([]);
});

/** docs/security.md says why. Both are for Node alone. */
const exceptions: Readonly<Record<string, readonly string[]>> = {
  "platform/node": ["runInNewContext("],
  "platform/nodeThreads": ["eval: true"],
};

test("no source runs text as code, but for the two places of Node", () => {
  const sources = readdirSync(`${root}src`, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))
    .map((file) => file.replaceAll("\\", "/"));
  expect(sources.length).toBeGreaterThan(100);
  for (const file of sources) {
    const text = readFileSync(`${root}src/${file}`, "utf8").replace(/\/\*[\s\S]*?\*\//g, "");
    expect(found(text), file).toEqual(exceptions[file.replace(/\.ts$/, "")] ?? []);
  }
});

test("no published script runs text as code, but for the same two; none that a page loads does", () => {
  const scripts = packed.files.filter(({ path }) => path.endsWith(".js"));
  expect(scripts.length).toBeGreaterThan(100);
  const inCommand: string[] = [];
  for (const { path } of scripts) {
    const text = readFileSync(`${root}${path}`, "utf8").replace(/\/\*[\s\S]*?\*\//g, "");
    const module = /^dist\/modules\/(.*)\.js$/.exec(path)?.[1];
    if (/^dist\/(cli|chunks)\//.test(path)) inCommand.push(...found(text));
    else expect(found(text), path).toEqual((module && exceptions[module]) || []);
  }
  expect(inCommand.sort()).toEqual(Object.values(exceptions).flat().sort());
});
