// The cotangent of x for y = softmax(x):     dx = y (g - sum_k g_k y_k)
//                    for y = log softmax(x): dx = g - exp(y) sum_k g_k
//
// shapes: y, g, dx [rows, cols] dense; cols counts Vs
// access: one team per row, two passes
#slot TERM = softmax_term // softmax_term | log_softmax_term
#slot COTANGENT = softmax_cotangent // softmax_cotangent | log_softmax_cotangent
#include "grid"
#include "lanes"
#include "team"
alias V = f32; // f32 | vec4f
const TEAM = 1u; // 1 | 64 | 256

struct Params {
  rows: u32,
  cols: u32,
}

@group(0) @binding(0) var<storage, read> y: array<V>;
@group(0) @binding(1) var<storage, read> g: array<V>;
@group(0) @binding(2) var<storage, read_write> dx: array<V>;
@group(0) @binding(3) var<uniform> params: Params;

fn softmax_term(y: V, g: V) -> V { return g * y; }
fn log_softmax_term(y: V, g: V) -> V { return g; }
fn softmax_cotangent(y: V, g: V, sum: f32) -> V { return y * (g - sum); }
fn log_softmax_cotangent(y: V, g: V, sum: f32) -> V { return g - exp(y) * sum; }

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

  var terms = V(0.0);
  for (var c = lane; c < end; c += TEAM) { terms += TERM(y[base + c], g[base + c]); }
  let sum = team_sum(sum_lanes(terms), lane);

  for (var c = lane; c < end; c += TEAM) {
    dx[base + c] = COTANGENT(y[base + c], g[base + c], sum);
  }
}
