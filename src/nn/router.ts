/**
 * Which experts of a mixture see which tokens. Each token goes to the k experts of its greatest gates; what is left to
 * choose is who keeps the experts equally busy.
 *
 * Softmax gating (Shazeer et al., Outrageously large neural networks, 2017) looks at one token at a time: nothing keeps
 * all of them from the same expert. Transport assigns all tokens together, each with mass 1 and each expert with the same
 * share of it: with a squared 2-norm and at most k experts for a token (Liu, Puigcerver, Blondel, Sparsity-constrained
 * optimal transport, 2023), or with an entropy, of whose plan the k greatest of a token are kept (Clark et al., Unified
 * scaling laws for routed language models, 2022).
 */
import { ArgumentError, ShapeError } from "../errors";
import { div, mul, neg } from "../ops/arithmetic";
import { full, ones, zerosLike } from "../ops/creation";
import { mean, sum } from "../ops/reduce";
import { scatter } from "../ops/scatter";
import { transpose } from "../ops/shape";
import { softmax } from "../ops/softmax";
import { topK } from "../ops/sort";
import { requireOptions } from "../options";
import { scope } from "../tensor/scope";
import { show } from "../tensor/shape";
import type { Tensor } from "../tensor/tensor";
import { sinkhorn } from "../transport/sinkhorn";
import { sparsityConstrainedOt } from "../transport/sparsityConstrained";
import { Module } from "./module";

export interface ExpertRouterOptions {
  /** Experts that a token goes to at most. Default 2. */
  k?: number;
  /** Who assigns: see the head of docs/transport-sparse.md. Default "sparseTransport". */
  method?: "sparseTransport" | "entropicTransport" | "softmax";
  /** In units of the affinities: how far apart two experts' are when a token takes one alone. Default 1. */
  temperature?: number;
  /** Of the experts' loads, relative, for transport. Default 1e-3. */
  tolerance?: number;
  /** Iterations of transport at most. Default 50. */
  maxIterations?: number;
}

/** The k greatest gates of each token, divided by their sum; all others 0. */
function greatest(gates: Tensor, k: number): Tensor {
  const { values, indices } = topK(gates, k);
  const shares = div(values, sum(values, { dim: -1, keepdim: true }));
  return scatter(zerosLike(gates), -1, indices, shares);
}

/**
 * Gates from affinities, without parameters: [..., tokens, experts], not negative, at most k of a token, which sum up to
 * 1. With `sparseTransport` the gates of each expert sum up to tokens / experts too, as near as a choice of k for each
 * token allows; with `entropicTransport` before all but k are dropped. A token's gates then depend on the other tokens of
 * its batch: do not route the tokens of a causal model together that may not see each other.
 *
 * Gates are differentiable: those of transport also through the potentials that keep the balance.
 * @example
 * const router = new nn.ExpertRouter({ k: 2 });
 * const gates = router.forward(matmul(tokens, experts)); // [tokens, experts]
 * await expertLoads(gates).toArray(); // all near 1
 */
export class ExpertRouter extends Module {
  readonly k: number;
  readonly method: NonNullable<ExpertRouterOptions["method"]>;
  readonly temperature: number;
  readonly tolerance: number;
  readonly maxIterations: number;

  /** @throws ArgumentError for a k, temperature or limit that is not positive */
  constructor(options: ExpertRouterOptions = {}) {
    super();
    const {
      k = 2,
      method = "sparseTransport",
      temperature = 1,
    } = requireOptions("nn.ExpertRouter", options, "k");
    if (!Number.isInteger(k) || k < 1)
      throw new ArgumentError(`nn.ExpertRouter: k ${k} must be a whole number, at least 1.`);
    if (!(temperature > 0 && temperature < Number.POSITIVE_INFINITY))
      throw new ArgumentError(
        `nn.ExpertRouter: temperature ${temperature} must be a positive number.`,
      );
    this.k = k;
    this.method = method;
    this.temperature = temperature;
    this.tolerance = options.tolerance ?? 1e-3;
    this.maxIterations = options.maxIterations ?? 50;
  }

  /**
   * @param affinities f32 [..., tokens, experts]: the greater, the better an expert suits a token
   * @returns gates of the same shape
   * @throws ShapeError
   */
  forward(affinities: Tensor): Tensor {
    const [tokens, experts] = affinities.shape.slice(-2) as [number, number];
    if (affinities.rank < 2 || tokens === 0 || experts === 0)
      throw new ShapeError(
        `nn.ExpertRouter: affinities have shape ${show(affinities.shape)}; they must be [..., tokens, experts], at least one of each.`,
      );
    const { device } = affinities;
    const { temperature, tolerance, maxIterations } = this;
    const k = Math.min(this.k, experts);
    return scope(() => {
      if (this.method === "softmax") return greatest(softmax(mul(affinities, 1 / temperature)), k);
      const load = full([experts], tokens / experts, { device });
      const each = ones([tokens], { device });
      const cost = neg(affinities);
      if (this.method === "sparseTransport") {
        const options = { gamma: temperature, maxNonzeros: k, tolerance, maxIterations };
        const { plan } = sparsityConstrainedOt(load, each, transpose(cost, -1, -2), options);
        return transpose(plan.dense(), -1, -2);
      }
      const options = { epsilon: temperature, tolerance, maxIterations };
      return greatest(sinkhorn(each, load, cost, options).plan.dense(), k);
    });
  }
}

/**
 * How busy experts are: the sum of each one's gates over the tokens, relative to their mean.
 * @param gates [..., tokens, experts]
 * @returns [..., experts]; 1 is a fair share
 */
export function expertLoads(gates: Tensor): Tensor {
  return scope(() => {
    const loads = sum(gates, { dim: -2 });
    return div(loads, mean(loads, { dim: -1, keepdim: true }));
  });
}
