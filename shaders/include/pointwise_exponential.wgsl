// Exponentials and logarithms to bases other than e, and sums of exponentials. Own polynomials, fitted for
// the least greatest relative error: built-in exp and log of some drivers lose bits with the size of the
// argument, and their exp2 and log2 miss whole powers of two.

// x · 2^n in two steps, because 2^n alone may leave the normal numbers.
fn scale_by(x: f32, n: i32) -> f32 {
  let first = n >> 1u;
  return x * bitcast<f32>(u32(first + 127) << 23u) * bitcast<f32>(u32(n - first + 127) << 23u);
}

// 2^x for |x| <= 1/2, to 7e-9.
fn exp2_fraction(f: f32) -> f32 {
  return 1.0 + f * (0.69314718 + f * (0.24022651 + f * (0.05550357 + f * (0.009618031 + f * (0.0013390887 + f * 0.0001546973)))));
}

fn op_exp2(x: f32) -> f32 {
  if (is_nan(x)) { return x; }
  let held = clamp(x, -151.0, 129.0);
  let n = round(held);
  return scale_by(exp2_fraction(held - n), i32(n));
}

// e^x, good to 1 ULP for every finite x: x = n ln 2 + r with ln 2 in two parts.
fn accurate_exp(x: f32) -> f32 {
  let held = clamp(x, -104.0, 90.0);
  let n = round(held * 1.442695);
  let r = (held - n * 0.693359375) + n * 0.00021219444;
  return scale_by(exp2_fraction(r * 1.442695), i32(n));
}

// x = 2^n m with m from sqrt(1/2) to sqrt(2), for finite x > 0: (n, ln m). ln(1 + f) = f - s (f - R) with
// s = f / (2 + f) and R the series of 2 atanh(s) without its first term.
fn log_parts(x: f32) -> vec2<f32> {
  let tiny = x < 1.1754944e-38;
  let bits = bitcast<i32>(select(x, x * 16777216.0, tiny));
  let n = (bits - 0x3f3504f3) >> 23u;
  let f = bitcast<f32>(bits - (n << 23u)) - 1.0;
  let s = f / (2.0 + f);
  let z = s * s;
  let rest = z * (0.6666667 + z * (0.4 + z * (0.2857143 + z * 0.22222222)));
  return vec2<f32>(f32(n) - select(0.0, 24.0, tiny), f - s * (f - rest));
}

// ln x for finite x > 0.
fn accurate_log(x: f32) -> f32 {
  let parts = log_parts(x);
  return parts.x * 0.693359375 + (parts.y - parts.x * 0.00021219444);
}

// What logarithms give where log_parts takes no argument: infinity or NaN.
fn log_outside(x: f32) -> f32 {
  if (x == 0.0) { return bitcast<f32>(params.infinity | 0x80000000u); }
  if (is_nan(x) || x > 0.0) { return x; }
  return bitcast<f32>(params.infinity | 0x400000u);
}

fn op_log2(x: f32) -> f32 {
  if (!is_finite(x) || !(x > 0.0)) { return log_outside(x); }
  let parts = log_parts(x);
  return parts.x + parts.y * 1.442695;
}

// The first part of log10(2) has few enough bits for exact multiples, so powers of ten come out whole.
fn op_log10(x: f32) -> f32 {
  if (!is_finite(x) || !(x > 0.0)) { return log_outside(x); }
  let parts = log_parts(x);
  return parts.x * 0.30102539 + (parts.x * 4.605039e-6 + parts.y * 0.43429448);
}

// max + ln(1 + e^-|a - b|); equal operands, infinite ones too, need no difference.
fn op_logaddexp(a: f32, b: f32) -> f32 {
  if (a == b) { return a + 0.6931472; }
  return op_max(a, b) + op_log1p(accurate_exp(-min(abs(a - b), 104.0)));
}

fn op_logaddexp2(a: f32, b: f32) -> f32 {
  if (a == b) { return a + 1.0; }
  return op_max(a, b) + op_log1p(op_exp2(-min(abs(a - b), 150.0))) * 1.442695;
}

fn op_xlogy(x: f32, y: f32) -> f32 {
  if (x == 0.0 && !is_nan(y)) { return 0.0; }
  return x * op_log(y);
}

// ln(x / (1 - x)); around 1/2 as ln(1 + (2x - 1) / (1 - x)), whose numerator is exact.
fn op_logit(x: f32) -> f32 {
  if (x > 0.25 && x < 0.75) { return op_log1p((2.0 * x - 1.0) / (1.0 - x)); }
  if (x == 1.0) { return bitcast<f32>(params.infinity); }
  return op_log(x / (1.0 - x));
}
