/** The distortion of a plan between two spaces, and its slope, by the sums over four indices that define them, in f64. */

export type DistortionName = "square" | "kl";

const losses: Readonly<Record<DistortionName, (a: number, b: number) => number>> = {
  square: (a, b) => (a - b) ** 2,
  kl: (a, b) => (a === 0 ? 0 : a * Math.log(a / b)) - a + b,
};

/** F(T) = Σ L(C1_ik, C2_jl) T_ij T_kl of C1 [n, n], C2 [m, m], T [n, m], and dF / dT. */
export function distortion(
  C1: ArrayLike<number>,
  C2: ArrayLike<number>,
  T: ArrayLike<number>,
  name: DistortionName,
): { value: number; slope: Float64Array } {
  const [n, m] = [Math.sqrt(C1.length), Math.sqrt(C2.length)];
  const L = losses[name];
  const slope = new Float64Array(n * m);
  let value = 0;
  for (let i = 0; i < n; i++)
    for (let j = 0; j < m; j++)
      for (let k = 0; k < n; k++)
        for (let l = 0; l < m; l++) {
          const [there, back] = [
            L(C1[i * n + k]!, C2[j * m + l]!),
            L(C1[k * n + i]!, C2[l * m + j]!),
          ];
          const mass = T[k * m + l]!;
          value += there * T[i * m + j]! * mass;
          slope[i * m + j] = slope[i * m + j]! + (there + back) * mass;
        }
  return { value, slope };
}
