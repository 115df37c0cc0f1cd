// Special functions. The polynomials were fitted for the least greatest relative error on the range that
// each function states; the identities are those of the NIST Handbook of Mathematical Functions (DLMF).

// 1 - erf(x) without cancellation: e^(-x^2) t P(t) with t = 1 / (1 + 0.4 x), P fitted to 2e-9 for x from 0.5
// to 10.5. The leading 12 bits of x square exactly, so that the exponential keeps its relative accuracy.
fn op_erfc(x: f32) -> f32 {
  if (is_nan(x)) { return x; }
  if (x < 0.5) { return 1.0 - op_erf(x); }
  let t = 1.0 / (1.0 + 0.4 * x);
  let p = 0.225688 + t * (0.22537126 + t * (0.21092919 + t * (0.1510913 + t * (0.20061359 + t * (-0.13042428 + t * (0.33299318 + t * (-0.3122539 + t * (0.10587277 + t * -0.0098737804))))))));
  let head = bitcast<f32>(bitcast<u32>(min(x, 11.0)) & 0xfffff000u);
  let rest = (head - min(x, 11.0)) * (head + min(x, 11.0));
  return accurate_exp(-head * head) * accurate_exp(rest) * t * p;
}

// x P(w) with w = -ln(1 - x^2), as M. Giles (GPU Computing Gems, 2011) chose it: (1 - x)(1 + x) is exact
// where it matters. Two ranges of w, each to 2e-8.
fn op_erfinv(x: f32) -> f32 {
  let a = abs(x);
  if (a > 1.0) { return bitcast<f32>(params.infinity | 0x400000u); }
  if (a == 1.0) { return with_sign(bitcast<f32>(params.infinity), x); }
  if (is_nan(x)) { return x; }
  let w = -accurate_log((1.0 - a) * (1.0 + a));
  if (w < 5.0) {
    let v = w - 2.5;
    return x * (1.5014094 + v * (0.24664028 + v * (-0.0041773869 + v * (-0.0012527419 + v * (0.00021834445 + v * (-4.9633477e-6 + v * (-3.4627049e-6 + v * (4.6617066e-7 + v * (2.3232643e-8 + v * -8.7910559e-9)))))))));
  }
  let v = sqrt(w) - 3.0;
  return x * (2.8329768 + v * (1.0016748 + v * (0.0094443867 + v * (-0.007635037 + v * (0.0056945165 + v * (-0.0036079343 + v * (0.0014656833 + v * (-3.6207945e-5 + v * (-0.00029417538 + v * 0.00010098751)))))))));
}

// ln Gamma(x) / ((x - 1)(x - 2)) at x = 1.5 + v from 1 to 2: what remains without the roots.
fn lgamma_first(v: f32) -> f32 {
  return 0.48312897 + v * (-0.14595991 + v * (0.062911049 + v * (-0.031307712 + v * (0.016808221 + v * (-0.0094404947 + v * (0.0053251889 + v * (-0.0030945498 + v * (0.0024483679 + v * -0.001564358))))))));
}

// The same at x = 2.5 + v from 2 to 3.
fn lgamma_second(v: f32) -> f32 {
  return 0.37957716 + v * (-0.074663572 + v * (0.019905277 + v * (-0.0060188938 + v * (0.0019466174 + v * (-0.00065710669 + v * (0.00024442477 + v * -8.837930e-5))))));
}

// ln Gamma(x) for x > 0: by Stirling's series from 8 on, else by recurrence to [1, 3). Below 1 the factors
// of ln Gamma(x + 1) are taken before x + 1 is rounded.
fn lgamma_positive(x: f32) -> f32 {
  if (x < 1.0) { return x * (x - 1.0) * lgamma_first(x - 0.5) - accurate_log(x); }
  if (x < 2.0) { return (x - 1.0) * (x - 2.0) * lgamma_first(x - 1.5); }
  if (x < 8.0) {
    var y = x;
    var product = 1.0;
    for (; y >= 3.0;) {
      y -= 1.0;
      product *= y;
    }
    return (y - 1.0) * (y - 2.0) * lgamma_second(y - 2.5) + accurate_log(product);
  }
  let r = 1.0 / x;
  let tail = 0.9189385 + r * (0.083333336 - r * r * (0.0027777778 - r * r * 0.0007936508));
  return (x - 0.5) * (accurate_log(x) - 1.0) + (tail - 0.5);
}

