// y[row, e] = a count distributed as Poisson(rate[row, e]), drawn by rejection from the key of the row
//
//   rate < 10   the number of uniforms, less one, whose product stays above e^-rate; of 64 at most, which
//               a rate of 10 exceeds once in 10^29 draws (D. E. Knuth, The Art of Computer Programming 2)
//   else        transformed rejection (PTRS). A round accepts with probability > 0.9, so the bound of
//               ROUNDS is met once in 10^32 draws; then the count is the mean, rounded down.
//
// Round r of element e takes the block (e, r, POISSON, stream). A rate that is NaN or negative gives -1;
// one above 2^30 counts as 2^30.
//
// shapes: keys [rows, 2], rate and y [rows, per_key], all dense
// access: one element per invocation
// source: W. Hormann, The transformed rejection method for generating Poisson random variables, Insurance:
//         Mathematics and Economics 12 (1993); the logarithm of the mass in the form of C. Loader, Fast and
//         accurate computation of binomial probabilities (2000), where no two large numbers cancel
#include "grid"
#include "bits"
#include "philox"
#include "normal_pair"
#include "deviance"
const ROUNDS = 32u;

struct Params {
  count: u32,
  per_key: u32,
  stream: u32,
  key_offset: u32,
}

@group(0) @binding(0) var<storage, read> keys: array<u32>;
@group(0) @binding(1) var<storage, read> rates: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<i32>;
@group(0) @binding(3) var<uniform> params: Params;

// ln(m^k e^-m / k!)
fn log_mass(k: f32, m: f32) -> f32 {
  if (k == 0.0) { return -m; }
  return -stirling_rest(k) - deviance(k, m) - 0.5 * log(6.2831855 * k);
}

fn small(key: vec2<u32>, e: u32, rate: f32) -> i32 {
  var log_product = 0.0;
  for (var round = 0u; round < 16u; round++) {
    let words = philox(key, vec4<u32>(e, round, POISSON, params.stream));
    for (var i = 0u; i < 4u; i++) {
      log_product += log_fraction((words[i] >> 8u) | 1u);
      if (log_product < -rate) { return i32(4u * round + i); }
    }
  }
  return 64;
}

fn large(key: vec2<u32>, e: u32, rate: f32) -> i32 {
  let b = 0.931 + 2.53 * sqrt(rate);
  let a = -0.059 + 0.02483 * b;
  let inverse_alpha = 1.1239 + 1.1328 / (b - 3.4);
  let v_r = 0.9277 - 3.6224 / (b - 2.0);
  for (var round = 0u; round < ROUNDS; round++) {
    let words = philox(key, vec4<u32>(e, round, POISSON, params.stream));
    let u = (f32(words.x >> 8u) + 0.5) * 5.9604644775390625e-8 - 0.5;
    let v_word = (words.y >> 8u) | 1u;
    let v = f32(v_word) * 5.9604644775390625e-8;
    let us = 0.5 - abs(u);
    let k = floor((2.0 * a / us + b) * u + rate + 0.43);
    if (us >= 0.07 && v <= v_r) { return i32(k); }
    if (k < 0.0 || k > 2.1e9 || (us < 0.013 && v > us)) { continue; }
    if (log_fraction(v_word) + log(inverse_alpha / (a / (us * us) + b)) <= log_mass(k, rate)) {
      return i32(k);
    }
  }
  return i32(rate);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = linear_index(id, groups, 64u);
  if (item >= params.count) { return; }
  let row = item / params.per_key;
  let e = item - row * params.per_key;
  let at = params.key_offset + 2u * row;
  let key = vec2<u32>(keys[at], keys[at + 1u]);
  let rate = min(rates[item], 1073741824.0);
  if (is_nan(rates[item]) || rates[item] < 0.0) {
    y[item] = -1;
  } else if (rate < 10.0) {
    y[item] = small(key, e, rate);
  } else {
    y[item] = large(key, e, rate);
  }
}
