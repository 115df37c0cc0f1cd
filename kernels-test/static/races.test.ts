/**
 * wgsl_reflect runs every invocation of a workgroup in lockstep between barriers and reports two that touch
 * one place without a barrier between. Each kernel with workgroup memory runs on a small dispatch; and
 * again without its barriers, where races must be found, so that silence means something.
 */
import { fileURLToPath } from "node:url";
import { describe, expect, test, vi } from "vitest";
import { detectRaces, WgslDebug } from "wgsl_reflect/wgsl_reflect.module.js";
import { readKernels } from "../../shaders/reflect.mjs";
import { maxParamBytes } from "../../src/device/executor";
import { type AnyKernel, type KernelOptions, specialise } from "../../src/kernels/kernel";
import { knownKernels } from "./combinations";

type ExecStack = Parameters<WgslDebug["stepStack"]>[0];

/**
 * The interpreter keeps what a function returned at the place of the call, for all invocations together.
 * So each runs on to its next barrier before another moves; accesses between two barriers count as
 * unordered all the same.
 */
const { stepStack } = WgslDebug.prototype;
const atBarrier = (stack: ExecStack): boolean => {
  const command = stack.states.at(-1)?.getCurrentCommand() as { node?: { name?: string } } | null;
  return /^(workgroup|storage)Barrier$/.test(command?.node?.name ?? "");
};
WgslDebug.prototype.stepStack = function (stack, ...rest) {
  let going: boolean;
  do {
    going = stepStack.call(this, stack, ...rest);
    while (stack.states.at(-1)?.isAtEnd) stack.states.pop();
  } while (going && stack.states.length > 0 && !atBarrier(stack));
  return going;
};

// It finds what an alias stands for, and all the same says that it does not, thousands of times.
const { error } = console;
vi.spyOn(console, "error").mockImplementation((...words) => {
  if (!/^Unknown type/.test(String(words[0]))) error(...words);
});

interface Dispatch {
  readonly options: KernelOptions;
  readonly params: Readonly<Record<string, number | readonly number[]>>;
  /** Workgroups along x. */
  readonly groups: number;
  /** Bindings that hold places in others, which have to be there: all zeros. */
  readonly zeros?: readonly string[];
}

const rowsOf = (cols: number, more: object = {}): Dispatch => ({
  options: { constants: { TEAM: 64 } },
  params: { rows: 2, cols, ...more },
  groups: 2,
});

/** Eight columns of two matrices of 70 rows. */
const panel = (more: object): Dispatch => ({
  options: { constants: { TEAM: 64 } },
  params: { batch: 2, rows: 70, quads: 2, steps: 3, ...more },
  groups: 2,
});

const strides = { a_row: 20, a_col: 1, b_row: 9, b_col: 1, c_row: 9, c_col: 1 };
const product = {
  ...{ m: 9, n: 9, k: 20, k_all: 20, part_products: 1 },
  ...{ groups: 1, groups_n: 1, groups_product: 1 },
  ...strides,
};

/** 20 channels of one image of 9 pixels in a row, a kernel of one tap, 9 channels out. */
const convolution = {
  ...{ rows: 9, cols: 9, inner: 20, pixels: 9, pixels_1: 1, pixels_2: 9 },
  ...{ taps: 1, taps_1: 1, taps_2: 1, size_0: 1, size_1: 1, size_2: 9 },
  ...{ stride_0: 1, stride_1: 1, stride_2: 1, x_channel: 9, x_2: 1 },
  ...{ w_out: 20, w_channel: 1, y_out: 9, y_2: 1, groups: 1, groups_n: 1, groups_product: 1 },
};

