// y[i with dimension d replaced by index[i]] = src[i], for indices that name no element twice
//
// The backward pass of reading in a permuted order (sort, topK). y is cleared before. An index outside
// 0 to limit - 1 is reported and left out.
//
// shapes: index, src and y walk index's shape with their own strides; y has stride 0 along d
// access: one element per invocation; elements are moved as bits
#include "grid"
#include "strided"
#include "fault"
override RANK: u32 = 2; // 1 | 2 | 3 | 8
alias T = u32; // u32 | f16

struct Params {
  shape: array<vec4<u32>, 2>,
  index_strides: array<vec4<u32>, 2>,
  src_strides: array<vec4<u32>, 2>,
  y_strides: array<vec4<u32>, 2>,
  count: u32,
  index_offset: u32,
  src_offset: u32,
  y_step: u32,
  limit: u32,
  site: u32,
}

@group(0) @binding(0) var<storage, read> index: array<u32>;
@group(0) @binding(1) var<storage, read> src: array<T>;
@group(0) @binding(2) var<storage, read_write> y: array<T>;
@group(0) @binding(3) var<storage, read_write> faults: array<atomic<u32>>;
@group(0) @binding(4) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = linear_index(id, groups, 64u);
  if (item >= params.count) { return; }
  var rest = item;
  var at = params.index_offset;
  var from_src = params.src_offset;
  var to_y = 0u;
  for (var d = RANK; d > 0u; d--) {
    let size = dim_of(params.shape, d - 1u);
    let i = rest % size;
    rest /= size;
    at += i * dim_of(params.index_strides, d - 1u);
    from_src += i * dim_of(params.src_strides, d - 1u);
    to_y += i * dim_of(params.y_strides, d - 1u);
  }
  let chosen = index[at];
  if (chosen < params.limit) {
    y[to_y + chosen * params.y_step] = src[from_src];
  } else {
    report_fault(params.site, bitcast<i32>(chosen), params.limit);
  }
}
