// sin and cos for |r| <= pi/4, by minimax polynomials: the built-in ones are only good to 2e-4 on some drivers.
fn sin_quarter(r: f32) -> f32 {
  let z = r * r;
  return r + r * z * (-0.16666667 + z * (0.008333331 + z * (-0.00019840874 + z * 2.7525562e-6)));
}
fn cos_quarter(r: f32) -> f32 {
  let z = r * r;
  return 1.0 + z * (-0.5 + z * (0.041666646 + z * (-0.0013887316 + z * 2.4390449e-5)));
}
