// Sums over blocks of rows, the first of two stages towards the cotangents of weight and bias:
//   block_sums[b, 0, c] = sum_r g[r, c] (x[r, c] - mean_r) rstd_r,  block_sums[b, 1, c] = sum_r g[r, c]
//
// shapes: x, g [rows, cols] dense; mean, rstd [rows]; block_sums [blocks, 2, cols]; cols counts Vs; block b
//         holds the rows from b * depth
// access: neighbouring invocations walk neighbouring columns, each down one block. The order of the sum is
//         fixed by rows and depth.
#include "grid"
#include "norm_parameters"
alias V = f32; // f32 | vec4f

struct Params {
  rows: u32,
  cols: u32,
  depth: u32,
  blocks: u32,
}

@group(0) @binding(0) var<storage, read> x: array<V>;
@group(0) @binding(1) var<storage, read> mean: array<f32>;
@group(0) @binding(2) var<storage, read> rstd: array<f32>;
@group(0) @binding(3) var<storage, read> g: array<V>;
@group(0) @binding(4) var<storage, read_write> block_sums: array<V>;
@group(0) @binding(5) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = linear_index(id, groups, 64u);
  let b = item / params.cols;
  if (b >= params.blocks) { return; }
  let c = item % params.cols;
  let sums = sums_of_block(b, c);
  block_sums[b * 2u * params.cols + c] = sums.weight;
  block_sums[(b * 2u + 1u) * params.cols + c] = sums.bias;
}
