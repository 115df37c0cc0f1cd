// A u32 whose order is the order of the value with these bits.
//   f32   sign bit set for x >= 0, all bits flipped for x < 0; -0 equals 0, NaN is greater than all
//   i32   sign bit flipped
//   u32   itself
fn key_f32(bits: u32) -> u32 {
  let size = bits & 0x7fffffffu;
  if (size > 0x7f800000u) { return 0xffffffffu; }
  if (size == 0u) { return 0x80000000u; }
  return select(bits | 0x80000000u, ~bits, (bits >> 31u) == 1u);
}
fn key_i32(bits: u32) -> u32 { return bits ^ 0x80000000u; }
fn key_u32(bits: u32) -> u32 { return bits; }
