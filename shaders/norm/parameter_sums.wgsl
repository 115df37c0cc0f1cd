// The cotangents of weight and bias from the sums over blocks of rows, the second stage:
//   weight_sum[c] = sum_b block_sums[b, 0, c],  bias_sum[c] = sum_b block_sums[b, 1, c]
//
// shapes: block_sums [blocks, 2, cols]; weight_sum, bias_sum [cols]; cols counts Vs
// access: one column per invocation, blocks in order
#include "grid"
alias V = f32; // f32 | vec4f

struct Params {
  blocks: u32,
  cols: u32,
}

@group(0) @binding(0) var<storage, read> block_sums: array<V>;
@group(0) @binding(1) var<storage, read_write> weight_sum: array<V>;
@group(0) @binding(2) var<storage, read_write> bias_sum: array<V>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let c = linear_index(id, groups, 64u);
  if (c >= params.cols) { return; }
  var weight = V(0.0);
  var bias = V(0.0);
  for (var b = 0u; b < params.blocks; b++) {
    weight += block_sums[b * 2u * params.cols + c];
    bias += block_sums[(b * 2u + 1u) * params.cols + c];
  }
  weight_sum[c] = weight;
  bias_sum[c] = bias;
}
