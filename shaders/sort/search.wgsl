// y[r, p] = how many of the sorted bounds[r, ..] come before x[r, p]
//
// BEFORE says which: those that are less (the value goes to the left of equal bounds) or those that are
// not greater (to the right). The order is that of sort: NaN is greater than all numbers, -0 equals 0.
//
// shapes: y dense; x and bounds walk y's shape with strides of their own, bounds with stride 0 along its
//         last dimension, where it has `length` elements at a step of its own
// access: one binary search of log2(length) steps per invocation; elements are read as bits
#slot KEY = key_f32 // key_f32 | key_i32 | key_u32
#slot BEFORE = less // less | not_greater
#include "grid"
#include "strided"
#include "sort_keys"
override RANK: u32 = 2; // 1 | 2 | 3 | 8

struct Params {
  shape: array<vec4<u32>, 2>,
  x_strides: array<vec4<u32>, 2>,
  bounds_strides: array<vec4<u32>, 2>,
  count: u32,
  x_offset: u32,
  bounds_offset: u32,
  bounds_step: u32,
  length: u32,
}

@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read> bounds: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<i32>;
@group(0) @binding(3) var<uniform> params: Params;

fn less(bound: u32, key: u32) -> bool { return bound < key; }
fn not_greater(bound: u32, key: u32) -> bool { return bound <= key; }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = linear_index(id, groups, 64u);
  if (item >= params.count) { return; }
  var rest = item;
  var from_x = params.x_offset;
  var from_bounds = params.bounds_offset;
  for (var d = RANK; d > 0u; d--) {
    let size = dim_of(params.shape, d - 1u);
    let i = rest % size;
    rest /= size;
    from_x += i * dim_of(params.x_strides, d - 1u);
    from_bounds += i * dim_of(params.bounds_strides, d - 1u);
  }
  let key = KEY(x[from_x]);
  var low = 0u;
  var high = params.length;
  while (low < high) {
    let middle = (low + high) >> 1u;
    if (BEFORE(KEY(bounds[from_bounds + middle * params.bounds_step]), key)) {
      low = middle + 1u;
    } else {
      high = middle;
    }
  }
  y[item] = i32(low);
}
