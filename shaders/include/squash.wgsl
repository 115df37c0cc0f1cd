// Hyperbolic tangent and logistic function, without overflow. min and exp may lose a NaN, so its bits are asked.
#include "bits"

// (e^2a - 1) / (e^2a + 1) as 1 - 2 / (e^2a + 1), which rounds less; below 0.625 a minimax polynomial.
fn op_tanh(x: f32) -> f32 {
  let z = x * x;
  if (z < 0.390625) {
    return x + x * z * (-0.33333281 + z * (0.13331406 + z * (-0.053736515 + z * (0.020628167 + z * -0.0056922967))));
  }
  let y = 1.0 - 2.0 / (exp(2.0 * min(abs(x), 15.0)) + 1.0);
  return select(select(y, -y, x < 0.0), x, is_nan(x));
}

fn op_sigmoid(x: f32) -> f32 {
  let t = exp(-min(abs(x), 88.0));
  return select(select(t, 1.0, x >= 0.0) / (1.0 + t), x, is_nan(x));
}
