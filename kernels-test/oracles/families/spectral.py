"""Fourier, cosine and Walsh-Hadamard transforms. A complex tensor is two: its real and imaginary parts."""

import math

import torch


def _complex(parts):
    return torch.complex(*parts) if len(parts) == 2 else parts[0]


def _parts(y):
    return (y.real, y.imag.resolve_neg())


def _to_parts(function):
    def apply(*parts, **attrs):
        return _parts(function(_complex(parts), **attrs))

    return apply


def _dct(x, type=2, norm="backward"):
    """SciPy's definition along the last dimension, as a matrix, so that it has gradients."""
    n = x.shape[-1]
    k = torch.arange(n, dtype=torch.float64)
    matrix = 2 * torch.cos(math.pi * k[:, None] * (2 * k[None, :] + 1) / (2 * n))
    if type == 3:
        matrix = matrix.T.clone()
        matrix[:, 0] = 1
    if norm == "forward":
        matrix = matrix / (2 * n)
    if norm == "ortho":
        matrix = 2 * torch.cos(math.pi * k[:, None] * (2 * k[None, :] + 1) / (2 * n))
        weights = torch.where(k == 0, math.sqrt(0.25 / n), math.sqrt(0.5 / n))
        matrix = weights[:, None] * matrix
        matrix = matrix.T if type == 3 else matrix
    return x @ matrix.T


def _hadamard(x, norm="backward"):
    n = x.shape[-1]
    matrix = torch.ones(1, 1, dtype=torch.float64)
    while matrix.shape[0] < n:
        matrix = torch.cat(
            [torch.cat([matrix, matrix], 1), torch.cat([matrix, -matrix], 1)], 0
        )
    return x @ (matrix / math.sqrt(n) if norm == "ortho" else matrix)


OPS = {
    "fft": _to_parts(torch.fft.fft),
    "ifft": _to_parts(torch.fft.ifft),
    "rfft": _to_parts(torch.fft.rfft),
    "irfft": lambda *parts, **attrs: torch.fft.irfft(_complex(parts), **attrs),
    "fft2": _to_parts(torch.fft.fft2),
    "ifft2": _to_parts(torch.fft.ifft2),
    "fftn": _to_parts(torch.fft.fftn),
    "ifftn": _to_parts(torch.fft.ifftn),
    "fftshift": lambda x, dim=None: torch.fft.fftshift(x, dim=dim),
    "ifftshift": lambda x, dim=None: torch.fft.ifftshift(x, dim=dim),
    "dct": _dct,
    "hadamardTransform": _hadamard,
}
