"""Creation, views and the rest of what the other families leave out, in PyTorch (and SciPy's idct)."""

import torch

from families.spectral import OPS as SPECTRAL
from operations import scaled_dot_product_attention


def _idct(x, type=2, norm="backward"):
    """The other type, scaled the other way: see scipy.fft.idct."""
    other = {"backward": "forward", "forward": "backward", "ortho": "ortho"}[norm]
    return SPECTRAL["dct"](x, type=5 - type, norm=other)


def _packed_attention(qkv, isCausal=False):
    q, k, v = (part.transpose(1, 2) for part in qkv.unbind(2))
    return scaled_dot_product_attention(q, k, v, isCausal=isCausal).transpose(1, 2)


OPS = {
    "arange": lambda start, end, step: torch.arange(start, end, step, dtype=torch.float64),
    "arangeWhole": lambda start, end, step: torch.arange(start, end, step),
    "eye": lambda n, m: torch.eye(n, m, dtype=torch.float64),
    "full": lambda shape, value: torch.full(shape, value, dtype=torch.float64),
    "linspace": lambda start, end, steps: torch.linspace(start, end, steps, dtype=torch.float64),
    "logspace": lambda start, end, steps, base: torch.logspace(
        start, end, steps, base, dtype=torch.float64
    ),
    "oneHot": lambda x, classes: torch.nn.functional.one_hot(x, classes),
    "trilIndices": lambda rows, columns, offset: torch.tril_indices(rows, columns, offset),
    "triuIndices": lambda rows, columns, offset: torch.triu_indices(rows, columns, offset),
    "fftfreq": lambda n, d: torch.fft.fftfreq(n, d, dtype=torch.float64),
    "rfftfreq": lambda n, d: torch.fft.rfftfreq(n, d, dtype=torch.float64),
    "lerp": lambda a, b, weight=None, t=None: torch.lerp(a, b, t if weight is None else weight),
    "logicalAnd": torch.logical_and,
    "logicalOr": torch.logical_or,
    "logicalNot": torch.logical_not,
    "indexAdd": lambda x, index, src, dim: torch.index_add(x, dim, index, src),
    "argsort": lambda x, dim=-1, descending=False: torch.sort(
        x, dim=dim, descending=descending, stable=True
    ).indices,
    "flatten": lambda x, start, end: torch.flatten(x, start, end),
    "narrow": lambda x, dim, start, length: torch.narrow(x, dim, start, length),
    "select": lambda x, dim, index: torch.select(x, dim, index),
    "clone": torch.clone,
    "contiguous": torch.clone,
    "squeezeAll": torch.squeeze,
    "atleast1d": torch.atleast_1d,
    "atleast2d": torch.atleast_2d,
    "atleast3d": torch.atleast_3d,
    "idct": _idct,
    "packedAttention": _packed_attention,
}
