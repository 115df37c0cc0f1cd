// The functions of the pointwise operations, one element each; the includes pointwise_* hold more.
// Transcendental functions are written so that drivers with weak built-ins agree: log1p and expm1 without
// cancellation, erf by rational approximation. A NaN that a driver's exp or pow would lose is returned by its
// bits. The including kernel has a parameter `infinity` with the bits of +infinity, which WGSL has no literal
// for.
#include "quarter_turns"
#include "bits"
#include "squash"

fn op_id(x: f32) -> f32 { return x; }
fn op_id_i32(x: i32) -> i32 { return x; }
fn op_id_u32(x: u32) -> u32 { return x; }
fn op_truth(x: f32) -> u32 { return select(0u, 1u, (bitcast<u32>(x) & 0x7fffffffu) != 0u); }
fn op_truth_i32(x: i32) -> u32 { return select(0u, 1u, x != 0); }
fn op_truth_u32(x: u32) -> u32 { return select(0u, 1u, x != 0u); }
fn op_not_u32(x: u32) -> u32 { return 1u - x; }
// Conversions; those from floating point truncate towards zero and saturate.
fn op_to_i32(x: f32) -> i32 { return i32(x); }
fn op_to_u32(x: f32) -> u32 { return u32(x); }
fn op_to_f32_i32(x: i32) -> f32 { return f32(x); }
fn op_to_u32_i32(x: i32) -> u32 { return u32(x); }
fn op_to_f32_u32(x: u32) -> f32 { return f32(x); }
fn op_to_i32_u32(x: u32) -> i32 { return i32(x); }
fn op_where(condition: u32, a: f32, b: f32) -> f32 { return select(b, a, condition != 0u); }
fn op_where_i32(condition: u32, a: i32, b: i32) -> i32 { return select(b, a, condition != 0u); }
fn op_where_u32(condition: u32, a: u32, b: u32) -> u32 { return select(b, a, condition != 0u); }

fn op_neg(x: f32) -> f32 { return -x; }
fn op_neg_i32(x: i32) -> i32 { return -x; }
fn op_abs(x: f32) -> f32 { return abs(x); }
fn op_abs_i32(x: i32) -> i32 { return abs(x); }
fn op_sign(x: f32) -> f32 { return sign(x); }
fn op_sign_i32(x: i32) -> i32 { return sign(x); }
fn op_floor(x: f32) -> f32 { return floor(x); }
fn op_ceil(x: f32) -> f32 { return ceil(x); }
fn op_round(x: f32) -> f32 { return round(x); }
fn op_trunc(x: f32) -> f32 { return trunc(x); }
fn op_frac(x: f32) -> f32 { return x - trunc(x); }

fn op_exp(x: f32) -> f32 { return select(exp(x), x, is_nan(x)); }
// Built-in log gives finite values for 0 and below on some drivers.
fn op_log(x: f32) -> f32 {
  if (x > 0.0) { return log(x); }
  return bitcast<f32>(params.infinity | select(0x400000u, 0x80000000u, x == 0.0));
}
fn op_sqrt(x: f32) -> f32 { return sqrt(x); }
fn op_rsqrt(x: f32) -> f32 { return 1.0 / sqrt(x); }
fn op_square(x: f32) -> f32 { return x * x; }
fn op_square_i32(x: i32) -> i32 { return x * x; }
fn op_reciprocal(x: f32) -> f32 { return 1.0 / x; }

// (exp(x) - 1): below 0.35 by its Taylor series, whose first neglected term is under 1e-8 relative.
fn op_expm1(x: f32) -> f32 {
  if (abs(x) > 0.35) { return exp(x) - 1.0; }
  return x * (1.0 + x * (0.5 + x * (0.16666667 + x * (0.041666668 + x * (0.008333334 + x * (0.0013888889 + x * 0.00019841270))))));
}

// log(1 + x) as 2 atanh(x / (2 + x)) near zero, where log(1 + x) would lose the low bits of x.
fn op_log1p(x: f32) -> f32 {
  if (abs(x) > 0.35) { return op_log(1.0 + x); }
  let s = x / (2.0 + x);
  let z = s * s;
  return 2.0 * s * (1.0 + z * (0.33333334 + z * (0.2 + z * (0.14285715 + z * (0.11111111 + z * 0.09090909)))));
}

