// Walking strided operands in row-major order of a shared shape of RANK dimensions. Up to eight sizes or
// strides travel as two vec4s. The including kernel declares `override RANK: u32`.
fn dim_of(values: array<vec4<u32>, 2>, d: u32) -> u32 {
  return values[d >> 2u][d & 3u];
}
