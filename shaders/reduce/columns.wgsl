// y[o, c] = scale * COMBINE over the r in chunk c of x[o, r], starting from init: as reduce/serial, four
// neighbouring results at a time
//
// shapes: y dense [outer, chunks]; x walks the outer shape and the reduced shape with its own strides, all counted
//   in vec4s: the results are neighbours in x. Chunk c covers r in [c * length, min((c + 1) * length, reduced)).
// access: one invocation per vec4 of results, four accumulators combined in the order of reduce/serial, so that
//   the bits are the same; few invocations per workgroup, for there are few columns.
#include "grid"
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
alias V = vec4<C>;
const VECTORS = 1u; // 1 | 4
#include "reduce_element"

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

@group(0) @binding(0) var<storage, read> x: array<vec4<T>>;
@group(0) @binding(1) var<storage, read_write> y: array<R>;
@group(0) @binding(2) var<uniform> params: Params;

fn combined(a: V, b: V) -> V {
  return V(COMBINE(a.x, b.x), COMBINE(a.y, b.y), COMBINE(a.z, b.z), COMBINE(a.w, b.w));
}

@compute @workgroup_size(16)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let blocks = (params.outer + VECTORS - 1u) / VECTORS;
  let item = linear_index(id, groups, 16u);
  if (item >= blocks * params.chunks) { return; }
  // Neighbours take neighbouring columns of one chunk.
  let chunk = item / blocks;
  let column = (item - chunk * blocks) * VECTORS;
  let init = V(bitcast<C>(params.init));
  let end = min((chunk + 1u) * params.length, params.reduced);
  var base: array<u32, VECTORS>;
  var sums: array<V, 4u * VECTORS>;
  for (var k = 0u; k < VECTORS; k++) { base[k] = outer_base(min(column + k, params.outer - 1u)); }
  for (var k = 0u; k < 4u * VECTORS; k++) { sums[k] = init; }
  var r = chunk * params.length;
  for (; r + 4u <= end; r += 4u) {
    for (var i = 0u; i < 4u; i++) {
      for (var k = 0u; k < VECTORS; k++) {
        sums[4u * k + i] = combined(sums[4u * k + i], element(base[k], r + i));
      }
    }
  }
  for (; r < end; r++) {
    for (var k = 0u; k < VECTORS; k++) { sums[4u * k] = combined(sums[4u * k], element(base[k], r)); }
  }
  for (var k = 0u; k < VECTORS; k++) {
    if (column + k < params.outer) {
      let left = combined(sums[4u * k], sums[4u * k + 1u]);
      let total = combined(left, combined(sums[4u * k + 2u], sums[4u * k + 3u]));
      let at = 4u * (column + k) * params.chunks + chunk;
      y[at] = R(FINISH(total.x, params.scale));
      y[at + params.chunks] = R(FINISH(total.y, params.scale));
      y[at + 2u * params.chunks] = R(FINISH(total.z, params.scale));
      y[at + 3u * params.chunks] = R(FINISH(total.w, params.scale));
    }
  }
}
