// y[i...] = OP(a[i...], b[i...]) with broadcasting, along rows in vec4s
//
// shapes: y dense; a and b lie along y's rows in vec4s, or have one number for each row: see row_walk
// access: one vec4 per invocation; a short row's index costs a division, a long row's one for 64 invocations
#slot OP = op_add
#include "grid"
#include "pointwise"
#include "row_walk"
override RANK: u32 = 2; // 2 | 3 | 8
override BY_GROUP: u32 = 0; // 0 | 1
override A_REPEATED: u32 = 0; // 0 | 1
override B_REPEATED: u32 = 0; // 0 | 1
alias T = f32; // f32 | f16 | i32 | u32
alias C = f32; // f32 | i32 | u32
alias R = f32; // f32 | f16 | i32 | u32

struct Params {
  shape: array<vec4<u32>, 2>,
  a_strides: array<vec4<u32>, 2>,
  b_strides: array<vec4<u32>, 2>,
  count: u32,
  a_offset: u32,
  b_offset: u32,
  infinity: u32,
}

@group(0) @binding(0) var<storage, read> a: array<vec4<T>>;
@group(0) @binding(1) var<storage, read> b: array<vec4<T>>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<R>>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let columns = dim_of(params.shape, RANK - 1u);
  let place = place_of(linear_group(group, groups), local);
  let item = place.row * columns + place.column;
  if (place.column >= columns || item >= params.count) { return; }
  let a_at = params.a_offset + row_start(place.row, params.a_strides);
  var a_value: vec4<C>;
  if (A_REPEATED == 1u) {
    a_value = vec4<C>(C(a[a_at >> 2u][a_at & 3u]));
  } else {
    a_value = vec4<C>(a[a_at + place.column]);
  }
  let b_at = params.b_offset + row_start(place.row, params.b_strides);
  var b_value: vec4<C>;
  if (B_REPEATED == 1u) {
    b_value = vec4<C>(C(b[b_at >> 2u][b_at & 3u]));
  } else {
    b_value = vec4<C>(b[b_at + place.column]);
  }
  let v = a_value;
  let w = b_value;
  y[item] = vec4<R>(R(OP(v.x, w.x)), R(OP(v.y, w.y)), R(OP(v.z, w.z)), R(OP(v.w, w.w)));
}
