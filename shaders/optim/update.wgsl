// One optimizer step over one chunk of the arena, for states kept as f32:
//
//   g = factor gradient + l2 p;   p = p - decay p;   (p, states) = RULE(p, states, g)
//
// factor unscales and clips; l2 is weight decay as a penalty, decay is decoupled weight decay times the
// rate. Each parameter group has its own rate and decays. A step with skip set changes nothing. Rules:
// one function each, in shaders/include/optim_*.wgsl.
//
// shapes: parameter, gradient, first, second: items vec4s; group_of, one group number per 16 vec4s.
//   A rule with fewer than two states is given something small to bind, and leaves it alone.
// access: one vec4 of each per invocation, neighbours read neighbours
#slot RULE = rule_adamw // rule_sgd | rule_adamw | rule_lion
#include "grid"
#include "optim_control"
#include "optim_adamw"
#include "optim_lion"
#include "optim_sgd"
const STATES = 2u; // 0 | 1 | 2

struct Params {
  constants: array<vec4<f32>, 2>,
  items: u32,
  // For each group: rate, decoupled decay times the rate, l2.
  groups: array<vec4<f32>, 29>,
}

@group(0) @binding(0) var<storage, read_write> parameter: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> gradient: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> first: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> second: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> group_of: array<u32>;
@group(0) @binding(5) var<storage, read> control: StepControl;
@group(0) @binding(6) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let i = linear_index(id, groups, 64u);
  if (i >= params.items || control.skip != 0u) { return; }
  let group = params.groups[group_of[i >> 4u]];
  var e = Elements(parameter[i], vec4<f32>(0.0), vec4<f32>(0.0));
  if (STATES > 0u) { e.first = first[i]; }
  if (STATES > 1u) { e.second = second[i]; }
  let g = gradient[i] * control.factor + group.z * e.parameter;
  e.parameter -= group.y * e.parameter;
  e = RULE(e, g, Scalars(group.x, params.constants[0], params.constants[1], control.scalars));
  parameter[i] = e.parameter;
  if (STATES > 0u) { first[i] = e.first; }
  if (STATES > 1u) { second[i] = e.second; }
}
