"""Entropic transport by POT: balanced, unbalanced, partial, divergences, barycentres.

Points and weights are those of hashed.py: a case names sizes, kinds and seeds, and holds results alone, in f64.
`attrs` is the problem; `results` are numbers: `cost` <P, C>, `entropy` Σ P log P, `value` <P, C> + ε KL(P | a⊗b) and
the penalties of the marginals, with KL(P | Q) = Σ P log(P/Q) - P + Q.

| op | tensors of a case |
|---|---|
| `sinkhorn` | `f`, `g`: P_ij = a_i b_j exp((f_i + g_j - C_ij) / ε), also where a weight is 0 |
| `sinkhornUnbalanced` | the same; `penalty` is what our option of that name takes |
| `sinkhornDivergence` | none; `costDivergence` is POT's, of <P, C> alone |
| `entropicPartial`, `exactPartial` | `plan` |
| `barycenter`, `debiasedBarycenter` | `histogram`, on an equidistant grid of [0, 1], cost (x - y)² |
| `convolutionalBarycenter` | `histogram`, on a square grid of [0, 1]², cost |x - y|² |
| `freeSupportBarycenter` | `x`; without epsilon by exact plans |

POT has no penalty by total variation and none on one side: those cases come from the same iteration with the
other proximal map, which is checked against POT where both apply.
"""

import numpy as np
import ot
import scipy
import torch
from scipy.spatial.distance import cdist

import hashed
from fixture import Fixture

METRICS = {"squaredEuclidean": "sqeuclidean", "euclidean": "euclidean", "cosine": "cosine"}
EPSILONS = [1, 0.1, 0.01, 0.001]

# n, m, d, cost, weights of the rows and of the columns.
BALANCED = [
    (1, 1, 2, "squaredEuclidean", "uniform", "uniform"),
    (1, 7, 3, "euclidean", "uniform", "random"),
    (5, 3, 1, "squaredEuclidean", "random", "zeros"),
    (31, 33, 3, "cosine", "zeros", "random"),
    (127, 129, 5, "euclidean", "random", "uniform"),
    (257, 255, 2, "squaredEuclidean", "zeros", "zeros"),
    (699, 700, 2, "squaredEuclidean", "random", "random"),
]


def problem(n, m, d, cost, weights, seed, masses=(1.0, 1.0)):
    """(attrs, a, b, C): the points of the rows have the seed, those of the columns seed + 1, then weights."""
    attrs = {"n": n, "m": m, "d": d, "cost": cost, "weights": list(weights), "seed": seed,
             "masses": list(masses)}
    a = hashed.weights(weights[0], n, seed + 2, masses[0])
    b = hashed.weights(weights[1], m, seed + 3, masses[1])
    x, y = hashed.points(n, d, seed), hashed.points(m, d, seed + 1)
    return attrs, a, b, cdist(x, y, METRICS[cost])


def log(x):
    with np.errstate(divide="ignore"):
        return np.log(x)


def softmin(w, h, cost, epsilon):
    """-ε log Σ_j w_j exp((h_j - C_ij) / ε)."""
    terms = torch.from_numpy(log(w)[None, :] + (h[None, :] - cost) / epsilon)
    return -epsilon * torch.logsumexp(terms, 1).numpy()


def plan_of(a, b, f, g, cost, epsilon):
    return a[:, None] * b[None, :] * np.exp((f[:, None] + g[None, :] - cost) / epsilon)


def divergence(p, q):
    kept = p > 0
    return (p[kept] * np.log(p[kept] / q[kept])).sum() - p.sum() + q.sum()


def penalty_value(marginal, weights, penalty):
    if penalty is None:
        return 0.0
    if "kl" in penalty:
        return penalty["kl"] * divergence(marginal, weights)
    return penalty["tv"] * np.abs(marginal - weights).sum()


def results(plan, a, b, cost, epsilon, penalties=(None, None)):
    transport = float((plan * cost).sum())
    value = transport + epsilon * divergence(plan, np.outer(a, b))
    value += penalty_value(plan.sum(1), a, penalties[0])
    value += penalty_value(plan.sum(0), b, penalties[1])
    kept = plan[plan > 0]
    return {"cost": transport, "entropy": float((kept * np.log(kept)).sum()), "value": float(value),
            "mass": float(plan.sum())}


