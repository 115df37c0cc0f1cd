// y[r, c] = exp(x[r, c] - m) / sum_k exp(x[r, k] - m), or its logarithm; m = max_k x[r, k]
//
// shapes: x, y [rows, cols] dense; cols counts Vs
// access: one team per row, three passes: maximum, sum, result. KEEP: the second pass leaves its exponentials in y for
//   the third, which on CPUs costs less than computing them again.
// source: subtracting the maximum bounds every exponential by 1 and the sum from below by 1
#slot RESULT = probability // probability | log_probability
#include "grid"
#include "lanes"
#include "team"
alias V = f32; // f32 | vec4f
const TEAM = 1u; // 1 | 64 | 256
const KEEP = 0u; // 0 | 1

struct Params {
  rows: u32,
  cols: u32,
}

@group(0) @binding(0) var<storage, read> x: array<V>;
@group(0) @binding(1) var<storage, read_write> y: array<V>;
@group(0) @binding(2) var<uniform> params: Params;

fn probability(shifted: V, total: f32) -> V { return exp(shifted) / total; }
fn log_probability(shifted: V, total: f32) -> V { return shifted - log(total); }

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
  if (KEEP == 1u) {
    for (var c = lane; c < end; c += TEAM) {
      let e = exp(x[base + c] - m);
      sum += e;
      y[base + c] = e;
    }
  } else {
    for (var c = lane; c < end; c += TEAM) { sum += exp(x[base + c] - m); }
  }
  let total = team_sum(sum_lanes(sum), lane);

  if (KEEP == 1u) {
    for (var c = lane; c < end; c += TEAM) { y[base + c] /= total; }
  } else {
    for (var c = lane; c < end; c += TEAM) { y[base + c] = RESULT(x[base + c] - m, total); }
  }
}
