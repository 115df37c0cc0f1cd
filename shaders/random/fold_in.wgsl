// folded[i] = the first two words of philox(keys[i], (number[i], 0, 2, 0)): the key of one step, layer or
// item
//
// shapes: keys and folded [count, 2], number [count], all dense
// access: one key per invocation; the number is data, so that a step counter on the device can be folded in
#include "grid"
#include "philox"

struct Params {
  count: u32,
  key_offset: u32,
  number_offset: u32,
}

@group(0) @binding(0) var<storage, read> keys: array<u32>;
@group(0) @binding(1) var<storage, read> number: array<u32>;
@group(0) @binding(2) var<storage, read_write> folded: array<u32>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let i = linear_index(id, groups, 64u);
  if (i >= params.count) { return; }
  let at = params.key_offset + 2u * i;
  let key = vec2<u32>(keys[at], keys[at + 1u]);
  let words = philox(key, vec4<u32>(number[params.number_offset + i], 0u, FOLD_IN, 0u));
  folded[2u * i] = words.x;
  folded[2u * i + 1u] = words.y;
}
