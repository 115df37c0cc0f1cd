// Trigonometric and hyperbolic functions and their inverses: polynomials fitted on a short range for the
// least greatest relative error, and the identities that reduce arguments to it.

fn op_tan(x: f32) -> f32 {
  let n = round(x * 0.63661975);
  let r = ((x - n * 1.5703125) - n * 0.00048351288) - n * 3.1385570e-7 - n * 6.0771005e-11;
  let z = r * r;
  let value = r + r * z * (0.33333138 + z * (0.13339236 + z * (0.05337825 + z * (0.024539033 + z * (0.0029570761 + z * 0.0094759446)))));
  return select(value, -1.0 / value, (i32(n) & 1) == 1);
}

// asin(x) for |x| <= 1/2, to 5e-9.
fn asin_half(x: f32) -> f32 {
  let z = x * x;
  return x + x * z * (0.16666754 + z * (0.074952416 + z * (0.045477096 + z * (0.024147613 + z * 0.042218547))));
}

// Near 1 through the half angle: acos(a) = 2 asin(sqrt((1 - a) / 2)).
fn op_asin(x: f32) -> f32 {
  let a = abs(x);
  if (a <= 0.5 || is_nan(x)) { return asin_half(x); }
  if (a > 1.0) { return bitcast<f32>(params.infinity | 0x400000u); }
  let y = 1.5707964 - 2.0 * asin_half(sqrt(0.5 - 0.5 * a));
  return select(y, -y, x < 0.0);
}

fn op_acos(x: f32) -> f32 {
  let a = abs(x);
  if (a <= 0.5 || is_nan(x)) { return 1.5707964 - (asin_half(x) + 4.371139e-8); }
  if (a > 1.0) { return bitcast<f32>(params.infinity | 0x400000u); }
  let y = 2.0 * asin_half(sqrt(0.5 - 0.5 * a));
  return select(y, 3.1415927 - (y + 8.742278e-8), x < 0.0);
}

// atan(q) for q from 0 to 1; above tan(pi / 8) around pi / 4.
fn atan_unit(q: f32) -> f32 {
  let upper = q > 0.41421357;
  let x = select(q, (q - 1.0) / (q + 1.0), upper);
  let z = x * x;
  let y = x + x * z * (-0.33332956 + z * (0.19977926 + z * (-0.13879846 + z * 0.08060298)));
  return select(y, 0.7853982 + y, upper);
}

fn op_atan(x: f32) -> f32 {
  let a = abs(x);
  let y = select(atan_unit(a), 1.5707964 - atan_unit(1.0 / a), a > 1.0);
  return with_sign(y, x);
}

// The angle of the point (x, y), with the sign of y, zeros included.
fn op_atan2(y: f32, x: f32) -> f32 {
  if (is_nan(x) || is_nan(y)) { return bitcast<f32>(params.infinity | 0x400000u); }
  let a = abs(y);
  let b = abs(x);
  var q = min(a, b) / max(a, b);
  if (a == b) { q = select(1.0, 0.0, a == 0.0); }
  var angle = atan_unit(q);
  if (a > b) { angle = 1.5707964 - angle; }
  if ((bitcast<u32>(x) >> 31u) == 1u) { angle = 3.1415927 - angle; }
  return with_sign(angle, y);
}

// The distance of the point (a, b), without overflow or underflow of the squares.
fn op_hypot(a: f32, b: f32) -> f32 {
  if (op_isinf(a) + op_isinf(b) > 0u) { return bitcast<f32>(params.infinity); }
  let long = op_max(abs(a), abs(b));
  if (long == 0.0) { return 0.0; }
  let ratio = op_min(abs(a), abs(b)) / long;
  return long * sqrt(1.0 + ratio * ratio);
}

