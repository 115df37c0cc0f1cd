// Plane rotations, and how runs of them are written down for linalg/rotate.
fn hypotenuse(a: f32, b: f32) -> f32 {
  let peak = max(abs(a), abs(b));
  if (peak > 1e-15 && peak < 1e15) { return sqrt(a * a + b * b); }
  if (peak == 0.0) { return 0.0; }
  let x = a / peak;
  let y = b / peak;
  return peak * sqrt(x * x + y * y);
}

// (c, s, r) with c a + s b = r and c b - s a = 0.
fn rotation_to_first(a: f32, b: f32) -> vec3<f32> {
  let r = hypotenuse(a, b);
  if (r == 0.0) { return vec3<f32>(1.0, 0.0, 0.0); }
  return vec3<f32>(a / r, b / r, r);
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
