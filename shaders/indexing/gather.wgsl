// y[i] = x[i with dimension d replaced by index[i]]: one element of x per index
//
// gather, indexSelect and embedding differ only in how index and x walk y's shape: a dimension that one
// of them does not have, and d for x, has stride 0. An index outside 0 to limit - 1 is reported and reads 0.
//
// shapes: y dense; index and x walk y's shape with their own strides and offsets
// access: LANES neighbours along the last dimension per invocation; elements are moved as bits
#include "grid"
#include "strided"
#include "fault"
override RANK: u32 = 2; // 1 | 2 | 3 | 8
override LANES: u32 = 1; // 1 | 4
alias T = u32; // u32 | f16

struct Params {
  shape: array<vec4<u32>, 2>,
  index_strides: array<vec4<u32>, 2>,
  x_strides: array<vec4<u32>, 2>,
  count: u32,
  index_offset: u32,
  x_offset: u32,
  x_step: u32,
  limit: u32,
  site: u32,
}

@group(0) @binding(0) var<storage, read> x: array<T>;
@group(0) @binding(1) var<storage, read> index: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<T>;
@group(0) @binding(3) var<storage, read_write> faults: array<atomic<u32>>;
@group(0) @binding(4) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = linear_index(id, groups, 64u);
  if (item >= params.count) { return; }
  var rest = item * LANES;
  var at = params.index_offset;
  var from_x = params.x_offset;
  for (var d = RANK; d > 0u; d--) {
    let size = dim_of(params.shape, d - 1u);
    let i = rest % size;
    rest /= size;
    at += i * dim_of(params.index_strides, d - 1u);
    from_x += i * dim_of(params.x_strides, d - 1u);
  }
  let index_step = dim_of(params.index_strides, RANK - 1u);
  let x_lane = dim_of(params.x_strides, RANK - 1u);
  for (var lane = 0u; lane < LANES; lane++) {
    let chosen = index[at + lane * index_step];
    var value = T(0);
    if (chosen < params.limit) {
      value = x[from_x + lane * x_lane + chosen * params.x_step];
    } else {
      report_fault(params.site, bitcast<i32>(chosen), params.limit);
    }
    y[item * LANES + lane] = value;
  }
}
