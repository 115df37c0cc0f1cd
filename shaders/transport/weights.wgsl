// Checks the weights of problems: none is negative, NaN or infinite, some are positive, and both sides have the same
// mass where that is asked for. ratio[problem] = log2(sum a / sum b)
//
// shapes: a [problems, rows], b [problems, cols] dense; ratio [problems]
// access: one team per problem, sums in fixed order: of 16, of 16 of those, and of the rest. Thousands of equal weights
//   added up one by one would be off by some 1e-6
#include "grid"
#include "fault"
#include "team"
const TEAM = 1u; // 1 | 64 | 256

struct Params {
  problems: u32,
  rows: u32,
  cols: u32,
  // By how much masses may differ, relative; 0 where they need not agree.
  slack: f32,
  // Sites of what can be wrong.
  bad_a: u32,
  bad_b: u32,
  empty_a: u32,
  empty_b: u32,
  unequal: u32,
}

@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read_write> ratio: array<f32>;
@group(0) @binding(3) var<storage, read_write> faults: array<atomic<u32>>;
@group(0) @binding(4) var<uniform> params: Params;

// Negative, NaN or infinite, by its bits; -0 is 0.
fn is_bad(w: f32) -> bool {
  let bits = bitcast<u32>(w);
  return bits >= 0x7f800000u && bits != 0x80000000u;
}

@compute @workgroup_size(GROUP)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let problem = team_row(linear_group(group, groups), local);
  let lane = team_lane(local);
  let goes = problem < params.problems;
  let rows = select(0u, params.rows, goes);
  let cols = select(0u, params.cols, goes);
  var mass_a = 0.0;
  for (var i = lane; i < rows; i += 256u * TEAM) {
    var far = 0.0;
    for (var h = i; h < min(i + 256u * TEAM, rows); h += 16u * TEAM) {
      var near = 0.0;
      for (var k = h; k < min(h + 16u * TEAM, rows); k += TEAM) {
        let w = a[problem * params.rows + k];
        if (is_bad(w)) { report_fault(params.bad_a, i32(k), problem); }
        near += w;
      }
      far += near;
    }
    mass_a += far;
  }
  var mass_b = 0.0;
  for (var j = lane; j < cols; j += 256u * TEAM) {
    var far = 0.0;
    for (var h = j; h < min(j + 256u * TEAM, cols); h += 16u * TEAM) {
      var near = 0.0;
      for (var k = h; k < min(h + 16u * TEAM, cols); k += TEAM) {
        let w = b[problem * params.cols + k];
        if (is_bad(w)) { report_fault(params.bad_b, i32(k), problem); }
        near += w;
      }
      far += near;
    }
    mass_b += far;
  }
  mass_a = team_sum(mass_a, lane);
  mass_b = team_sum(mass_b, lane);
  if (!goes || lane > 0u) { return; }
  ratio[problem] = log2(mass_a / mass_b);
  if (mass_a <= 0.0) { report_fault(params.empty_a, 0, problem); }
  if (mass_b <= 0.0) { report_fault(params.empty_b, 0, problem); }
  if (params.slack > 0.0 && abs(mass_a - mass_b) > params.slack * max(mass_a, mass_b)) {
    report_fault(params.unequal, bitcast<i32>(mass_b), bitcast<u32>(mass_a));
  }
}
