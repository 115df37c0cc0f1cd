"""What each operation name of the fixtures means, in PyTorch.

OPS[name](*inputs, **attrs) returns one tensor or a tuple. Attribute names are the keys that stand
in a fixture's `cases` metadata; a case's attributes are the very arguments it was computed with.
A scalar operand is the attribute `other` (`exponent` for pow) in place of the second input.
"""

import importlib
import math
import pathlib

import numpy as np
import torch
from torch.nn import functional as F


def _binary(function, scalar="other"):
    def apply(a, b=None, **attrs):
        return function(a, attrs[scalar] if b is None else b)

    return apply


def _all_dims(x, dim):
    return tuple(range(x.dim())) if dim is None else tuple(dim)


def _over(function):
    """A reduction over `dim`, a list (all dimensions when absent)."""

    def apply(x, dim=None, keepdim=False, **attrs):
        return function(x, dim=_all_dims(x, dim), keepdim=keepdim, **attrs)

    return apply


def _one_by_one(function):
    """Reduces several dimensions in turn, for reductions that PyTorch gives one `dim` only."""

    def apply(x, dim, keepdim):
        dims = {d % x.dim() for d in dim}
        for d in dims:
            x = function(x, dim=d, keepdim=True)
        return x if keepdim else x.reshape([n for d, n in enumerate(x.shape) if d not in dims])

    return _over(apply)


def _variance(x, dim, keepdim, correction=1):
    return torch.var(x, dim=dim, correction=correction, keepdim=keepdim)


def _std(x, dim, keepdim, correction=1):
    return torch.std(x, dim=dim, correction=correction, keepdim=keepdim)


def _slice(x, dim, start=0, end=None, step=1):
    index = [slice(None)] * x.dim()
    index[dim] = slice(start, end, step)
    return x[tuple(index)]


def _chain(x, steps):
    """Applies one-input operations in turn: steps = [{"op": ..., "attrs": {...}}, ...]."""
    for step in steps:
        x = OPS[step["op"]](x, **step["attrs"])
    return x


TORCH_DTYPE = {
    "f32": torch.float64,  # references stay in f64 until they are stored as f32
    "f16": torch.float16,
    "i32": torch.int64,
    "bool": torch.bool,
}


def _to(x, dtype):
    if dtype == "u32":
        return x.numpy().astype(np.uint32)
    return x.to(TORCH_DTYPE[dtype])


def _rms_norm(x, weight=None, eps=1e-5):
    y = x * torch.rsqrt(x.square().mean(-1, keepdim=True) + eps)
    return y if weight is None else y * weight


def _cross_entropy(logits, target, reduction="mean", ignoreIndex=-100, labelSmoothing=0.0):
    return F.cross_entropy(
        logits,
        target,
        reduction=reduction,
        ignore_index=ignoreIndex,
        label_smoothing=labelSmoothing,
    )


def scaled_dot_product_attention(query, key, value, isCausal=False, scale=None):
    """softmax(scale q k^T + mask) v; q [..., T, D], k [..., S, D], v [..., S, E].

    The causal mask is PyTorch's: row t sees columns 0..t, also when T differs from S.
    """
    scale = 1 / math.sqrt(query.size(-1)) if scale is None else scale
    scores = query @ key.transpose(-2, -1) * scale
    if isCausal:
        visible = torch.ones(scores.shape[-2:], dtype=torch.bool).tril()
        scores = scores.masked_fill(~visible, -math.inf)
    return torch.softmax(scores, -1) @ value


