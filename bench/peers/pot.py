"""POT's `sinkhorn_log`: its end of bench/frame/engine.ts.

    python3 bench/peers/pot.py numpy float32|float64 THREADS
    OMP_WAIT_POLICY=PASSIVE python3 bench/peers/pot.py torch float32|float64 THREADS
"""

import sys

# The folder holds sources only.
sys.dont_write_bytecode = True

import numpy as np
import ot

from serving import serve
from transport_problem import clouds

backend, dtype, threads = sys.argv[1:]
if backend == "torch":
    import torch

    torch.set_num_threads(int(threads))


def array(values):
    values = values.astype(dtype)
    return torch.from_numpy(values) if backend == "torch" else values


class Sinkhorn:
    """`run` is timed; the plan it leaves gives the cost."""

    def __init__(self, options):
        self.points = [array(points) for points in clouds(options)]
        self.weights = [array(np.full(options[size], 1 / options[size])) for size in ("n", "m")]
        self.given = ot.dist(*self.points) if options["dense"] else None
        self.options = options

    def run(self):
        self.costs = ot.dist(*self.points) if self.given is None else self.given
        self.plan = ot.bregman.sinkhorn_log(
            *self.weights,
            self.costs,
            self.options["epsilon"],
            numItermax=self.options["iterations"],
            stopThr=0,
            warn=False,
        )

    def transportCost(self):
        return float((self.plan * self.costs).sum())

    def traffic(self):
        return None


serve(
    {"adapter": f"CPU, {threads} threads", "version": f"{ot.__version__}, {backend} {dtype}"},
    {"sinkhorn": Sinkhorn},
)
