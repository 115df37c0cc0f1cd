// loss[r] = (1 - e) (L - x[r, t]) + e (L - mean_k x[r, k]),  L = log sum_k exp x[r, k],  t = target[r]
//
// e is the label smoothing: the target distribution is 1 - e on t plus e / cols everywhere. A row whose
// target is ignore_index has loss 0; a target out of range is reported and treated likewise. lse[r] holds
// L in two parts, the maximum m and L - m: their sum would lose the low bits of L - m where m is large.
//
// shapes: x [rows, cols] dense, cols counts Vs; target, loss [rows]; lse [rows, 2]
// access: one team per row, two passes; everything relative to the row's maximum, so that no
//         exponential overflows and no difference of large numbers is taken
// source: label smoothing of Szegedy et al. 2016 (arXiv:1512.00567), as PyTorch's cross_entropy has it
#include "grid"
#include "lanes"
#include "team"
#include "fault"
alias V = f32; // f32 | vec4f
const TEAM = 1u; // 1 | 64 | 256

struct Params {
  rows: u32,
  cols: u32,
  ignore_index: i32,
  fault_site: u32,
  smoothing: f32,
}

@group(0) @binding(0) var<storage, read> x: array<V>;
@group(0) @binding(1) var<storage, read> target_class: array<i32>;
@group(0) @binding(2) var<storage, read_write> loss: array<f32>;
@group(0) @binding(3) var<storage, read_write> lse: array<vec2f>;
@group(0) @binding(4) var<storage, read_write> faults: array<atomic<u32>>;
@group(0) @binding(5) var<uniform> params: Params;

fn element(base: u32, c: u32) -> f32 {
  return vec4f(x[base + c / lane_count()])[c % lane_count()];
}

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
  let classes = params.cols * lane_count();

  var high = V(LOWEST);
  for (var c = lane; c < end; c += TEAM) { high = max(high, x[base + c]); }
  let m = team_max(max_lanes(high), lane);

  var exponentials = V(0.0);
  var shifted = V(0.0);
  for (var c = lane; c < end; c += TEAM) {
    let d = x[base + c] - m;
    exponentials += exp(d);
    shifted += d;
  }
  let log_total = log(team_sum(sum_lanes(exponentials), lane));
  let mean = team_sum(sum_lanes(shifted), lane) / f32(classes);

  if (lane != 0u || row >= params.rows) { return; }
  lse[row] = vec2f(m, log_total);
  let class_index = target_class[row];
  var value = 0.0;
  if (class_index != params.ignore_index) {
    if (class_index < 0 || class_index >= i32(classes)) {
      report_fault(params.fault_site, class_index, classes);
    } else {
      let own = log_total - (element(base, u32(class_index)) - m);
      value = own + params.smoothing * ((log_total - mean) - own);
    }
  }
  loss[row] = value;
}