OPS = {
    # pointwise, two operands
    "add": _binary(torch.add),
    "sub": _binary(torch.sub),
    "mul": _binary(torch.mul),
    "div": _binary(torch.div),
    "pow": _binary(torch.pow, scalar="exponent"),
    "maximum": torch.maximum,
    "minimum": torch.minimum,
    "eq": _binary(torch.eq),
    "ne": _binary(torch.ne),
    "lt": _binary(torch.lt),
    "le": _binary(torch.le),
    "gt": _binary(torch.gt),
    "ge": _binary(torch.ge),
    # pointwise, one operand
    "neg": torch.neg,
    "abs": torch.abs,
    "exp": torch.exp,
    "log": torch.log,
    "log1p": torch.log1p,
    "expm1": torch.expm1,
    "sqrt": torch.sqrt,
    "rsqrt": torch.rsqrt,
    "square": torch.square,
    "reciprocal": torch.reciprocal,
    "sin": torch.sin,
    "cos": torch.cos,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "relu": torch.relu,
    "gelu": lambda x, approximate: F.gelu(x, approximate=approximate),
    "silu": F.silu,
    "softplus": F.softplus,
    "erf": torch.erf,
    "floor": torch.floor,
    "ceil": torch.ceil,
    "round": torch.round,
    "sign": torch.sign,
    "clamp": lambda x, min=None, max=None: torch.clamp(x, min, max),
    "where": torch.where,
    "to": _to,
    # reductions
    "sum": _over(torch.sum),
    "mean": _over(torch.mean),
    "max": _over(torch.amax),
    "min": _over(torch.amin),
    "var": _over(_variance),
    "std": _over(_std),
    "any": _one_by_one(torch.any),
    "all": _one_by_one(torch.all),
    "argmax": lambda x, dim=None, keepdim=False: torch.argmax(x, dim, keepdim),
    "argmin": lambda x, dim=None, keepdim=False: torch.argmin(x, dim, keepdim),
    "logSumExp": _over(torch.logsumexp),
    "softmax": torch.softmax,
    "logSoftmax": torch.log_softmax,
    "cumsum": torch.cumsum,
    # products
    "matmul": torch.matmul,
    "linear": F.linear,
    # indexing
    "gather": lambda x, index, dim: torch.gather(x, dim, index),
    "indexSelect": lambda x, index, dim: torch.index_select(x, dim, index),
    "scatterAdd": lambda x, index, src, dim: torch.scatter_add(x, dim, index, src),
    "embedding": lambda weight, index: F.embedding(index, weight),
    # shape
    "cat": lambda *parts, dim: torch.cat(parts, dim),
    "stack": lambda *parts, dim: torch.stack(parts, dim),
    "split": lambda x, splitSize, dim: torch.split(x, splitSize, dim),
    "pad": lambda x, pad, value=0.0: F.pad(x, pad, value=value),
    "tril": lambda x, diagonal=0: torch.tril(x, diagonal),
    "triu": lambda x, diagonal=0: torch.triu(x, diagonal),
    "reshape": lambda x, shape: torch.reshape(x, shape),
    "permute": lambda x, dims: torch.permute(x, dims),
    "transpose": lambda x, dim0, dim1: torch.transpose(x, dim0, dim1),
    "expand": lambda x, shape: x.expand(shape),
    "squeeze": lambda x, dim: torch.squeeze(x, dim),
    "unsqueeze": lambda x, dim: torch.unsqueeze(x, dim),
    "slice": _slice,
    "chain": _chain,
    # order
    "sort": lambda x, dim=-1, descending=False, stable=True: torch.sort(
        x, dim=dim, descending=descending, stable=stable
    ),
    "topk": lambda x, k, dim=-1, largest=True: torch.topk(x, k, dim, largest, sorted=True),
    # nn.functional
    "layerNorm": lambda x, weight=None, bias=None, *, normalizedShape, eps=1e-5: F.layer_norm(
        x, normalizedShape, weight, bias, eps
    ),
    "rmsNorm": _rms_norm,
    "crossEntropy": _cross_entropy,
    "mseLoss": lambda x, target, reduction="mean": F.mse_loss(x, target, reduction=reduction),
    "bceWithLogits": lambda x, target, reduction="mean": F.binary_cross_entropy_with_logits(
        x, target, reduction=reduction
    ),
    "scaledDotProductAttention": scaled_dot_product_attention,
}

# The families that came later say what theirs mean in a file of their own: `families/<family>.py`.
for _file in sorted((pathlib.Path(__file__).parent / "families").glob("*.py")):
    OPS.update(importlib.import_module(f"families.{_file.stem}").OPS)
