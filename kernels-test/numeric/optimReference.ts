/** The update rules in f64, written from their formulas and not from the kernels. */

export interface ReferenceState {
  p: number[];
  m: number[];
  v: number[];
  t: number;
}

export const start = (p: ArrayLike<number>): ReferenceState => ({
  p: Array.from(p),
  m: Array.from(p, () => 0),
  v: Array.from(p, () => 0),
  t: 0,
});

export interface ReferenceOptions {
  lr: number;
  weightDecay: number;
  momentum?: number;
  dampening?: number;
  nesterov?: boolean;
  betas?: readonly [number, number];
  eps?: number;
}

type Step = (s: ReferenceState, gradient: ArrayLike<number>, o: ReferenceOptions) => void;

/** One step in place, per rule, with PyTorch's defaults for what is not given. */
export const reference: Record<"sgd" | "adamw" | "lion", Step> = {
  sgd(s, gradient, { lr, weightDecay, momentum = 0, dampening = 0, nesterov = false }) {
    s.t++;
    for (let i = 0; i < s.p.length; i++) {
      const g = gradient[i]! + weightDecay * s.p[i]!;
      let update = g;
      if (momentum > 0) {
        s.m[i] = s.t === 1 ? g : momentum * s.m[i]! + (1 - dampening) * g;
        update = nesterov ? g + momentum * s.m[i]! : s.m[i]!;
      }
      s.p[i]! -= lr * update;
    }
  },
  adamw(s, gradient, { lr, weightDecay, betas: [b1, b2] = [0.9, 0.999], eps = 1e-8 }) {
    s.t++;
    for (let i = 0; i < s.p.length; i++) {
      const g = gradient[i]!;
      s.p[i]! *= 1 - lr * weightDecay;
      s.m[i] = b1 * s.m[i]! + (1 - b1) * g;
      s.v[i] = b2 * s.v[i]! + (1 - b2) * g * g;
      const mean = s.m[i]! / (1 - b1 ** s.t);
      const square = s.v[i]! / (1 - b2 ** s.t);
      s.p[i]! -= (lr * mean) / (Math.sqrt(square) + eps);
    }
  },
  lion(s, gradient, { lr, weightDecay, betas: [b1, b2] = [0.9, 0.99] }) {
    s.t++;
    for (let i = 0; i < s.p.length; i++) {
      const g = gradient[i]!;
      s.p[i]! *= 1 - lr * weightDecay;
      s.p[i]! -= lr * Math.sign(b1 * s.m[i]! + (1 - b1) * g);
      s.m[i] = b2 * s.m[i]! + (1 - b2) * g;
    }
  },
};

/** The global norm of several tensors, by scaling with the largest magnitude. */
export function globalNorm(tensors: readonly ArrayLike<number>[]): number {
  const all = tensors.flatMap((t) => Array.from(t, Math.abs));
  const largest = all.reduce((a, b) => Math.max(a, b), 0);
  if (largest === 0) return 0;
  return largest * Math.sqrt(all.reduce((sum, x) => sum + (x / largest) ** 2, 0));
}

/** torch.nn.utils.clip_grad_norm_'s factor. */
export const clipFactor = (norm: number, maxNorm: number): number =>
  Math.min(1, maxNorm / (norm + 1e-6));
