// folded = the first two words of philox(key, (number, 0, 2, 0)): the key of one step, layer or item
//
// shapes: key and folded two words, number one
// access: one invocation; the number is data, so that a step counter on the device can be folded in
#include "philox"

struct Params {
  key_offset: u32,
  number_offset: u32,
}

@group(0) @binding(0) var<storage, read> key: array<u32>;
@group(0) @binding(1) var<storage, read> number: array<u32>;
@group(0) @binding(2) var<storage, read_write> folded: array<u32>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(1)
fn main() {
  let k = vec2<u32>(key[params.key_offset], key[params.key_offset + 1u]);
  let words = philox(k, vec4<u32>(number[params.number_offset], 0u, FOLD_IN, 0u));
  folded[0] = words.x;
  folded[1] = words.y;
}
