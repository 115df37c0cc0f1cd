// y[i] = a[i] y[i - 1] + b[i] along one dimension, from y[-1] = 0
//
// Each invocation goes through one segment of one row. With CARRY 1 it starts from what came before, which
// this kernel computed from the segments as wholes (scan/recurrence_segments), so rounding may differ
// between one segment and several.
//
// shapes: rows walk the outer shape; a, b and y have steps of their own along the dimension, which may be
//         negative (modulo 2^32) to go backwards; carries [rows, segments] dense, inclusive
// access: one segment per invocation, sequential
#include "grid"
#include "strided"
override RANK: u32 = 1; // 1 | 2 | 3 | 8
override CARRY: u32 = 0; // 0 | 1

struct Params {
  outer_shape: array<vec4<u32>, 2>,
  a_strides: array<vec4<u32>, 2>,
  b_strides: array<vec4<u32>, 2>,
  y_strides: array<vec4<u32>, 2>,
  rows: u32,
  length: u32,
  segments: u32,
  segment: u32,
  a_offset: u32,
  a_step: u32,
  b_offset: u32,
  b_step: u32,
  y_offset: u32,
  y_step: u32,
}

@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read> carries: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(0) @binding(4) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = linear_index(id, groups, 64u);
  if (item >= params.rows * params.segments) { return; }
  let segment = item % params.segments;
  var rest = item / params.segments;
  let begin = segment * params.segment;
  let end = min(begin + params.segment, params.length);
  var from_a = params.a_offset + begin * params.a_step;
  var from_b = params.b_offset + begin * params.b_step;
  var to_y = params.y_offset + begin * params.y_step;
  for (var d = RANK; d > 0u; d--) {
    let size = dim_of(params.outer_shape, d - 1u);
    let i = rest % size;
    rest /= size;
    from_a += i * dim_of(params.a_strides, d - 1u);
    from_b += i * dim_of(params.b_strides, d - 1u);
    to_y += i * dim_of(params.y_strides, d - 1u);
  }
  var value = 0.0;
  if (CARRY == 1u && segment > 0u) { value = carries[item - 1u]; }
  for (var i = begin; i < end; i++) {
    // Nothing comes before the first, whatever its a is.
    if (i == 0u) { value = b[from_b]; } else { value = a[from_a] * value + b[from_b]; }
    y[to_y] = value;
    from_a += params.a_step;
    from_b += params.b_step;
    to_y += params.y_step;
  }
}
