// y[o, c] = scale * COMBINE over the r in chunk c of x[o, r], starting from init: as reduce/serial, along rows
// in vec4s
//
// shapes: y dense [outer, chunks]; x walks the outer shape with strides counted in vec4s, and the `reduced` vec4s of
//   a row are neighbours. Chunk c covers those in [c * length, min((c + 1) * length, reduced)).
// access: one invocation per OUTPUTS neighbouring outputs, whose sums need not wait for each other; the lanes of an
//   accumulator are the four of reduce/serial, so that the bits are the same
#include "grid"
#include "reduce_outer"
#include "combine"
#include "reduce"
#slot COMBINE = combine_sum // combine_sum | combine_sum_i32 | combine_sum_u32 | combine_max | combine_max_i32 | combine_max_u32 | combine_min | combine_min_i32 | combine_min_u32 | combine_product | combine_product_i32 | combine_product_u32
#slot FINISH = finish
override OUTER_RANK: u32 = 1; // 1 | 2 | 3 | 8
alias T = f32; // f32 | f16 | i32 | u32
alias C = f32; // f32 | i32 | u32
alias R = f32; // f32 | f16 | i32 | u32
alias V = vec4<C>;
const OUTPUTS = 4u;

struct Params {
  outer_shape: array<vec4<u32>, 2>,
  outer_strides: array<vec4<u32>, 2>,
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

fn lanes(sums: array<V, OUTPUTS>, lane: u32) -> V {
  return V(sums[0][lane], sums[1][lane], sums[2][lane], sums[3][lane]);
}

@compute @workgroup_size(16)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = OUTPUTS * linear_index(id, groups, 16u);
  let outputs = params.outer * params.chunks;
  if (item >= outputs) { return; }
  let init = V(bitcast<C>(params.init));
  var sums: array<V, OUTPUTS>;
  var begin: array<u32, OUTPUTS>;
  var count: array<u32, OUTPUTS>;
  var shared_count = params.length;
  for (var k = 0u; k < OUTPUTS; k++) {
    // Past the last output, that again.
    let output = min(item + k, outputs - 1u);
    var row = output;
    var first = 0u;
    if (params.chunks > 1u) {
      row = output / params.chunks;
      first = (output - row * params.chunks) * params.length;
    }
    begin[k] = outer_base(row) + first;
    count[k] = min(params.length, params.reduced - first);
    shared_count = min(shared_count, count[k]);
    sums[k] = init;
  }
  for (var r = 0u; r < shared_count; r++) {
    for (var k = 0u; k < OUTPUTS; k++) { sums[k] = combined(sums[k], V(x[begin[k] + r])); }
  }
  for (var k = 0u; k < OUTPUTS; k++) {
    for (var r = shared_count; r < count[k]; r++) {
      sums[k] = combined(sums[k], V(x[begin[k] + r]));
    }
  }
  let left = combined(lanes(sums, 0u), lanes(sums, 1u));
  let total = combined(left, combined(lanes(sums, 2u), lanes(sums, 3u)));
  for (var k = 0u; k < OUTPUTS; k++) {
    if (item + k < outputs) { y[item + k] = R(FINISH(total[k], params.scale)); }
  }
}
