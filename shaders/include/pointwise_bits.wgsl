// Operations on the bits of numbers: signs and classes of floating-point numbers, logic of integers.

// |x| with the sign of y, zeros and NaN included.
fn with_sign(x: f32, y: f32) -> f32 {
  return bitcast<f32>((bitcast<u32>(x) & 0x7fffffffu) | (bitcast<u32>(y) & 0x80000000u));
}
fn op_copysign(x: f32, y: f32) -> f32 { return with_sign(x, y); }
fn op_signbit(x: f32) -> u32 { return bitcast<u32>(x) >> 31u; }
fn op_isnan(x: f32) -> u32 { return select(0u, 1u, is_nan(x)); }
fn op_isfinite(x: f32) -> u32 { return select(0u, 1u, is_finite(x)); }
fn op_isinf(x: f32) -> u32 { return select(0u, 1u, (bitcast<u32>(x) & 0x7fffffffu) == 0x7f800000u); }
fn op_isposinf(x: f32) -> u32 { return select(0u, 1u, bitcast<u32>(x) == 0x7f800000u); }
fn op_isneginf(x: f32) -> u32 { return select(0u, 1u, bitcast<u32>(x) == 0xff800000u); }

fn op_complement_i32(x: i32) -> i32 { return ~x; }
fn op_complement_u32(x: u32) -> u32 { return ~x; }
fn op_and_i32(a: i32, b: i32) -> i32 { return a & b; }
fn op_or_i32(a: i32, b: i32) -> i32 { return a | b; }
fn op_xor_i32(a: i32, b: i32) -> i32 { return a ^ b; }
fn op_xor_u32(a: u32, b: u32) -> u32 { return a ^ b; }
// WGSL shifts by the amount modulo 32; by 32 places and more nothing of the number is left but its sign.
fn op_left_shift_i32(a: i32, b: i32) -> i32 { return select(0, a << (u32(b) & 31u), u32(b) < 32u); }
fn op_left_shift_u32(a: u32, b: u32) -> u32 { return select(0u, a << (b & 31u), b < 32u); }
fn op_right_shift_i32(a: i32, b: i32) -> i32 { return a >> min(u32(b), 31u); }
fn op_right_shift_u32(a: u32, b: u32) -> u32 { return select(0u, a >> (b & 31u), b < 32u); }