const dispatches: Readonly<Record<string, Dispatch>> = {
  "conv/tiled": { options: { overrides: { SIDE: 8 } }, params: convolution, groups: 1 },
  "linalg/cg": rowsOf(70, { problems: 2, start: 1, tolerance: 1e-5 }),
  "linalg/cholesky_block": {
    options: { constants: { TEAM: 64 } },
    params: { batch: 2, size: 20, w_batch: 400, w_row: 20 },
    groups: 2,
  },
  "linalg/lu_panel": panel({ length: 8, height: 70 }),
  "linalg/qr_panel": panel({}),
  "loss/cross_entropy_rows": rowsOf(70),
  "loss/cross_entropy_total": rowsOf(0, { rows: 70 }),
  "matmul/skinny": {
    options: { overrides: { TEAM: 16 } },
    params: { ...product, m: 1, k: 130, k_all: 130 },
    groups: 1,
  },
  "matmul/tiled": { options: { overrides: { SIDE: 8 } }, params: product, groups: 1 },
  "matmul/vector": {
    options: { overrides: { LANES: 64 } },
    params: { ...product, m: 1, n: 1, k: 130, k_all: 130 },
    groups: 1,
  },
  "norm/backward": rowsOf(70),
  "norm/channel_statistics": rowsOf(0, { depth: 7, channels: 2, inner: 10 }),
  "norm/channel_sums": rowsOf(0, { depth: 7, channels: 2, inner: 10 }),
  "norm/forward": rowsOf(70),
  "optim/finish": {
    options: { constants: { TEAM: 64 } },
    params: { items: 2, partials: 8, result: 1 },
    groups: 2,
    zeros: ["control", "tensors"],
  },
  "optim/gradient_norm": {
    options: { constants: { TEAM: 64 } },
    params: { items: 140, slices: 2, first: 0 },
    groups: 2,
  },
  "optim/measure": {
    options: { constants: { TEAM: 64, STATES: 1 } },
    params: { items: 2, partials: 8 },
    groups: 2,
    zeros: ["control", "segments"],
  },
  "optim/measure_8bit": {
    options: { constants: { TEAM: 64, STATES: 1 } },
    params: { items: 2, partials: 8 },
    groups: 2,
    zeros: ["control", "segments"],
  },
  "optim/step_control": {
    options: { constants: { TEAM: 64 } },
    params: { partials: 70, folded: 0, skips: 1, max_norm: 1, unscale: 1, scalars: [] },
    groups: 1,
  },
  "optim/update_8bit": {
    options: { constants: { TEAM: 64, STEPS: 1, THIRD: 3, STATES: 3 } },
    params: { items: 128 },
    groups: 2,
    zeros: ["control", "table"],
  },
  "quant/affine": {
    options: { constants: { TEAM: 64 } },
    params: { size: 510, items: 128, least: 1e-5 },
    groups: 2,
  },
  "quant/quantize": {
    options: { constants: { TEAM: 64 } },
    params: { size: 510, items: 128 },
    groups: 2,
  },
  "reduce/workgroup": {
    options: {},
    params: {
      outer_shape: [2],
      outer_strides: [300],
      reduced_shape: [300],
      reduced_strides: [1],
      outer: 2,
      reduced: 300,
      offset: 0,
      init: 0,
      scale: 1,
    },
    groups: 2,
  },
  "shape/transpose_tiles": {
    options: {},
    params: {
      shape: [1],
      count: 2,
      tiles_down: 2,
      tiles_across: 1,
      rows: 40,
      cols: 20,
      x_col: 40,
      y_row: 20,
    },
    groups: 2,
  },
  "softmax/backward": rowsOf(70),
  "softmax/forward": rowsOf(70),
  "softmax/log_sum_exp": rowsOf(70),
  "transport/anderson": {
    options: { constants: { TEAM: 64 } },
    params: { problems: 2, rows: 70, pad: 80, memory: 3, scale: 1, tail: 1 },
    groups: 2,
    zeros: ["control"],
  },
  "transport/apply": {
    options: { constants: { TEAM: 64, ROWS: 4 } },
    params: { problems: 1, rows: 6, dims: 2, rows_pad: 16, cols4: 70, channels: 1, scale: 1 },
    groups: 2,
    zeros: ["control"],
  },
  "transport/check": {
    options: { constants: { TEAM: 64 } },
    params: {
      problems: 2,
      rows: 70,
      pad: 80,
      other_pad: 80,
      iteration: 1,
      tolerance: 0.1,
      site: 1,
    },
    groups: 2,
  },
  "transport/dykstra_columns": {
    options: { constants: { TEAM: 64 } },
    params: { problems: 2, chunks: 5, left_chunks: 2, rank: 70, floor: -30, tolerance: 0.1 },
    groups: 2,
    zeros: ["control"],
  },
  "transport/dykstra_rows": {
    options: { constants: { TEAM: 64 } },
    params: {
      problems: 1,
      chunks: 4,
      left_chunks: 2,
      size: 64,
      rows: 200,
      left_rows: 70,
      rank: 3,
    },
    groups: 4,
    zeros: ["control"],
  },
  "transport/knopp_backward_team": {
    options: { constants: { TEAM: 8 } },
    params: { batch: 3, rows: 5, cols: 6, iterations: 2, scale: 1 },
    groups: 1,
  },
  "transport/knopp_team": {
    options: { constants: { TEAM: 8 } },
    params: { batch: 3, rows: 5, cols: 6, iterations: 2, scale: 1 },
    groups: 1,
  },
  "transport/partial": {
    options: { constants: { TEAM: 64 } },
    params: { problems: 1, rows: 70, pad: 80, part: 1, iteration: 2, judged: 0, scale: 1, site: 1 },
    groups: 1,
    zeros: ["control"],
  },
  "transport/pull": {
    options: { constants: { TEAM: 64 } },
    params: { problems: 1, rows: 2, dims: 2, rows_pad: 16, cols4: 70, channels: 1, scale: 1 },
    groups: 2,
  },
  "transport/softmin": {
    options: { constants: { TEAM: 64, ROWS: 4 } },
    params: { problems: 1, rows: 6, dims: 2, rows_pad: 16, cols4: 70, scale: 1 },
    groups: 2,
    zeros: ["control"],
  },
  "transport/sparse_step": {
    options: { constants: { TEAM: 64, MEMORY: 1 } },
    params: { problems: 1, rows: 70, pad: 80, cols: 80, stride: 1952, gamma: 1, first: 1 },
    groups: 1,
  },
  "transport/sparse_sums": {
    options: { constants: { TEAM: 64 } },
    params: { problems: 2, rows: 1, rows_pad: 16, cols4: 63, f_step: 416, f_offset: 32, scale: 1 },
    groups: 2,
  },
  "transport/weights": {
    options: { constants: { TEAM: 64 } },
    params: { problems: 2, rows: 70, cols: 75, slack: 0.1 },
    groups: 2,
  },
};

