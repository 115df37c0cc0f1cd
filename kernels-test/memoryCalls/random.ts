/** Draws (`tg.random`). */
import type { Calls } from "./operands";

export const randomCalls: Calls = {
  bernoulli: [
    (tg, { key }) => tg.random.bernoulli(key, [5], { p: 0.25 }),
    (tg, { key, scalar }) => tg.random.bernoulli(key, [2, 3], { p: scalar, dtype: "f32" }),
  ],
  beta: [(tg, { key }) => tg.random.beta(key, 2, 3, [4])],
  binomial: [(tg, { key, bias }) => tg.random.binomial(key, 5, bias, [2, 3])],
  bits: [(tg, { key }) => tg.random.bits(key, [5], { stream: 1 })],
  categorical: [
    (tg, { key, x }) => tg.random.categorical(key, x, { shape: [2, 3] }),
    (tg, { key, x }) => tg.random.categorical(key, x, { dim: 0, replacement: false }),
  ],
  cauchy: [(tg, { key, bias }) => tg.random.cauchy(key, [3], { loc: bias })],
  chiSquare: [(tg, { key }) => tg.random.chiSquare(key, 3, [4])],
  choice: [
    (tg, { key }) => tg.random.choice(key, 7, { shape: [3], replacement: false }),
    (tg, { key, x }) => tg.random.choice(key, x, { shape: [2], dim: 1 }),
  ],
  dirichlet: [
    (tg, { key, scalar }) => tg.scope(() => tg.random.dirichlet(key, tg.expand(scalar, [4]), [2])),
  ],
  exponential: [(tg, { key }) => tg.random.exponential(key, [3], { rate: 2 })],
  foldIn: [
    (tg, { key }) => tg.random.foldIn(key, 3),
    (tg, { key, first }) =>
      tg.scope(() => tg.random.foldIn(key, tg.select(tg.select(first, 0, 0), 0, 0))),
  ],
  gamma: [(tg, { key, scalar }) => tg.random.gamma(key, 2.5, [3], { rate: scalar })],
  gumbel: [(tg, { key }) => tg.random.gumbel(key, [3], { scale: 0.5 })],
  key: [(tg) => tg.random.key(7)],
  laplace: [(tg, { key }) => tg.random.laplace(key, [3], { loc: 1, scale: 2 })],
  logistic: [(tg, { key }) => tg.random.logistic(key, [3])],
  multinomial: [
    (tg, { key, scalar }) => tg.scope(() => tg.random.multinomial(key, tg.expand(scalar, [4]), 3)),
    (tg, { key, scalar }) =>
      tg.scope(() =>
        tg.random.multinomial(key, tg.expand(scalar, [2, 4]), 6, { replacement: true }),
      ),
  ],
  normal: [
    (tg, { key }) => tg.random.normal(key, [3], { mean: 1, std: 2 }),
    (tg, { key, bias }) => tg.random.normal(key, [2, 3], { mean: bias }),
  ],
  permutation: [
    (tg, { key }) => tg.random.permutation(key, 6),
    (tg, { key, x }) => tg.random.permutation(key, x, { dim: 1 }),
  ],
  poisson: [(tg, { key }) => tg.random.poisson(key, 4, [5])],
  rademacher: [(tg, { key }) => tg.random.rademacher(key, [5])],
  randint: [(tg, { key }) => tg.random.randint(key, -2, 9, [5])],
  split: [(tg, { key }) => tg.random.split(key, 3)],
  studentT: [(tg, { key }) => tg.random.studentT(key, 3, [4], { loc: 1 })],
  truncatedNormal: [(tg, { key }) => tg.random.truncatedNormal(key, [4], { low: -1, high: 2 })],
  uniform: [(tg, { key }) => tg.random.uniform(key, [2, 3], { low: -1, high: 1 })],
};
