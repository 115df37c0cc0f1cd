// y[i...] = OP(x[i...]) for an x with any strides
//
// shapes: y dense; x the same shape, element strides and offset in params
// access: LANES neighbours along the last dimension per invocation
#slot OP = op_id
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
  strides: array<vec4<u32>, 2>,
  out_strides: array<vec4<u32>, 2>,
  count: u32,
  offset: u32,
  out_offset: u32,
  infinity: u32,
}

@group(0) @binding(0) var<storage, read> x: array<T>;
@group(0) @binding(1) var<storage, read_write> y: array<R>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = linear_index(id, groups, 64u);
  if (item >= params.count) { return; }
  var rest = item * LANES;
  var source = params.offset;
  var destination = params.out_offset;
  for (var d = RANK - 1u; d > 0u; d--) {
    let size = dim_of(params.shape, d);
    let above = rest / size;
    let index = rest - above * size;
    rest = above;
    source += index * dim_of(params.strides, d);
    destination += index * dim_of(params.out_strides, d);
  }
  source += rest * dim_of(params.strides, 0u);
  destination += rest * dim_of(params.out_strides, 0u);
  let step = dim_of(params.strides, RANK - 1u);
  let out_step = dim_of(params.out_strides, RANK - 1u);
  for (var lane = 0u; lane < LANES; lane++) {
    y[destination + lane * out_step] = R(OP(C(x[source + lane * step])));
  }
}
