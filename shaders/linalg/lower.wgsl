// y = the lower triangle of x, 0 above it
//
// shapes: x [batch, size, size] with strides, y dense
// access: RUN neighbours along the columns per invocation, as in linalg/subtract
#include "grid"
override RUN: u32 = 1; // 1 | 32

struct Params {
  items: u32,
  // Runs in a row.
  runs: u32,
  size: u32,
  x_offset: u32,
  x_batch: u32,
  x_row: u32,
  x_col: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = linear_index(id, groups, 64u);
  if (item >= params.items) { return; }
  let line = item / params.runs;
  let row = line % params.size;
  let first = item % params.runs * RUN;
  let at = params.x_offset + line / params.size * params.x_batch + row * params.x_row;
  for (var col = first; col < min(first + RUN, params.size); col++) {
    y[line * params.size + col] = select(x[at + col * params.x_col], 0.0, col > row);
  }
}
