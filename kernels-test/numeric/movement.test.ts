/** Copies between layouts, by every kernel that makes them, against the host. */
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { startTiming } from "../../src/device/timing";
import * as tg from "../../src/node";
import { forcedMoveVariant, type MoveProblem, moveVariants } from "../../src/ops/movement";
import { keyFromSeed, philox4x32 } from "../../src/random/philox";
import { upload } from "../../src/tensor/creation";
import type { DType } from "../../src/tensor/dtype";
import { denseStrides, sizeOf } from "../../src/tensor/shape";

let device: tg.Device;
beforeAll(async () => {
  device = await tg.init();
});
afterEach(() => {
  forcedMoveVariant.current = null;
});

const transposed: MoveProblem = {
  innermost: "rows",
  batch: 1,
  rows: 8,
  cols: 8,
  vectors: true,
};
const variants = ["rows", ...moveVariants.candidates(transposed), null] as const;

type Numbers = readonly number[];

const bitsOf = (values: ArrayBufferView): Uint8Array =>
  new Uint8Array(values.buffer, values.byteOffset, values.byteLength);

/** The permuted elements, row-major. */
function permuted<T>(values: ArrayLike<T>, shape: Numbers, dims: Numbers): T[] {
  const from = denseStrides(shape);
  const sizes = dims.map((d) => shape[d]!);
  const into = denseStrides(sizes);
  return Array.from({ length: sizeOf(shape) }, (_, i) => {
    const at = dims.reduce((o, d, k) => o + (Math.floor(i / into[k]!) % sizes[k]!) * from[d]!, 0);
    return values[at]!;
  });
}

/** Names of the kernels that ran. */
async function ran(work: () => void): Promise<string[]> {
  const stop = startTiming(device.executor);
  work();
  return (await stop()).map(({ name }) => name);
}

const permutations: readonly (readonly [Numbers, Numbers])[] = [
  [
    [1, 1],
    [1, 0],
  ],
  [
    [63, 65],
    [1, 0],
  ],
  [
    [64, 64],
    [1, 0],
  ],
  [
    [100, 36],
    [1, 0],
  ],
  [
    [2, 129],
    [1, 0],
  ],
  [
    [3, 5, 7],
    [2, 1, 0],
  ],
  [
    [3, 5, 7],
    [0, 2, 1],
  ],
  [
    [3, 5, 7],
    [1, 0, 2],
  ],
  [
    [4, 8, 12],
    [2, 0, 1],
  ],
  [
    [5, 64, 4, 32],
    [0, 2, 1, 3],
  ],
  [
    [2, 16, 8, 12],
    [3, 2, 1, 0],
  ],
  [
    [2, 3, 2, 2, 8, 4],
    [4, 1, 2, 0, 5, 3],
  ],
  [
    [2, 3, 2, 5, 3, 3],
    [5, 3, 1, 4, 2, 0],
  ],
];

