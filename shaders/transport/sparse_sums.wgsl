// s_i = sum_j p_ij: the mass that the projections of all columns give to row i, at the potentials that are tried
//
// shapes: c [problems, rows, cols4]; thresholds, five planes of [problems, cols4]: see sparse_threshold; f as in
//   sparse_step; s [problems, rows_pad]
// access: one team per row, one walk
#include "grid"
#include "team"
const TEAM = 1u; // 1 | 64 | 256

struct Params {
  problems: u32,
  rows: u32,
  rows_pad: u32,
  cols4: u32,
  // Elements from one problem of f to the next, and before its potentials.
  f_step: u32,
  f_offset: u32,
  scale: f32,
}

@group(0) @binding(0) var<storage, read> c: array<vec4f>;
@group(0) @binding(1) var<storage, read> f: array<f32>;
@group(0) @binding(2) var<storage, read> thresholds: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> s: array<f32>;
@group(0) @binding(4) var<uniform> params: Params;

const LEAST_SCORE = -1e37;
// The state of a problem from which on it is left alone: see sparse_step.
const OVER = 2.0;

@compute @workgroup_size(GROUP)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let row = team_row(linear_group(group, groups), local);
  let lane = team_lane(local);
  let problem = min(row / params.rows, params.problems - 1u);
  let i = row - problem * params.rows;
  let own = f[problem * params.f_step + params.f_offset + min(i, params.rows - 1u)];
  let goes = i < params.rows && f[problem * params.f_step] < OVER;
  let end = select(0u, params.cols4, goes);
  let plane = params.problems * params.cols4;
  let first = problem * params.cols4;

  var sums = vec4f(0.0);
  for (var j = lane; j < end; j += TEAM) {
    let y = max((vec4f(own) - c[row * params.cols4 + j]) * params.scale, vec4f(LEAST_SCORE));
    let at = first + j;
    let cut = thresholds[2u * plane + at];
    let kept = (y > cut) | ((y == cut) & (vec4f(f32(i)) <= thresholds[3u * plane + at]));
    let p = max((y - thresholds[at]) - thresholds[plane + at], vec4f(0.0));
    sums += select(vec4f(0.0), p, kept);
  }
  let sum = team_sum((sums.x + sums.y) + (sums.z + sums.w), lane);
  if (goes && lane == 0u) { s[problem * params.rows_pad + i] = sum; }
}
