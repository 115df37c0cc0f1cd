import { describe, expect, test } from "vitest";
import {
  isBetterCopied,
  type MatmulProblem,
  type MatmulTarget,
  type MatrixLayout,
  matmulSplit,
  matmulVariants,
  packedBlock,
  packedSplit,
} from "../../src/ops/matmulVariants";

const limits = {
  maxInvocationsPerWorkgroup: 256,
  maxWorkgroupBytes: 16384,
  maxStorageBuffers: 8,
};
const lavapipe: MatmulTarget = { adapter: "software", subgroupSize: 8, limits };
const plainSoftware: MatmulTarget = { ...lavapipe, subgroupSize: 0 };
const wasm: MatmulTarget = { ...lavapipe, adapter: "wasm", subgroupSize: 4 };
const gpu: MatmulTarget = { adapter: "hardware", subgroupSize: 32, limits };

/** c = a b with dense operands, either stored transposed. */
function problem(
  m: number,
  n: number,
  k: number,
  { batch = 1, aTurned = false, bTurned = false } = {},
): MatmulProblem {
  const dense = (rows: number, cols: number, turned: boolean): MatrixLayout =>
    turned ? { row: 1, col: rows, aligned: true } : { row: cols, col: 1, aligned: true };
  return { batch, m, n, k, a: dense(m, k, aTurned), b: dense(k, n, bTurned) };
}
const choose = matmulVariants.defaultChoice;

describe("on a software driver", () => {
  test("products are tiled in registers, through subgroups where their size is fixed", () => {
    expect(choose(problem(768, 384, 128), lavapipe).kernel).toBe("subgroup");
    expect(choose(problem(768, 384, 128), plainSoftware).kernel).toBe("register");
  });

  test("the invocations lie along the dimension whose tiles waste less", () => {
    expect(choose(problem(768, 65, 128), lavapipe)).toEqual({ kernel: "subgroup", along: "m" });
    expect(choose(problem(65, 768, 128), lavapipe)).toEqual({ kernel: "subgroup", along: "n" });
    expect(choose(problem(128, 32, 128, { batch: 48 }), lavapipe)).toEqual({
      kernel: "subgroup",
      along: "m",
    });
  });

  test("of two equal directions, the one with vec4 loads is taken", () => {
    const square = problem(128, 128, 128, { aTurned: true, bTurned: true });
    expect(choose(square, lavapipe)).toEqual({ kernel: "subgroup", along: "m" });
    expect(choose(problem(128, 128, 128), lavapipe)).toEqual({ kernel: "subgroup", along: "n" });
  });

  test("elements that would fill little of a tile are computed one by one", () => {
    expect(choose(problem(4, 4, 4, { batch: 1000 }), lavapipe)).toEqual({
      kernel: "vector",
      lanes: 1,
    });
    expect(choose(problem(5, 768, 128), lavapipe).kernel).toBe("subgroup");
  });

  test("few rows, or columns, are neither shared nor tiled", () => {
    const skinny = { kernel: "skinny", team: 1 };
    expect(choose(problem(1, 768, 128), lavapipe)).toEqual({ ...skinny, along: "n" });
    expect(choose(problem(4, 1024, 1024), lavapipe)).toEqual({ ...skinny, along: "n" });
    expect(choose(problem(1024, 1, 1024), plainSoftware)).toEqual({ ...skinny, along: "m" });
  });

  test("sums are not cut: tiles are small enough for every thread", () => {
    expect(choose(problem(16, 16, 65536), lavapipe).kernel).toBe("subgroup");
  });

  test("a long dot product is shared by a workgroup", () => {
    expect(choose(problem(1, 1, 1024), lavapipe)).toEqual({ kernel: "vector", lanes: 64 });
    expect(choose(problem(1, 1, 1023), lavapipe)).toEqual({ kernel: "vector", lanes: 1 });
  });

  test("what lies along k is copied for vec4 loads where its elements are used often", () => {
    const copied = (p: MatmulProblem): boolean => {
      const variant = choose(p, lavapipe);
      return variant.kernel !== "split" && isBetterCopied(p, variant, p.k * p.n);
    };
    const turned = { bTurned: true };
    expect(copied(problem(256, 128, 128, turned))).toBe(true);
    expect(copied(problem(255, 129, 128, turned))).toBe(false);
    expect(copied(problem(255, 132, 128, turned))).toBe(false);
    expect(copied(problem(256, 128, 120, turned))).toBe(false);
    expect(copied(problem(256, 128, 128))).toBe(false);
    const shared = problem(64, 128, 128, { ...turned, batch: 4 });
    expect(isBetterCopied(shared, { kernel: "subgroup", along: "n" }, 128 * 128)).toBe(true);
    expect(isBetterCopied(shared, { kernel: "subgroup", along: "n" }, 4 * 128 * 128)).toBe(false);
  });

  test("workgroup memory is left alone", () => {
    for (const size of [1, 8, 64, 512, 4096])
      expect(choose(problem(size, size, size), lavapipe).kernel).not.toBe("tiled");
  });
});

