// One pass of a Walsh-Hadamard transform along one dimension
//
// Of the bits of an element's index, those of weight h, 2h, ..., h R / 2 are transformed:
// y[.. q ..] = sum over r < R of (-1)^popcount(q & r) x[.. r ..]. Passes over all bits give H x, with
// H_ij = (-1)^popcount(i & j), in natural (Sylvester's) order.
// Source: Fino and Algazi, "Unified matrix treatment of the fast Walsh-Hadamard transform" (1976).
//
// shapes: rows walk the outer shape; x and y have steps of their own along the dimension
// access: R elements of a row per invocation, h apart
#include "grid"
#include "strided"
override RANK: u32 = 1; // 1 | 2 | 3 | 8
override RADIX: u32 = 8; // 1 | 2 | 4 | 8
alias T = f32; // f32 | f16

struct Params {
  outer_shape: array<vec4<u32>, 2>,
  x_strides: array<vec4<u32>, 2>,
  y_strides: array<vec4<u32>, 2>,
  count: u32,
  // n / R
  quotient: u32,
  // h
  gap: u32,
  x_offset: u32,
  x_step: u32,
  y_offset: u32,
  y_step: u32,
  scale: f32,
}

@group(0) @binding(0) var<storage, read> x: array<T>;
@group(0) @binding(1) var<storage, read_write> y: array<T>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = linear_index(id, groups, 64u);
  if (item >= params.count) { return; }
  let i = item % params.quotient;
  var rest = item / params.quotient;
  let low = i % params.gap;
  let first = (i - low) * RADIX + low;
  var from_x = params.x_offset + first * params.x_step;
  var to_y = params.y_offset + first * params.y_step;
  for (var d = RANK; d > 0u; d--) {
    let size = dim_of(params.outer_shape, d - 1u);
    let index = rest % size;
    rest /= size;
    from_x += index * dim_of(params.x_strides, d - 1u);
    to_y += index * dim_of(params.y_strides, d - 1u);
  }
  var values: array<f32, 8>;
  for (var r = 0u; r < RADIX; r++) {
    values[r] = f32(x[from_x + r * params.gap * params.x_step]);
  }
  for (var half = 1u; half < RADIX; half *= 2u) {
    for (var r = 0u; r < RADIX; r++) {
      if ((r & half) == 0u) {
        let a = values[r];
        let b = values[r + half];
        values[r] = a + b;
        values[r + half] = a - b;
      }
    }
  }
  for (var r = 0u; r < RADIX; r++) {
    y[to_y + r * params.gap * params.y_step] = T(params.scale * values[r]);
  }
}
