// From a panel of Householder's vectors: their matrix v, and their columns of R
//
// v is 0 above the diagonal and 1 on it, and 0 altogether where τ is 0. The columns of w get R above and on the
// diagonal, 0 below it.
//
// shapes: p [batch, rows, 4 quads]; tau [batch, 32]; v [batch, rows, steps] and w [batch, rows, cols] with strides
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
  steps: u32,
  v_offset: u32,
  v_batch: u32,
  v_row: u32,
  w_offset: u32,
  w_batch: u32,
  w_row: u32,
}

@group(0) @binding(0) var<storage, read> p: array<f32>;
@group(0) @binding(1) var<storage, read> tau: array<f32>;
@group(0) @binding(2) var<storage, read_write> v: array<f32>;
@group(0) @binding(3) var<storage, read_write> w: array<f32>;
@group(0) @binding(4) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = linear_index(id, groups, 64u);
  if (item >= params.items) { return; }
  let line = item / params.runs;
  let first = item % params.runs * RUN;
  let matrix = line / params.rows;
  let row = line % params.rows;
  let from_p = line * params.quads * 4u;
  let to_w = params.w_offset + matrix * params.w_batch + row * params.w_row;
  let to_v = params.v_offset + matrix * params.v_batch + row * params.v_row;
  for (var col = first; col < min(first + RUN, params.cols); col++) {
    let value = p[from_p + col];
    w[to_w + col] = select(value, 0.0, row > col);
    if (col < params.steps) {
      var part = select(0.0, value, row > col);
      if (row == col && tau[matrix * 32u + col] != 0.0) { part = 1.0; }
      v[to_v + col] = part;
    }
  }
}
