// y[batch.., j] = x[batch.., j] where both lie with j innermost
//
// Rows that are moved in runs: heads that change places, slices, pieces put together. An invocation divides
// once for RUN units of a row.
//
// shapes: batch dimensions with strides of their own. A unit T is four elements, where sizes along j, strides
//         and offsets are whole fours, or one; all are given in units. `runs` for each row, whose last may be
//         shorter
// access: units in order
#include "grid"
#include "strided"
override RANK: u32 = 1; // 1 | 2 | 3 | 8
override RUN: u32 = 4; // 1 | 4 | 16
alias T = vec4u; // vec4u | vec2u | u32 | f16

struct Params {
  shape: array<vec4<u32>, 2>,
  x_strides: array<vec4<u32>, 2>,
  y_strides: array<vec4<u32>, 2>,
  // runs of all rows
  count: u32,
  runs: u32,
  cols: u32,
  x_offset: u32,
  y_offset: u32,
}

@group(0) @binding(0) var<storage, read> x: array<T>;
@group(0) @binding(1) var<storage, read_write> y: array<T>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = linear_index(id, groups, 64u);
  if (item >= params.count) { return; }
  var rest = item / params.runs;
  let first = (item - rest * params.runs) * RUN;
  let end = min(first + RUN, params.cols);
  var source = params.x_offset;
  var destination = params.y_offset;
  for (var d = RANK; d > 0u; d--) {
    let size = dim_of(params.shape, d - 1u);
    let index = rest % size;
    rest /= size;
    source += index * dim_of(params.x_strides, d - 1u);
    destination += index * dim_of(params.y_strides, d - 1u);
  }
  for (var j = first; j < end; j++) { y[destination + j] = x[source + j]; }
}
