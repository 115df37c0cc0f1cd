// y[i...] = OP(a[i...], b[i...]) with broadcasting: a broadcast dimension has stride 0
//
// shapes: y dense; a and b walk y's shape with their own strides and offsets
// access: LANES neighbours along the last dimension per invocation
#slot OP = op_add
#include "grid"
#include "pointwise"
#include "strided"
override RANK: u32 = 2; // 1 | 2 | 3 | 8
override LANES: u32 = 1; // 1 | 4
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

@group(0) @binding(0) var<storage, read> a: array<T>;
@group(0) @binding(1) var<storage, read> b: array<T>;
@group(0) @binding(2) var<storage, read_write> y: array<R>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = linear_index(id, groups, 64u);
  if (item >= params.count) { return; }
  var rest = item * LANES;
  var p = params.a_offset;
  var q = params.b_offset;
  for (var d = RANK - 1u; d > 0u; d--) {
    let size = dim_of(params.shape, d);
    let above = rest / size;
    let index = rest - above * size;
    rest = above;
    p += index * dim_of(params.a_strides, d);
    q += index * dim_of(params.b_strides, d);
  }
  p += rest * dim_of(params.a_strides, 0u);
  q += rest * dim_of(params.b_strides, 0u);
  let a_step = dim_of(params.a_strides, RANK - 1u);
  let b_step = dim_of(params.b_strides, RANK - 1u);
  for (var lane = 0u; lane < LANES; lane++) {
    y[item * LANES + lane] = R(OP(C(a[p + lane * a_step]), C(b[q + lane * b_step])));
  }
}
