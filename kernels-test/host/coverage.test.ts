/** docs/coverage.md: what PyTorch, tilegrad and jax-js have, from kernels-test/names and what the package exports. */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { beforeAll, expect, test } from "vitest";
import * as tg from "../../src/node";
import { type NameFamily, nameFamilies } from "../names/families";

interface Row {
  /** Names below torch. */
  readonly torch: readonly string[];
  /** Names of the package. */
  readonly ours: readonly string[];
  /** What to do where we have none. */
  readonly instead: string;
  readonly jax: readonly string[];
  readonly note: string;
}

const jax = JSON.parse(
  readFileSync(new URL("../names/jaxNames.json", import.meta.url), "utf8"),
) as { version: string; names: string[] };

/** PyTorch's name as it is written here: nn.functional.leaky_relu, nn.functional.leakyRelu. */
const camelCase = (name: string): string =>
  name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());

function rowOf(line: string): Row {
  const [torch, ours = "", theirs = "", note = ""] = line.split(" |").map((cell) => cell.trim());
  const list = (cell: string): string[] => (cell ? cell.split(", ") : []);
  const names = list(torch!);
  const first = camelCase(names[0] ?? "");
  const lacking = ours.startsWith("- ");
  return {
    torch: names,
    ours: lacking ? [] : ours === "=" ? [first] : list(ours),
    instead: lacking ? ours.slice(2) : "",
    jax: theirs === "=" ? [`numpy.${first}`] : list(theirs),
    note,
  };
}

const rowsOf = ({ rows }: NameFamily): Row[] =>
  rows
    .split("\n")
    .filter((line) => line.trim())
    .map(rowOf);

const allRows = nameFamilies.flatMap(rowsOf);

const isFunction = (value: unknown): value is (...args: never) => unknown =>
  typeof value === "function";
const isError = (value: unknown): boolean =>
  isFunction(value) && (value.prototype as unknown) instanceof Error;

/** Every function of the package by its path; errors are no operations. */
function functionsOf(space: object, path = ""): [string, unknown][] {
  return Object.entries(space).flatMap(([name, value]: [string, unknown]): [string, unknown][] => {
    if (isFunction(value)) return isError(value) ? [] : [[path + name, value]];
    return value && typeof value === "object" ? functionsOf(value, `${path}${name}.`) : [];
  });
}

const exported = new Map(functionsOf(tg));
const dtypes: Readonly<Record<tg.DType, true>> = {
  bool: true,
  f16: true,
  f32: true,
  bf16: true,
  i4: true,
  i8: true,
  i32: true,
  u32: true,
};

let tensor: tg.Tensor;
let device: tg.Device;

beforeAll(async () => {
  device = await tg.init({ executor: "cpu", threads: 0 });
  tensor = tg.tensor([1]);
  return async () => {
    tensor.dispose();
    await device.destroy();
  };
});

const exists = (name: string): boolean => {
  if (name.startsWith(".")) return name.slice(1) in tensor;
  if (name.startsWith("dtype ")) return name.slice(6) in dtypes;
  return exported.has(name);
};

test("every name that the page gives as ours exists", () => {
  expect(allRows.flatMap((row) => row.ours).filter((name) => !exists(name))).toEqual([]);
});

test("every function of the package, and every method of Tensor, stands in a row", () => {
  const named = new Set(allRows.flatMap((row) => row.ours));
  const said = new Set([...named].map((name) => exported.get(name)));
  expect([...exported].filter(([, value]) => !said.has(value)).map(([name]) => name)).toEqual([]);
  const methods = Object.getOwnPropertyNames(tg.Tensor.prototype).filter(
    (name) => !["constructor", "toString", "valueOf", "toJSON"].includes(name),
  );
  expect(methods.filter((name) => !named.has(name) && !named.has(`.${name}`))).toEqual([]);
});

test("every name that the page gives as that of jax-js is one", () => {
  const known = new Set([...jax.names, "devices"]);
  const constants = (name: string): boolean => name.startsWith("DType.");
  const given = allRows.flatMap((row) => row.jax).filter((name) => !constants(name));
  expect(given.filter((name) => !known.has(name))).toEqual([]);
});

test("no name of PyTorch stands in two rows", () => {
  const given = allRows.flatMap((row) => row.torch);
  expect(given.filter((name, i) => given.indexOf(name) !== i)).toEqual([]);
});

test("every function and class of the package says what it is", () => {
  const source = fileURLToPath(new URL("../../src", import.meta.url));
  const documented = new Set(
    readdirSync(source, { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".ts"))
      .flatMap((file) => [
        ...readFileSync(`${source}/${file}`, "utf8").matchAll(
          /\*\/\nexport (?:abstract |async )*(?:function\*?|class|const) (\w+)/g,
        ),
      ])
      .map(([, name]) => name),
  );
  const nameOf = (path: string): string => path.split(".").at(-1)!;
  const silent = [...exported.keys()].filter((path) => !documented.has(nameOf(path)));
  expect(silent).toEqual([]);
});

const code = (name: string): string => `\`${name}\``;
const codes = (names: readonly string[]): string => names.map(code).join(", ") || "–";
const shown = (name: string): string =>
  name.startsWith("dtype ")
    ? `"${name.slice(6)}"`
    : name.startsWith(".")
      ? `x${name}`
      : `tg.${name}`;

function line(row: Row): string {
  const own = row.ours.length ? codes(row.ours.map(shown)) : `– ${row.instead}`;
  const theirs = row.torch.map((name) => `torch.${name}`);
  return `| ${codes(theirs)} | ${own} | ${codes(row.jax)} | ${row.note} |`;
}

const has = (rows: readonly Row[], what: "ours" | "jax"): number =>
  rows.filter((row) => row.torch.length && row[what].length).length;

function page(): string {
  const summary = nameFamilies.map((family) => {
    const rows = rowsOf(family);
    const all = rows.filter((row) => row.torch.length).length;
    return `| ${family.title} | ${all} | ${has(rows, "ours")} | ${has(rows, "jax")} |`;
  });
  return `<!-- Generated by kernels-test/host/coverage.test.ts from kernels-test/names. Do not edit. -->

# Coverage

What a user of PyTorch 2 looks for, what tilegrad calls it, and what jax-js ${jax.version} has. "–" means that there is
none; what to write instead follows it. A row is one function, or a few that stand and fall together; other
names of the same function share its row. What a function takes and refuses stands in the API reference
(\`npm run docs\`), its derivative and its kernels in [operations.md](operations.md), what all have in common
in [transforms.md](transforms.md) and [precision.md](precision.md).

The test that writes this page fails when a name in the second column does not exist, when a function of the
package stands in no row, and when jax-js lacks what the third column says
(\`node bench/peers/jaxNames.mjs\` lists its exports again).

Rows with a function of PyTorch, and how many of them each has:

| family | rows | tilegrad | jax-js |
|---|---|---|---|
${summary.join("\n")}
${nameFamilies
  .map(
    (family) => `
## ${family.title}

| PyTorch | tilegrad | jax-js | |
|---|---|---|---|
${rowsOf(family).map(line).join("\n")}
`,
  )
  .join("")}`;
}

test("docs/coverage.md says what the names say (vitest -u writes it)", async () => {
  await expect(page()).toMatchFileSnapshot("../../docs/coverage.md");
});
