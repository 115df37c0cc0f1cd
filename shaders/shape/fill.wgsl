// y[i] = start + i * step, element by element; step 0 fills with a constant
//
// shapes: y dense, count elements
// access: one element per invocation; the value is data, not a constant of the pipeline
#include "grid"
alias T = f32; // f32 | f16 | i32 | u32

struct Params {
  count: u32,
  start: f32,
  step: f32,
  start_i: i32,
  step_i: i32,
}

@group(0) @binding(0) var<storage, read_write> y: array<T>;
@group(0) @binding(1) var<uniform> params: Params;

fn value_f32(i: u32) -> f32 { return params.start + f32(i) * params.step; }
fn value_i32(i: u32) -> i32 { return params.start_i + i32(i) * params.step_i; }
#slot VALUE = value_f32 // value_f32 | value_i32

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let i = linear_index(id, groups, 64u);
  if (i < params.count) { y[i] = T(VALUE(i)); }
}
