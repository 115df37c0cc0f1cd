// q = d p - q: the product with the Schur complement diag(d) - P^T diag(1 / r) P, of which q holds the second term
//
// Where d is 0, so is q: columns that do not move, and the padding, in which q holds whatever was there before.
//
// shapes: d, p, q [problems, pad], in vec4s
// access: one vec4 per invocation; problems that the solver is done with are left alone
#include "grid"

struct Params {
  items: u32,
  pad4: u32,
  control_step: u32,
}

@group(0) @binding(0) var<storage, read> d: array<vec4f>;
@group(0) @binding(1) var<storage, read> p: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> q: array<vec4f>;
@group(0) @binding(3) var<storage, read> control: array<f32>;
@group(0) @binding(4) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let i = linear_index(id, groups, 64u);
  if (i >= params.items || control[i / params.pad4 * params.control_step] >= 2.0) { return; }
  q[i] = select(d[i] * p[i] - q[i], vec4f(0.0), d[i] == vec4f(0.0));
}
