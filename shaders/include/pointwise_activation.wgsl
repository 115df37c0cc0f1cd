// Activations with a parameter or of several steps. Two operands: (x, parameter), or for the fused
// cotangents (cotangent, input).
fn op_log_sigmoid(x: f32) -> f32 { return -op_softplus(-x); }
fn op_softsign(x: f32) -> f32 { return x / (1.0 + abs(x)); }

// tanh(ln(1 + e^x)) = w / (w + 2) with w = e^x (e^x + 2); from 20 on it is 1. Below -104, where e^x is 0,
// x is held, or minus infinity would make NaN.
fn gate_of_mish(x: f32) -> f32 {
  if (x > 20.0) { return 1.0; }
  let n = exp(x);
  let w = n * (n + 2.0);
  return w / (w + 2.0);
}
fn held_below(x: f32) -> f32 { return select(x, -104.0, x < -104.0); }
fn op_mish(x: f32) -> f32 { return held_below(x) * gate_of_mish(x); }
fn op_mish_vjp(g: f32, x: f32) -> f32 {
  let held = held_below(x);
  let t = gate_of_mish(held);
  return g * (t + held * (1.0 - t * t) * op_sigmoid(held));
}

fn op_hardswish(x: f32) -> f32 {
  if (is_nan(x)) { return x; }
  return select(x * clamp(x + 3.0, 0.0, 6.0) / 6.0, 0.0, x < -3.0);
}
fn op_hardswish_vjp(g: f32, x: f32) -> f32 {
  return g * select(select(1.0, x / 3.0 + 0.5, x < 3.0), 0.0, x < -3.0);
}

fn op_elu(x: f32, alpha: f32) -> f32 { return select(x, alpha * op_expm1(x), x <= 0.0); }
fn op_prelu(x: f32, weight: f32) -> f32 { return select(weight * x, x, x > 0.0); }
