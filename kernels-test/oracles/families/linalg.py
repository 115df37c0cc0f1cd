"""Factors and solutions of matrices. Matrices are shifted or squared where they have to be far from singular."""

import torch

linalg = torch.linalg


def shifted(a, by=3.0):
    return a + by * torch.eye(a.shape[-1], dtype=a.dtype)


def definite(a):
    return shifted(a @ a.mT, 1.0)


def lstsq(a, b):
    solution = linalg.lstsq(a, b, driver="gels").solution
    # Elsewhere the residuals are roundings.
    return (solution, ((a @ solution - b) ** 2).sum(-2)) if a.shape[-2] > a.shape[-1] else solution


OPS = {
    "cholesky": lambda a, upper=False: linalg.cholesky(definite(a), upper=upper),
    "choleskySolve": lambda a, b, upper=False: torch.cholesky_solve(
        b, linalg.cholesky(definite(a), upper=upper), upper=upper
    ),
    "det": lambda a: linalg.det(shifted(a)),
    "inverse": lambda a: linalg.inv(shifted(a)),
    "logdet": lambda a: torch.logdet(definite(a)),
    "lstsq": lstsq,
    "lu": lambda a: linalg.lu(a),
    "luFactor": lambda a: linalg.lu_factor(a),
    "luSolve": lambda a, b, adjoint=False: linalg.lu_solve(
        *linalg.lu_factor(shifted(a)), b, adjoint=adjoint
    ),
    "matrixExp": linalg.matrix_exp,
    "matrixNorm": lambda a, ord, keepdim=False: linalg.matrix_norm(
        a, float(ord) if ord != "fro" else ord, keepdim=keepdim
    ),
    "matrixPower": lambda a, n: linalg.matrix_power(shifted(a, 1.5), n),
    "qr": lambda a: linalg.qr(a),
    "slogdet": lambda a: linalg.slogdet(shifted(a)),
    "solve": lambda a, b, left=True: linalg.solve(shifted(a), b, left=left),
    "solveTriangular": lambda a, b, **attrs: linalg.solve_triangular(shifted(a), b, **attrs),
    "trace": lambda a: a.diagonal(dim1=-2, dim2=-1).sum(-1),
}
