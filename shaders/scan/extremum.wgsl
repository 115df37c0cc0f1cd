// y[i] = the last place up to i of the extremum of x[0], ..., x[i] along one dimension
//
// NaN counts as the extremum, and of equal elements the last, as in PyTorch's cummax and cummin. Each
// invocation goes through one segment of one row. For rows of several segments the kernel runs three times:
// with TOTALS 1 it finds the place in each segment by itself; with CHOSEN 1 it goes through those places as
// one row; with CARRY 1 segments begin with what came before them.
//
// shapes: rows walk the outer shape; x and y have steps of their own along the dimension; places
//         [rows, segments] dense, of each segment with CHOSEN 1, up to each with CARRY 1; y with TOTALS 1
//         and with CHOSEN 1 likewise
// access: one segment per invocation, sequential
#slot AFTER = not_less_f32 // not_less_f32 | not_greater_f32 | not_less_i32 | not_greater_i32 | not_less_u32 | not_greater_u32
#include "grid"
#include "strided"
#include "bits"
override RANK: u32 = 1; // 1 | 2 | 3 | 8
override TOTALS: u32 = 0; // 0 | 1
override CHOSEN: u32 = 0; // 0 | 1
override CARRY: u32 = 0; // 0 | 1
alias T = f32; // f32 | f16 | i32 | u32
alias C = f32; // f32 | i32 | u32

struct Params {
  outer_shape: array<vec4<u32>, 2>,
  x_strides: array<vec4<u32>, 2>,
  y_strides: array<vec4<u32>, 2>,
  rows: u32,
  length: u32,
  segments: u32,
  segment: u32,
  x_offset: u32,
  x_step: u32,
  y_step: u32,
}

@group(0) @binding(0) var<storage, read> x: array<T>;
@group(0) @binding(1) var<storage, read> places: array<i32>;
@group(0) @binding(2) var<storage, read_write> y: array<i32>;
@group(0) @binding(3) var<uniform> params: Params;

fn not_less_f32(a: f32, b: f32) -> bool { return is_nan(a) || (a >= b && !is_nan(b)); }
fn not_greater_f32(a: f32, b: f32) -> bool { return is_nan(a) || (a <= b && !is_nan(b)); }
fn not_less_i32(a: i32, b: i32) -> bool { return a >= b; }
fn not_greater_i32(a: i32, b: i32) -> bool { return a <= b; }
fn not_less_u32(a: u32, b: u32) -> bool { return a >= b; }
fn not_greater_u32(a: u32, b: u32) -> bool { return a <= b; }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = linear_index(id, groups, 64u);
  if (item >= params.rows * params.segments) { return; }
  let row = item / params.segments;
  let segment = item % params.segments;
  var rest = row;
  var x_row = params.x_offset;
  var to_y = 0u;
  for (var d = RANK; d > 0u; d--) {
    let size = dim_of(params.outer_shape, d - 1u);
    let i = rest % size;
    rest /= size;
    x_row += i * dim_of(params.x_strides, d - 1u);
    to_y += i * dim_of(params.y_strides, d - 1u);
  }
  let begin = segment * params.segment;
  let end = min(begin + params.segment, params.length);
  to_y += begin * params.y_step;
  var place = begin;
  if (CHOSEN == 1u) { place = u32(places[row * params.length]); }
  if (CARRY == 1u && segment > 0u) { place = u32(places[item - 1u]); }
  var best = C(x[x_row + place * params.x_step]);
  for (var i = begin; i < end; i++) {
    var candidate = i;
    if (CHOSEN == 1u) { candidate = u32(places[row * params.length + i]); }
    let value = C(x[x_row + candidate * params.x_step]);
    if (AFTER(value, best)) {
      best = value;
      place = candidate;
    }
    if (TOTALS == 0u) {
      y[to_y] = i32(place);
      to_y += params.y_step;
    }
  }
  if (TOTALS == 1u) { y[item] = i32(place); }
}
