// One pass of a Fourier transform along one dimension, sorted as it goes (Stockham)
//
// y[(i - k) R + k + q p] = sum over r < R of W_R^(q r) W_(p R)^(k r) x[i + r n / R],  k = i mod p
//
// where n is the length, R the radix of this pass, p the product of the radices before it, and
// W_m = e^(-2 pi i / m), or its conjugate. After passes whose radices multiply to n, y is the transform of x.
// All roots of unity are read from one table of the n-th ones, so they carry one rounding each.
// Source: Van Loan, "Computational Frameworks for the Fast Fourier Transform" (1992), section 1.7.
//
// shapes: rows walk the outer shape; x and y have steps of their own along the dimension; table [n]
// access: R elements of a row per invocation, n / R apart; neighbours read neighbours
#include "grid"
#include "strided"
override RANK: u32 = 1; // 1 | 2 | 3 | 8
override RADIX: u32 = 4; // 1 | 2 | 3 | 4 | 5 | 7 | 11 | 13
// 1: x is real, and x_im is not read
override REAL: u32 = 0; // 0 | 1

struct Params {
  outer_shape: array<vec4<u32>, 2>,
  x_strides: array<vec4<u32>, 2>,
  y_strides: array<vec4<u32>, 2>,
  // rows * n / R
  count: u32,
  // n / R
  quotient: u32,
  // p
  before: u32,
  x_re_offset: u32,
  x_im_offset: u32,
  x_step: u32,
  y_offset: u32,
  y_step: u32,
  // -1 for the conjugate roots
  sign: f32,
  scale: f32,
}

@group(0) @binding(0) var<storage, read> x_re: array<f32>;
@group(0) @binding(1) var<storage, read> x_im: array<f32>;
@group(0) @binding(2) var<storage, read> table: array<vec2<f32>>;
@group(0) @binding(3) var<storage, read_write> y_re: array<f32>;
@group(0) @binding(4) var<storage, read_write> y_im: array<f32>;
@group(0) @binding(5) var<uniform> params: Params;

fn times(a: vec2<f32>, b: vec2<f32>) -> vec2<f32> {
  return vec2<f32>(a.x * b.x - a.y * b.y, a.x * b.y + a.y * b.x);
}

fn root(k: u32) -> vec2<f32> {
  let w = table[k];
  return vec2<f32>(w.x, params.sign * w.y);
}

fn element(at: u32) -> vec2<f32> {
  if (REAL == 1u) { return vec2<f32>(x_re[params.x_re_offset + at], 0.0); }
  return vec2<f32>(x_re[params.x_re_offset + at], x_im[params.x_im_offset + at]);
}

fn put(at: u32, value: vec2<f32>) {
  y_re[at] = params.scale * value.x;
  y_im[at] = params.scale * value.y;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = linear_index(id, groups, 64u);
  if (item >= params.count) { return; }
  let i = item % params.quotient;
  var rest = item / params.quotient;
  var from_x = i * params.x_step;
  var to_y = params.y_offset;
  for (var d = RANK; d > 0u; d--) {
    let size = dim_of(params.outer_shape, d - 1u);
    let index = rest % size;
    rest /= size;
    from_x += index * dim_of(params.x_strides, d - 1u);
    to_y += index * dim_of(params.y_strides, d - 1u);
  }
  let k = i % params.before;
  to_y += ((i - k) * RADIX + k) * params.y_step;
  let x_gap = params.quotient * params.x_step;
  let y_gap = params.before * params.y_step;
  // W_(p R)^(k r) is the n-th root number k r n / (p R).
  let turn = k * (params.quotient / params.before);
  if (RADIX == 2u) {
    let a = element(from_x);
    let b = times(element(from_x + x_gap), root(turn));
    put(to_y, a + b);
    put(to_y + y_gap, a - b);
    return;
  }
  if (RADIX == 4u) {
    let a = element(from_x);
    let b = times(element(from_x + x_gap), root(turn));
    let c = times(element(from_x + 2u * x_gap), root(2u * turn));
    let d = times(element(from_x + 3u * x_gap), root(3u * turn));
    let even = a + c;
    let odd = b + d;
    let across = a - c;
    let beside = params.sign * vec2<f32>(b.y - d.y, d.x - b.x);
    put(to_y, even + odd);
    put(to_y + y_gap, across + beside);
    put(to_y + 2u * y_gap, even - odd);
    put(to_y + 3u * y_gap, across - beside);
    return;
  }
  var values: array<vec2<f32>, 13>;
  for (var r = 0u; r < RADIX; r++) {
    values[r] = times(element(from_x + r * x_gap), root(r * turn));
  }
  for (var q = 0u; q < RADIX; q++) {
    var sum = values[0];
    for (var r = 1u; r < RADIX; r++) {
      sum += times(values[r], root((q * r) % RADIX * params.quotient));
    }
    put(to_y + q * y_gap, sum);
  }
}
