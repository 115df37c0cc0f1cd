// found[l, j] = how many positions p have index[l, p] <= j;  found[l, limit + s] = the s-th of all positions,
// in the order of their index, those of one index in their own order
//
// A stable counting sort: what a scatter with few distinct targets walks instead of sorted keys. FIND is
// who counts:
//   in_series   one invocation per list counts, adds up and places; terms + limit steps, two times
//   by_element  one invocation per list and j looks at every index, two times; for machines of many threads
// Both write the same. An index outside 0 to limit - 1 is reported, and none of its positions is written.
//
// shapes: index [lists.., terms] with strides of its own; found [lists, width], width >= limit + terms
// access: in_series reads each index two times and writes at random; by_element reads all indices per invocation
#slot FIND = in_series // in_series | by_element
#include "grid"
#include "strided"
#include "fault"
override RANK: u32 = 1; // 1 | 2 | 3 | 8
override WG: u32 = 1; // 1 | 64

struct Params {
  shape: array<vec4<u32>, 2>,
  index_strides: array<vec4<u32>, 2>,
  count: u32,
  // how many invocations share a list
  per_list: u32,
  terms: u32,
  limit: u32,
  width: u32,
  index_offset: u32,
  index_step: u32,
  site: u32,
}

@group(0) @binding(0) var<storage, read> index: array<u32>;
@group(0) @binding(1) var<storage, read_write> found: array<u32>;
@group(0) @binding(2) var<storage, read_write> faults: array<atomic<u32>>;
@group(0) @binding(3) var<uniform> params: Params;

fn in_series(at: u32, into: u32, _j: u32) {
  let limit = params.limit;
  for (var j = 0u; j < limit; j++) { found[into + j] = 0u; }
  for (var p = 0u; p < params.terms; p++) {
    let j = index[at + p * params.index_step];
    if (j < limit) {
      found[into + j] += 1u;
    } else {
      report_fault(params.site, bitcast<i32>(j), limit);
    }
  }
  var before = 0u;
  for (var j = 0u; j < limit; j++) {
    let own = found[into + j];
    found[into + j] = before;
    before += own;
  }
  // What counted those before j ends as the count of those up to j.
  for (var p = 0u; p < params.terms; p++) {
    let j = index[at + p * params.index_step];
    if (j < limit) {
      let place = found[into + j];
      found[into + limit + place] = p;
      found[into + j] = place + 1u;
    }
  }
}

fn by_element(at: u32, into: u32, j: u32) {
  var place = 0u;
  var own = 0u;
  for (var p = 0u; p < params.terms; p++) {
    let other = index[at + p * params.index_step];
    place += select(0u, 1u, other < j);
    own += select(0u, 1u, other == j);
    if (j == 0u && other >= params.limit) {
      report_fault(params.site, bitcast<i32>(other), params.limit);
    }
  }
  found[into + j] = place + own;
  if (own == 0u) { return; }
  for (var p = 0u; p < params.terms; p++) {
    if (index[at + p * params.index_step] == j) {
      found[into + params.limit + place] = p;
      place++;
    }
  }
}

@compute @workgroup_size(WG)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = linear_index(id, groups, WG);
  if (item >= params.count) { return; }
  let list = item / params.per_list;
  var rest = list;
  var at = params.index_offset;
  for (var d = RANK; d > 0u; d--) {
    let size = dim_of(params.shape, d - 1u);
    at += (rest % size) * dim_of(params.index_strides, d - 1u);
    rest /= size;
  }
  FIND(at, list * params.width, item % params.per_list);
}