const kernels = await readKernels(fileURLToPath(new URL("../../shaders", import.meta.url)));
const ownText = (kernel: AnyKernel): string =>
  kernels
    .find((k) => k.name === kernel.name)!
    .parts.map((part) => (part.include ? "" : part.text))
    .join("");
const cooperates = (kernel: AnyKernel): boolean =>
  /workgroupBarrier|storageBarrier|(?:team|block)_(sum|max)\(/.test(ownText(kernel));
const cooperative = knownKernels.filter(cooperates);

/** A workgroup of one invocation has nobody to race with. */
const isShared = (kernel: AnyKernel): boolean =>
  ownText(kernel).includes("var<workgroup>") && kernel.workgroupSize.some((size) => size !== 1);

test("only kernels that meet at barriers share workgroup memory of their own", () => {
  const alone = knownKernels.filter((kernel) => !cooperates(kernel) && isShared(kernel));
  expect(alone.map((kernel) => kernel.name)).toEqual([]);
});

const barriers = /(?:workgroup|storage)Barrier\(\);/g;

/** A product of WGSL numbers: `16u * 8u * 2u`. */
const evaluate = (product: string): number =>
  product.split("*").reduce((value, factor) => value * Number.parseInt(factor, 10), 1);

/**
 * The interpreter reads declarations in order, and array lengths only as one number: so constants and
 * overrides are put in as the numbers they are.
 */
function inlined(kernel: AnyKernel, { options }: Dispatch): string {
  const values: Record<string, string> = {};
  let text = specialise(kernel, options).wgsl.replace(
    /^(?:override|const) (\w+)(?::\s*\w+)?\s*=\s*([\w.]+);.*$/gm,
    (_, name: string, value: string) => {
      values[name] = String(options.overrides?.[name] ?? value);
      return "";
    },
  );
  for (const [name, value] of Object.entries(values))
    text = text.replace(new RegExp(`\\b${name}\\b`, "g"), `${Number(value.replace(/u$/, ""))}u`);
  // It takes what an alias of a scalar makes for a vector.
  const scalars: [alias: string, type: string][] = [];
  text = text.replace(/^alias (\w+) = ([fiu]32);.*$/gm, (_, alias: string, type: string) => {
    scalars.push([alias, type]);
    return "";
  });
  for (const [alias, type] of scalars) text = text.replace(new RegExp(`\\b${alias}\\b`, "g"), type);
  // It steps into a block and over the block's first statement at once: that must not be a barrier.
  let count = 0;
  text = text.replace(barriers, (barrier) => `let step_${count++} = 0u; ${barrier}`);
  return text.replace(
    /(array<\w+(?:<\w+>)?,\s*)([\du *]+)>/g,
    (_, head: string, length: string) => `${head}${evaluate(length)}>`,
  );
}

/** Of a binding, in words: what its declaration says, or enough. */
function lengthOf(wgsl: string, name: string): number {
  return Number(new RegExp(`\\b${name}: array<u32, (\\d+)`).exec(wgsl)?.[1] ?? 2048);
}

function run(
  kernel: AnyKernel,
  { options, params, groups, zeros: cleared = [] }: Dispatch,
  wgsl: string,
) {
  const program = specialise(kernel, options);
  const bindings: Record<string, unknown> = {};
  for (const { index, name } of program.bindings)
    bindings[index] = new Float32Array(lengthOf(wgsl, name)).map((_, i) =>
      cleared.includes(name) ? 0 : (i % 7) / 8,
    );
  if (kernel.params) {
    const view = new DataView(new ArrayBuffer(maxParamBytes));
    kernel.params.write(view, { ...zeros(kernel), ...params });
    bindings[kernel.params.index] = { uniform: new Uint8Array(view.buffer) };
  }
  return detectRaces(wgsl, "main", [groups, 1, 1], { 0: bindings });
}

/** For the parameters that a dispatch does not set. */
function zeros(kernel: AnyKernel): Record<string, number | number[]> {
  const struct = /struct Params \{[^}]*\}/.exec(kernel.source)![0];
  return Object.fromEntries(
    [...struct.matchAll(/^\s*(\w+):\s*(\w+)/gm)].map(([, name, type]) => [
      name!,
      /^(array|vec)/.test(type!) ? [] : 0,
    ]),
  );
}

test("every kernel with workgroup memory has a dispatch to run", () => {
  expect(Object.keys(dispatches).sort()).toEqual(cooperative.map((kernel) => kernel.name).sort());
});

describe.each(cooperative.map((kernel) => [kernel.name, kernel] as const))("%s", (name, kernel) => {
  const dispatch = dispatches[name]!;
  const wgsl = inlined(kernel, dispatch);

  test("has no races, and every invocation meets every barrier", () => {
    const { races, errors } = run(kernel, dispatch, wgsl);
    expect(errors).toEqual([]);
    expect(races.map((race) => race.message)).toEqual([]);
  });

  test("would race without its barriers", () => {
    const { races } = run(kernel, dispatch, wgsl.replace(barriers, ""));
    expect(races.length).toBeGreaterThan(0);
  });
});
