// y[o, c] = scale * COMBINE over the r in chunk c of x[o, r], starting from init
//
// shapes: y dense [outer, chunks]; x walks the outer shape and the reduced shape with its own strides.
//   Chunk c covers r in [c * length, min((c + 1) * length, reduced)).
// access: one invocation per output, four accumulators combined in a fixed order; neighbours read
//   neighbouring outputs' elements. No workgroup memory: the variant for software adapters.
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
  chunks: u32,
  length: u32,
  offset: u32,
  init: u32,
  scale: f32,
}

@group(0) @binding(0) var<storage, read> x: array<T>;
@group(0) @binding(1) var<storage, read_write> y: array<R>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = linear_index(id, groups, 64u);
  if (item >= params.outer * params.chunks) { return; }
  let chunk = item % params.chunks;
  let base = outer_base(item / params.chunks);
  let init = bitcast<C>(params.init);
  let end = min((chunk + 1u) * params.length, params.reduced);
  var r = chunk * params.length;
  var a0 = init;
  var a1 = init;
  var a2 = init;
  var a3 = init;
  for (; r + 4u <= end; r += 4u) {
    a0 = COMBINE(a0, element(base, r));
    a1 = COMBINE(a1, element(base, r + 1u));
    a2 = COMBINE(a2, element(base, r + 2u));
    a3 = COMBINE(a3, element(base, r + 3u));
  }
  for (; r < end; r++) { a0 = COMBINE(a0, element(base, r)); }
  let total = COMBINE(COMBINE(a0, a1), COMBINE(a2, a3));
  y[item] = R(FINISH(total, params.scale));
}
