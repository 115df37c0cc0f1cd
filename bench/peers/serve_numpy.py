"""NumPy's end of bench/peers/peer.ts, for linear algebra in float32.

    python3 bench/peers/serve_numpy.py
"""

import json
import sys
import time

import numpy as np


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
made = {}
for line in sys.stdin:
    request = json.loads(line)
    size = request["options"]["size"]
    key = (request["task"], size)
    if key not in made:
        made[key] = TASKS[request["task"]](size)
        made[key]()
    start = time.perf_counter()
    for _ in range(request["repeats"]):
        made[key]()
    ms = (time.perf_counter() - start) * 1000 / request["repeats"]
    print(json.dumps({"ms": ms}), flush=True)
