// y[row, e] = OP(word e % 4 of philox(keys[row], (e / 4, 0, 0, stream)))
//
//   bits       the word
//   uniform    low + (word >> 8) 2^-24 width, kept below low + width
//   bernoulli  (word >> 1) < bound, bound = round(p 2^31)
//   integer    base + floor(word bound / 2^32)
//   normal     low + width z, z by the method of Box and Muller from two words
//   truncated  the number below which a normal one lies with probability p = low + u width, and above it
//              with q = top + (1 - u) width: u = ((word >> 8) + 1/2) 2^-24
//
// shapes: keys [rows, 2], y [rows, per_key], both dense; elements are stored as their bits
// access: four neighbouring elements per invocation: one Philox block where rows are whole blocks
// source: quantiles of the normal distribution: M. J. Wichura, Algorithm AS 241 (PPND7), Applied
//         Statistics 37 (1988)
#slot OP = draw_bits // draw_bits | draw_uniform | draw_bernoulli | draw_bernoulli_f32 | draw_integer | draw_normal | draw_truncated
#include "grid"
#include "key_rows"
#include "normal_pair"
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
  // Uniform: the greatest f32 below low + width, since rounding must not reach the excluded end.
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

fn draw_normal(words: vec4<u32>) -> vec4<u32> {
  let z = vec4<f32>(normal_pair(words.x, words.y), normal_pair(words.z, words.w));
  return bitcast<vec4<u32>>(params.low + params.width * z);
}

// z with P(Z < z) = p and P(Z > z) = q: whichever is small is exact, so both tails are.
fn quantile(p: f32, q: f32) -> f32 {
  let from_middle = select(0.5 - q, p - 0.5, p < 0.5);
  if (abs(from_middle) <= 0.425) {
    let r = 0.180625 - from_middle * from_middle;
    let over = 3.3871327179 + r * (50.434271938 + r * (159.29113202 + r * 59.109374720));
    return from_middle * over / (1.0 + r * (17.895169469 + r * (78.757757664 + r * 67.187563600)));
  }
  let tail = sqrt(-log(min(p, q)));
  var size = 0.0;
  if (tail <= 5.0) {
    let r = tail - 1.6;
    let over = 1.4234372777 + r * (2.7568153900 + r * (1.3067284816 + r * 0.17023821103));
    size = over / (1.0 + r * (0.73700164250 + r * 0.12021132975));
  } else {
    let r = tail - 5.0;
    let over = 6.6579051150 + r * (3.0812263860 + r * (0.42868294337 + r * 0.017337203997));
    size = over / (1.0 + r * (0.24197894225 + r * 0.012258202635));
  }
  return select(size, -size, p < 0.5);
}

fn truncated(word: u32) -> f32 {
  let n = f32(word >> 8u);
  let below = (n + 0.5) * 5.9604644775390625e-8;
  let above = (16777215.5 - n) * 5.9604644775390625e-8;
  return quantile(params.low + below * params.width, params.top + above * params.width);
}

fn draw_truncated(words: vec4<u32>) -> vec4<u32> {
  return bitcast<vec4<u32>>(
    vec4<f32>(truncated(words.x), truncated(words.y), truncated(words.z), truncated(words.w)));
}

fn of_block(words: vec4<u32>) -> vec4<u32> { return OP(words); }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = linear_index(id, groups, 64u);
  if (item >= params.count) { return; }
  y[item] = drawn(item);
}
