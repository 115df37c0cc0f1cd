"""NumPy's end of bench/frame/engine.ts, for linear algebra in float32.

    python3 bench/peers/serve_numpy.py
"""

import sys

# The folder holds sources only.
sys.dont_write_bytecode = True

import numpy as np

from serving import serve


def general(size):
    return np.random.default_rng(1).standard_normal((size, size), dtype=np.float32)


def cholesky(size):
    x = general(size)
    a = x @ x.T + np.float32(size) * np.eye(size, dtype=np.float32)
    return lambda: np.linalg.cholesky(a)


def solve(size):
    a, b = general(size), general(size)[:, :16]
    return lambda: np.linalg.solve(a, b)


def qr(size):
    a = general(size)
    return lambda: np.linalg.qr(a)


def symmetric(size):
    x = general(size)
    return (x + x.T) / 2


def eigh(size):
    a = symmetric(size)
    return lambda: np.linalg.eigh(a)


def eigvalsh(size):
    a = symmetric(size)
    return lambda: np.linalg.eigvalsh(a)


def svd(size):
    a = general(size)
    return lambda: np.linalg.svd(a, full_matrices=False)


def svdvals(size):
    a = general(size)
    return lambda: np.linalg.svd(a, compute_uv=False)


TASKS = {task.__name__: task for task in (cholesky, solve, qr, eigh, eigvalsh, svd, svdvals)}
serve(
    {"adapter": "", "version": np.__version__},
    {name: lambda options, make=make: make(options["size"]) for name, make in TASKS.items()},
)
