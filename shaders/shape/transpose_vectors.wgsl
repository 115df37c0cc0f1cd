// y[batch.., i, j] = x[batch.., i, j] where x lies with i innermost and y with j innermost
//
// A transposition without workgroup memory: an invocation moves a block of SIDE by SIDE squares of 4 by 4
// elements, each as four loads and four stores of a vec4. A block of 4 squares a side fills the cache lines
// that it touches.
//
// shapes: batch dimensions with strides of their own; x: element (i, j) at i + j x_col; y: at i y_row + j.
//         All sizes along i and j, strides and offsets are whole vec4s, and given in vec4s
// access: vec4s, rows of a square one stride apart
#include "grid"
#include "strided"
override RANK: u32 = 1; // 1 | 2 | 3 | 8
override SIDE: u32 = 4; // 1 | 2 | 4
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

@group(0) @binding(0) var<storage, read> x: array<vec4<T>>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<T>>;
@group(0) @binding(2) var<uniform> params: Params;

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
    for (var j = first_col; j < end_col; j++) {
      var at = source + i + 4u * j * params.x_col;
      let a = x[at];
      at += params.x_col;
      let b = x[at];
      at += params.x_col;
      let c = x[at];
      at += params.x_col;
      let d = x[at];
      var to = destination + 4u * i * params.y_row + j;
      y[to] = vec4<T>(a.x, b.x, c.x, d.x);
      to += params.y_row;
      y[to] = vec4<T>(a.y, b.y, c.y, d.y);
      to += params.y_row;
      y[to] = vec4<T>(a.z, b.z, c.z, d.z);
      to += params.y_row;
      y[to] = vec4<T>(a.w, b.w, c.w, d.w);
    }
  }
}