// ln |Gamma(x)|; for x < 0 by reflection, Gamma(x) Gamma(1 - x) = pi / sin(pi x); infinite at the poles.
fn op_lgamma(x: f32) -> f32 {
  if (is_nan(x)) { return x; }
  if (!is_finite(x)) { return bitcast<f32>(params.infinity); }
  if (x > 0.0) { return lgamma_positive(x); }
  if (floor(x) == x) { return bitcast<f32>(params.infinity); }
  return accurate_log(3.1415927 / abs(sin_pi(x, 0))) - lgamma_positive(1.0 - x);
}

// d/dx ln Gamma(x) for x > 0. On [1, 2] it is (x - root) P(x), the root 1.4616321... in two parts, which are
// subtracted apart because compilers add constants up; from 6 on its asymptotic series; between by recurrence.
fn digamma_positive(x: f32) -> f32 {
  if (x >= 6.0) {
    let r = 1.0 / x;
    let z = r * r;
    return accurate_log(x) - 0.5 * r - z * (0.083333336 - z * (0.008333334 - z * 0.003968254));
  }
  var y = x;
  var shift = 0.0;
  if (y < 1.0) {
    shift = -1.0 / y;
    y += 1.0;
  }
  for (; y > 2.0;) {
    y -= 1.0;
    shift += 1.0 / y;
  }
  let v = y - 1.5;
  let p = 0.95105588 + v * (-0.4236275 + v * (0.24054262 + v * (-0.14839879 + v * (0.09498208 + v * (-0.062057078 + v * (0.040879335 + v * (-0.025781013 + v * (0.016980417 + v * (-0.016384093 + v * 0.01111864)))))))));
  return (y - 1.4616321) * p + (shift - 1.2438150e-8 * p);
}

// For x < 0 by reflection: psi(1 - x) - psi(x) = pi / tan(pi x). NaN at the poles, but -infinity at +0 and
// +infinity at -0.
fn op_digamma(x: f32) -> f32 {
  if (is_nan(x)) { return x; }
  if (x == 0.0) { return with_sign(bitcast<f32>(params.infinity), -x); }
  if (x > 0.0) {
    if (!is_finite(x)) { return x; }
    return digamma_positive(x);
  }
  if (floor(x) == x || !is_finite(x)) { return bitcast<f32>(params.infinity | 0x400000u); }
  return digamma_positive(1.0 - x) - 3.1415927 * sin_pi(x, 1) / sin_pi(x, 0);
}

// n! zeta(n + 1, q) for q > 0 by the formula of Euler and Maclaurin: terms n! / a^(n+1) while a is below
// n + 8, from there the integral and four corrections. Factors k / a are multiplied one by one, so that
// neither n! nor the power overflows on its own.
fn scaled_zeta(n: f32, q: f32) -> f32 {
  var a = q;
  var sum = 0.0;
  for (; a < n + 8.0;) {
    let r = 1.0 / a;
    var term = r;
    for (var k = 1.0; k <= n; k += 1.0) { term *= k * r; }
    sum += term;
    a += 1.0;
  }
  let r = 1.0 / a;
  var integral = r;
  for (var k = 1.0; k < n; k += 1.0) { integral *= k * r; }
  let c1 = (n + 1.0) * r;
  let c2 = c1 * (n + 2.0) * r * (n + 3.0) * r;
  let c3 = c2 * (n + 4.0) * r * (n + 5.0) * r;
  let c4 = c3 * (n + 6.0) * r * (n + 7.0) * r;
  let corrections = c1 * 0.083333336 - c2 * 0.0013888889 + c3 * 3.3068784e-5 - c4 * 8.2671957e-7;
  return sum + integral * (1.0 + n * r * (0.5 + corrections));
}

// The n-th derivative of digamma, n >= 1: (-1)^(n+1) n! zeta(n + 1, x), with Hurwitz' zeta function. For
// x < 0 its terms on both sides of 0 are two more sums of the same kind. NaN beyond n = 64: what pads a vector
// may be any n, and the loops would hardly end.
fn op_polygamma(n: f32, x: f32) -> f32 {
  if (is_nan(x)) { return x; }
  if (n > 64.0) { return bitcast<f32>(params.infinity | 0x400000u); }
  let even = (i32(n) & 1) == 0;
  let infinity = bitcast<f32>(params.infinity);
  if (!is_finite(x)) { return select(0.0, bitcast<f32>(params.infinity | 0x400000u), x < 0.0); }
  var value = infinity;
  if (x > 0.0) {
    value = scaled_zeta(n, x);
  } else if (floor(x) != x) {
    let before = scaled_zeta(n, ceil(x) - x) - scaled_zeta(n, 1.0 - x);
    value = scaled_zeta(n, x - floor(x)) + select(before, -before, even);
  }
  return select(value, -value, even);
}
