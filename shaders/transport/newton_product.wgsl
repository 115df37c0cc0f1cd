// q = [[diag r, P], [P^T, diag c]] p, of a symmetric matrix with a few entries beside its diagonal in each row
//
// shapes: entries [problems, slots, size]: bits of the value, and the place in p; lengths [problems, size]; diagonal,
//   p, q [problems, size]; control [problems, 8] of linalg/cg
// access: one invocation per row. Problems that are solved leave at once
#include "grid"

struct Params {
  problems: u32,
  size: u32,
  slots: u32,
}

@group(0) @binding(0) var<storage, read> entries: array<vec2u>;
@group(0) @binding(1) var<storage, read> lengths: array<u32>;
@group(0) @binding(2) var<storage, read> diagonal: array<f32>;
@group(0) @binding(3) var<storage, read> p: array<f32>;
@group(0) @binding(4) var<storage, read_write> q: array<f32>;
@group(0) @binding(5) var<storage, read> control: array<f32>;
@group(0) @binding(6) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = linear_index(id, groups, 64u);
  let problem = item / params.size;
  if (problem >= params.problems) { return; }
  if (control[8u * problem] >= 2.0) { return; }
  let first = problem * params.size;
  var sum = diagonal[item] * p[item];
  var at = problem * params.slots * params.size + (item - first);
  for (var k = 0u; k < lengths[item]; k++) {
    let entry = entries[at];
    sum += bitcast<f32>(entry.x) * p[first + entry.y];
    at += params.size;
  }
  q[item] = sum;
}
