// totals[r, s] = COMBINE of row r's elements from 128 s to 128 s + 127
//
// shapes: rows walk the outer shape, x has a step of its own along the dimension; totals dense
// access: one segment per invocation, sequential, in the order of scan/cumulative
#slot COMBINE = combine_sum // combine_sum | combine_sum_i32 | combine_sum_u32 | combine_product | combine_product_i32 | combine_product_u32 | combine_log_add_exp
#include "grid"
#include "strided"
#include "combine"
override RANK: u32 = 1; // 1 | 2 | 3 | 8
alias T = f32; // f32 | f16 | i32 | u32
alias C = f32; // f32 | i32 | u32

struct Params {
  outer_shape: array<vec4<u32>, 2>,
  x_strides: array<vec4<u32>, 2>,
  rows: u32,
  length: u32,
  segments: u32,
  segment: u32,
  x_offset: u32,
  x_step: u32,
  // Bits of C: what changes nothing.
  identity: u32,
}

@group(0) @binding(0) var<storage, read> x: array<T>;
@group(0) @binding(1) var<storage, read_write> totals: array<C>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = linear_index(id, groups, 64u);
  if (item >= params.rows * params.segments) { return; }
  let begin = (item % params.segments) * params.segment;
  let end = min(begin + params.segment, params.length);
  var rest = item / params.segments;
  var from_x = params.x_offset + begin * params.x_step;
  for (var d = RANK; d > 0u; d--) {
    let size = dim_of(params.outer_shape, d - 1u);
    let i = rest % size;
    rest /= size;
    from_x += i * dim_of(params.x_strides, d - 1u);
  }
  var total = bitcast<C>(params.identity);
  for (var i = begin; i < end; i++) {
    total = COMBINE(total, C(x[from_x]));
    from_x += params.x_step;
  }
  totals[item] = total;
}
