// Division with a whole quotient, and what remains. The remainder of two floating-point numbers is itself a
// floating-point number; it comes from long division of the significands, so no quotient is too large.

// (significand, biased exponent) of |x|; subnormal numbers have no leading bit.
fn significand(x: f32) -> vec2<u32> {
  let bits = bitcast<u32>(x) & 0x7fffffffu;
  let exponent = bits >> 23u;
  return vec2<u32>(select(bits & 0x7fffffu, (bits & 0x7fffffu) | 0x800000u, exponent > 0u), max(exponent, 1u));
}

// What remains of a / b with the quotient truncated, exactly; the sign is that of a.
fn op_fmod(a: f32, b: f32) -> f32 {
  let dividend = significand(a);
  let divisor = significand(b);
  if (is_nan(a) || is_nan(b) || !is_finite(a) || divisor.x == 0u) {
    return bitcast<f32>(params.infinity | 0x400000u);
  }
  if (!is_finite(b) || dividend.y < divisor.y) { return a; }
  var rest = dividend.x % divisor.x;
  // Eight more bits of the quotient at a time: a remainder has at most 24.
  for (var left = dividend.y - divisor.y; left > 0u;) {
    let step = min(left, 8u);
    rest = (rest << step) % divisor.x;
    left -= step;
  }
  let sign = bitcast<u32>(a) & 0x80000000u;
  if (rest == 0u) { return bitcast<f32>(sign); }
  let shift = min(countLeadingZeros(rest) - 8u, divisor.y - 1u);
  let moved = rest << shift;
  let exponent = select(0u, divisor.y - shift, moved >= 0x800000u);
  return bitcast<f32>(sign | (exponent << 23u) | (moved & 0x7fffffu));
}
fn op_fmod_i32(a: i32, b: i32) -> i32 { return select(a % select(b, 1, b == 0), 0, b == 0 || b == -1); }
fn op_fmod_u32(a: u32, b: u32) -> u32 { return select(a % max(b, 1u), 0u, b == 0u); }

// The quotient is rounded down, so the sign is that of b.
fn op_remainder(a: f32, b: f32) -> f32 {
  let rest = op_fmod(a, b);
  if (rest == 0.0) { return with_sign(0.0, b); }
  return select(rest, rest + b, (rest < 0.0) != (b < 0.0));
}
fn op_remainder_i32(a: i32, b: i32) -> i32 {
  let rest = op_fmod_i32(a, b);
  return select(rest, rest + b, rest != 0 && (rest < 0) != (b < 0));
}
fn op_remainder_u32(a: u32, b: u32) -> u32 { return op_fmod_u32(a, b); }

// The nearest whole number to (a - remainder) / b, which is whole but for rounding.
fn op_floor_divide(a: f32, b: f32) -> f32 {
  if (b == 0.0 || !is_finite(a)) { return a / b; }
  let rest = op_fmod(a, b);
  var quotient = (a - rest) / b;
  if (rest != 0.0 && (rest < 0.0) != (b < 0.0)) { quotient -= 1.0; }
  return with_sign(round(abs(quotient)), a * sign(b));
}
fn op_floor_divide_i32(a: i32, b: i32) -> i32 {
  let quotient = op_trunc_divide_i32(a, b);
  let rest = op_fmod_i32(a, b);
  return select(quotient, quotient - 1, rest != 0 && (rest < 0) != (b < 0));
}
fn op_floor_divide_u32(a: u32, b: u32) -> u32 { return op_trunc_divide_u32(a, b); }

fn op_trunc_divide(a: f32, b: f32) -> f32 { return trunc(a / b); }
fn op_trunc_divide_i32(a: i32, b: i32) -> i32 {
  if (b == 0) { return 0; }
  if (b == -1) { return -a; }
  return a / b;
}
fn op_trunc_divide_u32(a: u32, b: u32) -> u32 { return select(a / max(b, 1u), 0u, b == 0u); }
