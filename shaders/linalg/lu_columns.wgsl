// w = P w outside a panel, w = p inside it
//
// shapes: w [batch, height, width] dense; p [batch, height - first, 4 quads], the columns first to
//         first + cols of w; pivots [batch, length] of rows first to first + steps, numbered from 1
// access: RUN neighbouring columns of w per invocation, as in linalg/subtract; the panel begins with a run and
//         ends with one, or with w
#include "grid"
override RUN: u32 = 1; // 1 | 32

struct Params {
  items: u32,
  // Runs in a row.
  runs: u32,
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
  let matrix = item / params.runs;
  let begin = item % params.runs * RUN;
  let end = min(begin + RUN, params.width);
  let at = matrix * params.height * params.width;
  if (begin >= params.first && begin < params.first + params.cols) {
    let width = params.quads * 4u;
    let rows = params.height - params.first;
    for (var i = 0u; i < rows; i++) {
      let to = at + (params.first + i) * params.width;
      let from_p = (matrix * rows + i) * width;
      for (var col = begin; col < end; col++) { w[to + col] = p[from_p + col - params.first]; }
    }
    return;
  }
  for (var j = params.first; j < params.first + params.steps; j++) {
    let other = u32(pivots[matrix * params.length + j]) - 1u;
    let one = at + j * params.width;
    let two = at + other * params.width;
    if (one != two) {
      for (var col = begin; col < end; col++) {
        let moved = w[one + col];
        w[one + col] = w[two + col];
        w[two + col] = moved;
      }
    }
  }
}
