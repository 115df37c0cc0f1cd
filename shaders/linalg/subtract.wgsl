// y -= x, of a batch of matrices
//
// shapes: x [batch, rows, cols] dense; y the same shape with strides of its own
// access: RUN neighbours along the columns per invocation: 1 on GPUs, where neighbouring invocations read
// neighbouring elements; more on CPUs, where each invocation has divisions to do first
#include "grid"
override RUN: u32 = 1; // 1 | 32

struct Params {
  items: u32,
  // Runs in a row.
  runs: u32,
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
  if (item >= params.items) { return; }
  let row = item / params.runs;
  let first = item % params.runs * RUN;
  let from_x = row * params.cols;
  let to = params.y_offset + row / params.rows * params.y_batch + row % params.rows * params.y_row;
  for (var col = first; col < min(first + RUN, params.cols); col++) {
    y[to + col * params.y_col] -= x[from_x + col];
  }
}
