// y[i] = x[permutation[i]], or with SCATTER y[permutation[i]] = x[i]: rows of a batch of matrices
//
// shapes: x [batch, rows, cols] with strides, y dense, permutation [batch, rows] dense, numbers from 0
// access: RUN neighbours along the columns per invocation, as in linalg/subtract
#include "grid"
override RUN: u32 = 1; // 1 | 32
override SCATTER: u32 = 0; // 0 | 1

struct Params {
  items: u32,
  // Runs in a row.
  runs: u32,
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
  if (item >= params.items) { return; }
  let line = item / params.runs;
  let first = item % params.runs * RUN;
  let matrix = line / params.rows;
  let chosen = u32(permutation[line]);
  var row = chosen;
  var to = line;
  if (SCATTER == 1u) {
    row = line % params.rows;
    to = matrix * params.rows + chosen;
  }
  let at = params.x_offset + matrix * params.x_batch + row * params.x_row;
  for (var col = first; col < min(first + RUN, params.cols); col++) {
    y[to * params.cols + col] = x[at + col * params.x_col];
  }
}
