// y[row, e] = a count distributed as Binomial(trials[row, e], p[row, e]), drawn from the key of the row
//
// For p above 1/2 failures are counted. With n trials:
//
//   n p < 10   the gaps between successes are geometric: those that fit into n trials are counted, 64 at
//              most, which a mean of 10 exceeds once in 10^29 draws
//   else       transformed rejection (BTRS). A round accepts with probability > 0.86, so the bound of
//              ROUNDS is met once in 10^27 draws; then the count is the mean, rounded down.
//
// Round r of element e takes the block (e, r, BINOMIAL, stream). trials that are negative, and p that is NaN
// or outside 0 to 1, give -1.
//
// shapes: keys [rows, 2], trials, p and y [rows, per_key], all dense
// access: one element per invocation
// source: W. Hormann, The generation of binomial random variates, J. Statist. Comput. Simulation 46 (1993);
//         L. Devroye, Non-uniform random variate generation (1986), X.4
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
@group(0) @binding(1) var<storage, read> trials: array<i32>;
@group(0) @binding(2) var<storage, read> probability: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<i32>;
@group(0) @binding(4) var<uniform> params: Params;

// ln(n! / (k! (n - k)!) p^k (1 - p)^(n - k))
fn log_mass(k: f32, n: f32, p: f32) -> f32 {
  let rest = n - k;
  if (k == 0.0) { return -deviance(n, n * (1.0 - p)) - n * p; }
  if (rest == 0.0) { return -deviance(n, n * p) - n * (1.0 - p); }
  let corrections = stirling_rest(n) - stirling_rest(k) - stirling_rest(rest);
  let differences = deviance(k, n * p) + deviance(rest, n * (1.0 - p));
  return corrections - differences + 0.5 * log(n / (6.2831855 * k * rest));
}

// ln(1 - p), without the cancellation of small p.
fn log_failure(p: f32) -> f32 {
  if (p > 0.1) { return log(1.0 - p); }
  return -p * (1.0 + p * (0.5 + p * (0.33333334 + p * (0.25 + p * (0.2 + p * 0.16666667)))));
}

fn small(key: vec2<u32>, e: u32, n: f32, p: f32) -> i32 {
  if (p == 0.0) { return 0; }
  let slope = 1.0 / log_failure(p);
  var used = 0.0;
  for (var round = 0u; round < 16u; round++) {
    let words = philox(key, vec4<u32>(e, round, BINOMIAL, params.stream));
    for (var i = 0u; i < 4u; i++) {
      used += floor(log_fraction((words[i] >> 8u) | 1u) * slope) + 1.0;
      if (used > n) { return i32(4u * round + i); }
    }
  }
  return 64;
}

fn large(key: vec2<u32>, e: u32, n: f32, p: f32) -> i32 {
  let spread = sqrt(n * p * (1.0 - p));
  let b = 1.15 + 2.53 * spread;
  let a = -0.0873 + 0.0248 * b + 0.01 * p;
  let v_r = 0.92 - 4.2 / b;
  let alpha = (2.83 + 5.1 / b) * spread;
  let mode_mass = log_mass(floor((n + 1.0) * p), n, p);
  for (var round = 0u; round < ROUNDS; round++) {
    let words = philox(key, vec4<u32>(e, round, BINOMIAL, params.stream));
    let u = (f32(words.x >> 8u) + 0.5) * 5.9604644775390625e-8 - 0.5;
    let v_word = (words.y >> 8u) | 1u;
    let us = 0.5 - abs(u);
    let k = floor((2.0 * a / us + b) * u + n * p + 0.5);
    if (k < 0.0 || k > n) { continue; }
    if (us >= 0.07 && f32(v_word) * 5.9604644775390625e-8 <= v_r) { return i32(k); }
    let height = log_fraction(v_word) + log(alpha / (a / (us * us) + b));
    if (height <= log_mass(k, n, p) - mode_mass) { return i32(k); }
  }
  return i32(n * p);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = linear_index(id, groups, 64u);
  if (item >= params.count) { return; }
  let row = item / params.per_key;
  let e = item - row * params.per_key;
  let at = params.key_offset + 2u * row;
  let key = vec2<u32>(keys[at], keys[at + 1u]);
  let p = probability[item];
  let n = trials[item];
  if (is_nan(p) || p < 0.0 || p > 1.0 || n < 0) {
    y[item] = -1;
    return;
  }
  let flipped = p > 0.5;
  let q = select(p, 1.0 - p, flipped);
  var count = 0;
  if (f32(n) * q < 10.0) {
    count = small(key, e, f32(n), q);
  } else {
    count = large(key, e, f32(n), q);
  }
  count = min(count, n);
  y[item] = select(count, n - count, flipped);
}
