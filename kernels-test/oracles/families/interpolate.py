"""Resizing."""

from torch.nn import functional as F

NAMES = {
    "scaleFactor": "scale_factor",
    "alignCorners": "align_corners",
    "recomputeScaleFactor": "recompute_scale_factor",
}


def _interpolate(x, **attrs):
    return F.interpolate(x, **{NAMES.get(k, k): v for k, v in attrs.items()})


OPS = {
    "interpolate": _interpolate,
    "pixelShuffle": lambda x, factor: F.pixel_shuffle(x, factor),
    "pixelUnshuffle": lambda x, factor: F.pixel_unshuffle(x, factor),
}
