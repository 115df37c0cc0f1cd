// x_i <- sign x_i, and y_i with it: the element of x_i that is largest in size, the first of
// equals, becomes positive
//
// Vectors that are only determined up to their sign get one that depends on nothing but themselves.
//
// shapes: x [rows, x4] vec4s; y [rows, y4] vec4s, which may be none
// access: one invocation per row
#include "grid"
override WG: u32 = 32; // 1 | 32

struct Params {
  rows: u32,
  x4: u32,
  // 0 for none
  y4: u32,
}

@group(0) @binding(0) var<storage, read_write> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<f32>>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(WG)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let row = linear_index(id, groups, WG);
  if (row >= params.rows) { return; }
  let from_x = row * params.x4;
  let from_y = row * params.y4;
  var largest = 0.0;
  for (var g = 0u; g < params.x4; g++) {
    let value = x[from_x + g];
    for (var lane = 0u; lane < 4u; lane++) {
      if (abs(value[lane]) > abs(largest)) { largest = value[lane]; }
    }
  }
  if (largest >= 0.0) { return; }
  for (var g = 0u; g < params.x4; g++) { x[from_x + g] = -x[from_x + g]; }
  for (var g = 0u; g < params.y4; g++) { y[from_y + g] = -y[from_y + g]; }
}
