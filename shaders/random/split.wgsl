// keys[i] = the first two words of philox(key, (i, 0, 1, 0)): independent keys from one
//
// shapes: key two words, keys [count, 2] dense
// access: one key per invocation
#include "grid"
#include "philox"

struct Params {
  count: u32,
  key_offset: u32,
}

@group(0) @binding(0) var<storage, read> key: array<u32>;
@group(0) @binding(1) var<storage, read_write> keys: array<u32>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let i = linear_index(id, groups, 64u);
  if (i >= params.count) { return; }
  let k = vec2<u32>(key[params.key_offset], key[params.key_offset + 1u]);
  let words = philox(k, vec4<u32>(i, 0u, SPLIT, 0u));
  keys[2u * i] = words.x;
  keys[2u * i + 1u] = words.y;
}
