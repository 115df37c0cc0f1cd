// The determinant of P^T L U, its sign, and the logarithm of its size
//
// det = (-1)^(rows that moved) Π u_ii; log |det| = Σ log |u_ii|, in runs of 64. A diagonal with a 0 has sign 0
// and log -inf.
//
// shapes: lu [batch, size, size] with strides; pivots [batch, size] dense, numbered from 1; results [batch]
// access: one matrix per invocation
#include "grid"
#include "pointwise"

struct Params {
  batch: u32,
  size: u32,
  offset: u32,
  stride: u32,
  // Between neighbours on the diagonal.
  step: u32,
  // The bits of +infinity.
  infinity: u32,
}

@group(0) @binding(0) var<storage, read> lu: array<f32>;
@group(0) @binding(1) var<storage, read> pivots: array<i32>;
@group(0) @binding(2) var<storage, read_write> det: array<f32>;
@group(0) @binding(3) var<storage, read_write> sign_of: array<f32>;
@group(0) @binding(4) var<storage, read_write> log_of: array<f32>;
@group(0) @binding(5) var<uniform> params: Params;

const RUN = 64u;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let matrix = linear_index(id, groups, 64u);
  if (matrix >= params.batch) { return; }
  var product = 1.0;
  var negative = 0u;
  var zero = false;
  var sum = 0.0;
  var run = 0.0;
  for (var i = 0u; i < params.size; i++) {
    let value = lu[params.offset + matrix * params.stride + i * params.step];
    let bits = bitcast<u32>(value);
    zero = zero || (bits & 0x7fffffffu) == 0u;
    negative ^= bits >> 31u;
    let moved = u32(pivots[matrix * params.size + i]) != i + 1u;
    negative ^= select(0u, 1u, moved);
    product *= select(value, -value, moved);
    run += op_log(abs(value));
    if (i % RUN == RUN - 1u) {
      sum += run;
      run = 0.0;
    }
  }
  det[matrix] = product;
  sign_of[matrix] = select(select(1.0, -1.0, negative == 1u), 0.0, zero);
  log_of[matrix] = select(sum + run, bitcast<f32>(params.infinity | 0x80000000u), zero);
}
