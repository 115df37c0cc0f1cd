/** `tilegrad kernels`: every kernel with its formula, bindings and choices. */

import { allKernels } from "../kernels/generated/index";
import type { Command, KernelsOptions } from "./command";
import { EXIT_OK, UsageError } from "./exitCodes";
import { describeKernel, type KernelChoice, type KernelDescription } from "./kernelListing";
import { facts, list, widthOf, wrap } from "./layout";
import { counted } from "./wording";

export const kernels: Command<KernelsOptions> = async ({ name, json }, { stdout }) => {
  const wanted = allKernels.filter((kernel) => name === null || kernel.name.includes(name));
  if (wanted.length === 0) {
    const families = [...new Set(allKernels.map((kernel) => kernel.name.split("/")[0]))];
    throw new UsageError(
      `no kernel's name contains ${JSON.stringify(name)}; the families are ${families.join(", ")}`,
    );
  }
  const descriptions = wanted.map(describeKernel);
  if (json) {
    stdout.write(`${JSON.stringify(descriptions)}\n`);
    return EXIT_OK;
  }
  // Whoever asks for a few wants to read them; all of them are an overview.
  const whole = name !== null;
  for (const kernel of descriptions) stdout.write(`${entry(kernel, whole, widthOf(stdout))}\n\n`);
  stdout.write(`${closing(descriptions.length, whole)}\n`);
  return EXIT_OK;
};

function entry(kernel: KernelDescription, whole: boolean, width: number): string {
  const { name, doc, formula, bindings, params, workgroupSize, choices, features } = kernel;
  const named = (access: "read" | "read_write"): string[] =>
    bindings.filter((binding) => binding.access === access).map((binding) => binding.name);
  const rows: [string, string][] = [
    ["reads", list(named("read"))],
    ["writes", list(named("read_write"))],
    ["params", whole ? list((params?.fields ?? []).map(field)) : ""],
    ["workgroup", workgroupSize.join(" x ")],
    ["choices", list(choices.map(choiceText), ";")],
    ["features", list(features)],
  ];
  const table = facts(
    rows.filter(([, value]) => value !== ""),
    { width, indent: 4 },
  );
  const text = paragraphs(whole ? doc : formula).map((line) => docLine(line, width));
  return [name, ...text, ...(whole ? [""] : []), ...table].join("\n");
}

const field = ({ name, type }: { name: string; type: string }): string => `${name}: ${type}`;

/** Lines this long were broken because the source's line was full, so that what follows belongs to them. */
const FULL_LINE = 86;

/** The comment's lines, those that were broken for the source's width put together again. */
function paragraphs(doc: string): string[] {
  const joined: string[] = [];
  let full = false;
  for (const line of doc.split("\n")) {
    if (full && line.trim() !== "") joined.push(`${joined.pop()} ${line.trim()}`);
    else joined.push(line);
    full = line.length >= FULL_LINE;
  }
  return joined;
}

/** A line with the indentation it has, whatever the terminal's width. */
function docLine(line: string, width: number): string {
  const own = /^ */.exec(line)![0].length + 2;
  return wrap(line.trim(), width, " ".repeat(own), own + 2).trimEnd();
}

/** `TEAM = 1 (or 64, 256)`: the default, and what else it may be. */
function choiceText({ name, default: value, allowed }: KernelChoice): string {
  const others = allowed.filter((other) => other !== value);
  return `${name} = ${value}${others.length === 0 ? "" : ` (or ${others.join(", ")})`}`;
}

function closing(count: number, whole: boolean): string {
  return whole
    ? counted(count, "kernel")
    : `${counted(count, "kernel")}; tilegrad kernels NAME shows shapes, access pattern and source too`;
}
