// y[i] = OP(x[i])
//
// shapes: x, y of the same dense shape; count is the number of vec4s, the last one may be padding
// access: one vec4 in, one vec4 out per invocation
#slot OP = op_neg
#include "grid"
#include "pointwise"
alias T = f32; // f32 | f16 | i32 | u32
alias C = f32; // f32 | i32 | u32
alias R = f32; // f32 | f16 | i32 | u32

struct Params {
  count: u32,
  infinity: u32,
}

@group(0) @binding(0) var<storage, read> x: array<vec4<T>>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<R>>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let i = linear_index(id, groups, 64u);
  if (i >= params.count) { return; }
  let v = vec4<C>(x[i]);
  y[i] = vec4<R>(R(OP(v.x)), R(OP(v.y)), R(OP(v.z)), R(OP(v.w)));
}
