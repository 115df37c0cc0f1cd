// y[o] = the first r at which BEFORE(x[o, r], best) never holds again: the index of the extremum
//
// shapes: y dense [outer] i32; x walks the outer shape, and one reduced dimension of `reduced` elements
// access: one invocation per output; ties give the first index, NaN counts as the extremum (PyTorch)
#include "grid"
#include "reduce_outer"
#include "bits"
#slot BEFORE = greater_f32 // greater_f32 | less_f32 | greater_i32 | less_i32 | greater_u32 | less_u32
override OUTER_RANK: u32 = 1; // 1 | 2 | 3 | 8
alias T = f32; // f32 | f16 | i32 | u32
alias C = f32; // f32 | i32 | u32

struct Params {
  outer_shape: array<vec4<u32>, 2>,
  outer_strides: array<vec4<u32>, 2>,
  outer: u32,
  reduced: u32,
  reduced_stride: u32,
  offset: u32,
}

@group(0) @binding(0) var<storage, read> x: array<T>;
@group(0) @binding(1) var<storage, read_write> y: array<i32>;
@group(0) @binding(2) var<uniform> params: Params;

fn greater_f32(a: f32, b: f32) -> bool { return (a > b || is_nan(a)) && !is_nan(b); }
fn less_f32(a: f32, b: f32) -> bool { return (a < b || is_nan(a)) && !is_nan(b); }
fn greater_i32(a: i32, b: i32) -> bool { return a > b; }
fn less_i32(a: i32, b: i32) -> bool { return a < b; }
fn greater_u32(a: u32, b: u32) -> bool { return a > b; }
fn less_u32(a: u32, b: u32) -> bool { return a < b; }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = linear_index(id, groups, 64u);
  if (item >= params.outer) { return; }
  let base = outer_base(item);
  var best = C(x[base]);
  var index = 0u;
  for (var r = 1u; r < params.reduced; r++) {
    let value = C(x[base + r * params.reduced_stride]);
    if (BEFORE(value, best)) {
      best = value;
      index = r;
    }
  }
  y[item] = i32(index);
}
