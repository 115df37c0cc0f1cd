// peak[b, i] = max over j of |x[b, i, j]|, as bits
//
// The bits of non-negative floats are ordered as the floats are, with infinity and NaN above all numbers: so
// one maximum also tells whether a row is finite.
//
// shapes: x [rows, cols] dense; peaks [rows]
// access: one invocation per row
#include "grid"
override WG: u32 = 32; // 1 | 32

struct Params {
  rows: u32,
  cols: u32,
}

@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read_write> peaks: array<u32>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(WG)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let row = linear_index(id, groups, WG);
  if (row >= params.rows) { return; }
  let base = row * params.cols;
  var peak = 0u;
  for (var c = 0u; c < params.cols; c++) { peak = max(peak, x[base + c] & 0x7fffffffu); }
  peaks[row] = peak;
}