def sinkhorn(a, b, cost, epsilon):
    """Potentials by POT's solver in the log domain; of points without weight by the softmin."""
    tensors = [torch.from_numpy(t) for t in (a, b, cost)]
    plan, report = ot.bregman.sinkhorn_log(*tensors, epsilon, numItermax=100_000, stopThr=1e-10, log=True)
    assert report["err"][-1] < 1e-10, f"POT did not converge: {report['err'][-1]}"
    v = report["log_v"].numpy()
    g = np.where(b > 0, epsilon * (v - log(np.where(b > 0, b, 1))), 0)
    f = softmin(b, g, cost, epsilon)
    g = softmin(a, f, cost.T, epsilon)
    ours = plan_of(a, b, f, g, cost, epsilon)
    assert np.abs(ours - plan.numpy()).max() < 1e-10
    # One of the potentials that differ by a constant: both have the same mean.
    shift = (f @ a / a.sum() - g @ b / b.sum()) / 2
    return f - shift, g + shift, ours


def to_itself(a, cost, epsilon):
    """The plan of a measure to itself: g is f, and the mean of f and its softmin converges in a few steps."""
    f = np.zeros(len(a))
    for _ in range(10_000):
        before = f
        f = (f + softmin(a, f, cost, epsilon)) / 2
        if np.abs(f - before).max() < 1e-14:
            break
    plan = plan_of(a, a, f, f, cost, epsilon)
    assert np.abs(plan.sum(1) - a).sum() < 1e-11
    return plan


def proximal(s, epsilon, penalty):
    if penalty is None:
        return s
    if "kl" in penalty:
        return s * penalty["kl"] / (penalty["kl"] + epsilon)
    return np.clip(s, -penalty["tv"], penalty["tv"])


def unbalanced(a, b, cost, epsilon, penalties):
    f, g = np.zeros(len(a)), np.zeros(len(b))
    for _ in range(100_000):
        before = f
        f = proximal(softmin(b, g, cost, epsilon), epsilon, penalties[0])
        g = proximal(softmin(a, f, cost.T, epsilon), epsilon, penalties[1])
        if np.abs(f - before).max() < 1e-14:
            break
    else:
        raise AssertionError("the iteration did not converge")
    return f, g, plan_of(a, b, f, g, cost, epsilon)


def add_balanced(fixture):
    for k, (n, m, d, cost, *weights) in enumerate(BALANCED):
        attrs, a, b, C = problem(n, m, d, cost, weights, 10 * k + 1)
        for epsilon in EPSILONS:
            name = f"sinkhorn_{n}x{m}_{epsilon}"
            f, g, plan = sinkhorn(a, b, C, epsilon)
            fixture.describe(name, "sinkhorn", {**attrs, "epsilon": epsilon},
                             results=results(plan, a, b, C, epsilon))
            fixture.add_double(f"{name}/f", f)
            fixture.add_double(f"{name}/g", g)


UNBALANCED = [
    (1, 1, 2, "squaredEuclidean", "uniform", "uniform"),
    (7, 5, 2, "squaredEuclidean", "random", "zeros"),
    (63, 65, 3, "euclidean", "zeros", "random"),
    (201, 199, 2, "squaredEuclidean", "random", "random"),
]
MASSES = (1.3, 0.7)
# Of the rows and of the columns; the masses differ unless one side is exact.
PENALTIES = {
    "kl": ({"kl": 0.3}, {"kl": 0.3}),
    "klTwo": ({"kl": 1}, {"kl": 0.1}),
    "klRows": ({"kl": 0.3}, None),
    "tv": ({"tv": 0.2}, {"tv": 0.2}),
    "tvColumns": (None, {"tv": 0.4}),
    "both": ({"kl": 0.5}, {"tv": 0.3}),
}


