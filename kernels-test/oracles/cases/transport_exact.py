"""Exact transport: between points in the plane, on the line, along lines (sliced), and as an assignment.

POT computes all of it in f64, gradients through its PyTorch backend; SciPy the assignments. Points are f32
values; weights `a`, `b` are f64 and add up to 1 each, or absent where they are uniform.
"""

import numpy as np
import ot
import scipy
import torch
from scipy.optimize import linear_sum_assignment

from fixture import Fixture, generator_of, promote

# Plans are stored up to this many elements.
SMALL = 2000


def points(rng, n, d):
    return rng.uniform(0, 1, (n, d)).astype(np.float32)


def weights(rng, n, zeros):
    """f64 [n] that add up to 1; every `zeros`-th is 0."""
    w = rng.uniform(0.1, 1, n)
    if zeros:
        w[::zeros] = 0
    return w / w.sum()


def squared(x, y):
    x, y = x.astype(np.float64), y.astype(np.float64)
    return ((x[:, None] - y[None]) ** 2).sum(-1)


def plane(fixture, n, m, *, weighted, zeros=0, copies=1):
    """x [n, 2], y [m, 2], a?, b?; cost [], plan [n, m] of small ones."""
    name = f"emd_{n}_{m}" + ("_weighted" if weighted else "") + ("_zeros" if zeros else "")
    name += "_duplicates" if copies > 1 else ""
    rng = generator_of(name)
    x, y = (np.repeat(points(rng, k // copies, 2), copies, 0) for k in (n, m))
    fixture.describe(name, "ot.emd", {})
    fixture.add(f"{name}/x", x)
    fixture.add(f"{name}/y", y)
    a, b = np.full(n, 1 / n), np.full(m, 1 / m)
    if weighted:
        a, b = weights(rng, n, zeros), weights(rng, m, zeros)
        fixture.add_double(f"{name}/a", a)
        fixture.add_double(f"{name}/b", b)
    M = squared(x, y)
    plan, log = ot.emd(a, b, M, log=True, numItermax=1_000_000)
    assert log["warning"] is None, log["warning"]
    fixture.add_double(f"{name}/cost", np.asarray(log["cost"]))
    if n * m <= SMALL and copies == 1:
        fixture.add_double(f"{name}/plan", plan)


def assignment(fixture, n):
    """cost matrix in0 [n, n]; columns [n], total []."""
    name = f"assignment_{n}"
    cost = generator_of(name).uniform(0, 1, (n, n)).astype(np.float32)
    fixture.describe(name, "scipy.optimize.linear_sum_assignment", {})
    fixture.add(f"{name}/in0", cost)
    rows, columns = linear_sum_assignment(cost.astype(np.float64))
    fixture.add(f"{name}/columns", columns.astype(np.int32))
    fixture.add_double(f"{name}/total", np.asarray(cost.astype(np.float64)[rows, columns].sum()))


def line(fixture, n, m, p, *, weighted, zeros=0, batch=2):
    """u [batch, n], v [batch, m], a? [n], b? [m]; cost [batch]; gradU, gradV, gradA, gradB of the costs' sum."""
    name = f"line_{n}_{m}_p{p}" + ("_weighted" if weighted else "") + ("_zeros" if zeros else "")
    rng = generator_of(name)
    fixture.describe(name, "ot.wasserstein_1d", {"p": p})
    u, v = (rng.standard_normal((batch, k)).astype(np.float32) for k in (n, m))
    fixture.add(f"{name}/u", u)
    fixture.add(f"{name}/v", v)
    leaves = {"gradU": promote(u).requires_grad_(), "gradV": promote(v).requires_grad_()}
    a, b = np.full(n, 1 / n), np.full(m, 1 / m)
    if weighted:
        a, b = weights(rng, n, zeros), weights(rng, m, zeros)
        fixture.add_double(f"{name}/a", a)
        fixture.add_double(f"{name}/b", b)
    A, B = torch.tensor(a), torch.tensor(b)
    U, V = leaves["gradU"], leaves["gradV"]
    cost = ot.wasserstein_1d(U.T, V.T, A, B, p=p)
    for k in range(batch):
        other = ot.emd2_1d(
            u[k].astype(np.float64), v[k].astype(np.float64), a, b, metric="minkowski", p=p
        )
        assert abs(other - cost[k].item()) < 1e-12, "POT's two ways differ"
    fixture.add_double(f"{name}/cost", cost.detach().numpy())
    for role, gradient in zip(leaves, torch.autograd.grad(cost.sum(), list(leaves.values()))):
        fixture.add(f"{name}/{role}", gradient)


def sliced(fixture, n, m, d, p, *, weighted, count=20):
    """x [n, d], y [m, d], projections [d, count], a?, b?; distance [], greatest []; gradX, gradY of distance."""
    name = f"sliced_{n}_{m}_{d}_p{p}" + ("_weighted" if weighted else "")
    rng = generator_of(name)
    fixture.describe(name, "ot.sliced_wasserstein_distance", {"p": p})
    x, y = points(rng, n, d), points(rng, m, d) * np.float32(0.7) + np.float32(0.1)
    projections = ot.sliced.get_random_projections(d, count, seed=7).astype(np.float32)
    for role, array in [("x", x), ("y", y), ("projections", projections)]:
        fixture.add(f"{name}/{role}", array)
    a, b = np.full(n, 1 / n), np.full(m, 1 / m)
    if weighted:
        a, b = weights(rng, n, 0), weights(rng, m, 3)
        fixture.add_double(f"{name}/a", a)
        fixture.add_double(f"{name}/b", b)
    X, Y = promote(x).requires_grad_(), promote(y).requires_grad_()
    arguments = {"n_projections": count, "p": p, "projections": promote(projections)}
    distance = ot.sliced_wasserstein_distance(X, Y, torch.tensor(a), torch.tensor(b), **arguments)
    greatest = ot.max_sliced_wasserstein_distance(
        X, Y, torch.tensor(a), torch.tensor(b), **arguments
    )
    fixture.add_double(f"{name}/distance", np.asarray(distance.item()))
    fixture.add_double(f"{name}/greatest", np.asarray(greatest.item()))
    for role, gradient in zip(["gradX", "gradY"], torch.autograd.grad(distance, [X, Y])):
        fixture.add(f"{name}/{role}", gradient)


def make():
    fixture = Fixture("transport_exact")
    fixture.libraries = {"pot": ot.__version__, "scipy": scipy.__version__}
    plane(fixture, 1, 1, weighted=False)
    plane(fixture, 1, 5, weighted=True)
    plane(fixture, 7, 3, weighted=True)
    plane(fixture, 17, 17, weighted=False)
    plane(fixture, 31, 64, weighted=True, zeros=5)
    plane(fixture, 48, 36, weighted=False, copies=3)
    plane(fixture, 255, 257, weighted=True)
    plane(fixture, 500, 500, weighted=False)
    plane(fixture, 700, 333, weighted=True, zeros=7)
    for n in [3, 31, 75]:
        assignment(fixture, n)
    for p in [1, 2, 3]:
        line(fixture, 33, 33, p, weighted=False)
        line(fixture, 31, 50, p, weighted=True)
        line(fixture, 50, 17, p, weighted=True, zeros=4)
    line(fixture, 1, 1, 2, weighted=False)
    line(fixture, 700, 333, 2, weighted=True, batch=1)
    for p in [1, 2]:
        sliced(fixture, 31, 31, 3, p, weighted=False)
        sliced(fixture, 31, 50, 5, p, weighted=True)
    return fixture
