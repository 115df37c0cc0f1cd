// y[b] = scale[b] x[b], with zeros up to multiples of four rows and columns
//
// PART says what of x: whole, or its symmetric part (x + x^T) / 2.
//
// shapes: x [batch, m, n] dense; y [batch, rows, cols4] vec4s, rows a multiple of 4
// access: one vec4 per invocation
#slot PART = whole // whole | symmetric
#include "grid"

struct Params {
  count: u32,
  m: u32,
  n: u32,
  rows: u32,
  cols4: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> scales: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;
@group(0) @binding(3) var<uniform> params: Params;

fn whole(b: u32, i: u32, j: u32, scale: f32) -> f32 {
  return scale * x[(b * params.m + i) * params.n + j];
}

fn symmetric(b: u32, i: u32, j: u32, scale: f32) -> f32 {
  // The products are exact, and halves of numbers below 2 do not overflow in their sum.
  return 0.5 * (whole(b, i, j, scale) + whole(b, j, i, scale));
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = linear_index(id, groups, 64u);
  if (item >= params.count) { return; }
  let g = item % params.cols4;
  let i = (item / params.cols4) % params.rows;
  let b = item / (params.cols4 * params.rows);
  let scale = scales[b];
  var value = vec4<f32>();
  // What the scale 0 stands for has been reported: no product of 0 and infinity may follow.
  if (i < params.m && scale > 0.0) {
    for (var lane = 0u; lane < 4u; lane++) {
      let j = 4u * g + lane;
      if (j < params.n) { value[lane] = PART(b, i, j, scale); }
    }
  }
  y[item] = value;
}
