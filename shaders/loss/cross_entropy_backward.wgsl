// dx[r, c] = s_r (exp(x[r, c] - L[r]) - (1 - e) [c = target[r]] - e / cols)
//
// s_r is the cotangent of the row's loss: g[r] with SCALING 0, g[0] with 1 (sum), g[0] / count with 2
// (mean), and 0 where the target is ignored or out of range. e is the label smoothing. L is the sum of the
// two parts of lse.
//
// shapes: x, dx [rows, cols] dense; target [rows]; lse [rows, 2]; g [rows] or one element
// access: one team per row, one pass, no reduction
#include "grid"
#include "team"
const TEAM = 1u; // 1 | 64 | 256
override SCALING: u32 = 2; // 0 | 1 | 2

struct Params {
  rows: u32,
  cols: u32,
  ignore_index: i32,
  smoothing: f32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> target_class: array<i32>;
@group(0) @binding(2) var<storage, read> lse: array<vec2f>;
@group(0) @binding(3) var<storage, read> count: array<f32>;
@group(0) @binding(4) var<storage, read> g: array<f32>;
@group(0) @binding(5) var<storage, read_write> dx: array<f32>;
@group(0) @binding(6) var<uniform> params: Params;

@compute @workgroup_size(GROUP)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let row = team_row(linear_group(group, groups), local);
  let lane = team_lane(local);
  if (row >= params.rows) { return; }
  let base = row * params.cols;
  let class_index = target_class[row];
  if (class_index == params.ignore_index || class_index < 0 || class_index >= i32(params.cols)) {
    for (var c = lane; c < params.cols; c += TEAM) { dx[base + c] = 0.0; }
    return;
  }
  var scale = g[0];
  if (SCALING == 0u) { scale = g[row]; }
  if (SCALING == 2u) { scale /= count[0]; }
  let log_total = lse[row];
  let everywhere = params.smoothing / f32(params.cols);
  let here = everywhere + 1.0 - params.smoothing;
  for (var c = lane; c < params.cols; c += TEAM) {
    let wanted = select(everywhere, here, i32(c) == class_index);
    dx[base + c] = scale * (exp((x[base + c] - log_total.x) - log_total.y) - wanted);
  }
}
