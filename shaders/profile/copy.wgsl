// y[i] = x[i]: how many bytes memory gives and takes in a time
//
// shapes: x, y dense, count vec4s
// access: RUN vec4s in and out per invocation; at each step the invocations of a workgroup have neighbours
#include "grid"
override RUN: u32 = 1; // 1 | 4 | 16

struct Params {
  count: u32,
}

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) id: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let first = linear_group(id, groups) * 64u * RUN + lane;
  for (var step = 0u; step < RUN; step++) {
    let i = first + step * 64u;
    if (i < params.count) { y[i] = x[i]; }
  }
}
