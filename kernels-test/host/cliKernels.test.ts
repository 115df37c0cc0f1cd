import { EventEmitter } from "node:events";
import { describe, expect, test } from "vitest";
import type { CommandContext } from "../../src/cli/command";
import { UsageError } from "../../src/cli/exitCodes";
import { describeKernel, type KernelDescription } from "../../src/cli/kernelListing";
import { kernels } from "../../src/cli/kernels";
import { facts, list, wrap } from "../../src/cli/layout";
import { allKernels } from "../../src/kernels/generated/index";
import type { AnyKernel } from "../../src/kernels/kernel";
import { nodeFiles } from "../../src/platform/nodeFiles";

async function listed(name: string | null, options: { json?: boolean; columns?: number } = {}) {
  let text = "";
  const context: CommandContext = {
    stdout: { write: (part: string) => (text += part), columns: options.columns },
    stderr: { write: () => true },
    files: nodeFiles,
    signals: new EventEmitter(),
    now: () => 0,
    exit: () => {},
  };
  const code = await kernels({ name, json: options.json ?? false }, context);
  expect(code).toBe(0);
  return text;
}

const example: AnyKernel = {
  name: "norm/example",
  doc: "y = x / n\n\nshapes: x, y dense",
  source: `
const GROUP = max(TEAM, 64u);
override EDGE: u32 = 1;
struct Params {
  shape: array<vec4<u32>, 2>, // of x
  count: u32,
}
@group(0) @binding(2) var<uniform> params: Params;
`,
  bindings: [
    { name: "x", index: 0, access: "read" },
    { name: "y", index: 1, access: "read_write" },
  ],
  params: { index: 2, size: 48, write: () => {} },
  workgroupSize: ["GROUP", "EDGE", 4],
  defaults: {
    overrides: { EDGE: "1" },
    constants: { TEAM: "1u" },
    types: { T: "f32" },
    slots: { OP: "op_exp" },
  },
  allowed: { EDGE: ["1", "8"], TEAM: ["1", "64"], T: ["f32"] },
  features: ["subgroups"],
};

describe("describeKernel", () => {
  const description = describeKernel(example);

  test("the formula is the first paragraph of the comment", () => {
    expect(description.formula).toBe("y = x / n");
    expect(description.doc).toBe(example.doc);
  });

  test("each choice says its kind, its default, and what it may be", () => {
    expect(description.choices).toEqual([
      { name: "EDGE", kind: "override", default: "1", allowed: ["1", "8"] },
      { name: "TEAM", kind: "constant", default: "1", allowed: ["1", "64"] },
      { name: "T", kind: "type", default: "f32", allowed: ["f32"] },
      { name: "OP", kind: "slot", default: "op_exp", allowed: [] },
    ]);
  });

  test("the uniform's fields are read from the text, with types that hold commas", () => {
    expect(description.params).toEqual({
      index: 2,
      size: 48,
      fields: [
        { name: "shape", type: "array<vec4<u32>, 2>" },
        { name: "count", type: "u32" },
      ],
    });
  });

  test("a workgroup size that is worked out shows how", () => {
    expect(description.workgroupSize).toEqual(["max(TEAM, 64u)", "EDGE", 4]);
  });
});

describe("tilegrad kernels", () => {
  test("names every kernel once, with its formula and bindings", async () => {
    const text = await listed(null);
    const names = text.split("\n").filter((line) => /^\w+\/\w+$/.test(line));
    expect(names).toEqual(allKernels.map(({ name }) => name));
    expect(text.match(/^ {4}writes {5}\w/gm)).toHaveLength(allKernels.length);
    expect(text).toContain(`${allKernels.length} kernels;`);
  });

  test("fits 80 columns where nothing says how wide the terminal is, and narrower ones too", async () => {
    for (const columns of [undefined, 60]) {
      const text = await listed("", columns === undefined ? {} : { columns });
      const widest = Math.max(...text.split("\n").map((line) => line.length));
      expect(widest).toBeLessThanOrEqual(columns ?? 80);
    }
  });

  test("a part of a name selects kernels and shows all of their comment", async () => {
    const text = await listed("norm/f");
    expect(text).toMatch(/^norm\/forward\n/);
    expect(text).toContain("shapes:");
    expect(text).toContain("access:");
    expect(text).toMatch(/\n1 kernel\n$/);
  });

  test("with JSON there is one array with the whole of each kernel", async () => {
    const parsed = JSON.parse(await listed("norm/f", { json: true })) as KernelDescription[];
    expect(parsed).toHaveLength(1);
    expect(parsed[0]).toMatchObject({
      name: "norm/forward",
      params: {
        fields: [
          { name: "rows", type: "u32" },
          { name: "cols" },
          { name: "eps" },
          { name: "infinity" },
        ],
      },
    });
  });

  test("a name that no kernel has is refused with the families there are", async () => {
    await expect(listed("nosuch")).rejects.toThrow(UsageError);
    await expect(listed("nosuch")).rejects.toThrow(/"nosuch".*families are .*norm.*optim/);
  });
});

describe("layout", () => {
  test("lines are broken between words, later ones under the first", () => {
    expect(wrap("aa bb cc dd", 8, "x: ")).toBe("x: aa bb\n   cc dd");
    expect(wrap("a-word-too-long b", 6, "")).toBe("a-word-too-long\nb");
  });

  test("an item of a list is not broken unless it is long", () => {
    expect(wrap(list(["a: f32", "b: f32"]), 10, "")).toBe("a: f32,\nb: f32");
  });

  test("names of facts stand in one column", () => {
    expect(
      facts(
        [
          ["a", "1"],
          ["long", "2"],
        ],
        { width: 40, indent: 2 },
      ),
    ).toEqual(["  a     1", "  long  2"]);
  });
});
