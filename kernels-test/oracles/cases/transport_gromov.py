"""Entropic Gromov-Wasserstein transport, plain and fused, from POT in f64.

Inputs come from a formula (hashed.py): x [n, d] of seed 1 + 10 s, y [m, e] of seed 2 + 10 s, weights of seeds 3 + 10 s
and 4 + 10 s, where s is the case's `seed`. C1 and C2 are distances within x and within y (plus a tenth, for the loss
"kl", which has no zeros then); M, of fused cases, is |x_i - y_j|^2 of the first coordinates.

Stored: plan [n, m]; loss [], POT's `gw_dist` (fused: (1 - alpha) <M, T> + alpha of it).
"""

import numpy as np
import ot
from ot.gromov import entropic_gromov_wasserstein, gwggrad, gwloss, init_matrix

from fixture import Fixture
from hashed import points, weights


def distances(x):
    return np.sqrt(((x[:, None] - x[None]) ** 2).sum(-1))


def projected(p, q, C1, C2, M, *, epsilon, loss, alpha):
    """The loop of ot.gromov.entropic_gromov_wasserstein, with a feature cost, and Sinkhorn in the log domain."""
    const, h1, h2 = init_matrix(C1, C2, p, q, f"{loss}_loss")
    T = np.outer(p, q)
    for _ in range(5000):
        before = T
        cost = alpha * gwggrad(const, h1, h2, T) + (1 - alpha) * M
        T = ot.bregman.sinkhorn_log(p, q, cost, epsilon, numItermax=200_000, stopThr=1e-14)
        if np.abs(T - before).sum() < 1e-12:
            return T, (1 - alpha) * (M * T).sum() + alpha * gwloss(const, h1, h2, T)
    raise AssertionError("no fixed point")


def case(fixture, n, m, dims, *, seed, epsilon, loss="square", kind="uniform", alpha=1.0):
    name = f"{'gromov' if alpha == 1 else 'fused'}_{n}_{m}_{loss}_{kind}_{epsilon}"
    x, y = points(n, dims[0], 1 + 10 * seed), points(m, dims[1], 2 + 10 * seed)
    p, q = weights(kind, n, 3 + 10 * seed), weights(kind, m, 4 + 10 * seed)
    shift = 0.1 if loss == "kl" else 0.0
    C1, C2 = distances(x) + shift, distances(y) + shift
    M = (x[:, :1] - y[None, :, 0]) ** 2
    arguments = {"epsilon": epsilon, "loss": loss, "alpha": alpha}
    # The domain of POT's loop has no room for weights of 0.
    keep, stay = p > 0, q > 0
    T = np.zeros((n, m))
    part, value = projected(
        p[keep], q[stay], C1[keep][:, keep], C2[stay][:, stay], M[keep][:, stay], **arguments
    )
    T[np.ix_(keep, stay)] = part
    if alpha == 1 and kind == "uniform" and epsilon >= 0.05:
        own = entropic_gromov_wasserstein(C1, C2, p, q, f"{loss}_loss", epsilon, tol=1e-12)
        assert np.abs(own - T).max() < 1e-8, "POT's own loop comes to another plan"
    fixture.describe(
        name, "ot.gromov", {**arguments, "n": n, "m": m, "dims": dims, "kind": kind, "seed": seed}
    )
    fixture.add(f"{name}/plan", T.astype(np.float32))
    fixture.add_double(f"{name}/loss", np.asarray(value))


def make():
    fixture = Fixture("transport_gromov")
    fixture.libraries = {"pot": ot.__version__}
    case(fixture, 1, 4, [2, 2], seed=1, epsilon=0.1)
    case(fixture, 15, 15, [2, 2], seed=2, epsilon=0.05)
    case(fixture, 31, 17, [3, 2], seed=3, epsilon=0.1)
    case(fixture, 31, 17, [3, 2], seed=4, epsilon=0.02, kind="random")
    case(fixture, 25, 40, [2, 3], seed=5, epsilon=0.02, kind="zeros")
    case(fixture, 20, 13, [2, 2], seed=6, epsilon=0.1, loss="kl")
    case(fixture, 17, 31, [2, 3], seed=7, epsilon=0.05, loss="kl", kind="random")
    case(fixture, 15, 22, [2, 2], seed=8, epsilon=0.05, alpha=0.5)
    case(fixture, 33, 21, [3, 2], seed=9, epsilon=0.01, kind="random", alpha=0.75)
    case(fixture, 21, 21, [2, 2], seed=10, epsilon=0.02, loss="kl", alpha=0.25)
    case(fixture, 65, 90, [3, 3], seed=11, epsilon=0.02)
    return fixture
