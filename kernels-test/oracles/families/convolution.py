"""Convolutions."""

from torch.nn import functional as F


def _conv(function):
    def apply(x, weight, bias=None, **attrs):
        names = {"outputPadding": "output_padding"}
        return function(x, weight, bias, **{names.get(k, k): v for k, v in attrs.items()})

    return apply


OPS = {
    "conv1d": _conv(F.conv1d),
    "conv2d": _conv(F.conv2d),
    "conv3d": _conv(F.conv3d),
    "convTranspose1d": _conv(F.conv_transpose1d),
    "convTranspose2d": _conv(F.conv_transpose2d),
    "convTranspose3d": _conv(F.conv_transpose3d),
}
