// y[batch.., i, j] = x[batch.., i, j] where x lies with i innermost and y with j innermost
//
// A transposition through tiles of 32 by 32 in workgroup memory, so that loads and stores of neighbouring
// invocations are neighbours in memory. Rows of the tile are one element longer than 32, else all elements of
// one column would lie in one bank. Source: Ruetsch & Micikevicius, "Optimizing Matrix Transpose in CUDA", 2009.
//
// shapes: batch dimensions with strides of their own; x: element (i, j) at i + j x_col; y: at i y_row + j
// access: coalesced both ways; a workgroup per tile, its 32 x 8 invocations move 4 elements each
#include "grid"
#include "strided"
override RANK: u32 = 1; // 1 | 2 | 3 | 8
alias T = u32; // u32 | f16

struct Params {
  shape: array<vec4<u32>, 2>,
  x_strides: array<vec4<u32>, 2>,
  y_strides: array<vec4<u32>, 2>,
  // tiles of all matrices
  count: u32,
  tiles_down: u32,
  tiles_across: u32,
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

const SIDE = 32u;
const STEP = 8u;
const ROW = 33u;
var<workgroup> tile: array<T, ROW * 32u>;

@compute @workgroup_size(32, 8)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>) {
  let item = linear_group(group, groups);
  if (item >= params.count) { return; }
  let across = item % params.tiles_across;
  let above = item / params.tiles_across;
  let down = above % params.tiles_down;
  var rest = above / params.tiles_down;
  var source = params.x_offset;
  var destination = params.y_offset;
  for (var d = RANK; d > 0u; d--) {
    let size = dim_of(params.shape, d - 1u);
    let index = rest % size;
    rest /= size;
    source += index * dim_of(params.x_strides, d - 1u);
    destination += index * dim_of(params.y_strides, d - 1u);
  }
  let i = down * SIDE + local.x;
  for (var k = local.y; k < SIDE; k += STEP) {
    let j = across * SIDE + k;
    if (i < params.rows && j < params.cols) { tile[local.x * ROW + k] = x[source + i + j * params.x_col]; }
  }
  workgroupBarrier();
  let to = across * SIDE + local.x;
  for (var k = local.y; k < SIDE; k += STEP) {
    let row = down * SIDE + k;
    if (row < params.rows && to < params.cols) { y[destination + row * params.y_row + to] = tile[k * ROW + local.x]; }
  }
}
