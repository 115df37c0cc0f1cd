// y = x, whose words hold PER_WORD elements each, one element to a word: bf16 as f32, i8 and i4 as i32
//
// shapes: x and y of one shape, dense; count is the number of vec4s of y
// access: four elements per invocation, of two words (bf16), one (i8) or half of one (i4)
#slot UNPACK = unpack_bf16 // unpack_bf16 | unpack_i8 | unpack_i4
#include "grid"

struct Params {
  count: u32,
}

@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<u32>>;
@group(0) @binding(2) var<uniform> params: Params;

fn unpack_bf16(i: u32) -> vec4<u32> {
  let low = x[2u * i];
  let high = x[2u * i + 1u];
  return vec4<u32>(low << 16u, low & 0xffff0000u, high << 16u, high & 0xffff0000u);
}

// The sign bit of a few bits becomes that of 32, and comes down again.
fn signed_fields(word: u32, shifts: vec4<u32>, down: u32) -> vec4<u32> {
  let up = bitcast<vec4<i32>>(vec4<u32>(word) << shifts);
  return bitcast<vec4<u32>>(up >> vec4<u32>(down));
}

fn unpack_i8(i: u32) -> vec4<u32> {
  return signed_fields(x[i], vec4<u32>(24u, 16u, 8u, 0u), 24u);
}

fn unpack_i4(i: u32) -> vec4<u32> {
  let half = x[i >> 1u] >> (16u * (i & 1u));
  return signed_fields(half, vec4<u32>(28u, 24u, 20u, 16u), 28u);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let i = linear_index(id, groups, 64u);
  if (i >= params.count) { return; }
  y[i] = UNPACK(i);
}
