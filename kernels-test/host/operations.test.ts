/** docs/operations.md is what the primitive table says. */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import * as tg from "../../src/node";
import * as operations from "../../src/ops/index";
import type { AnyPrimitive } from "../../src/ops/primitive";
import { bind } from "../../src/ops/trace";
import { primitives } from "../../src/table";
import { Tensor } from "../../src/tensor/tensor";
import { calls } from "../memoryCalls/index";
import { operands } from "../memoryCalls/operands";
import { samples } from "../primitives/index";
import { upload } from "../primitives/operand";

interface Family {
  /** Its path below src. */
  readonly name: string;
  /** The first sentence of the file. */
  readonly about: string;
  readonly primitives: readonly AnyPrimitive[];
}

const source = new URL("../../src/", import.meta.url);
const names = (list: readonly AnyPrimitive[]) => list.map(({ name }) => name);

/** The files that export a list of records. */
async function families(): Promise<Family[]> {
  const files = ["ops", "fft", "linalg", "transport"].flatMap((room) =>
    readdirSync(new URL(`${room}/`, source))
      .sort()
      .map((file) => `${room}/${file}`),
  );
  const read = files.map(async (file) => {
    const url = fileURLToPath(new URL(file, source));
    const exported = (await import(url)) as Record<string, readonly AnyPrimitive[]>;
    const list = Object.keys(exported).find(
      (key) => key.endsWith("Primitives") && Array.isArray(exported[key]),
    );
    if (!list) return [];
    const header = readFileSync(url, "utf8").match(/^\/\*\*([\s\S]*?)\*\//)![1]!;
    const about = header.replace(/\s*\n \* ?/g, " ").match(/\S.*?\.(?=\s|$)/)![0];
    return [{ name: file.replace(".ts", ""), about, primitives: exported[list]! }];
  });
  return (await Promise.all(read)).flat();
}

interface Use {
  /** What its samples and the calls of the leak tests run on the CPU executor. */
  readonly kernels: Set<string>;
  /** The functions whose calls in the leak tests run it. */
  readonly callers: Set<string>;
}

/** By primitive. A kernel belongs to the innermost primitive that runs when it is dispatched. */
async function uses(): Promise<Map<string, Use>> {
  const device = await tg.init({ executor: "cpu", threads: 0 });
  const { executor } = device;
  const found = new Map<string, Use>(
    primitives.map(({ name }) => [name, { kernels: new Set(), callers: new Set() }]),
  );
  const running: Use[] = [];
  let caller: string | null = null;
  const dispatch = executor.dispatch.bind(executor);
  executor.dispatch = (program, ...rest) => {
    running.at(-1)?.kernels.add(program.name);
    dispatch(program, ...rest);
  };
  const before = primitives.map(({ run }) => run);
  for (const record of primitives) {
    const use = found.get(record.name)!;
    const { run } = record;
    record.run = (...given) => {
      if (caller) use.callers.add(caller);
      running.push(use);
      try {
        return run.apply(record, given);
      } finally {
        running.pop();
      }
    };
  }
  for (const [name, forms] of Object.entries(calls))
    for (const form of forms)
      tg.scope(() => {
        const given = operands(tg);
        caller = name;
        form(tg, given);
        caller = null;
      });
  for (const record of primitives)
    for (const { operands: of, call, attrs } of samples[record.name]!.samples.slice(0, 4))
      tg.scope(() => {
        const inputs = of.map((x) => upload(tg, x));
        return call ? call(inputs) : bind(record, inputs, attrs);
      });
  primitives.forEach((record, i) => {
    record.run = before[i]!;
  });
  await device.destroy();
  return found;
}

const cell = (text: string) => text.replaceAll("|", "\\|");

const code = (text: string) => `\`${text}\``;

/** Namespaces of the package whose functions call records of their files. */
const namespaces: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  random: tg.random,
  fft: tg.fft,
  linalg: tg.linalg,
};

const shown = 3;

function row({ name, formula, vjp, derivative }: AnyPrimitive, { kernels, callers }: Use): string {
  const own = [
    ...(name in operations ? ["function"] : []),
    ...(name in Tensor.prototype ? ["method"] : []),
    ...Object.entries(namespaces).flatMap(([space, of]) =>
      name in of && !(name in operations) ? [code(`${space}.${name}`)] : [],
    ),
  ];
  const others = [...callers]
    .sort()
    .filter((caller) => caller !== name)
    .map(code);
  const rest = others.length > shown ? ` and ${others.length - shown} more` : "";
  const through = others.length ? `in ${others.slice(0, shown).join(", ")}${rest}` : "";
  const call = own.join(", ") || through || "the way back of others";
  const back = vjp ? (derivative ?? "") : "–";
  const by = [...kernels].sort().map(code).join(" ") || "a view";
  return `| ${code(name)} | ${cell(formula)} | ${cell(back)} | ${by} | ${call} |`;
}

function page(families: readonly Family[], used: ReadonlyMap<string, Use>): string {
  const records = new Set(names(primitives));
  const composed = (of: Readonly<Record<string, unknown>>, prefix: string): string[] =>
    Object.entries(of)
      .filter(([name, value]) => typeof value === "function" && !records.has(name))
      .map(([name]) => code(prefix + name))
      .sort();
  const written = [
    ...composed(operations, ""),
    ...composed(tg.fft, "fft."),
    ...composed(tg.linalg, "linalg."),
    ...composed(tg.random, "random."),
  ];
  return `<!-- Generated by kernels-test/host/operations.test.ts from src/ops. Do not edit. -->

# Operations

Every operation that has a record of its own in the primitive table, by the file that holds
it. To add one, write its kernel in \`shaders/<family>/\` (the build makes the launcher), its record (shape
rule, how to run it, reverse rule; see \`src/ops/primitive.ts\`, and \`binary\` and \`unary\` in
\`src/ops/pointwise.ts\` for pointwise ones) in the list of its file, the function that users call, and a
samples entry in \`kernels-test/primitives/\`: from then on the tests check it against f64, and its
derivatives against differences. \`npx vitest run kernels-test/host/operations.test.ts -u\` writes this
page; a page that is out of date is a failed test.

*Derivative*: what flows back, in words; "–" where nothing does. Forward mode and \`vmap\` work on all of them.
*Kernels*: what the operation runs in its tests on the CPU executor; drivers may get other variants of the same
family. *Call*: as a function of the package, as a method of \`Tensor\`, through the function that is named,
or only inside other operations. Shapes, dtypes, defaults and errors are in the API reference
(\`npm run docs\`); what PyTorch has and tilegrad does not, in [coverage.md](coverage.md).
${families
  .map(
    ({ name, about, primitives }) => `
## ${name}

${about}

| operation | formula | derivative | kernels | call |
|---|---|---|---|---|
${primitives.map((p) => row(p, used.get(p.name)!)).join("\n")}
`,
  )
  .join("")}
## Written with these

Functions without a record of their own; gradients flow through them where they flow through what they are
made of.

${written.join(", ")}.
`;
}

test("every record of the table belongs to one file, and says what flows back", async () => {
  const listed = (await families()).flatMap((family) => names(family.primitives));
  expect(listed.sort()).toEqual(names(primitives));
  expect(primitives.filter(({ vjp, derivative }) => vjp && !derivative)).toEqual([]);
});

test("docs/operations.md says what the table says (vitest -u writes it)", async () => {
  await expect(page(await families(), await uses())).toMatchFileSnapshot(
    "../../docs/operations.md",
  );
}, 120_000);
