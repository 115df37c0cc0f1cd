// Plane rotations, and how runs of them are written down for linalg/rotate.

// (c, s, r) with c a + s b = r and c b - s a = 0, for a and b of any size below 2^127. They are scaled by a
// power of two: by their maximum, small angles would have the hypotenuse 1 + y y / 2 with 1 exact, which
// rounds down each time, and thousands of rotations would add that up.
fn rotation_to_first(a: f32, b: f32) -> vec3<f32> {
  let exponent = bitcast<u32>(max(abs(a), abs(b))) >> 23u;
  if (exponent == 0u) { return vec3<f32>(1.0, 0.0, 0.0); }
  let down = bitcast<f32>((254u - exponent) << 23u);
  let x = a * down;
  let y = b * down;
  let r = sqrt(x * x + y * y);
  return vec3<f32>(x / r, y / r, bitcast<f32>(exponent << 23u) * r);
}

// An entry e beside the diagonal entries a and b counts as zero from here on. The second bound, relative to
// the whole matrix, is far below what rounding has done to it already.
fn is_negligible(e: f32, a: f32, b: f32, norm: f32) -> bool {
  return abs(e) <= max(0x1p-24f * (abs(a) + abs(b)), 0x1p-28f * norm);
}

// A sweep is a run of `count` rotations from `first` up or down, in the log from `offset` on: of neighbours,
// or each against the column `pivot`.
const SWEEP_UP = 0u;
const SWEEP_DOWN = 1u;
const SWEEP_PIVOT = 2u;

fn sweep_of(first: u32, count: u32, offset: u32, kind: u32, pivot: u32) -> vec4<u32> {
  return vec4<u32>(first, count, offset, kind | (pivot << 2u));
}