describe("on a GPU", () => {
  test("tiles are as large as keeps the device busy", () => {
    expect(choose(problem(4096, 4096, 4096), gpu)).toEqual({
      kernel: "tiled",
      side: 16,
      groups: 2,
    });
    expect(choose(problem(768, 768, 768), gpu)).toEqual({ kernel: "tiled", side: 8, groups: 2 });
    expect(choose(problem(128, 128, 128), gpu)).toEqual({ kernel: "tiled", side: 8, groups: 1 });
  });

  test("sums are cut where there are too few tiles to keep the device busy", () => {
    const dW = (m: number, n: number, k: number) =>
      choose(problem(m, n, k, { aTurned: true }), gpu);
    expect(dW(128, 128, 1023).kernel).toBe("tiled");
    expect(dW(128, 128, 1024)).toEqual({ kernel: "split", parts: 4 });
    expect(dW(128, 128, 16384)).toEqual({ kernel: "split", parts: 16 });
    expect(dW(32, 32, 2 ** 20)).toEqual({ kernel: "split", parts: 64 });
    expect(dW(512, 512, 16384).kernel).toBe("tiled");
    expect(choose(problem(1, 1, 2 ** 20), gpu)).toEqual({ kernel: "split", parts: 64 });
  });

  test("thin products are read once, along k where that is contiguous or there are few elements", () => {
    const skinny = { kernel: "skinny", along: "n" };
    expect(choose(problem(1, 4096, 4096), gpu)).toEqual({ ...skinny, team: 16 });
    expect(choose(problem(1, 50000, 768), gpu)).toEqual({ ...skinny, team: 1 });
    expect(choose(problem(1, 50000, 768, { bTurned: true }), gpu)).toEqual({ ...skinny, team: 16 });
    expect(choose(problem(1, 1, 512), gpu)).toEqual({ kernel: "vector", lanes: 64 });
  });

  test("tiles that exceed a granted limit are not used", () => {
    const small = { ...gpu, limits: { ...limits, maxInvocationsPerWorkgroup: 128 } };
    expect(choose(problem(4096, 4096, 4096), small)).toEqual({
      kernel: "tiled",
      side: 8,
      groups: 2,
    });
    const few = { ...gpu, limits: { ...limits, maxStorageBuffers: 4 } };
    expect(choose(problem(4096, 4096, 4096), few).kernel).toBe("register");
    const little = { ...gpu, limits: { ...limits, maxWorkgroupBytes: 4096 } };
    expect(choose(problem(4096, 4096, 4096), little)).toEqual({
      kernel: "tiled",
      side: 8,
      groups: 1,
    });
  });

  test("matrix units are tried where the device was granted them in sizes that the kernel cuts", () => {
    const matrix = { kernel: "subgroupMatrix" } as const;
    const unit = { m: 16, n: 16, k: 16 };
    expect(matmulVariants.isApplicable(matrix, gpu)).toBe(false);
    expect(matmulVariants.isApplicable(matrix, { ...gpu, matrix: unit })).toBe(true);
    expect(matmulVariants.isApplicable(matrix, { ...gpu, matrix: { ...unit, k: 32 } })).toBe(false);
    expect(matmulVariants.isApplicable(matrix, { ...gpu, matrix: unit, subgroupSize: 0 })).toBe(
      false,
    );
    expect(matmulVariants.isApplicable(matrix, { ...lavapipe, matrix: unit })).toBe(false);
    expect(choose(problem(1024, 1024, 1024), { ...gpu, matrix: unit }).kernel).toBe("tiled");
  });

  test("subgroups are tried where their size is fixed, and never the default", () => {
    const kernels = (target: MatmulTarget) =>
      matmulVariants.candidates(target).map((v) => v.kernel);
    expect(kernels(gpu)).toContain("subgroup");
    expect(kernels({ ...gpu, subgroupSize: 0 })).not.toContain("subgroup");
    expect(choose(problem(1024, 1024, 1024), gpu).kernel).toBe("tiled");
  });
});

