// The first element of a diagonal that is small beside the greatest: |r_jj| <= tolerance max_i |r_ii|
//
// shapes: r [batch, size, size] with strides; info [batch]: its number, from 1, or 0 where there is none
// access: one matrix per invocation
#include "grid"
#include "bits"

struct Params {
  batch: u32,
  size: u32,
  offset: u32,
  stride: u32,
  // Between neighbours on the diagonal.
  step: u32,
  tolerance: f32,
}

@group(0) @binding(0) var<storage, read> r: array<f32>;
@group(0) @binding(1) var<storage, read_write> info: array<i32>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let matrix = linear_index(id, groups, 64u);
  if (matrix >= params.batch) { return; }
  let at = params.offset + matrix * params.stride;
  var largest = 0.0;
  for (var i = 0u; i < params.size; i++) { largest = max(largest, abs(r[at + i * params.step])); }
  var found = 0;
  for (var i = params.size; i > 0u; i--) {
    let value = r[at + (i - 1u) * params.step];
    if (is_nan(value) || abs(value) <= params.tolerance * largest) { found = i32(i); }
  }
  info[matrix] = found;
}
