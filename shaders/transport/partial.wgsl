// What limits a side of partial transport, P = 2^(scale (f_i + g_j - c_ij) + lambda): with s_i the negative logarithm of the
// row's sum but for f_i and lambda, as transport/softmin left it in f,
//
//   part 0, rows:     f_i = min(0, log a_i + s_i - lambda); how much mass that moved is the error
//   part 1, columns:  the same, then lambda = log mass - log sum_j 2^(f_j - s_j)
//
// All logarithms of base 2. f is split as in transport/softmin: what its f32 lacks is in level.
//
// shapes: f, level, log_w, before [problems, pad]; goal [problems]: lambda, log of the mass; control [problems]: 1 where
//   done, iterations, the error, the mass
// access: one team per problem, sums in fixed order
// source: Benamou et al., Iterative Bregman projections for regularized transportation problems, 2015, section 5.3, as
//   ascent of the dual by blocks
#include "grid"
#include "fault"
#include "team"
const TEAM = 1u; // 1 | 64 | 256

struct Params {
  problems: u32,
  rows: u32,
  pad: u32,
  part: u32,
  iteration: u32,
  // Whether the error is judged.
  judged: u32,
  tolerance: f32,
  scale: f32,
  // Where a mass that a side does not have is reported.
  site: u32,
}

@group(0) @binding(0) var<storage, read_write> f: array<f32>;
@group(0) @binding(1) var<storage, read_write> level: array<f32>;
@group(0) @binding(2) var<storage, read> log_w: array<f32>;
@group(0) @binding(3) var<storage, read_write> before: array<f32>;
@group(0) @binding(4) var<storage, read_write> goal: array<vec2f>;
@group(0) @binding(5) var<storage, read_write> control: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> faults: array<atomic<u32>>;
@group(0) @binding(7) var<uniform> params: Params;

const LIGHT = -5e29;

@compute @workgroup_size(GROUP)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let row = team_row(linear_group(group, groups), local);
  let problem = min(row, params.problems - 1u);
  let lane = team_lane(local);
  let goes = row < params.problems && control[problem].x == 0.0;
  let end = select(0u, params.rows, goes);
  let at = problem * params.pad;
  let lambda = goal[problem].x;
  let log_mass = goal[problem].y;

  var error = 0.0;
  var weight = 0.0;
  var top = LOWEST;
  for (var i = lane; i < end; i += TEAM) {
    let k = at + i;
    let w = log_w[k];
    if (w < LIGHT) {
      f[k] = 0.0;
      continue;
    }
    let s = params.scale * f[k] + level[k];
    let next = min(0.0, (w + s) - lambda);
    let shift = lambda - s;
    error += abs(exp2(min(next + shift, 100.0)) - exp2(min(before[k] + shift, 100.0)));
    weight += exp2(w);
    top = max(top, next - s);
    before[k] = next;
    // For now: what the sum below needs.
    level[k] = next - s;
  }
  top = team_max(top, lane);
  var sum = 0.0;
  for (var i = lane; i < end; i += TEAM) {
    let k = at + i;
    if (log_w[k] < LIGHT) { continue; }
    sum += exp2(level[k] - top);
    let stored = before[k] / params.scale;
    f[k] = stored;
    level[k] = before[k] - stored * params.scale;
  }
  error = team_sum(error, lane);
  weight = team_sum(weight, lane);
  sum = team_sum(sum, lane);
  if (!goes || lane > 0u) { return; }
  if (params.iteration == 1u && log_mass > log2(weight) + 1e-4) {
    report_fault(params.site, bitcast<i32>(exp2(log_mass)), bitcast<u32>(weight));
  }
  if (params.part == 1u) {
    goal[problem].x = log_mass - (top + log2(sum));
  } else if (params.judged == 1u) {
    let relative = error / exp2(log_mass);
    let done = select(0.0, 1.0, relative <= params.tolerance && params.iteration > 1u);
    control[problem] = vec4f(done, f32(params.iteration), relative, exp2(log_mass));
  }
}
