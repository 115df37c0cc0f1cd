// The columns' part of an iteration of LR-Dykstra: with s_1, s_2 the columns' sums of both factors, projections of the
// common weights g onto g >= alpha, with Dykstra's correction q, and then of g and both factors onto equal column sums,
// with the correction w:
//   h = max(alpha, g q),  q' = g q / h,   g' = (h w s_1 s_2)^(1/3),  w' = h w / g',   v_1 = g' / s_1,  v_2 = g' / s_2
// in logarithms of base 2. (The factors' own corrections times v are always 1.) A problem is done one iteration after
// the rows of both factors were as near to their marginals as asked for.
//
// shapes: sums [problems, chunks, rank], errors [problems, chunks], state [problems, 3, rank]: log2 of g, q, w;
//   v [problems, 2, rank]; control [problems]: 1 where done, iterations, the error
// access: one team per problem, sums in fixed order
// source: Scetbon, Cuturi, Peyré, Low-rank Sinkhorn factorization, 2021, algorithm 2
#include "grid"
#include "team"
const TEAM = 1u; // 1 | 64 | 256

struct Params {
  problems: u32,
  chunks: u32,
  left_chunks: u32,
  rank: u32,
  // log2 alpha
  floor: f32,
  tolerance: f32,
}

@group(0) @binding(0) var<storage, read> sums: array<f32>;
@group(0) @binding(1) var<storage, read> errors: array<f32>;
@group(0) @binding(2) var<storage, read_write> state: array<f32>;
@group(0) @binding(3) var<storage, read_write> v: array<f32>;
@group(0) @binding(4) var<storage, read_write> control: array<vec4f>;
@group(0) @binding(5) var<uniform> params: Params;

// Finite also for a column without mass.
fn log_of(sum: f32) -> f32 {
  return log2(max(sum, 1e-37));
}

@compute @workgroup_size(GROUP)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let problem = team_row(linear_group(group, groups), local);
  let lane = team_lane(local);
  var goes = problem < params.problems;
  var now = vec4f(1.0, 0.0, 0.0, 0.0);
  if (goes) {
    now = control[problem];
    goes = now.x == 0.0;
  }
  let base = problem * params.chunks;
  let rank = params.rank;
  let end = select(0u, params.chunks, goes);
  var error = 0.0;
  for (var c = lane; c < end; c += TEAM) { error += errors[base + c]; }
  error = team_sum(error, lane);
  if (!goes) { return; }
  let weights = 3u * problem * rank;
  let scales = 2u * problem * rank;
  for (var k = lane; k < rank; k += TEAM) {
    var left = 0.0;
    for (var c = 0u; c < params.left_chunks; c++) { left += sums[(base + c) * rank + k]; }
    var right = 0.0;
    for (var c = params.left_chunks; c < params.chunks; c++) { right += sums[(base + c) * rank + k]; }
    let log_left = log_of(left);
    let log_right = log_of(right);
    let moved = state[weights + k] + state[weights + rank + k];
    let bounded = max(params.floor, moved);
    let corrected = bounded + state[weights + 2u * rank + k];
    let g = (corrected + log_left + log_right) / 3.0;
    state[weights + k] = g;
    state[weights + rank + k] = moved - bounded;
    state[weights + 2u * rank + k] = corrected - g;
    v[scales + k] = exp2(clamp(g - log_left, -120.0, 120.0));
    v[scales + rank + k] = exp2(clamp(g - log_right, -120.0, 120.0));
  }
  if (lane == 0u) {
    let done = select(0.0, 1.0, error <= params.tolerance);
    control[problem] = vec4f(done, now.y + 1.0, error, 0.0);
  }
}
