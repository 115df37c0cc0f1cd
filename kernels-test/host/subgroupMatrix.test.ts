/**
 * The product by subgroup matrices where no adapter has them: the extension's types and functions are replaced by
 * arrays and loops, so that all but these is tested, on the CPU executor.
 */

import { afterEach, expect, test } from "vitest";
import { startTiming } from "../../src/device/timing";
import { initOn } from "../../src/init";
import { matmulSubgroupMatrix } from "../../src/kernels";
import { add } from "../../src/ops/arithmetic";
import { matmul } from "../../src/ops/matmul";
import { forcedMatmulVariant } from "../../src/ops/matmulVariants";
import { transpose } from "../../src/ops/shape";
import { nodePlatform } from "../../src/platform/node";
import { tensor } from "../../src/tensor/creation";
import { expectClose } from "../harness";
import { normals } from "../samples";

const emulation = `
alias Left = array<T, SIZE_M * SIZE_K>;
alias Right = array<T, SIZE_K * SIZE_N>;
alias Sums = array<f32, SIZE_M * SIZE_N>;

fn load_left(at: u32, stride: u32) -> Left {
  var x: Left;
  for (var i = 0u; i < SIZE_M; i++) {
    for (var j = 0u; j < SIZE_K; j++) { x[i * SIZE_K + j] = tile_a[at + i * stride + j]; }
  }
  return x;
}

fn load_right(at: u32, stride: u32) -> Right {
  var x: Right;
  for (var i = 0u; i < SIZE_K; i++) {
    for (var j = 0u; j < SIZE_N; j++) { x[i * SIZE_N + j] = tile_b[at + i * stride + j]; }
  }
  return x;
}

fn multiply_add(left: Left, right: Right, sums: Sums) -> Sums {
  var x = sums;
  var u = left;
  var v = right;
  for (var i = 0u; i < SIZE_M; i++) {
    for (var j = 0u; j < SIZE_N; j++) {
      for (var k = 0u; k < SIZE_K; k++) {
        x[i * SIZE_N + j] += f32(u[i * SIZE_K + k]) * f32(v[k * SIZE_N + j]);
      }
    }
  }
  return x;
}

fn store_sums(at: u32, sums: Sums, stride: u32) {
  var x = sums;
  for (var i = 0u; i < SIZE_M; i++) {
    for (var j = 0u; j < SIZE_N; j++) { tile_c[at + i * stride + j] = x[i * SIZE_N + j]; }
  }
}
`;

afterEach(() => {
  forcedMatmulVariant.current = null;
});

test.each([
  [8, 8, 8],
  [16, 16, 16],
  [16, 8, 16],
])("units of %i x %i x %i give the product of matrices, edges and all", async (m, n, k) => {
  const device = await initOn(nodePlatform, { executor: "cpu" });
  const source = matmulSubgroupMatrix.source
    .replace(/^(enable chromium_|diagnostic).*\n/gm, "")
    .replace(/alias Left[\s\S]*?fn store_sums[\s\S]*?\n\}\n/, emulation);
  expect(source).not.toContain("subgroupMatrix");
  Object.assign(matmulSubgroupMatrix, { source });
  const subgroupMatrices = [{ operands: "f32", sums: "f32", m, n, k }];
  Object.assign(device.executor.adapter, { subgroupMatrices });
  for (const [rows, cols, depth] of [
    [1, 1, 1],
    [5, 65, 63],
    [64, 64, 64],
    [130, 68, 20],
  ] as const)
    for (const turned of [false, true]) {
      const x = tensor(normals(rows * depth, 1), { shape: [rows, depth] });
      const stored = normals(depth * cols, 2);
      const y = turned
        ? transpose(tensor(stored, { shape: [cols, depth] }), 0, 1)
        : tensor(stored, { shape: [depth, cols] });
      const bias = tensor(normals(cols, 3));
      forcedMatmulVariant.current = { kernel: "vector", lanes: 1 };
      const expected = await add(matmul(x, y), bias).data();
      forcedMatmulVariant.current = { kernel: "subgroupMatrix" };
      const stop = startTiming(device.executor);
      const product = matmul(x, y);
      expect((await stop()).map(({ name }) => name)).toEqual(["matmul/subgroup_matrix"]);
      const actual = await add(product, bias).data();
      expectClose(actual, expected, { relative: 0, absolute: 1e-4 });
    }
});
