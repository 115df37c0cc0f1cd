"""Products of vectors, matrices and tensors with named dimensions."""

import torch
from torch.nn import functional as F

OPS = {
    "addmm": lambda x, a, b, beta=1, alpha=1: torch.addmm(x, a, b, beta=beta, alpha=alpha),
    "baddbmm": lambda x, a, b, beta=1, alpha=1: torch.baddbmm(x, a, b, beta=beta, alpha=alpha),
    "bilinear": F.bilinear,
    "bmm": torch.bmm,
    "cross": lambda a, b, dim=-1: torch.linalg.cross(a, b, dim=dim),
    "dot": torch.dot,
    "einsum": lambda *operands, equation: torch.einsum(equation, *operands),
    "inner": torch.inner,
    "kron": torch.kron,
    "mm": torch.mm,
    "multiDot": lambda *tensors: torch.linalg.multi_dot(tensors),
    "mv": torch.mv,
    "outer": torch.outer,
    "tensordot": lambda a, b, dims=2: torch.tensordot(a, b, dims),
}
