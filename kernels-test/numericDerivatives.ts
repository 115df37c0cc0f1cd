/** Derivatives of scalar f64 functions by central differences. */

type Scalar = (x: Float64Array) => number;

/** ∂f/∂x_i for each i; good to about 1e-9 for a function of size 1. */
export function numericGradient(f: Scalar, x: ArrayLike<number>, step = 1e-5): Float64Array {
  const at = Float64Array.from(x);
  return at.map((center, i) => {
    at[i] = center + step;
    const above = f(at);
    at[i] = center - step;
    const below = f(at);
    at[i] = center;
    return (above - below) / (2 * step);
  });
}

/**
 * The gradient of x ↦ Σ_i direction_i ∂f/∂x_i, that is the Hessian times the direction; good to about 1e-6
 * for a function of size 1.
 */
export function numericHessianProduct(
  f: Scalar,
  x: ArrayLike<number>,
  direction: ArrayLike<number>,
  step = 1e-3,
): Float64Array {
  const moved = (sign: number): Float64Array =>
    Float64Array.from(x, (v, i) => v + sign * step * direction[i]!);
  const above = numericGradient(f, moved(1), step);
  const below = numericGradient(f, moved(-1), step);
  return above.map((v, i) => (v - below[i]!) / (2 * step));
}
