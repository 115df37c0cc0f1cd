/** Values that POT printed, in f64, for five points and four: to their last digit. */
import { costMatrix } from "./costs";

const points = {
  /** (sin(1 + i), cos 2i), i < 5. */
  x: Float64Array.from({ length: 10 }, (_, k) =>
    k % 2 === 0 ? Math.sin(1 + k / 2) : Math.cos(k - 1),
  ),
  /** (½ + 3j/10, sin 3j), j < 4. */
  y: Float64Array.from({ length: 8 }, (_, k) =>
    k % 2 === 0 ? 0.5 + 0.15 * k : Math.sin((3 * (k - 1)) / 2),
  ),
};

export const golden = {
  ...points,
  a: Float64Array.of(1, 2, 3, 4, 5).map((v) => v / 15),
  b: Float64Array.of(0.4, 0.3, 0.2, 0.1),
  /** Squared Euclidean. */
  cost: costMatrix("squaredEuclidean", points.x, points.y, 2),
  balanced: [
    { epsilon: 1, cost: 2.080894378261, entropy: -2.6543911516 },
    { epsilon: 0.1, cost: 1.802846401367, entropy: -1.9644200158 },
    { epsilon: 0.01, cost: 1.794969167696, entropy: -1.853388997 },
    { epsilon: 0.001, cost: 1.794968496471, entropy: -1.8533138128 },
  ],
  exact: 1.794968496471,
  /** ε = 1/10, both marginals under ρ KL. */
  unbalanced: {
    epsilon: 0.1,
    /** Relative to the product of the weights. */
    relative: [
      { rho: 1, mass: 0.541280179281, cost: 0.427123872985 },
      { rho: 0.1, mass: 0.135063173587, cost: 0.034926483282 },
    ],
    /** Relative to nothing: ε Σ P log P. */
    entropy: [
      { rho: 1, mass: 0.62647413683, cost: 0.480808344984 },
      { rho: 0.1, mass: 0.412042810543, cost: 0.098563108335 },
    ],
  },
  /** ε = 1/10, half of the mass. */
  partial: { epsilon: 0.1, mass: 0.5, cost: 0.385653394901 },
  /** Costs 0 1 1 0, ε = 1, halves: the plan. */
  two: [0.365529289315, 0.134470710685, 0.134470710685, 0.365529289315],
  gaussians: {
    a: { mean: 0, deviation: 1 },
    b: { mean: 1.5, deviation: 0.5 },
    epsilon: 0.5,
    value: 2.954377004122,
  },
  diracs: {
    a: 1.3,
    b: 0.6,
    cost: 0.4,
    epsilon: 0.1,
    rho: 0.5,
    mass: 0.6070399094,
    value: 0.3602560996,
  },
} as const;
