// y[i] = x[0] * ... * x[i] along one dimension, where * is COMBINE: sum, product or log-add-exp
//
// Each invocation goes through one segment of one row. The order of combinations does not depend on the
// segments: runs of 128 elements, runs of 128 such runs, then those one after another, each level with a
// running result of its own. So the error of sums grows with the levels rather than with the length, and a
// row in one segment gives the same bits as a row in segments of 128 whose totals (scan/segment_totals)
// were combined by this kernel before, up to 2^21 elements; past that the two differ in rounding.
//
// shapes: rows walk the outer shape; x and y have steps of their own along the dimension, which may be
//         negative (modulo 2^32) to go backwards; carries [rows, segments] dense, inclusive
// access: one segment per invocation, sequential
#slot COMBINE = combine_sum // combine_sum | combine_sum_i32 | combine_sum_u32 | combine_product | combine_product_i32 | combine_product_u32 | combine_log_add_exp
#include "grid"
#include "strided"
#include "combine"
override RANK: u32 = 1; // 1 | 2 | 3 | 8
// 1: segments of 128 start from the carries of those before
override CARRY: u32 = 0; // 0 | 1
alias T = f32; // f32 | f16 | i32 | u32
alias C = f32; // f32 | i32 | u32

struct Params {
  outer_shape: array<vec4<u32>, 2>,
  x_strides: array<vec4<u32>, 2>,
  y_strides: array<vec4<u32>, 2>,
  rows: u32,
  length: u32,
  segments: u32,
  segment: u32,
  x_offset: u32,
  x_step: u32,
  y_offset: u32,
  y_step: u32,
  // Bits of C: what changes nothing.
  identity: u32,
}

@group(0) @binding(0) var<storage, read> x: array<T>;
@group(0) @binding(1) var<storage, read> carries: array<C>;
@group(0) @binding(2) var<storage, read_write> y: array<T>;
@group(0) @binding(3) var<uniform> params: Params;

const RUN = 128u;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = linear_index(id, groups, 64u);
  if (item >= params.rows * params.segments) { return; }
  let segment = item % params.segments;
  var rest = item / params.segments;
  var from_x = params.x_offset;
  var to_y = params.y_offset;
  for (var d = RANK; d > 0u; d--) {
    let size = dim_of(params.outer_shape, d - 1u);
    let i = rest % size;
    rest /= size;
    from_x += i * dim_of(params.x_strides, d - 1u);
    to_y += i * dim_of(params.y_strides, d - 1u);
  }
  let begin = segment * params.segment;
  let end = min(begin + params.segment, params.length);
  from_x += begin * params.x_step;
  to_y += begin * params.y_step;
  let identity = bitcast<C>(params.identity);
  var before = identity;
  if (CARRY == 1u && segment > 0u) { before = carries[item - 1u]; }
  var before_runs = identity;
  var run = identity;
  var runs = identity;
  var runs_of_runs = identity;
  for (var i = begin; i < end; i++) {
    run = COMBINE(run, C(x[from_x]));
    y[to_y] = T(COMBINE(before, run));
    from_x += params.x_step;
    to_y += params.y_step;
    if ((i + 1u) % RUN == 0u) {
      runs = COMBINE(runs, run);
      run = identity;
      before = COMBINE(before_runs, runs);
      if ((i + 1u) % (RUN * RUN) == 0u) {
        runs_of_runs = COMBINE(runs_of_runs, runs);
        runs = identity;
        before_runs = runs_of_runs;
      }
    }
  }
}
