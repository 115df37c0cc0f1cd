// dx = rstd weight[c] (g - plain[b, c] / count - n along[b, c] / count),  n = (x - mean[b, c]) rstd[b, c]
//
// with the sums of norm/channel_sums; count is the elements of a channel of a batch.
//
// shapes: x, g, dx [batches, depth, channels, inner] dense; weight [channels]; the others [batches, channels];
//         inner counts Vs. A missing weight may be bound to anything that is read.
// access: one V per invocation
#include "grid"
alias V = f32; // f32 | vec4f
override HAS_WEIGHT: u32 = 1; // 0 | 1

struct Params {
  count: u32,
  depth: u32,
  channels: u32,
  inner: u32,
  // 1 / count.
  share: f32,
}

@group(0) @binding(0) var<storage, read> x: array<V>;
@group(0) @binding(1) var<storage, read> weight: array<f32>;
@group(0) @binding(2) var<storage, read> mean: array<f32>;
@group(0) @binding(3) var<storage, read> rstd: array<f32>;
@group(0) @binding(4) var<storage, read> g: array<V>;
@group(0) @binding(5) var<storage, read> along: array<f32>;
@group(0) @binding(6) var<storage, read> plain: array<f32>;
@group(0) @binding(7) var<storage, read_write> dx: array<V>;
@group(0) @binding(8) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = linear_index(id, groups, 64u);
  if (item >= params.count) { return; }
  let line = item / params.inner;
  let c = line % params.channels;
  let row = line / params.channels / params.depth * params.channels + c;
  let n = (x[item] - mean[row]) * rstd[row];
  var scale = rstd[row];
  if (HAS_WEIGHT == 1u) { scale *= weight[c]; }
  dx[item] = ((g[item] - plain[row] * params.share) - n * (along[row] * params.share)) * scale;
}
