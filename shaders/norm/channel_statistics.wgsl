// mean[b, c], variance[b, c] = sum (x - mean)^2 / count, rstd = 1 / sqrt(variance + eps): of channel c over the
// samples of batch b and everything after the channels
//
// shapes: x [batches, depth, channels, inner] dense; the results [batches, channels]; inner counts Vs
// access: one team per channel of a batch, two passes
// source: Ioffe, Szegedy 2015 (arXiv:1502.03167); the corrected two-pass algorithm of Chan, Golub, LeVeque
//         1983, as in norm/forward
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
  eps: f32,
}

@group(0) @binding(0) var<storage, read> x: array<V>;
@group(0) @binding(1) var<storage, read_write> mean: array<f32>;
@group(0) @binding(2) var<storage, read_write> rstd: array<f32>;
@group(0) @binding(3) var<storage, read_write> variance: array<f32>;
@group(0) @binding(4) var<uniform> params: Params;

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
  let count = f32(params.depth * params.inner * lane_count());

  var sum = V(0.0);
  for (var at = first_place(lane); at.sample < end; at = next_place(at)) {
    sum += x[place_at(base, at)];
  }
  let center = team_sum(sum_lanes(sum), lane) / count;

  var deviations = V(0.0);
  var squares = V(0.0);
  for (var at = first_place(lane); at.sample < end; at = next_place(at)) {
    let d = x[place_at(base, at)] - center;
    deviations += d;
    squares += d * d;
  }
  let correction = team_sum(sum_lanes(deviations), lane) / count;
  let spread = max(team_sum(sum_lanes(squares), lane) / count - correction * correction, 0.0);
  if (lane == 0u && row < params.rows) {
    mean[row] = center + correction;
    variance[row] = spread;
    rstd[row] = 1.0 / sqrt(spread + params.eps);
  }
}
