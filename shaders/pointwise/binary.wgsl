// y[i] = OP(a[i], b[i]); an operand marked as a scalar is read at 0 for every i
//
// shapes: a, b, y of the same dense shape, or one operand a scalar; count is the number of vec4s
// access: one vec4 of each operand per invocation
#slot OP = op_add
#include "grid"
#include "pointwise"
override A_SCALAR: u32 = 0; // 0 | 1
override B_SCALAR: u32 = 0; // 0 | 1
alias T = f32; // f32 | f16 | i32 | u32
alias C = f32; // f32 | i32 | u32
alias R = f32; // f32 | f16 | i32 | u32

struct Params {
  count: u32,
  infinity: u32,
}

@group(0) @binding(0) var<storage, read> a: array<vec4<T>>;
@group(0) @binding(1) var<storage, read> b: array<vec4<T>>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<R>>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let i = linear_index(id, groups, 64u);
  if (i >= params.count) { return; }
  var v = vec4<C>(a[select(i, 0u, A_SCALAR == 1u)]);
  if (A_SCALAR == 1u) { v = vec4<C>(v.x); }
  var w = vec4<C>(b[select(i, 0u, B_SCALAR == 1u)]);
  if (B_SCALAR == 1u) { w = vec4<C>(w.x); }
  y[i] = vec4<R>(R(OP(v.x, w.x)), R(OP(v.y, w.y)), R(OP(v.z, w.z)), R(OP(v.w, w.w)));
}
