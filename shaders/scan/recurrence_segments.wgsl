// (A[r, s], B[r, s]): what segment s of row r makes of the value y before it is A y + B
//
// That is the composition of y -> a[i] y + b[i] over its elements, 128 s to 128 s + 127.
//
// shapes: rows walk the outer shape; a and b have steps of their own along the dimension; A and B are the
//         halves of totals [2, rows, segments], dense
// access: one segment per invocation, sequential
#include "grid"
#include "strided"
override RANK: u32 = 1; // 1 | 2 | 3 | 8

struct Params {
  outer_shape: array<vec4<u32>, 2>,
  a_strides: array<vec4<u32>, 2>,
  b_strides: array<vec4<u32>, 2>,
  rows: u32,
  length: u32,
  segments: u32,
  segment: u32,
  a_offset: u32,
  a_step: u32,
  b_offset: u32,
  b_step: u32,
}

@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read_write> totals: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = linear_index(id, groups, 64u);
  let count = params.rows * params.segments;
  if (item >= count) { return; }
  let begin = (item % params.segments) * params.segment;
  let end = min(begin + params.segment, params.length);
  var rest = item / params.segments;
  var from_a = params.a_offset + begin * params.a_step;
  var from_b = params.b_offset + begin * params.b_step;
  for (var d = RANK; d > 0u; d--) {
    let size = dim_of(params.outer_shape, d - 1u);
    let i = rest % size;
    rest /= size;
    from_a += i * dim_of(params.a_strides, d - 1u);
    from_b += i * dim_of(params.b_strides, d - 1u);
  }
  var product = 1.0;
  var value = 0.0;
  for (var i = begin; i < end; i++) {
    let factor = a[from_a];
    product *= factor;
    // Nothing comes before the first, whatever its factor is.
    if (i == begin) { value = b[from_b]; } else { value = factor * value + b[from_b]; }
    from_a += params.a_step;
    from_b += params.b_step;
  }
  totals[item] = product;
  totals[count + item] = value;
}
