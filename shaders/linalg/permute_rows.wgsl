// y[i] = x[permutation[i]], or with SCATTER y[permutation[i]] = x[i]: rows of a batch of matrices
//
// shapes: x [batch, rows, cols] with strides, y dense, permutation [batch, rows] dense, numbers from 0
// access: one element per invocation, neighbours along the columns
#include "grid"
override SCATTER: u32 = 0; // 0 | 1

struct Params {
  count: u32,
  rows: u32,
  cols: u32,
  x_offset: u32,
  x_batch: u32,
  x_row: u32,
  x_col: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> permutation: array<i32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = linear_index(id, groups, 64u);
  if (item >= params.count) { return; }
  let row = item / params.cols;
  let col = item % params.cols;
  let matrix = row / params.rows;
  let chosen = u32(permutation[row]);
  let from_x = params.x_offset + matrix * params.x_batch + col * params.x_col;
  if (SCATTER == 1u) {
    y[(matrix * params.rows + chosen) * params.cols + col] = x[from_x + row % params.rows * params.x_row];
  } else {
    y[item] = x[from_x + chosen * params.x_row];
  }
}
