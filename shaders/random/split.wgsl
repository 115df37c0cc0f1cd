// y[i, row] = the first two words of philox(keys[row], (i, 0, 1, 0)): independent keys from one
//
// shapes: keys [rows, 2], y [n, rows, 2], both dense; count = n rows
// access: one new key per invocation
#include "grid"
#include "philox"

struct Params {
  count: u32,
  rows: u32,
  key_offset: u32,
}

@group(0) @binding(0) var<storage, read> keys: array<u32>;
@group(0) @binding(1) var<storage, read_write> y: array<u32>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = linear_index(id, groups, 64u);
  if (item >= params.count) { return; }
  let i = item / params.rows;
  let at = params.key_offset + 2u * (item - i * params.rows);
  let words = philox(vec2<u32>(keys[at], keys[at + 1u]), vec4<u32>(i, 0u, SPLIT, 0u));
  y[2u * item] = words.x;
  y[2u * item + 1u] = words.y;
}