// Cody-Waite reduction by pi/2.
fn sin_cos(x: f32, quarter: i32) -> f32 {
  let n = round(x * 0.63661975);
  let r = ((x - n * 1.5703125) - n * 0.00048351288) - n * 3.1385570e-7 - n * 6.0771005e-11;
  let k = (i32(n) + quarter) & 3;
  let value = select(sin_quarter(r), cos_quarter(r), (k & 1) == 1);
  return select(value, -value, k >= 2);
}
fn op_sin(x: f32) -> f32 { return sin_cos(x, 0); }
fn op_cos(x: f32) -> f32 { return sin_cos(x, 1); }

fn op_relu(x: f32) -> f32 { return select(x, 0.0, x < 0.0); }
fn op_softplus(x: f32) -> f32 {
  let y = max(x, 0.0) + op_log1p(exp(-abs(x)));
  return select(y, x, is_nan(x));
}
fn op_silu(x: f32) -> f32 { return x * op_sigmoid(x); }

// erf after W. J. Cody's scheme in single precision: three ranges, rational in x^2, x - 1 and 1 / x^2
// (coefficients of the freely distributable Sun Microsystems fdlibm, s_erf).
fn op_erf(x: f32) -> f32 {
  let a = abs(x);
  if (a < 0.84375) {
    let z = x * x;
    let p = 0.12837917 + z * (-0.32504210 + z * (-0.028481749 + z * (-0.0057702702 + z * -2.3763017e-5)));
    let q = 1.0 + z * (0.39791722 + z * (0.065022252 + z * (0.0050813062 + z * (0.00013249474 + z * -3.9602283e-6))));
    return x + x * (p / q);
  }
  var y = 1.0;
  if (a < 1.25) {
    let s = a - 1.0;
    let p = -0.0023621186 + s * (0.41485611 + s * (-0.37220788 + s * (0.31834662 + s * (-0.11089469 + s * (0.035478305 + s * -0.0021663755)))));
    let q = 1.0 + s * (0.10642088 + s * (0.54039794 + s * (0.071828656 + s * (0.12617122 + s * (0.013637084 + s * 0.0119845)))));
    y = 0.84506291 + p / q;
  } else if (a < 4.0) {
    let s = 1.0 / (a * a);
    let p = -0.0098649440 + s * (-0.69385856 + s * (-10.558626 + s * (-62.375332 + s * (-162.39667 + s * (-184.60509 + s * (-81.287437 + s * -9.8143291))))));
    let q = 1.0 + s * (19.651272 + s * (137.65776 + s * (434.56589 + s * (645.38727 + s * (429.00815 + s * (108.635 + s * (6.5702496 + s * -0.060424414)))))));
    y = 1.0 - exp(-a * a - 0.5625 + p / q) / a;
  }
  return select(select(y, -y, x < 0.0), x, is_nan(x));
}

fn op_gelu(x: f32) -> f32 { return 0.5 * x * (1.0 + op_erf(x * 0.70710678)); }
fn op_gelu_tanh(x: f32) -> f32 {
  return 0.5 * x * (1.0 + op_tanh(0.79788456 * (x + 0.044715 * x * x * x)));
}

// Two operands.
fn op_add(a: f32, b: f32) -> f32 { return a + b; }
fn op_add_i32(a: i32, b: i32) -> i32 { return a + b; }
fn op_add_u32(a: u32, b: u32) -> u32 { return a + b; }
fn op_sub(a: f32, b: f32) -> f32 { return a - b; }
fn op_sub_i32(a: i32, b: i32) -> i32 { return a - b; }
fn op_sub_u32(a: u32, b: u32) -> u32 { return a - b; }
fn op_mul(a: f32, b: f32) -> f32 { return a * b; }
fn op_mul_i32(a: i32, b: i32) -> i32 { return a * b; }
fn op_mul_u32(a: u32, b: u32) -> u32 { return a * b; }
fn op_div(a: f32, b: f32) -> f32 { return a / b; }
fn op_max(a: f32, b: f32) -> f32 { return select(a, b, b > a || is_nan(b)); }
fn op_max_i32(a: i32, b: i32) -> i32 { return max(a, b); }
fn op_max_u32(a: u32, b: u32) -> u32 { return max(a, b); }
fn op_min(a: f32, b: f32) -> f32 { return select(a, b, b < a || is_nan(b)); }
fn op_min_i32(a: i32, b: i32) -> i32 { return min(a, b); }
fn op_min_u32(a: u32, b: u32) -> u32 { return min(a, b); }

fn op_heaviside(x: f32, at_zero: f32) -> f32 {
  return select(select(0.0, 1.0, x > 0.0), at_zero, x == 0.0);
}

