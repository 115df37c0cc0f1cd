/**
 * What a plan T between two spaces costs, by how it distorts the distances within them,
 *
 *     F(T) = Σ_ijkl L(C1_ik, C2_jl) T_ij T_kl,
 *
 * for losses L(a, b) = f1(a) + f2(b) - h1(a) h2(b): the sum over four indices is then three matrix products, of
 * n² m + n m² operations (Peyré, Cuturi, Solomon, Gromov-Wasserstein averaging of kernel and distance matrices, 2016,
 * proposition 1).
 */
import { add, mul, square, sub } from "../ops/arithmetic";
import { xlogy } from "../ops/exponential";
import { log } from "../ops/functions";
import { matmul } from "../ops/matmul";
import { sum } from "../ops/reduce";
import { transpose, unsqueeze } from "../ops/shape";
import { scope } from "../tensor/scope";
import type { Tensor } from "../tensor/tensor";

/** `square`: (a - b)². `kl`: a log(a / b) - a + b, for a >= 0 and b > 0. */
export type GromovLoss = "square" | "kl";

interface Parts {
  readonly f1: (a: Tensor) => Tensor;
  readonly f2: (b: Tensor) => Tensor;
  readonly h1: (a: Tensor) => Tensor;
  readonly h2: (b: Tensor) => Tensor;
}

/** As POT has it: keeps log of 0 finite. */
const tiny = 1e-15;

export const gromovLosses: Readonly<Record<GromovLoss, Parts>> = {
  square: { f1: square, f2: square, h1: (a) => a, h2: (b) => mul(b, 2) },
  kl: { f1: (a) => sub(xlogy(a, a), a), f2: (b) => b, h1: (a) => a, h2: (b) => log(add(b, tiny)) },
};

/** Σ over columns: [..., n, n] and [..., n] give [..., n]. */
const along = (C: Tensor, weights: Tensor): Tensor =>
  sum(mul(C, unsqueeze(weights, -2)), { dim: -1 });
const turned = (C: Tensor): Tensor => transpose(C, -1, -2);

/** F and its slope, with the parts of C1 [..., n, n] and C2 [..., m, m] that all plans share. */
export class Distortion {
  private readonly left: Tensor;
  private readonly right: Tensor;
  private readonly h1: Tensor;
  private readonly h2: Tensor;

  /** @param symmetric whether C1 and C2 are, which saves half of `slope` */
  constructor(
    C1: Tensor,
    C2: Tensor,
    loss: GromovLoss,
    private readonly symmetric: boolean,
  ) {
    const { f1, f2, h1, h2 } = gromovLosses[loss];
    [this.left, this.right, this.h1, this.h2] = [f1(C1), f2(C2), h1(C1), h2(C2)];
  }

  /** dF / dT [..., n, m] at a plan with the marginals p and q. */
  slope(T: Tensor, p: Tensor, q: Tensor): Tensor {
    return scope(() => {
      const { left, right, h1, h2 } = this;
      const marginals = (f1: Tensor, f2: Tensor): Tensor =>
        add(unsqueeze(along(f1, p), -1), unsqueeze(along(f2, q), -2));
      const product = (a: Tensor, b: Tensor): Tensor => matmul(matmul(a, T), turned(b));
      if (this.symmetric) return mul(sub(marginals(left, right), product(h1, h2)), 2);
      return sub(
        add(marginals(left, right), marginals(turned(left), turned(right))),
        add(product(h1, h2), product(turned(h1), turned(h2))),
      );
    });
  }

  /** F(T) [...], differentiable by all of its operands. */
  of(T: Tensor): Tensor {
    return scope(() => {
      const total = (x: Tensor): Tensor => sum(x, { dim: -1 });
      const [p, q] = [sum(T, { dim: -1 }), sum(T, { dim: -2 })];
      const { left, right, h1, h2 } = this;
      const marginals = add(total(mul(p, along(left, p))), total(mul(q, along(right, q))));
      return sub(marginals, sum(mul(matmul(matmul(h1, T), turned(h2)), T), { dim: [-2, -1] }));
    });
  }
}
