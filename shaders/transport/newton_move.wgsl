// Potentials of the rows a part of the way along the Newton direction x, in units of epsilon: f + step epsilon x, of
// which the tail keeps what it can: see softmin.
//
// shapes: f, level, account, new_f, new_level [problems, rows_pad]; x [problems, results]; steps [problems]
// access: one invocation per row
#include "grid"

struct Params {
  problems: u32,
  rows: u32,
  rows_pad: u32,
  results: u32,
  // log2(e) / epsilon.
  scale: f32,
}

@group(0) @binding(0) var<storage, read> f: array<f32>;
@group(0) @binding(1) var<storage, read> level: array<f32>;
@group(0) @binding(2) var<storage, read> account: array<vec2f>;
@group(0) @binding(3) var<storage, read> x: array<f32>;
@group(0) @binding(4) var<storage, read> steps: array<f32>;
@group(0) @binding(5) var<storage, read_write> new_f: array<f32>;
@group(0) @binding(6) var<storage, read_write> new_level: array<f32>;
@group(0) @binding(7) var<uniform> params: Params;

const LOG2E = 1.4426950408889634;
const LONGEST_TAIL = 1.0;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = linear_index(id, groups, 64u);
  let problem = item / params.rows_pad;
  let i = item % params.rows_pad;
  if (problem >= params.problems) { return; }
  let own = f[item];
  let log_a = account[item].x;
  new_f[item] = own;
  new_level[item] = level[item];
  let step = steps[problem];
  if (i >= params.rows || step == 0.0) { return; }
  let next = (level[item] - log_a) + LOG2E * step * x[problem * params.results + i];
  if (abs(next) <= LONGEST_TAIL) {
    new_level[item] = log_a + next;
  } else {
    let moved = own + next / params.scale;
    new_f[item] = moved;
    new_level[item] = log_a + (next - (moved - own) * params.scale);
  }
}
