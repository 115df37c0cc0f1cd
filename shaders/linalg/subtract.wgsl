// y -= x, of a batch of matrices
//
// shapes: x [batch, rows, cols] dense; y the same shape with strides of its own
// access: one element per invocation, neighbours along the columns
#include "grid"

struct Params {
  count: u32,
  rows: u32,
  cols: u32,
  y_offset: u32,
  y_batch: u32,
  y_row: u32,
  y_col: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = linear_index(id, groups, 64u);
  if (item >= params.count) { return; }
  let row = item / params.cols;
  let to = params.y_offset + row / params.rows * params.y_batch
    + row % params.rows * params.y_row + item % params.cols * params.y_col;
  y[to] -= x[item];
}
