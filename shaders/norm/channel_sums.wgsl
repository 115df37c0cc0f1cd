// along[b, c] = sum g (x - mean[b, c]) rstd[b, c],  plain[b, c] = sum g: over the samples of batch b and
// everything after the channels
//
// shapes: x, g [batches, depth, channels, inner] dense; the others [batches, channels]; inner counts Vs
// access: one team per channel of a batch
#include "grid"
#include "lanes"
#include "team"
#include "channel_walk"
alias V = f32; // f32 | vec4f
const TEAM = 1u; // 1 | 64 | 256

struct Params {
  // batches * channels.
  rows: u32,
  depth: u32,
  channels: u32,
  inner: u32,
}

@group(0) @binding(0) var<storage, read> x: array<V>;
@group(0) @binding(1) var<storage, read> mean: array<f32>;
@group(0) @binding(2) var<storage, read> rstd: array<f32>;
@group(0) @binding(3) var<storage, read> g: array<V>;
@group(0) @binding(4) var<storage, read_write> along: array<f32>;
@group(0) @binding(5) var<storage, read_write> plain: array<f32>;
@group(0) @binding(6) var<uniform> params: Params;

@compute @workgroup_size(GROUP)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let row = team_row(linear_group(group, groups), local);
  let lane = team_lane(local);
  let base = channel_base(row, params.depth);
  let end = select(0u, params.depth, row < params.rows);
  let center = mean[min(row, params.rows - 1u)];
  let scale = rstd[min(row, params.rows - 1u)];
  var products = V(0.0);
  var sum = V(0.0);
  for (var at = first_place(lane); at.sample < end; at = next_place(at)) {
    let i = place_at(base, at);
    let cotangent = g[i];
    products += cotangent * ((x[i] - center) * scale);
    sum += cotangent;
  }
  let product = team_sum(sum_lanes(products), lane);
  let total = team_sum(sum_lanes(sum), lane);
  if (lane == 0u && row < params.rows) {
    along[row] = product;
    plain[row] = total;
  }
}
