// y[row, e] = OP(word e % 4 of philox(keys[row], (e / 4, 0, 0, stream)))
//
//   bits       the word
//   uniform    low + (word >> 8) 2^-24 width, kept below low + width
//   bernoulli  (word >> 1) < bound, bound = round(p 2^31)
//   integer    base + floor(word bound / 2^32)
//   normal     low + width z, z by the method of Box and Muller from two words:
//              u = ((w0 >> 8) | 1) 2^-24,  t = 2 pi (w1 >> 8) 2^-24,  z = sqrt(-2 ln u) (cos t, sin t)
//
// shapes: keys [rows, 2], y [rows, per_key], both dense; elements are stored as their bits
// access: four neighbouring elements per invocation: one Philox block where rows are whole blocks
// source: G. E. P. Box and M. E. Muller, Ann. Math. Statist. 29 (1958); logarithm after fdlibm e_logf.c.
//         u is odd in units of 2^-24, so it is never 0 or 1 and |z| <= 5.77; the angle is reduced to a
//         quarter turn in integers, so neither depends on a driver's log, sin or cos.
#slot OP = draw_bits // draw_bits | draw_uniform | draw_bernoulli | draw_bernoulli_f32 | draw_integer | draw_normal
#include "grid"
#include "key_rows"
override RAGGED: u32 = 0; // 0 | 1

struct Params {
  count: u32,
  rows: u32,
  per_key: u32,
  stream: u32,
  key_offset: u32,
  bound: u32,
  base: u32,
  low: f32,
  width: f32,
  // The greatest f32 below low + width: rounding must not reach the excluded end.
  top: f32,
}

@group(0) @binding(0) var<storage, read> keys: array<u32>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<u32>>;
@group(0) @binding(2) var<uniform> params: Params;

fn draw_bits(words: vec4<u32>) -> vec4<u32> { return words; }

fn draw_uniform(words: vec4<u32>) -> vec4<u32> {
  let u = vec4<f32>(words >> vec4<u32>(8u)) * 5.9604644775390625e-8;
  return bitcast<vec4<u32>>(min(params.low + u * params.width, vec4<f32>(params.top)));
}

fn draw_bernoulli(words: vec4<u32>) -> vec4<u32> {
  let draws = words >> vec4<u32>(1u);
  let hit = draws < vec4<u32>(params.bound);
  return select(vec4<u32>(0u), vec4<u32>(1u), hit);
}

fn draw_bernoulli_f32(words: vec4<u32>) -> vec4<u32> {
  return draw_bernoulli(words) * 0x3f800000u;
}

fn draw_integer(words: vec4<u32>) -> vec4<u32> {
  return params.base + vec4<u32>(
    multiply_high(words.x, params.bound), multiply_high(words.y, params.bound),
    multiply_high(words.z, params.bound), multiply_high(words.w, params.bound));
}

// ln(n 2^-24) for n from 1 to 2^24 - 1: n = m 2^k with m from sqrt(1/2) to sqrt(2), then
// ln m = f - f^2/2 + s (f^2/2 + R(s^2)) with f = m - 1, s = f / (2 + f).
fn log_fraction(n: u32) -> f32 {
  var k = i32(firstLeadingBit(n));
  var m = f32(n) * bitcast<f32>(u32(127 - k) << 23u);
  if (m > 1.4142135) {
    m *= 0.5;
    k++;
  }
  let e = f32(k - 24);
  let f = m - 1.0;
  let s = f / (2.0 + f);
  let z = s * s;
  let w = z * z;
  let r = z * (0.66666662693 + w * 0.28498786688) + w * (0.40000972152 + w * 0.24279078841);
  let half_square = 0.5 * f * f;
  return s * (half_square + r) + e * 9.0580006145e-6 - half_square + f + e * 0.69313812256;
}

// (cos, sin) of t turns in units of 2^-24.
fn turn(t: u32) -> vec2<f32> {
  let quarter = (t + 0x200000u) >> 22u;
  let a = f32(bitcast<i32>(t - (quarter << 22u))) * 3.7450702e-7;
  let z = a * a;
  let c = 1.0 + z * (-0.5 + z * (0.041666646 + z * (-0.0013887316 + z * 2.4390449e-5)));
  let s = a + a * z * (-0.16666667 + z * (0.008333331 + z * (-0.00019840874 + z * 2.7525562e-6)));
  let swapped = select(vec2<f32>(c, s), vec2<f32>(-s, c), (quarter & 1u) == 1u);
  return select(swapped, -swapped, (quarter & 2u) == 2u);
}

fn normal_pair(radius_word: u32, angle_word: u32) -> vec2<f32> {
  return sqrt(-2.0 * log_fraction((radius_word >> 8u) | 1u)) * turn(angle_word >> 8u);
}

fn draw_normal(words: vec4<u32>) -> vec4<u32> {
  let z = vec4<f32>(normal_pair(words.x, words.y), normal_pair(words.z, words.w));
  return bitcast<vec4<u32>>(params.low + params.width * z);
}

fn of_block(words: vec4<u32>) -> vec4<u32> { return OP(words); }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = linear_index(id, groups, 64u);
  if (item >= params.count) { return; }
  y[item] = drawn(item);
}
