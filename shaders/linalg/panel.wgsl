// p = w - x, packed: a few neighbouring columns of a batch of matrices, rows in vec4s
//
// The panels of LU and QR are worked on in this form. Columns past the last are 0.
//
// shapes: w [batch, rows, cols] with strides; x the same shape dense, if `subtract`; p [batch, rows, 4 quads]
// access: RUN neighbours along the columns of p per invocation, as in linalg/subtract
#include "grid"
override RUN: u32 = 1; // 1 | 32

struct Params {
  items: u32,
  // Runs in a row of p.
  runs: u32,
  rows: u32,
  cols: u32,
  quads: u32,
  subtract: u32,
  w_offset: u32,
  w_batch: u32,
  w_row: u32,
}

@group(0) @binding(0) var<storage, read> w: array<f32>;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> p: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = linear_index(id, groups, 64u);
  if (item >= params.items) { return; }
  let width = params.quads * 4u;
  let row = item / params.runs;
  let first = item % params.runs * RUN;
  let from_w = params.w_offset + row / params.rows * params.w_batch + row % params.rows * params.w_row;
  for (var col = first; col < min(first + RUN, width); col++) {
    var value = 0.0;
    if (col < params.cols) {
      value = w[from_w + col];
      if (params.subtract == 1u) { value -= x[row * params.cols + col]; }
    }
    p[row * width + col] = value;
  }
}