// (e^x - e^-x) / 2; below 1 by its Taylor series, whose first neglected term is 2.5e-8; near the greatest
// number through the square of e^(x / 2), which does not overflow.
fn op_sinh(x: f32) -> f32 {
  let a = abs(x);
  if (a < 1.0 || is_nan(x)) {
    let z = x * x;
    return x + x * z * (0.16666667 + z * (0.008333334 + z * (0.0001984127 + z * 2.7557319e-6)));
  }
  return with_sign(half_exp(a) - 0.25 / half_exp(a), x);
}

fn op_cosh(x: f32) -> f32 {
  if (is_nan(x)) { return x; }
  let half = half_exp(abs(x));
  return half + 0.25 / half;
}

// e^a / 2 up to where that overflows.
fn half_exp(a: f32) -> f32 {
  if (a < 88.0) { return 0.5 * accurate_exp(a); }
  let root = accurate_exp(0.5 * min(a, 100.0));
  return 0.5 * root * root;
}

// ln(a + sqrt(a^2 + 1)) without cancellation; from 10,000 on ln(2a) to within 3e-9.
fn op_asinh(x: f32) -> f32 {
  if (!is_finite(x)) { return x; }
  let a = abs(x);
  if (a > 10000.0) { return with_sign(accurate_log(a) + 0.6931472, x); }
  return with_sign(op_log1p(a + a * a / (1.0 + sqrt(1.0 + a * a))), x);
}

fn op_acosh(x: f32) -> f32 {
  if (x < 1.0) { return bitcast<f32>(params.infinity | 0x400000u); }
  if (!is_finite(x)) { return x; }
  if (x > 10000.0) { return accurate_log(x) + 0.6931472; }
  let t = x - 1.0;
  return op_log1p(t + sqrt(t * (t + 2.0)));
}

fn op_atanh(x: f32) -> f32 {
  let a = abs(x);
  if (a > 1.0) { return bitcast<f32>(params.infinity | 0x400000u); }
  if (a == 1.0) { return with_sign(bitcast<f32>(params.infinity), x); }
  return with_sign(0.5 * op_log1p(2.0 * a / (1.0 - a)), x);
}

// sin(pi x + quarter pi / 2), reduced exactly.
fn sin_pi(x: f32, quarter: i32) -> f32 {
  let n = round(2.0 * x);
  let r = 3.1415927 * (x - 0.5 * n);
  let k = (i32(n - 4.0 * floor(0.25 * n)) + quarter) & 3;
  let value = select(sin_quarter(r), cos_quarter(r), (k & 1) == 1);
  return select(value, -value, k >= 2);
}

// The n-th derivative of sin(pi x) / (pi x). With z = pi x and S(z) = sin(z) / z: for small z the series of
// S^(n)(z) over z^j / (j! (j + n + 1)), else upwards from n = 0, as z S^(n) + n S^(n-1) = sin(z + n pi / 2).
fn op_sinc_derivative(n: f32, x: f32) -> f32 {
  let z = 3.1415927 * x;
  // No more than 64: what pads a vector may be any n, and the loops would hardly end.
  let order = i32(min(n, 64.0));
  var scale = 1.0;
  for (var m = 0; m < order; m++) { scale *= 3.1415927; }
  if (abs(z) < max(n, 1.0)) {
    let odd = order & 1;
    var j = f32(odd);
    var term = select(1.0, z, odd == 1);
    if ((((order + odd) >> 1u) & 1) == 1) { term = -term; }
    var sum = 0.0;
    for (var i = 0; i < 24; i++) {
      sum += term / (j + n + 1.0);
      term *= -z * z / ((j + 1.0) * (j + 2.0));
      j += 2.0;
      if (abs(term) < 1e-10) { break; }
    }
    return scale * sum;
  }
  if (!is_finite(x)) { return select(0.0, x, is_nan(x)); }
  var value = sin_pi(x, 0) / z;
  for (var m = 1; m <= order; m++) { value = (sin_pi(x, m) - f32(m) * value) / z; }
  return scale * value;
}
