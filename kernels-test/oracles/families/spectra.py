"""Eigenvalues, singular values and roots.

Inputs are moved to where values keep a distance of about 2, and vectors, whose signs nothing determines, are
returned as sums over k of weights_k v_k v_k^T.
"""

import torch

linalg = torch.linalg


def separated(a):
    """Symmetric, with the diagonal 0, 2, 4, ... added."""
    return (a + a.mT) / 2 + torch.diag(2.0 * torch.arange(a.shape[-1], dtype=a.dtype))


def stretched(a):
    """With 2, 3.5, 5, ... added along the diagonal."""
    m, n = a.shape[-2:]
    return a + torch.eye(m, n, dtype=a.dtype) * (2 + 1.5 * torch.arange(n, dtype=a.dtype))


def weights(count, dtype):
    return 1 + torch.arange(count, dtype=dtype) / 2


def eigh(a):
    values, v = linalg.eigh(separated(a))
    return values, (v * weights(values.shape[-1], a.dtype)) @ v.mT


def svd(a):
    u, s, vh = linalg.svd(stretched(a), full_matrices=False)
    return s, (u * weights(s.shape[-1], a.dtype)) @ vh


def matrix_root(a, p):
    values, v = linalg.eigh(separated(a) + 2 * torch.eye(a.shape[-1], dtype=a.dtype))
    return (v * (values ** (1 / p)).unsqueeze(-2)) @ v.mT


def orthogonalize(g):
    x = g.mT if g.shape[-2] > g.shape[-1] else g
    x = x / (linalg.matrix_norm(x, keepdim=True) + 1e-7)
    for _ in range(5):
        gram = x @ x.mT
        x = 3.4445 * x + (-4.775 * gram + 2.0315 * gram @ gram) @ x
    return x.mT if g.shape[-2] > g.shape[-1] else x


def cond(a, p):
    a = stretched(a)
    if p in (2, -2):
        return linalg.cond(a, p)
    # linalg.cond of PyTorch 1.13 changes in place what its gradient needs.
    return linalg.matrix_norm(a, p) * linalg.matrix_norm(linalg.inv(a), p)


OPS = {
    "cond": cond,
    "eigh": eigh,
    "eigvalsh": lambda a: linalg.eigvalsh(separated(a)),
    "matrixRank": lambda a: linalg.matrix_rank(stretched(a)),
    "matrixRoot": matrix_root,
    "orthogonalize": orthogonalize,
    "pinv": lambda a: linalg.pinv(stretched(a)),
    "spectralNorm": lambda a, ord: linalg.matrix_norm(
        stretched(a), ord if ord == "nuc" else int(ord)
    ),
    "svd": svd,
    "svdvals": lambda a: linalg.svdvals(stretched(a)),
}
