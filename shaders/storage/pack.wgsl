// y = x packed: word i holds the PER_WORD elements from PER_WORD i on, the first in the lowest bits
//
//   bf16   the upper half of an f32, to nearest, ties to even; NaN stays NaN
//   i8, i4 an i32, saturated
//
// shapes: x and y of one shape, dense; size elements
// access: one word per invocation
#slot PACK = pack_bf16 // pack_bf16 | pack_i8 | pack_i4
#include "grid"
override PER_WORD: u32 = 2; // 2 | 4 | 8

struct Params {
  count: u32,
  size: u32,
}

@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read_write> y: array<u32>;
@group(0) @binding(2) var<uniform> params: Params;

fn pack_bf16(bits: u32) -> u32 {
  let rounded = (bits + 0x7fffu + ((bits >> 16u) & 1u)) >> 16u;
  return select(rounded, (bits >> 16u) | 0x40u, (bits & 0x7fffffffu) > 0x7f800000u);
}

fn pack_i8(bits: u32) -> u32 {
  return bitcast<u32>(clamp(bitcast<i32>(bits), -128, 127)) & 0xffu;
}

fn pack_i4(bits: u32) -> u32 {
  return bitcast<u32>(clamp(bitcast<i32>(bits), -8, 7)) & 0xfu;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let i = linear_index(id, groups, 64u);
  if (i >= params.count) { return; }
  let present = min(params.size - i * PER_WORD, PER_WORD);
  var word = 0u;
  for (var k = 0u; k < present; k++) {
    word |= PACK(x[i * PER_WORD + k]) << (k * (32u / PER_WORD));
  }
  y[i] = word;
}
