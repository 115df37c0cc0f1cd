"""Prints the transport costs that bench/suites/transport.ts compares with: in f64, by blocks of rows, so that no matrix
of all costs is held.

    python3 bench/peers/transport_costs.py
"""

import sys

# The folder holds sources only.
sys.dont_write_bytecode = True

import numpy as np
from scipy.special import logsumexp

from transport_problem import clouds


def distances(x, y):
    return ((x[:, None, :] - y[None, :, :]) ** 2).sum(-1)


def transport_cost(n, dimensions, epsilon, iterations, rows=256):
    """<P, C> after `iterations` times g, then f, from f = 0."""
    x, y = (p.astype(np.float64) for p in clouds({"n": n, "m": n, "dimensions": dimensions}))
    f, g = np.zeros(n), np.zeros(n)
    blocks = [slice(start, start + rows) for start in range(0, n, rows)]

    def softmin(points, others, potential):
        return np.concatenate(
            [
                -epsilon * (logsumexp((potential - distances(points[b], others)) / epsilon, 1) - np.log(n))
                for b in blocks
            ]
        )

    for _ in range(iterations):
        g = softmin(y, x, f)
        f = softmin(x, y, g)
    cost = 0.0
    for b in blocks:
        c = distances(x[b], y)
        cost += (np.exp((f[b, None] + g - c) / epsilon) * c).sum() / n**2
    return cost


for n, dimensions, iterations in ((1024, 2, 100), (1024, 3, 100), (16384, 2, 5)):
    cost = transport_cost(n, dimensions, 0.05, iterations)
    print(f"{n} points, {dimensions} coordinates, {iterations} iterations: {cost:.9f}")
