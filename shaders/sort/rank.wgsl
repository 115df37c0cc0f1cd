// Sorts each block of a row by counting: an element goes to the place
//   #(keys less than its own) + #(equal keys before it)
// of its block. A whole row as one block is a complete stable sort in one dispatch, with length^2
// comparisons; shorter blocks are the runs that sort/merge starts from.
//
// shapes: keys, sorted and order [rows, width] dense, width a multiple of 4 and keys past `length` greatest;
//         order gets the places the elements had in the row; block a multiple of 4
// access: one element per invocation; its block is read in vec4s by all its neighbours
#include "grid"

struct Params {
  count: u32,
  length: u32,
  width: u32,
  block: u32,
}

@group(0) @binding(0) var<storage, read> keys: array<vec4<u32>>;
@group(0) @binding(1) var<storage, read_write> sorted: array<u32>;
@group(0) @binding(2) var<storage, read_write> order: array<u32>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = linear_index(id, groups, 64u);
  if (item >= params.count) { return; }
  let p = item % params.width;
  if (p >= params.length) { return; }
  let row = item - p;
  let begin = p - p % params.block;
  let end = min(begin + params.block, params.width);
  let first = (row + begin) / 4u;
  let own_group = item / 4u;
  let last = (row + end) / 4u;
  let key = keys[own_group][item % 4u];
  let own = vec4<u32>(key);
  var places = vec4<u32>();
  for (var g = first; g < own_group; g++) {
    places += select(vec4<u32>(), vec4<u32>(1u), keys[g] <= own);
  }
  let group = keys[own_group];
  let earlier = vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(item % 4u);
  places += select(vec4<u32>(), vec4<u32>(1u), (group < own) | ((group == own) & earlier));
  for (var g = own_group + 1u; g < last; g++) {
    places += select(vec4<u32>(), vec4<u32>(1u), keys[g] < own);
  }
  let place = row + begin + places.x + places.y + places.z + places.w;
  sorted[place] = key;
  order[place] = p;
}
