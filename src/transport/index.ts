/** Optimal transport: entropic, unbalanced, sparse and exact, with plans that are applied without being stored. */
export { type Barycenter, type BarycenterOptions, barycenter } from "./barycenter";
export {
  type FreeSupportBarycenter,
  type FreeSupportOptions,
  freeSupportBarycenter,
  type PointMeasure,
} from "./barycenterFree";
export {
  type Cost,
  cosine,
  euclidean,
  type PointCost,
  type PointCostRule,
  pointCost,
  squaredEuclidean,
} from "./cost";
export { costMatrix } from "./costMatrix";
export {
  type DivergenceCosts,
  type DivergenceOptions,
  type PointDivergenceOptions,
  sinkhornDivergence,
  sinkhornDivergenceOfCosts,
} from "./divergence";
export {
  type EmdOptions,
  type ExactTransport,
  emd,
  emd2,
  type HostCost,
  type HostWeights,
  type SparsePlan,
} from "./emd";
export {
  type FlowFrame,
  type FlowOptions,
  type FlowStep,
  flowStep,
  gradientFlow,
} from "./gradientFlow";
export {
  type FusedGromovOptions,
  fusedGromovWasserstein,
  type GromovOptions,
  type GromovTransport,
  gromovWasserstein,
} from "./gromov";
export type { GromovLoss } from "./gromovLoss";
export {
  type FactoredCost,
  type LowRankOptions,
  type LowRankTransport,
  sinkhornLowRank,
} from "./lowRank";
export type { Weights } from "./operands";
export { type PartialOptions, type PartialTransport, partialSinkhorn } from "./partial";
export { type PartialEmdOptions, partialEmd } from "./partialEmd";
export type { Plan } from "./plan";
export { type Penalty, type SinkhornOptions, sinkhorn } from "./sinkhorn";
export { type SinkhornKnoppOptions, sinkhornKnopp } from "./sinkhornKnopp";
export {
  type NewtonReport,
  type NewtonTransport,
  type SinkhornNewtonOptions,
  sinkhornNewton,
} from "./sinkhornNewton";
export { maxSlicedWasserstein, type SlicedOptions, slicedWasserstein } from "./sliced";
export type { SoftOrderOptions } from "./softOrder";
export { softQuantile } from "./softQuantile";
export { type SoftRankOptions, softRank } from "./softRank";
export { type SoftSortOptions, softSort } from "./softSort";
export { type SoftTopKOptions, softTopK } from "./softTopK";
export { projectionSimplex, projectionSparseSimplex, type SimplexOptions } from "./sparseSimplex";
export {
  type ColumnSparsePlan,
  type SmoothOtOptions,
  type SparseTransport,
  type SparseTransportReport,
  type SparsityConstrainedOtOptions,
  smoothOt,
  sparsityConstrainedOt,
} from "./sparsityConstrained";
export type { Transport, TransportReport } from "./transport";
export { sinkhornUnbalanced, type UnbalancedOptions } from "./unbalanced";
export { emd1d, type LineOptions, type LineTransport, wasserstein1d } from "./wasserstein1d";
