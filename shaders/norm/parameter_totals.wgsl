// The cotangents of weight and bias at once, for few rows:
//   weight_sum[c] = sum_r g[r, c] (x[r, c] - mean_r) rstd_r,  bias_sum[c] = sum_r g[r, c]
//
// shapes: x, g [rows, cols] dense; mean, rstd [rows]; weight_sum, bias_sum [cols]; cols counts Vs
// access: one column per invocation, down all rows; neighbours walk neighbouring columns. Blocks of `depth`
//         rows are added up first, as norm/parameter_partials and norm/parameter_sums do in two stages: the
//         same order, so the same bits.
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
@group(0) @binding(4) var<storage, read_write> weight_sum: array<V>;
@group(0) @binding(5) var<storage, read_write> bias_sum: array<V>;
@group(0) @binding(6) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let c = linear_index(id, groups, 64u);
  if (c >= params.cols) { return; }
  var weight = V(0.0);
  var bias = V(0.0);
  for (var b = 0u; b < params.blocks; b++) {
    let sums = sums_of_block(b, c);
    weight += sums.weight;
    bias += sums.bias;
  }
  weight_sum[c] = weight;
  bias_sum[c] = bias;
}