describe.each(variants)("variant %s", (variant) => {
  test.each(permutations)("lays out %j permuted by %j as the host does", async (shape, dims) => {
    forcedMoveVariant.current = variant;
    const f16 = device.executor.adapter.features.includes("shader-f16");
    const dtypes: DType[] = ["f32", "i32", "bool", ...(f16 ? (["f16"] as const) : [])];
    for (const dtype of dtypes) {
      const values = Array.from({ length: sizeOf(shape) }, (_, i) =>
        dtype === "bool" ? (i * 7) % 3 && 1 : (i * 7) % 2039,
      );
      const x = upload(values, shape, { dtype });
      const y = tg.contiguous(tg.permute(x, dims));
      expect([...(await y.data())].map(Number)).toEqual(permuted(values, shape, dims));
    }
  });

  test("begins inside its memory and leaves what surrounds the target", async () => {
    forcedMoveVariant.current = variant;
    const values = Array.from({ length: 24 * 40 }, (_, i) => i + 1);
    const x = upload(values, [24, 40], { dtype: "f32" });
    for (const [top, left, rows, cols] of [
      [4, 8, 16, 20],
      [3, 5, 17, 31],
      [0, 4, 24, 32],
      [1, 0, 5, 40],
    ] as const) {
      const part = tg.narrow(tg.narrow(x, 0, top, rows), 1, left, cols);
      const block = Array.from(
        { length: rows * cols },
        (_, i) => values[(top + Math.floor(i / cols)) * 40 + left + (i % cols)]!,
      );
      const turned = permuted(block, [rows, cols], [1, 0]);
      expect([...(await tg.contiguous(part).data())]).toEqual(block);
      const flipped = tg.transpose(part, 0, 1);
      expect([...(await tg.contiguous(flipped).data())]).toEqual(turned);
      const between = tg.cat([tg.full([cols, 4], -1), flipped, tg.full([cols, 3], -2)], 1);
      const wanted = Array.from({ length: cols }, (_, i) => [
        ...[-1, -1, -1, -1],
        ...turned.slice(i * rows, (i + 1) * rows),
        ...[-2, -2, -2],
      ]).flat();
      expect([...(await between.data())]).toEqual(wanted);
    }
  });

  test("moves every bit: NaN payloads, denormals, -0", async () => {
    forcedMoveVariant.current = variant;
    const words = new Uint32Array(16 * 20);
    for (let i = 0; i < words.length; i += 4)
      words.set(philox4x32(keyFromSeed(3), [i, 0, 0, 0]), i);
    words.set([0x7fc12345, 1, 0x80000000, 0xff800001]);
    const x = tg.tensor(new Float32Array(words.buffer), { shape: [16, 20] });
    const y = await tg.contiguous(tg.transpose(x, 0, 1)).data();
    const wanted = Uint32Array.from(permuted(words, [16, 20], [1, 0]));
    expect(bitsOf(y)).toEqual(bitsOf(wanted));
  });

  test("repeats what is expanded, and takes windows that overlap", async () => {
    forcedMoveVariant.current = variant;
    const x = tg.tensor(Float32Array.from({ length: 8 }, (_, i) => i));
    const rows = await tg.contiguous(tg.expand(x, [3, 8])).data();
    expect([...rows]).toEqual([
      0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 6, 7,
    ]);
    const cols = await tg.contiguous(tg.expand(tg.reshape(x, [8, 1]), [8, 4])).data();
    expect([...cols]).toEqual([0, 1, 2, 3, 4, 5, 6, 7].flatMap((v) => [v, v, v, v]));
    const windows = await tg.contiguous(tg.unfold(x, 0, 5, 1)).data();
    expect([...windows]).toEqual([0, 1, 2, 3].flatMap((i) => [i, i + 1, i + 2, i + 3, i + 4]));
  });
});

test("each variant runs its kernel", async () => {
  const x = tg.zeros([2, 32, 32]);
  const kernels = { tiles: "tiles", vectors: "vectors", elements: "elements" } as const;
  for (const variant of ["tiles", "vectors", "elements"] as const) {
    forcedMoveVariant.current = variant;
    const turned = await ran(() => tg.contiguous(tg.transpose(x, 1, 2)));
    expect(turned).toEqual([`shape/transpose_${kernels[variant]}`]);
  }
  forcedMoveVariant.current = "rows";
  expect(await ran(() => tg.contiguous(tg.transpose(x, 0, 1)))).toEqual(["shape/copy_rows"]);
  forcedMoveVariant.current = "strided";
  expect(await ran(() => tg.contiguous(tg.transpose(x, 0, 1)))).toEqual([
    "pointwise/unary_strided",
  ]);
});

test("the default depends on the adapter, on vec4s, and on the shorter side", () => {
  const choose = (adapter: "hardware" | "software" | "wasm", problem: Partial<MoveProblem>) =>
    moveVariants.defaultChoice(adapter, { ...transposed, ...problem });
  for (const adapter of ["software", "wasm"] as const) {
    expect(choose(adapter, {})).toBe("vectors");
    expect(choose(adapter, { rows: 3, cols: 64, vectors: false })).toBe("elements");
    expect(choose(adapter, { rows: 1, cols: 64, vectors: false })).toBe("strided");
  }
  expect(choose("hardware", { rows: 16, cols: 16 })).toBe("tiles");
  expect(choose("hardware", { rows: 15, cols: 16 })).toBe("strided");
  for (const adapter of ["hardware", "software", "wasm"] as const) {
    expect(choose(adapter, { innermost: "cols" })).toBe("rows");
    expect(choose(adapter, { innermost: "cols", vectors: false, cols: 4 })).toBe("rows");
    expect(choose(adapter, { innermost: "cols", vectors: false, cols: 3 })).toBe("strided");
    expect(choose(adapter, { innermost: "neither" })).toBe("strided");
  }
  expect(moveVariants.candidates({ ...transposed, vectors: false })).toEqual([
    "tiles",
    "elements",
    "strided",
  ]);
});