def add_unbalanced(fixture):
    for k, (n, m, d, cost, *weights) in enumerate(UNBALANCED):
        attrs, a, b, C = problem(n, m, d, cost, weights, 200 + 10 * k, MASSES)
        for label, penalties in PENALTIES.items():
            for epsilon in EPSILONS if label in ("kl", "tv") else [0.05]:
                name = f"sinkhornUnbalanced_{n}x{m}_{label}_{epsilon}"
                f, g, plan = unbalanced(a, b, C, epsilon, penalties)
                # POT's exp(-C / ε) is not 0 for these. Its reference measure is 1: a⊗b is part of the cost.
                if label == "kl" and epsilon >= 0.01:
                    rows, columns = a > 0, b > 0
                    shifted = C[rows][:, columns] - epsilon * np.log(np.outer(a[rows], b[columns]))
                    pot = ot.unbalanced.sinkhorn_unbalanced(
                        a[rows], b[columns], shifted, epsilon, 0.3, numItermax=100_000, stopThr=1e-15)
                    assert np.abs(pot - plan[rows][:, columns]).max() < 1e-9 * plan.max()
                given = {side: p for side, p in zip("ab", penalties) if p is not None}
                fixture.describe(name, "sinkhornUnbalanced",
                                 {**attrs, "epsilon": epsilon, "penalty": given},
                                 results=results(plan, a, b, C, epsilon, penalties))
                fixture.add_double(f"{name}/f", f)
                fixture.add_double(f"{name}/g", g)


def add_divergences(fixture):
    """Between n and m points; a case's attrs are those of `sinkhorn`."""
    for k, (n, m, d) in enumerate([(1, 1, 2), (5, 7, 2), (33, 31, 3), (127, 127, 2)]):
        for epsilon in [1, 0.1, 0.01]:
            weights = ("uniform", "uniform") if k % 2 else ("random", "random")
            attrs, a, b, C = problem(n, m, d, "squaredEuclidean", weights, 300 + 10 * k)
            x, y = hashed.points(n, d, 300 + 10 * k), hashed.points(m, d, 301 + 10 * k)
            parts = []
            parts.append(results(sinkhorn(a, b, C, epsilon)[2], a, b, C, epsilon))
            for w, z in [(a, x), (b, y)]:
                M = cdist(z, z, "sqeuclidean")
                parts.append(results(to_itself(w, M, epsilon), w, w, M, epsilon))
            value, cost = [p[0][key] - (p[1][key] + p[2][key]) / 2
                           for p, key in ((parts, "value"), (parts, "cost"))]
            # At a small ε, alternation creeps towards the plan of a measure to itself.
            if epsilon >= 0.1:
                pot = ot.bregman.empirical_sinkhorn_divergence(
                    x, y, epsilon, a, b, numIterMax=100_000, stopThr=1e-10, method="sinkhorn_log")
                assert abs(float(pot) - max(cost, 0)) < 1e-7, (float(pot), cost)
            fixture.describe(f"sinkhornDivergence_{n}x{m}_{epsilon}", "sinkhornDivergence",
                             {**attrs, "epsilon": epsilon},
                             results={"value": value, "costDivergence": cost})


def add_partial(fixture):
    for k, (n, m, share) in enumerate([(1, 1, 0.5), (5, 4, 0.5), (17, 23, 0.25), (17, 23, 0.9), (33, 31, 0.6)]):
        attrs, a, b, C = problem(n, m, 2, "squaredEuclidean", ("random", "random"), 400 + 10 * k, (1.0, 1.5))
        mass = share * min(a.sum(), b.sum())
        plan = ot.partial.partial_wasserstein(a, b, C, m=mass)
        name = f"exactPartial_{n}x{m}_{share}"
        fixture.describe(name, "exactPartial", {**attrs, "mass": mass},
                         results={"cost": float((plan * C).sum())})
        fixture.add_double(f"{name}/plan", plan)
        for epsilon in [1, 0.1, 0.02]:
            plan = ot.partial.entropic_partial_wasserstein(a, b, C, epsilon, mass, numItermax=20_000,
                                                           stopThr=1e-13)
            name = f"entropicPartial_{n}x{m}_{share}_{epsilon}"
            kept = plan[plan > 0]
            assert abs(plan.sum() - mass) < 1e-10 and (plan.sum(1) < a + 1e-9).all()
            fixture.describe(name, "entropicPartial", {**attrs, "epsilon": epsilon, "mass": mass},
                             results={"cost": float((plan * C).sum()),
                                      "entropy": float((kept * np.log(kept)).sum())})
            fixture.add_double(f"{name}/plan", plan)


