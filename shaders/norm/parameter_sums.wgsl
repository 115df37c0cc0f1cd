// sum[p, c] = sum_b block_sums[b, p, c], the second stage: p = 0 the cotangent of weight, p = 1 of bias
//
// shapes: block_sums [blocks, 2, cols]; sum holds `parameters` rows of cols, `stride` apart; all count Vs
// access: one column of one parameter per invocation, blocks in order
#include "grid"
alias V = f32; // f32 | vec4f

struct Params {
  blocks: u32,
  cols: u32,
  parameters: u32,
  stride: u32,
}

@group(0) @binding(0) var<storage, read> block_sums: array<V>;
@group(0) @binding(1) var<storage, read_write> sum: array<V>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = linear_index(id, groups, 64u);
  let parameter = item / params.cols;
  if (parameter >= params.parameters) { return; }
  let c = item % params.cols;
  var total = V(0.0);
  for (var b = 0u; b < params.blocks; b++) {
    total += block_sums[(b * 2u + parameter) * params.cols + c];
  }
  sum[parameter * params.stride + c] = total;
}
