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


made = {}
for line in sys.stdin:
    request = json.loads(line)
    size = request["options"]["size"]
    key = (request["task"], size)
    if key not in made:
        made[key] = {"cholesky": cholesky, "solve": solve, "qr": qr}[request["task"]](size)
        made[key]()
    start = time.perf_counter()
    for _ in range(request["repeats"]):
        made[key]()
    ms = (time.perf_counter() - start) * 1000 / request["repeats"]
    print(json.dumps({"ms": ms}), flush=True)
