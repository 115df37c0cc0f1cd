// Two normally distributed numbers from two random words, by the method of G. E. P. Box and M. E. Muller,
// Ann. Math. Statist. 29 (1958): u = ((w0 >> 8) | 1) 2^-24, t = 2 pi (w1 >> 8) 2^-24,
// z = sqrt(-2 ln u) (cos t, sin t). u is odd in units of 2^-24, so it is never 0 or 1 and |z| <= 5.77; the
// logarithm is after fdlibm e_logf.c, and the angle is reduced to a quarter turn in integers, so neither
// depends on a driver's log, sin or cos.

// ln(n 2^-24) for n from 1 to 2^24 - 1: n = m 2^k with m from sqrt(1/2) to sqrt(2), then
// ln m = f - f^2/2 + s (f^2/2 + R(s^2)) with f = m - 1, s = f / (2 + f).
fn log_fraction(n: u32) -> f32 {
  var k = i32(firstLeadingBit(n));
  var m = f32(n) * bitcast<f32>(u32(127 - k) << 23u);
  if (m > 1.4142135) {
    m *= 0.5;
    k++;
  }
  let e = f32(k - 24);
  let f = m - 1.0;
  let s = f / (2.0 + f);
  let z = s * s;
  let w = z * z;
  let r = z * (0.66666662693 + w * 0.28498786688) + w * (0.40000972152 + w * 0.24279078841);
  let half_square = 0.5 * f * f;
  return s * (half_square + r) + e * 9.0580006145e-6 - half_square + f + e * 0.69313812256;
}

// (cos, sin) of t turns in units of 2^-24.
fn turn(t: u32) -> vec2<f32> {
  let quarter = (t + 0x200000u) >> 22u;
  let a = f32(bitcast<i32>(t - (quarter << 22u))) * 3.7450702e-7;
  let z = a * a;
  let c = 1.0 + z * (-0.5 + z * (0.041666646 + z * (-0.0013887316 + z * 2.4390449e-5)));
  let s = a + a * z * (-0.16666667 + z * (0.008333331 + z * (-0.00019840874 + z * 2.7525562e-6)));
  let swapped = select(vec2<f32>(c, s), vec2<f32>(-s, c), (quarter & 1u) == 1u);
  return select(swapped, -swapped, (quarter & 2u) == 2u);
}

fn normal_pair(radius_word: u32, angle_word: u32) -> vec2<f32> {
  return sqrt(-2.0 * log_fraction((radius_word >> 8u) | 1u)) * turn(angle_word >> 8u);
}
