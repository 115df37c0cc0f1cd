// w = P w outside a panel, w = p inside it
//
// shapes: w [batch, height, width] dense; p [batch, height - first, 4 quads], the columns first to
//         first + cols of w; pivots [batch, length] of rows first to first + steps, numbered from 1
// access: one column of w per invocation, neighbours along the columns
#include "grid"

struct Params {
  items: u32,
  height: u32,
  width: u32,
  first: u32,
  cols: u32,
  steps: u32,
  quads: u32,
  length: u32,
}

@group(0) @binding(0) var<storage, read_write> w: array<f32>;
@group(0) @binding(1) var<storage, read> p: array<f32>;
@group(0) @binding(2) var<storage, read> pivots: array<i32>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = linear_index(id, groups, 64u);
  if (item >= params.items) { return; }
  let matrix = item / params.width;
  let col = item % params.width;
  let at = matrix * params.height * params.width + col;
  if (col >= params.first && col < params.first + params.cols) {
    let width = params.quads * 4u;
    let rows = params.height - params.first;
    let panel = matrix * rows * width + col - params.first;
    for (var i = 0u; i < rows; i++) { w[at + (params.first + i) * params.width] = p[panel + i * width]; }
    return;
  }
  for (var j = params.first; j < params.first + params.steps; j++) {
    let other = u32(pivots[matrix * params.length + j]) - 1u;
    let moved = w[at + j * params.width];
    w[at + j * params.width] = w[at + other * params.width];
    w[at + other * params.width] = moved;
  }
}
