// Sums of squares of any finite f32s. A sum is kept in three ranges by the largest magnitude of the
// values it is made from, each range with a power of two in front that keeps squares far from overflow
// and underflow for up to 2^40 values:
//
//   x: magnitudes below 2^-40, (x 2^64)^2     y: in between, x^2     z: from 2^40, (x 2^-90)^2
const SMALL_BELOW = 0x2b800000u; // the bits of 2^-40
const LARGE_FROM = 0x53800000u; // the bits of 2^40

// Which power of two multiplies values whose largest magnitude has these bits.
fn range_scale(largest: u32) -> f32 {
  if (largest >= LARGE_FROM) { return 0x1p-90f; }
  return select(1.0, 0x1p+64f, largest < SMALL_BELOW);
}

fn in_range(sum: f32, largest: u32) -> vec3<f32> {
  if (largest >= LARGE_FROM) { return vec3<f32>(0.0, 0.0, sum); }
  return select(vec3<f32>(0.0, sum, 0.0), vec3<f32>(sum, 0.0, 0.0), largest < SMALL_BELOW);
}

// sqrt of the whole; what exceeds f32 is given as its largest power of two, 2^127.
fn norm_of(sums: vec3<f32>) -> f32 {
  if (sums.z > 0.0) {
    return min(sqrt(sums.z + (sums.y * 0x1p-90f) * 0x1p-90f), 0x1p+37f) * 0x1p+90f;
  }
  if (sums.y > 0.0) { return sqrt(sums.y + (sums.x * 0x1p-64f) * 0x1p-64f); }
  return sqrt(sums.x) * 0x1p-64f;
}