// a^b for real b: WGSL's pow is undefined for a < 0, so the sign is taken from the parity of a whole b;
// small whole exponents are multiplied out, which is exact where the product is.
fn op_pow(a: f32, b: f32) -> f32 {
  if (b == 0.0) { return 1.0; }
  if (is_nan(b)) { return select(b, 1.0, a == 1.0); }
  if (b == 1.0 || is_nan(a)) { return a; }
  if (b == 2.0) { return a * a; }
  if (b == 3.0) { return a * a * a; }
  if (b == -1.0) { return 1.0 / a; }
  if (b == 0.5) { return sqrt(a); }
  let whole = floor(b) == b;
  if (a == 0.0) { return select(bitcast<f32>(params.infinity), 0.0, b > 0.0); }
  if (a < 0.0 && !whole) { return bitcast<f32>(params.infinity | 0x400000u); }
  let size = pow(abs(a), b);
  let odd = abs(b - 2.0 * floor(b * 0.5)) == 1.0;
  return select(size, -size, a < 0.0 && odd);
}

fn op_eq(a: f32, b: f32) -> u32 { return select(0u, 1u, a == b); }
fn op_eq_i32(a: i32, b: i32) -> u32 { return select(0u, 1u, a == b); }
fn op_eq_u32(a: u32, b: u32) -> u32 { return select(0u, 1u, a == b); }
// Not from !=, which drivers take for the ordered comparison: a NaN differs from all, itself too.
fn op_ne(a: f32, b: f32) -> u32 { return 1u - op_eq(a, b); }
fn op_ne_i32(a: i32, b: i32) -> u32 { return select(0u, 1u, a != b); }
fn op_ne_u32(a: u32, b: u32) -> u32 { return select(0u, 1u, a != b); }
fn op_lt(a: f32, b: f32) -> u32 { return select(0u, 1u, a < b); }
fn op_lt_i32(a: i32, b: i32) -> u32 { return select(0u, 1u, a < b); }
fn op_lt_u32(a: u32, b: u32) -> u32 { return select(0u, 1u, a < b); }
fn op_le(a: f32, b: f32) -> u32 { return select(0u, 1u, a <= b); }
fn op_le_i32(a: i32, b: i32) -> u32 { return select(0u, 1u, a <= b); }
fn op_le_u32(a: u32, b: u32) -> u32 { return select(0u, 1u, a <= b); }
fn op_and_u32(a: u32, b: u32) -> u32 { return a & b; }
fn op_or_u32(a: u32, b: u32) -> u32 { return a | b; }

// Cotangent times derivative, where that is cheaper in one pass: (cotangent, input or output).
fn op_tanh_vjp(g: f32, y: f32) -> f32 { return g * (1.0 - y * y); }
fn op_sigmoid_vjp(g: f32, y: f32) -> f32 { return g * y * (1.0 - y); }
fn op_relu_vjp(g: f32, x: f32) -> f32 { return select(0.0, g, x > 0.0); }
fn op_silu_vjp(g: f32, x: f32) -> f32 {
  let s = op_sigmoid(x);
  return g * s * (1.0 + x * (1.0 - s));
}
fn op_gelu_vjp(g: f32, x: f32) -> f32 {
  let cdf = 0.5 * (1.0 + op_erf(x * 0.70710678));
  return g * (cdf + x * 0.39894228 * exp(-0.5 * x * x));
}
fn op_gelu_tanh_vjp(g: f32, x: f32) -> f32 {
  let t = op_tanh(0.79788456 * (x + 0.044715 * x * x * x));
  let slope = 0.79788456 * (1.0 + 0.134145 * x * x);
  return g * (0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * slope);
}

// Three operands.
fn op_clamp(x: f32, low: f32, high: f32) -> f32 { return select(select(x, low, x < low), high, x > high); }
fn op_clamp_i32(x: i32, low: i32, high: i32) -> i32 { return clamp(x, low, high); }
fn op_clamp_u32(x: u32, low: u32, high: u32) -> u32 { return clamp(x, low, high); }
fn op_addcmul(a: f32, b: f32, c: f32) -> f32 { return a + b * c; }
fn op_addcmul_i32(a: i32, b: i32, c: i32) -> i32 { return a + b * c; }
fn op_addcmul_u32(a: u32, b: u32, c: u32) -> u32 { return a + b * c; }
fn op_addcdiv(a: f32, b: f32, c: f32) -> f32 { return a + b / c; }
fn op_lerp(a: f32, b: f32, t: f32) -> f32 { return a + t * (b - a); }