def add_barycenters(fixture):
    """Histogram k has weights of the seed + k."""
    for n, count, seed in [(1, 2, 500), (7, 2, 510), (31, 3, 520), (129, 2, 530)]:
        grid = np.linspace(0, 1, n)
        C = (grid[:, None] - grid[None, :]) ** 2
        A = np.stack([hashed.weights("random", n, seed + k) for k in range(count)], 1)
        shares = hashed.weights("random", count, seed + 9)
        for op, solve, epsilons in [("barycenter", ot.bregman.barycenter, EPSILONS[: 4 if n < 50 else 3]),
                                    ("debiasedBarycenter", ot.bregman.barycenter_debiased, EPSILONS[:2])]:
            for epsilon in epsilons:
                name = f"{op}_{n}x{count}_{epsilon}"
                histogram, report = solve(A, C, epsilon, weights=shares, method="sinkhorn_log",
                                          numItermax=50_000, stopThr=1e-10, log=True)
                assert not report["err"] or report["err"][-1] < 1e-10
                fixture.describe(name, op, {"n": n, "count": count, "seed": seed, "epsilon": epsilon,
                                            "shares": [float(s) for s in shares]})
                fixture.add_double(f"{name}/histogram", histogram)
    side, seed = 12, 560
    A = np.stack([hashed.weights("random", side * side, seed + k).reshape(side, side) for k in range(2)])
    for epsilon in [0.1, 0.01]:
        histogram = ot.bregman.convolutional_barycenter2d(A, epsilon, numItermax=50_000, stopThr=1e-12)
        name = f"convolutionalBarycenter_{side}_{epsilon}"
        fixture.describe(name, "convolutionalBarycenter",
                         {"side": side, "count": 2, "seed": seed, "epsilon": epsilon})
        fixture.add_double(f"{name}/histogram", histogram)


def add_free_supports(fixture):
    """Measure k has points of the seed + 2k and weights of the seed + 2k + 1; it starts at points of seed + 20."""
    for sizes, points, seed in [((5, 5), 5, 600), ((9, 7, 11), 5, 640)]:
        d = 2
        locations = [hashed.points(n, d, seed + 2 * k) for k, n in enumerate(sizes)]
        masses = [hashed.weights("random", n, seed + 2 * k + 1) for k, n in enumerate(sizes)]
        start = hashed.points(points, d, seed + 20)
        attrs = {"sizes": list(sizes), "points": points, "d": d, "seed": seed}
        x = ot.lp.free_support_barycenter(locations, masses, start, numItermax=1000, stopThr=1e-20)
        name = f"freeSupportBarycenter_{len(sizes)}"
        fixture.describe(name, "freeSupportBarycenter", attrs)
        fixture.add_double(f"{name}/x", x)
        b = np.full(points, 1 / points)
        for epsilon in [0.1, 0.02]:
            x = start
            for _ in range(2000):
                before = x
                x = sum(sinkhorn(b, w, cdist(x, y, "sqeuclidean"), epsilon)[2] @ y / b[:, None]
                        for y, w in zip(locations, masses)) / len(sizes)
                if np.abs(x - before).max() < 1e-9:
                    break
            else:
                raise AssertionError("the support did not settle")
            name = f"freeSupportBarycenter_{len(sizes)}_{epsilon}"
            fixture.describe(name, "freeSupportBarycenter", {**attrs, "epsilon": epsilon})
            fixture.add_double(f"{name}/x", x)


def make():
    fixture = Fixture("transport")
    for add in (add_partial, add_divergences, add_barycenters, add_free_supports, add_unbalanced, add_balanced):
        add(fixture)
    fixture.libraries = {"pot": ot.__version__, "scipy": scipy.__version__}
    return fixture
