// The histogram that plans to several others share, from the potentials of its points in each of them:
//
//   log q_i = log d_i - sum_k w_k f_ki / epsilon
//
// q then is what all of them take for the weights of their rows. d is 1, or, where q shall be without the blur of the
// entropy, follows as log d_i <- (log d_i + log q_i - log sum_j d_j exp(-c_ij / epsilon)) / 2, the last term of which is
// -reach_i / epsilon.
//
// shapes: f, level, account [problems, count, pad]; shares [problems, count]; log_d, reach [problems, pad]; control
//   [problems, count]. Logarithms of base 2; level and account as in transport/softmin, but the change that is noted for
//   each row becomes the largest of the row in all plans, so that a problem's plans are done together
// access: one invocation per point
// source: Benamou et al., Iterative Bregman projections for regularized transportation problems, 2015, section 3.2; Janati
//   et al., Debiased Sinkhorn barycenters, 2020, algorithm 1
#include "grid"

struct Params {
  problems: u32,
  count: u32,
  rows: u32,
  pad: u32,
  scale: f32,
  debiased: u32,
}

@group(0) @binding(0) var<storage, read> f: array<f32>;
@group(0) @binding(1) var<storage, read_write> level: array<f32>;
@group(0) @binding(2) var<storage, read_write> account: array<vec2f>;
@group(0) @binding(3) var<storage, read> shares: array<f32>;
@group(0) @binding(4) var<storage, read_write> log_d: array<f32>;
@group(0) @binding(5) var<storage, read> reach: array<f32>;
@group(0) @binding(6) var<storage, read> control: array<vec4f>;
@group(0) @binding(7) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let at = linear_index(id, groups, 64u);
  if (at >= params.problems * params.rows) { return; }
  let problem = at / params.rows;
  let i = at % params.rows;
  let first = problem * params.count;
  if (control[first].x != 0.0) { return; }

  var sum = 0.0;
  var change = 0.0;
  for (var k = first; k < first + params.count; k++) {
    let place = k * params.pad + i;
    let tail = level[place] - account[place].x;
    sum += shares[k] * (params.scale * f[place] + tail);
    change = max(change, abs(account[place].y));
  }
  let own = problem * params.pad + i;
  let log_q = log_d[own] - sum;
  if (params.debiased == 1u) {
    let before = log_d[own];
    let after = 0.5 * ((before + log_q) + params.scale * reach[own]);
    log_d[own] = after;
    change += exp2(log_q) * abs(exp2(min(after - before, 100.0)) - 1.0);
  }
  for (var k = first; k < first + params.count; k++) {
    let place = k * params.pad + i;
    let tail = level[place] - account[place].x;
    account[place] = vec2f(log_q, change);
    level[place] = log_q + tail;
  }
}
