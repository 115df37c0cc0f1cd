/** Optimal transport: what works on tensors and does not wait. */
import type { Tensor } from "../../src/tensor/tensor";
import type { Tilegrad } from "../caseModules";
import type { Call, Calls } from "./operands";

const few = { epsilon: 1, maxIterations: 2 };

/** A matrix of as many rows as columns, 0 or more everywhere, of which nothing but the result stays. */
const onSquare =
  (call: (tg: Tilegrad, a: Tensor, x: Tensor) => unknown): Call =>
  (tg, { x, turned }) => {
    const a = tg.scope(() => tg.abs(tg.mul(tg.matmul(x, turned), 0.1)));
    const result = call(tg, a, x);
    a.dispose();
    return result;
  };

export const transportCalls: Calls = {
  barycenter: [
    (tg, { x, y }) =>
      tg.scope(() =>
        tg.transport.barycenter(tg.ones([2, 3]), tg.transport.squaredEuclidean(x, y), few),
      ),
  ],
  cosine: [(tg, { x, y }) => tg.scope(() => tg.transport.costMatrix(tg.transport.cosine(x, y)))],
  costMatrix: [
    (tg, { x, y }) => tg.scope(() => tg.transport.costMatrix(tg.transport.squaredEuclidean(x, y))),
  ],
  emd1d: [(tg, { vector, bias }) => tg.transport.emd1d(vector, bias)],
  euclidean: [
    (tg, { x, y }) => tg.scope(() => tg.transport.costMatrix(tg.transport.euclidean(x, y))),
  ],
  flowStep: [
    (tg, { x, y }) =>
      tg.scope(() => tg.transport.flowStep(x, y, { epsilon: 1, rate: 0.5, maxIterations: 3 })),
  ],
  freeSupportBarycenter: [
    (tg, { x, y }) =>
      tg.scope(() =>
        tg.transport.freeSupportBarycenter([{ x }, { x: y }], {
          ...{ initial: 2, epsilon: 5, steps: 2, maxIterations: 2 },
        }),
      ),
  ],
  fusedGromovWasserstein: [
    onSquare((tg, a, x) =>
      tg.scope(() =>
        tg.transport.fusedGromovWasserstein(
          tg.transport.squaredEuclidean(x, x),
          ...([a, a, null, null, { ...few, innerIterations: 2 }] as const),
        ),
      ),
    ),
  ],
  gromovWasserstein: [
    onSquare((tg, a) =>
      tg.transport.gromovWasserstein(a, a, null, null, { ...few, innerIterations: 2 }),
    ),
    onSquare((tg, a) =>
      tg.transport.gromovWasserstein(a, a, null, null, { ...few, innerIterations: 2, loss: "kl" }),
    ),
  ],
  maxSlicedWasserstein: [
    (tg, { x, y, key }) => tg.transport.maxSlicedWasserstein(x, y, { projections: 3, key }),
  ],
  partialSinkhorn: [
    (tg, { x }) => tg.transport.partialSinkhorn(null, null, x, { ...few, mass: 0.5 }),
  ],
  pointCost: [
    (tg, { x, y }) =>
      tg.scope(() =>
        tg.transport.costMatrix(
          tg.transport.pointCost(x, y, { name: "manhattan", term: "abs(x - y)" }),
        ),
      ),
  ],
  projectionSimplex: [(tg, { x }) => tg.transport.projectionSimplex(x)],
  projectionSparseSimplex: [(tg, { x }) => tg.transport.projectionSparseSimplex(x, 2)],
  sinkhorn: [
    (tg, { x, y }) =>
      tg.transport.sinkhorn(null, null, tg.transport.squaredEuclidean(x, y), {
        epsilon: 5,
        maxIterations: 3,
      }),
    (tg, { x }) =>
      tg.transport.sinkhorn([1, 2, 1], [1, 1, 1, 1], x, {
        epsilon: 1,
        maxIterations: 3,
        penalty: { a: { kl: 1 }, b: { tv: 2 } },
        epsilonScaling: { from: 2, decay: 0.5 },
      }),
    (tg, { x }) =>
      tg.transport.sinkhorn(null, null, x, {
        epsilon: 1,
        maxIterations: 4,
        anderson: { memory: 2, every: 1, start: 0 },
      }),
    (tg, { x }) =>
      tg.transport.sinkhorn(null, null, x, {
        epsilon: 1,
        maxIterations: 2,
        differentiation: "unrolled",
      }),
    (tg, { x, y, vector }) =>
      tg.scope(() => {
        const { plan } = tg.transport.sinkhorn(null, null, x, { epsilon: 1, maxIterations: 2 });
        return [plan.apply(vector), plan.applyTranspose(y), plan.dense(), plan.marginals()];
      }),
    (tg, { x }) =>
      tg.scope(() => {
        const solved = tg.transport.sinkhorn(null, null, x, { epsilon: 1, maxIterations: 2 });
        return [solved.value(), solved.value({ convention: "entropy" }), solved.transportCost()];
      }),
  ],
  sinkhornDivergence: [
    (tg, { x, y }) =>
      tg.transport.sinkhornDivergence(null, x, null, y, { epsilon: 5, maxIterations: 3 }),
  ],
  sinkhornDivergenceOfCosts: [
    onSquare((tg, a) =>
      tg.transport.sinkhornDivergenceOfCosts(null, null, { ab: a, aa: a, bb: a }, few),
    ),
  ],
  sinkhornKnopp: [
    (tg, { x }) => tg.transport.sinkhornKnopp(x, { iterations: 2 }),
    (tg, { x, y }) =>
      tg.scope(() =>
        tg.transport.sinkhornKnopp(x, {
          iterations: 2,
          rowMarginals: tg.sum(tg.square(y), { dim: 1 }),
        }),
      ),
  ],
  sinkhornLowRank: [
    (tg, { x, y }) =>
      tg.scope(() => {
        const options = { rank: 2, maxIterations: 2 };
        const cost = tg.transport.squaredEuclidean(x, y);
        const { Q, R, g } = tg.transport.sinkhornLowRank(null, null, cost, options);
        return [Q, R, g];
      }),
  ],
  sinkhornUnbalanced: [
    (tg, { x }) =>
      tg.transport.sinkhornUnbalanced(null, null, x, { epsilon: 1, rho: 1, maxIterations: 2 }),
  ],
  slicedWasserstein: [
    (tg, { x, y, key }) => tg.transport.slicedWasserstein(x, y, { projections: 3, key }),
  ],
  smoothOt: [(tg, { x }) => tg.transport.smoothOt(null, null, x, { gamma: 1, maxIterations: 2 })],
  softQuantile: [(tg, { x }) => tg.transport.softQuantile(x, 0.5, { maxIterations: 2 })],
  softRank: [(tg, { x }) => tg.transport.softRank(x, { maxIterations: 2 })],
  softSort: [(tg, { x }) => tg.transport.softSort(x, { maxIterations: 2 })],
  softTopK: [(tg, { x }) => tg.transport.softTopK(x, 2, { maxIterations: 2 })],
  sparsityConstrainedOt: [
    (tg, { x }) =>
      tg.transport.sparsityConstrainedOt(null, null, x, {
        gamma: 1,
        maxNonzeros: 2,
        maxIterations: 2,
      }),
  ],
  squaredEuclidean: [
    (tg, { x, y }) => tg.scope(() => tg.transport.costMatrix(tg.transport.squaredEuclidean(x, y))),
  ],
  wasserstein1d: [(tg, { vector, bias }) => tg.transport.wasserstein1d(vector, bias)],
};
