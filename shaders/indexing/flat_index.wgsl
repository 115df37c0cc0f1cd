// y[i] = before[i] * size + index[i]: the position of an element, one dimension of its indices at a time
//
// A negative index counts from the end, if WRAP. One outside its range is reported, and the position is
// then `none`, which stays so through the dimensions that follow and is outside every range.
//
// shapes: y dense; before and index walk y's shape with their own strides and offsets
// access: one element per invocation; indices are read as bits
#include "grid"
#include "strided"
#include "fault"
override RANK: u32 = 2; // 1 | 2 | 3 | 8
// 1: indices are i32, 0: u32
override WRAP: u32 = 1; // 0 | 1

struct Params {
  shape: array<vec4<u32>, 2>,
  before_strides: array<vec4<u32>, 2>,
  index_strides: array<vec4<u32>, 2>,
  count: u32,
  before_offset: u32,
  index_offset: u32,
  size: u32,
  site: u32,
}

@group(0) @binding(0) var<storage, read> before: array<u32>;
@group(0) @binding(1) var<storage, read> index: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<u32>;
@group(0) @binding(3) var<storage, read_write> faults: array<atomic<u32>>;
@group(0) @binding(4) var<uniform> params: Params;

const none = 0xffffffffu;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = linear_index(id, groups, 64u);
  if (item >= params.count) { return; }
  var rest = item;
  var at_before = params.before_offset;
  var at_index = params.index_offset;
  for (var d = RANK; d > 0u; d--) {
    let size = dim_of(params.shape, d - 1u);
    let i = rest % size;
    rest /= size;
    at_before += i * dim_of(params.before_strides, d - 1u);
    at_index += i * dim_of(params.index_strides, d - 1u);
  }
  let given = index[at_index];
  var chosen = given;
  if (WRAP == 1u && (given >> 31u) == 1u) { chosen += params.size; }
  var position = none;
  if (chosen >= params.size) {
    report_fault(params.site, bitcast<i32>(given), params.size);
  } else if (before[at_before] != none) {
    position = before[at_before] * params.size + chosen;
  }
  y[item] = position;
}
