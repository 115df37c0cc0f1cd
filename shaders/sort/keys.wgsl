// keys[r, p] = a u32 whose order is the order of x[r, p]; past the row's end the greatest u32
//
// Descending order is the ascending order of the flipped keys, so that equal elements keep their order.
//
// shapes: rows walk the outer shape, x has a step of its own along the sorted dimension; keys
//         [rows, width] dense, width = length rounded up to a multiple of 4
// access: one key per invocation; x is read as bits
#slot OP = key_f32 // key_f32 | key_i32 | key_u32
#include "grid"
#include "strided"
#include "sort_keys"
override RANK: u32 = 1; // 1 | 2 | 3 | 8

struct Params {
  outer_shape: array<vec4<u32>, 2>,
  x_strides: array<vec4<u32>, 2>,
  count: u32,
  length: u32,
  width: u32,
  x_offset: u32,
  x_step: u32,
  // 0xffffffff for descending order, else 0
  flip: u32,
}

@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read_write> keys: array<u32>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = linear_index(id, groups, 64u);
  if (item >= params.count) { return; }
  let p = item % params.width;
  var key = 0xffffffffu;
  if (p < params.length) {
    var rest = item / params.width;
    var from_x = params.x_offset + p * params.x_step;
    for (var d = RANK; d > 0u; d--) {
      let size = dim_of(params.outer_shape, d - 1u);
      let i = rest % size;
      rest /= size;
      from_x += i * dim_of(params.x_strides, d - 1u);
    }
    key = OP(x[from_x]) ^ params.flip;
  }
  keys[item] = key;
}
