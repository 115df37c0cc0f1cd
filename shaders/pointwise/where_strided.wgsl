// y[i...] = condition[i...] ? a[i...] : b[i...] with broadcasting
//
// shapes: y dense; condition (u32, 0 or 1), a and b walk y's shape with their own strides and offsets
// access: one element per invocation; no arithmetic, so NaN payloads and infinities pass unchanged
#include "grid"
#include "strided"
override RANK: u32 = 2; // 1 | 2 | 3 | 8
alias T = f32; // f32 | f16 | i32 | u32

struct Params {
  shape: array<vec4<u32>, 2>,
  condition_strides: array<vec4<u32>, 2>,
  a_strides: array<vec4<u32>, 2>,
  b_strides: array<vec4<u32>, 2>,
  count: u32,
  condition_offset: u32,
  a_offset: u32,
  b_offset: u32,
}

@group(0) @binding(0) var<storage, read> condition: array<u32>;
@group(0) @binding(1) var<storage, read> a: array<T>;
@group(0) @binding(2) var<storage, read> b: array<T>;
@group(0) @binding(3) var<storage, read_write> y: array<T>;
@group(0) @binding(4) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = linear_index(id, groups, 64u);
  if (item >= params.count) { return; }
  var rest = item;
  var p = params.condition_offset;
  var q = params.a_offset;
  var r = params.b_offset;
  for (var d = RANK - 1u; d > 0u; d--) {
    let size = dim_of(params.shape, d);
    let above = rest / size;
    let index = rest - above * size;
    rest = above;
    p += index * dim_of(params.condition_strides, d);
    q += index * dim_of(params.a_strides, d);
    r += index * dim_of(params.b_strides, d);
  }
  p += rest * dim_of(params.condition_strides, 0u);
  q += rest * dim_of(params.a_strides, 0u);
  r += rest * dim_of(params.b_strides, 0u);
  if (condition[p] != 0u) {
    y[item] = a[q];
  } else {
    y[item] = b[r];
  }
}
