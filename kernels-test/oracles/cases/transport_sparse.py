"""Transport with a squared 2-norm, and with at most `maxNonzeros` nonzeros in each column, by POT 0.9.

Points and weights are those of hashed.py, the cost is |x - y|²: a case names sizes, kinds and seed, and holds results
alone. `results` has the transport cost <P, C>, `value`, the semi-dual, and `marginal`, the L1 error of the row sums:
where the bound on nonzeros makes a kink, no plan of the semi-dual meets them, and only its value is unique. `plan` is
there for small problems that POT solved to a marginal error below 1e-6.

POT 0.9.7 (pip install POT) knows the bound; Debian's 0.8.2 does not, so make.py makes this file only when it is named.
"""

import contextlib
import io

import numpy as np
import ot
import scipy

import hashed
from fixture import Fixture

SMALL = 5000

# n, m, weights of the rows and of the columns, gamma, nonzeros (0: no bound)
PROBLEMS = [
    (1, 1, "uniform", "uniform", 1.0, [0, 1]),
    (5, 1, "random", "uniform", 0.1, [0]),
    (5, 4, "random", "random", 1.0, [0, 2, 4]),
    (5, 4, "random", "random", 0.1, [0, 3]),
    (17, 23, "random", "zeros", 10.0, [0, 3]),
    (17, 23, "zeros", "random", 0.1, [0, 4]),
    (64, 64, "uniform", "uniform", 1.0, [0, 8]),
    (63, 65, "random", "random", 0.1, [0, 3, 8]),
    (100, 301, "random", "random", 1.0, [0, 2, 6]),
    (8, 512, "uniform", "uniform", 10.0, [0, 1, 3]),
    (257, 255, "random", "uniform", 1.0, [0]),
]


def solve(fixture, n, m, kinds, gamma, most):
    name = f"{'sparse' + str(most) if most else 'l2'}_{n}_{m}_gamma{gamma}_{kinds[0]}_{kinds[1]}"
    seed = 100 + n
    attrs = {"n": n, "m": m, "weights": list(kinds), "seed": seed, "gamma": gamma}
    x, y = hashed.points(n, 2, seed), hashed.points(m, 2, seed + 1)
    a, b = hashed.weights(kinds[0], n, seed + 2), hashed.weights(kinds[1], m, seed + 3)
    cost = ((x[:, None] - y[None]) ** 2).sum(-1)
    # Columns without mass, by which POT divides, have no part in it.
    kept = b > 0
    how = {"reg_type": "l2"}
    if most:
        how = {"reg_type": "sparsity_constrained", "max_nz": most}
        attrs["maxNonzeros"] = most
    with contextlib.redirect_stdout(io.StringIO()):
        plan, log = ot.smooth.smooth_ot_semi_dual(
            a, b[kept], cost[:, kept], gamma, stopThr=1e-16, numItermax=20_000, log=True, **how
        )
    full = np.zeros((n, m))
    full[:, kept] = plan
    marginal = np.abs(full.sum(1) - a).sum()
    assert most or marginal < 2e-6, (name, marginal)
    results = {
        "cost": (full * cost).sum(),
        "value": -float(log["res"].fun),
        "marginal": marginal,
    }
    fixture.describe(name, "smooth_ot_semi_dual", attrs, results=results)
    if marginal < 2e-6 and n * m <= SMALL:
        fixture.add(f"{name}/plan", np.where(full < 1e-30, 0, full))


def make():
    assert hasattr(ot.smooth, "SparsityConstrained"), f"POT {ot.__version__} is too old: 0.9 or newer"
    fixture = Fixture("transport_sparse")
    fixture.libraries = {"pot": ot.__version__, "scipy": scipy.__version__}
    for n, m, a, b, gamma, bounds in PROBLEMS:
        for most in bounds:
            solve(fixture, n, m, (a, b), gamma, most)
    return fixture
