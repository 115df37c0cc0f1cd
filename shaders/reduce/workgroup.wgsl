// y[o] = scale * COMBINE over r of x[o, r], starting from init
//
// shapes: y dense [outer]; x walks the outer shape and the reduced shape with its own strides
// access: one workgroup per output; invocation k takes r = k, k + 256, …, then a tree in workgroup memory
//   with a fixed order. The variant for GPUs, where neighbours should read neighbouring elements.
#include "grid"
#include "reduce_element"
#include "reduce_outer"
#include "combine"
#include "reduce"
#slot COMBINE = combine_sum // combine_sum | combine_sum_i32 | combine_sum_u32 | combine_max | combine_max_i32 | combine_max_u32 | combine_min | combine_min_i32 | combine_min_u32 | combine_product | combine_product_i32 | combine_product_u32
#slot FINISH = finish
override OUTER_RANK: u32 = 1; // 1 | 2 | 3 | 8
override REDUCED_RANK: u32 = 1; // 1 | 2 | 8
alias T = f32; // f32 | f16 | i32 | u32
alias C = f32; // f32 | i32 | u32
alias R = f32; // f32 | f16 | i32 | u32
alias V = C;

struct Params {
  outer_shape: array<vec4<u32>, 2>,
  outer_strides: array<vec4<u32>, 2>,
  reduced_shape: array<vec4<u32>, 2>,
  reduced_strides: array<vec4<u32>, 2>,
  outer: u32,
  reduced: u32,
  offset: u32,
  init: u32,
  scale: f32,
}

@group(0) @binding(0) var<storage, read> x: array<T>;
@group(0) @binding(1) var<storage, read_write> y: array<R>;
@group(0) @binding(2) var<uniform> params: Params;

var<workgroup> partial: array<C, 256>;

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_id) local: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
) {
  let item = linear_group(group, groups);
  let base = outer_base(item);
  var total = bitcast<C>(params.init);
  if (item < params.outer) {
    for (var r = local.x; r < params.reduced; r += 256u) {
      total = COMBINE(total, element(base, r));
    }
  }
  partial[local.x] = total;
  workgroupBarrier();
  for (var width = 128u; width > 0u; width >>= 1u) {
    if (local.x < width) {
      partial[local.x] = COMBINE(partial[local.x], partial[local.x + width]);
    }
    workgroupBarrier();
  }
  if (local.x == 0u && item < params.outer) {
    y[item] = R(FINISH(partial[0], params.scale));
  }
}
