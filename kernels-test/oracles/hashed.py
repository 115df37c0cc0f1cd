"""Inputs of transport problems that a formula gives, so that no file need hold them.

kernels-test/reference/transport/drawn.ts is the same in TypeScript, bit for bit.
"""

import numpy as np


def hashed(count, seed):
    """24 random bits of each counter (the finalizer of MurmurHash3), as multiples of 2^-24 in [0, 1)."""
    with np.errstate(over="ignore"):
        h = np.arange(count, dtype=np.uint32) * np.uint32(0x9E3779B1)
        h = h + np.uint32(seed) * np.uint32(0x85EBCA77)
        h = (h ^ (h >> np.uint32(16))) * np.uint32(0x85EBCA6B)
        h = (h ^ (h >> np.uint32(13))) * np.uint32(0xC2B2AE35)
        h = h ^ (h >> np.uint32(16))
    return (h >> np.uint32(8)).astype(np.float64) / 2**24


def points(n, d, seed):
    return hashed(n * d, seed).reshape(n, d)


def weights(kind, n, seed, mass=1.0):
    """uniform, random (1/10 to 11/10 before scaling), or zeros: random, and every third 0."""
    raw = np.ones(n) if kind == "uniform" else 0.1 + hashed(n, seed)
    if kind == "zeros":
        raw[2::3] = 0
    return raw / raw.sum() * mass
