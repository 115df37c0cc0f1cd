// y[r] = m + log sum_k exp(x[r, k] - m); m = max_k x[r, k]
//
// shapes: x [rows, cols] dense, cols counts Vs; y [rows]
// access: one team per row, two passes
#include "grid"
#include "lanes"
#include "team"
alias V = f32; // f32 | vec4f
const TEAM = 1u; // 1 | 64 | 256

struct Params {
  rows: u32,
  cols: u32,
}

@group(0) @binding(0) var<storage, read> x: array<V>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(GROUP)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let row = team_row(linear_group(group, groups), local);
  let lane = team_lane(local);
  let base = row * params.cols;
  let end = select(0u, params.cols, row < params.rows);

  var high = V(LOWEST);
  for (var c = lane; c < end; c += TEAM) { high = max(high, x[base + c]); }
  let m = team_max(max_lanes(high), lane);

  var sum = V(0.0);
  for (var c = lane; c < end; c += TEAM) { sum += exp(x[base + c] - m); }
  let total = team_sum(sum_lanes(sum), lane);

  if (lane == 0u && row < params.rows) { y[row] = m + log(total); }
}
