// y = (x - mean[b, c]) rstd[b, c] weight[c] + bias[c]
//
// shapes: x, y [batches, depth, channels, inner] dense; mean, rstd [batches, channels]; weight, bias
//         [channels]; inner counts Vs. A missing weight or bias may be bound to anything that is read.
// access: one V per invocation
#include "grid"
alias V = f32; // f32 | vec4f
override HAS_WEIGHT: u32 = 1; // 0 | 1
override HAS_BIAS: u32 = 1; // 0 | 1

struct Params {
  count: u32,
  depth: u32,
  channels: u32,
  inner: u32,
}

@group(0) @binding(0) var<storage, read> x: array<V>;
@group(0) @binding(1) var<storage, read> mean: array<f32>;
@group(0) @binding(2) var<storage, read> rstd: array<f32>;
@group(0) @binding(3) var<storage, read> weight: array<f32>;
@group(0) @binding(4) var<storage, read> bias: array<f32>;
@group(0) @binding(5) var<storage, read_write> y: array<V>;
@group(0) @binding(6) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = linear_index(id, groups, 64u);
  if (item >= params.count) { return; }
  let line = item / params.inner;
  let c = line % params.channels;
  let row = line / params.channels / params.depth * params.channels + c;
  var value = (x[item] - mean[row]) * rstd[row];
  if (HAS_WEIGHT == 1u) { value *= weight[c]; }
  if (HAS_BIAS == 1u) { value += bias[c]; }
  y[item] = value;
}
