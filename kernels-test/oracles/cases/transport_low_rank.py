"""Transport of low rank from ot.lowrank_sinkhorn, which POT has since 0.9.2: Debian's POT does not do. Run

    pip download --no-deps POT && unzip -q pot-*.whl -d pot
    PYTHONPATH=pot /usr/bin/python3 kernels-test/oracles/make.py transport_low_rank

Inputs are of hashed.py: x [n, d] of seed 1 + 10 s, y [m, d] of seed 2 + 10 s, weights of seeds 3 + 10 s and
4 + 10 s. `epsilon` is in units of |x - y|^2; POT's `reg` is in units of its rescaled cost.

Stored: plan [n, m]; cost [], <C, P>; Q [n, r], R [m, r], g [r]. `unique` problems come to one minimum from every
start: three starts must agree.
"""

import numpy as np
import ot

from fixture import Fixture
from hashed import points, weights


def case(fixture, n, m, d, *, rank, seed, reg, kind="uniform", unique=True):
    x, y = points(n, d, 1 + 10 * seed), points(m, d, 2 + 10 * seed)
    a, b = weights(kind, n, 3 + 10 * seed), weights(kind, m, 4 + 10 * seed)
    left, right = ot.lowrank.compute_lr_sqeuclidean_matrix(x, y, False)
    scale = np.sqrt(left.max() * right.max())

    def solve(start):
        options = {"seed_init": start, "stopThr": 1e-9, "numItermax": 5000}
        Q, R, g = ot.lowrank_sinkhorn(x, y, a, b, reg=reg, rank=rank, **options)
        return Q, R, g, Q / g @ R.T

    Q, R, g, plan = solve(49)
    if unique:
        others = [solve(start)[3] for start in (1, 2)]
        assert all(np.abs(P - plan).max() < 1e-7 for P in others), "starts do not agree"
    name = f"lowRank_{n}_{m}_{rank}_{reg}_{kind}"
    attrs = {"n": n, "m": m, "d": d, "rank": rank, "seed": seed, "kind": kind, "unique": unique}
    fixture.describe(name, "ot.lowrank_sinkhorn", {**attrs, "epsilon": reg * scale})
    fixture.add(f"{name}/plan", plan)
    fixture.add_double(f"{name}/cost", np.asarray((plan * ot.dist(x, y)).sum()))
    for role, array in [("Q", Q), ("R", R), ("g", g)]:
        fixture.add_double(f"{name}/{role}", array)


def make():
    assert hasattr(ot, "lowrank_sinkhorn"), f"POT {ot.__version__} has no lowrank_sinkhorn"
    fixture = Fixture("transport_low_rank")
    fixture.libraries = {"pot": ot.__version__}
    case(fixture, 30, 40, 2, rank=3, seed=1, reg=0.01)
    case(fixture, 64, 50, 3, rank=5, seed=2, reg=0.01, kind="random")
    case(fixture, 33, 17, 2, rank=2, seed=7, reg=0.01, kind="random", unique=False)
    case(fixture, 47, 31, 2, rank=3, seed=10, reg=0.01, kind="random", unique=False)
    return fixture
