"""Attention with masks and shared key heads, rotary positions, and normalisation by channels."""

import math

import torch
from torch.nn import functional as F


def masked_attention(query, key, value, mask, isCausal=False, scale=None):
    """As scaledDotProductAttention; a bool mask says what takes part, one of floats is added."""
    scale = 1 / math.sqrt(query.size(-1)) if scale is None else scale
    scores = query @ key.transpose(-2, -1) * scale
    hidden = torch.zeros(scores.shape[-2:], dtype=torch.bool)
    if isCausal:
        hidden = ~torch.ones(scores.shape[-2:], dtype=torch.bool).tril()
    if mask.dtype == torch.bool:
        hidden = hidden | ~mask
    else:
        scores = scores + mask
    return torch.softmax(scores.masked_fill(hidden, -math.inf), -1) @ value


def grouped_attention(query, key, value, isCausal=False):
    """query [..., H, T, D], key and value [..., H / n, S, D], each repeated n times."""
    times = query.size(-3) // key.size(-3)
    key, value = (x.repeat_interleave(times, -3) for x in (key, value))
    everything = torch.ones(query.size(-2), key.size(-2), dtype=torch.bool)
    return masked_attention(query, key, value, everything, isCausal)


def rotary_embedding(x, positions=None, base=10000.0, offset=0, dims=None, interleaved=False):
    """x [..., T, D]; pair i of the first `dims` elements turned by position * base^(-2i / dims)."""
    dims = x.size(-1) if dims is None else dims
    if positions is None:
        positions = torch.arange(x.size(-2)) + offset
    steps = base ** (-torch.arange(0, dims, 2, dtype=torch.float64) / dims)
    angles = positions.to(torch.float64).unsqueeze(-1) * steps
    turned, rest = x[..., :dims], x[..., dims:]
    if interleaved:
        a, b = turned[..., 0::2], turned[..., 1::2]
    else:
        a, b = turned.chunk(2, -1)
    cos, sin = angles.cos(), angles.sin()
    pairs = (a * cos - b * sin, a * sin + b * cos)
    turned = torch.stack(pairs, -1).flatten(-2) if interleaved else torch.cat(pairs, -1)
    return torch.cat([turned, rest], -1)


def batch_norm(x, weight, bias, mean, var, training=True, momentum=0.1, eps=1e-5):
    """Gives the running statistics as well, which PyTorch changes in place."""
    mean, var = mean.detach().clone(), var.detach().clone()
    return F.batch_norm(x, mean, var, weight, bias, training, momentum, eps), mean, var


OPS = {
    "maskedAttention": masked_attention,
    "groupedAttention": grouped_attention,
    "rotaryEmbedding": rotary_embedding,
    "batchNorm": batch_norm,
    "groupNorm": lambda x, weight=None, bias=None, *, groups, eps=1e-5: F.group_norm(
        x, groups, weight, bias, eps
    ),
    "instanceNorm": lambda x, weight=None, bias=None, *, eps=1e-5: F.instance_norm(
        x, weight=weight, bias=bias, eps=eps
    ),
    "localResponseNorm": F.local_response_norm,
}
