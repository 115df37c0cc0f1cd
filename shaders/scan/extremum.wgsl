// y[i] = the last place up to i of the extremum of x[0], ..., x[i] along one dimension
//
// NaN counts as the extremum, and of equal elements the last, as in PyTorch's cummax and cummin.
//
// shapes: rows walk the outer shape; x and y have steps of their own along the dimension
// access: one row per invocation, sequential
#slot AFTER = not_less_f32 // not_less_f32 | not_greater_f32 | not_less_i32 | not_greater_i32 | not_less_u32 | not_greater_u32
#include "grid"
#include "strided"
#include "bits"
override RANK: u32 = 1; // 1 | 2 | 3 | 8
alias T = f32; // f32 | f16 | i32 | u32
alias C = f32; // f32 | i32 | u32

struct Params {
  outer_shape: array<vec4<u32>, 2>,
  x_strides: array<vec4<u32>, 2>,
  y_strides: array<vec4<u32>, 2>,
  rows: u32,
  length: u32,
  x_offset: u32,
  x_step: u32,
  y_step: u32,
}

@group(0) @binding(0) var<storage, read> x: array<T>;
@group(0) @binding(1) var<storage, read_write> y: array<i32>;
@group(0) @binding(2) var<uniform> params: Params;

fn not_less_f32(a: f32, b: f32) -> bool { return is_nan(a) || (a >= b && !is_nan(b)); }
fn not_greater_f32(a: f32, b: f32) -> bool { return is_nan(a) || (a <= b && !is_nan(b)); }
fn not_less_i32(a: i32, b: i32) -> bool { return a >= b; }
fn not_greater_i32(a: i32, b: i32) -> bool { return a <= b; }
fn not_less_u32(a: u32, b: u32) -> bool { return a >= b; }
fn not_greater_u32(a: u32, b: u32) -> bool { return a <= b; }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = linear_index(id, groups, 64u);
  if (item >= params.rows) { return; }
  var rest = item;
  var from_x = params.x_offset;
  var to_y = 0u;
  for (var d = RANK; d > 0u; d--) {
    let size = dim_of(params.outer_shape, d - 1u);
    let i = rest % size;
    rest /= size;
    from_x += i * dim_of(params.x_strides, d - 1u);
    to_y += i * dim_of(params.y_strides, d - 1u);
  }
  var best = C(x[from_x]);
  var place = 0u;
  for (var i = 0u; i < params.length; i++) {
    let value = C(x[from_x]);
    if (AFTER(value, best)) {
      best = value;
      place = i;
    }
    y[to_y] = i32(place);
    from_x += params.x_step;
    to_y += params.y_step;
  }
}
