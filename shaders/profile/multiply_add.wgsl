// y[i] = CHAINS sums of four lanes, each of which went through a = a m + c for 4 rounds times
//
// The most arithmetic that an adapter does in a time: all operands are in registers, and the chains do not
// depend on each other, so that one can begin before another ends. m and c are data, which no compiler folds;
// with m below 1 the values tend to c / (1 - m), and stay away from infinity and from subnormal numbers.
//
// shapes: y one f32 per invocation
// access: nothing but y; 2 * 4 * CHAINS * 4 rounds operations per invocation
#include "grid"
override CHAINS: u32 = 4; // 1 | 2 | 4 | 8

struct Params {
  rounds: u32,
  m: f32,
  c: f32,
}

@group(0) @binding(0) var<storage, read_write> y: array<f32>;
@group(0) @binding(1) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let i = linear_index(id, groups, 64u);
  let m = vec4f(params.m);
  let c = vec4f(params.c);
  var a0 = vec4f(f32(i & 63u), 1.0, 2.0, 3.0);
  var a1 = a0 + 1.0;
  var a2 = a0 + 2.0;
  var a3 = a0 + 3.0;
  var a4 = a0 + 4.0;
  var a5 = a0 + 5.0;
  var a6 = a0 + 6.0;
  var a7 = a0 + 7.0;
  for (var round = 0u; round < params.rounds; round++) {
    a0 = a0 * m + c;
    if (CHAINS > 1u) { a1 = a1 * m + c; }
    if (CHAINS > 2u) { a2 = a2 * m + c; a3 = a3 * m + c; }
    if (CHAINS > 4u) { a4 = a4 * m + c; a5 = a5 * m + c; a6 = a6 * m + c; a7 = a7 * m + c; }
    a0 = a0 * m + c;
    if (CHAINS > 1u) { a1 = a1 * m + c; }
    if (CHAINS > 2u) { a2 = a2 * m + c; a3 = a3 * m + c; }
    if (CHAINS > 4u) { a4 = a4 * m + c; a5 = a5 * m + c; a6 = a6 * m + c; a7 = a7 * m + c; }
    a0 = a0 * m + c;
    if (CHAINS > 1u) { a1 = a1 * m + c; }
    if (CHAINS > 2u) { a2 = a2 * m + c; a3 = a3 * m + c; }
    if (CHAINS > 4u) { a4 = a4 * m + c; a5 = a5 * m + c; a6 = a6 * m + c; a7 = a7 * m + c; }
    a0 = a0 * m + c;
    if (CHAINS > 1u) { a1 = a1 * m + c; }
    if (CHAINS > 2u) { a2 = a2 * m + c; a3 = a3 * m + c; }
    if (CHAINS > 4u) { a4 = a4 * m + c; a5 = a5 * m + c; a6 = a6 * m + c; a7 = a7 * m + c; }
  }
  let sum = ((a0 + a1) + (a2 + a3)) + ((a4 + a5) + (a6 + a7));
  y[i] = dot(sum, vec4f(1.0));
}
