// y[row, e] = ln g, g distributed as Gamma(alpha[row, e], 1), drawn by rejection from the key of the row
//
// With a = alpha (alpha + 1 where alpha < 1), d = a - 1/3, c = 1 / sqrt(9 d): a normal z and a uniform u give
// v = (1 + c z)^3; d v is accepted if v > 0 and ln u < z^2 / 2 + d (1 - v + ln v). Where alpha < 1 it is
// multiplied by a further u^(1/alpha); the logarithm of that does not underflow.
//
// Round r of element e takes the block (e, r, GAMMA, stream). A round accepts with probability > 0.95, so
// the bound of ROUNDS is met once in 10^40 draws; then the value is that of z = 0. alpha that is not
// finite or not above 0 gives NaN.
//
// shapes: keys [rows, 2], alpha and y [rows, per_key], all dense
// access: one element per invocation
// source: G. Marsaglia and W. W. Tsang, A simple method for generating gamma variables, ACM TOMS 26 (2000)
#include "grid"
#include "bits"
#include "philox"
#include "normal_pair"
const ROUNDS = 32u;

struct Params {
  count: u32,
  per_key: u32,
  stream: u32,
  key_offset: u32,
  infinity: u32,
}

@group(0) @binding(0) var<storage, read> keys: array<u32>;
@group(0) @binding(1) var<storage, read> alpha: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = linear_index(id, groups, 64u);
  if (item >= params.count) { return; }
  let row = item / params.per_key;
  let e = item - row * params.per_key;
  let at = params.key_offset + 2u * row;
  let key = vec2<u32>(keys[at], keys[at + 1u]);
  let shape = alpha[item];
  if (!is_finite(shape) || shape <= 0.0) {
    y[item] = bitcast<f32>(params.infinity | 0x400000u);
    return;
  }
  let boosted = shape < 1.0;
  let d = select(shape, shape + 1.0, boosted) - 0.33333334;
  let c = 1.0 / sqrt(9.0 * d);
  var log_v = 0.0;
  var log_boost = 0.0;
  for (var round = 0u; round < ROUNDS; round++) {
    let words = philox(key, vec4<u32>(e, round, GAMMA, params.stream));
    if (round == 0u) { log_boost = log_fraction((words.w >> 8u) | 1u); }
    let z = normal_pair(words.x, words.y).x;
    let w = 1.0 + c * z;
    if (w > 0.0) {
      let candidate = 3.0 * log(w);
      if (log_fraction((words.z >> 8u) | 1u) < 0.5 * z * z + d * (1.0 - w * w * w + candidate)) {
        log_v = candidate;
        break;
      }
    }
  }
  y[item] = log(d) + log_v + select(0.0, log_boost / shape, boosted);
}
