// y = the lower triangle of x, 0 above it
//
// shapes: x [batch, size, size] with strides, y dense
// access: one element per invocation, neighbours along the columns
#include "grid"

struct Params {
  count: u32,
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
  if (item >= params.count) { return; }
  let row = item / params.size % params.size;
  let col = item % params.size;
  let at = params.x_offset + item / params.size / params.size * params.x_batch
    + row * params.x_row + col * params.x_col;
  y[item] = select(x[at], 0.0, col > row);
}
