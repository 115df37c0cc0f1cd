// y[p, d] = coordinate d of the element at position x[p] of an array in row-major order
//
// A position past the last element has no coordinates: they are `fill`.
//
// shapes: x [count] with a step; y dense [count, rank] i32; sizes and their row-major strides in params
// access: one position per invocation
#include "grid"
#include "strided"

struct Params {
  sizes: array<vec4<u32>, 2>,
  strides: array<vec4<u32>, 2>,
  count: u32,
  rank: u32,
  size: u32,
  x_offset: u32,
  x_step: u32,
  fill: i32,
}

@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read_write> y: array<i32>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = linear_index(id, groups, 64u);
  if (item >= params.count) { return; }
  let position = x[params.x_offset + item * params.x_step];
  for (var d = 0u; d < params.rank; d++) {
    var coordinate = params.fill;
    if (position < params.size) {
      coordinate = i32(position / dim_of(params.strides, d) % dim_of(params.sizes, d));
    }
    y[item * params.rank + d] = coordinate;
  }
}
