"""The same points as transportProblem.mjs."""

import numpy as np


def uniform(seed, count):
    """Numbers in [0, 1), float32: mulberry32, whose state is a multiple of one constant."""
    t = (np.uint64(seed) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x6D2B79F5)).astype(np.uint32)
    t = (t ^ (t >> np.uint32(15))) * (t | np.uint32(1))
    t ^= t + (t ^ (t >> np.uint32(7))) * (t | np.uint32(61))
    return ((t ^ (t >> np.uint32(14))) / 2**32).astype(np.float32)


def clouds(options):
    """Two arrays of coordinates, [n, dimensions] and [m, dimensions]."""
    width = options["dimensions"]
    return tuple(
        uniform(seed, options[size] * width).reshape(-1, width) for seed, size in ((1, "n"), (2, "m"))
    )
