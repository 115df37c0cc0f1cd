// y[batch.., i, j] = x[batch.., i, j] where x lies with i innermost and y with j innermost
//
// A transposition without workgroup memory, for sizes and strides that are no whole vec4s: an invocation
// moves a block of 16 by 16 elements, so that it divides once for all of them.
//
// shapes: batch dimensions with strides of their own; x: element (i, j) at i + j x_col; y: at i y_row + j
// access: element by element; a block touches whole cache lines
#include "grid"
#include "strided"
override RANK: u32 = 1; // 1 | 2 | 3 | 8
alias T = u32; // u32 | f16

struct Params {
  shape: array<vec4<u32>, 2>,
  x_strides: array<vec4<u32>, 2>,
  y_strides: array<vec4<u32>, 2>,
  // blocks of all matrices
  count: u32,
  blocks_down: u32,
  blocks_across: u32,
  rows: u32,
  cols: u32,
  x_col: u32,
  y_row: u32,
  x_offset: u32,
  y_offset: u32,
}

@group(0) @binding(0) var<storage, read> x: array<T>;
@group(0) @binding(1) var<storage, read_write> y: array<T>;
@group(0) @binding(2) var<uniform> params: Params;

const SIDE = 16u;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = linear_index(id, groups, 64u);
  if (item >= params.count) { return; }
  let above = item / params.blocks_across;
  let first_col = (item - above * params.blocks_across) * SIDE;
  var rest = above / params.blocks_down;
  let first_row = (above - rest * params.blocks_down) * SIDE;
  var source = params.x_offset;
  var destination = params.y_offset;
  for (var d = RANK; d > 0u; d--) {
    let size = dim_of(params.shape, d - 1u);
    let index = rest % size;
    rest /= size;
    source += index * dim_of(params.x_strides, d - 1u);
    destination += index * dim_of(params.y_strides, d - 1u);
  }
  let end_row = min(first_row + SIDE, params.rows);
  let end_col = min(first_col + SIDE, params.cols);
  for (var i = first_row; i < end_row; i++) {
    var at = source + i + first_col * params.x_col;
    let row = destination + i * params.y_row;
    for (var j = first_col; j < end_col; j++) {
      y[row + j] = x[at];
      at += params.x_col;
    }
  }
}