describe("on the CPU executor", () => {
  test("products are packed for SIMD registers", () => {
    expect(choose(problem(1024, 384, 128), wasm)).toEqual({ kernel: "packed" });
    expect(choose(problem(128, 128, 32, { batch: 32, bTurned: true }), wasm)).toEqual({
      kernel: "packed",
    });
    expect(choose(problem(128, 65, 1024, { aTurned: true }), wasm)).toEqual({ kernel: "packed" });
  });

  test("a few elements are computed one by one", () => {
    const vector = { kernel: "vector", lanes: 1 };
    expect(choose(problem(4, 4, 4, { batch: 1000 }), wasm)).toEqual(vector);
    expect(choose(problem(8, 8, 32), wasm)).toEqual(vector);
    expect(choose(problem(8, 8, 33), wasm).kernel).toBe("packed");
    expect(choose(problem(2, 4, 4096), wasm)).toEqual(vector);
    expect(choose(problem(2, 5, 204), wasm).kernel).toBe("vector");
    expect(choose(problem(2, 5, 4096), wasm).kernel).toBe("packed");
  });

  test("one row, or one column, is not packed", () => {
    const skinny = { kernel: "skinny", team: 1 };
    expect(choose(problem(1, 9, 4096), wasm)).toEqual({ ...skinny, along: "n" });
    expect(choose(problem(768, 1, 64, { batch: 3 }), wasm)).toEqual({ ...skinny, along: "m" });
    expect(choose(problem(2, 768, 64), wasm).kernel).toBe("packed");
  });

  test("long sums of few elements are cut for the threads", () => {
    const dW = (m: number, n: number, k: number) =>
      choose(problem(m, n, k, { aTurned: true }), wasm);
    expect(dW(16, 16, 65536)).toEqual({ kernel: "split", parts: 4 });
    expect(dW(64, 64, 2048)).toEqual({ kernel: "split", parts: 4 });
    expect(dW(64, 64, 2047).kernel).toBe("packed");
    expect(dW(64, 65, 8192).kernel).toBe("packed");
  });

  test("parts are whole vec4s of k, and as many as there is k for", () => {
    expect(matmulSplit(problem(3, 5, 16), 4)).toMatchObject({ batch: 4, k: 4 });
    expect(matmulSplit(problem(3, 5, 17), 4)).toMatchObject({ batch: 3, k: 8 });
    expect(matmulSplit(problem(3, 5, 3, { batch: 2 }), 64)).toMatchObject({ batch: 2, k: 3 });
    expect(matmulSplit(problem(3, 5, 0), 4)).toMatchObject({ batch: 1, k: 0 });
  });

  test("blocks are as large as the granted workgroup memory holds", () => {
    expect(packedBlock(wasm)).toEqual({ rows: 32, cols: 32, depth: 64 });
    const large = { ...wasm, limits: { ...limits, maxWorkgroupBytes: 2 ** 18 } };
    expect(packedBlock(large)).toEqual({ rows: 128, cols: 128, depth: 128 });
  });

  test("blocks fit, cover the product, and are enough for some threads where that pays", () => {
    const block = { rows: 128, cols: 128, depth: 128 };
    expect(packedSplit(problem(1024, 384, 128), block)).toEqual({ down: 8, across: 3 });
    expect(packedSplit(problem(128, 128, 1024), block)).toEqual({ down: 2, across: 2 });
    expect(packedSplit(problem(384, 128, 1024), block)).toEqual({ down: 4, across: 2 });
    expect(packedSplit(problem(128, 128, 32, { batch: 32 }), block)).toEqual({
      down: 1,
      across: 1,
    });
    expect(packedSplit(problem(16, 16, 16), block)).toEqual({ down: 1, across: 1 });
    for (const m of [1, 4, 5, 127, 129, 300, 1000])
      for (const n of [1, 8, 9, 65, 257, 1000])
        for (const k of [1, 100, 4096]) {
          const { down, across } = packedSplit(problem(m, n, k), block);
          const height = Math.ceil(Math.ceil(m / 4) / down) * 4;
          const width = Math.ceil(Math.ceil(n / 8) / across) * 8;
          expect(height).toBeLessThanOrEqual(block.rows);
          expect(width).toBeLessThanOrEqual(block.cols);
          expect((down - 1) * height).toBeLessThan(m);
          expect((across - 1) * width).toBeLessThan(n);
        }
  });

  test("without workgroup memory, tiles lie in registers", () => {
    const none = { ...wasm, limits: { ...limits, maxWorkgroupBytes: 1024 } };
    expect(matmulVariants.isApplicable({ kernel: "packed" }, none)).toBe(false);
    expect(choose(problem(512, 512, 512), none)).toEqual({ kernel: "register", along: "n" });
  });
});

test("whatever is chosen is a candidate", () => {
  for (const target of [lavapipe, plainSoftware, wasm, gpu])
    for (const m of [1, 2, 7, 64, 1000])
      for (const n of [1, 3, 40, 512])
        for (const k of [0, 1, 128, 5000])
          expect(matmulVariants.candidates(target)).toContainEqual(
            choose(problem(m, n, k), target),
          );
});
