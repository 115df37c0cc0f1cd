// Reports the first NaN or Infinity that it meets among the coordinates of points.
//
// shapes: x [count] dense
// access: one invocation per element
#include "grid"
#include "fault"

struct Params {
  count: u32,
  site: u32,
}

@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read_write> faults: array<atomic<u32>>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let i = linear_index(id, groups, 64u);
  if (i >= params.count) { return; }
  // By its bits: WGSL may assume that neither occurs.
  if ((x[i] & 0x7f800000u) == 0x7f800000u) { report_fault(params.site, i32(i), params.count); }
}
