"""Input makers: each returns a function of a numpy Generator, so that a case draws its own inputs.

Every float is drawn in f32: the reference promotes the very value the kernel sees.
"""

import numpy as np


def normal(*shape, scale=1.0, offset=0.0):
    return lambda rng: (
        rng.standard_normal(shape, dtype=np.float32) * np.float32(scale) + np.float32(offset)
    )


def uniform(low, high, *shape):
    return lambda rng: rng.uniform(low, high, shape).astype(np.float32)


def away_from_zero(*shape, gap=0.1):
    """Normal values pushed `gap` away from 0, where abs, relu and division have no derivative."""

    def make(rng):
        values = rng.standard_normal(shape, dtype=np.float32)
        return values + np.copysign(np.float32(gap), values)

    return make


def distinct(*shape, step=0.125):
    """A shuffled ladder of values `step` apart: without ties max and sort are differentiable."""

    def make(rng):
        count = int(np.prod(shape))
        ladder = (np.arange(count) - count // 2) * step
        return rng.permutation(ladder).reshape(shape).astype(np.float32)

    return make


def integers(low, high, *shape):
    """i32 values in [low, high)."""
    return lambda rng: rng.integers(low, high, shape).astype(np.int32)


def choice(options, *shape):
    """f32 values from a short list, so that ties are certain."""
    return lambda rng: rng.choice(np.asarray(options, np.float32), shape)


def booleans(probability, *shape):
    return lambda rng: rng.random(shape) < probability


def values(data, dtype=np.float32):
    return lambda rng: np.asarray(data, dtype)
