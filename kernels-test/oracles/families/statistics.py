"""Scans, statistics, norms, distances, segments and losses, in PyTorch."""

import torch
from torch.nn import functional as F


def _dims(x, dim):
    return tuple(range(x.dim())) if dim is None else tuple(dim)


def _prod(x, dim=None, keepdim=False):
    dims = {d % x.dim() for d in _dims(x, dim)}
    for d in dims:
        x = torch.prod(x, d, keepdim=True)
    return x if keepdim else x.reshape([n for d, n in enumerate(x.shape) if d not in dims])


def _reversed(function):
    def apply(x, dim, reverse=False):
        return function(x.flip(dim), dim).flip(dim) if reverse else function(x, dim)

    return apply


def _norm(x, p=2, dim=None, keepdim=False):
    return torch.linalg.vector_norm(x, float(p), dim=_dims(x, dim), keepdim=keepdim)


def _chosen(function):
    """Along one dimension, or of all elements; values only."""

    def apply(x, dim=None, keepdim=False):
        return function(x) if dim is None else function(x, dim, keepdim).values

    return apply


def _quantile(x, q, dim=None, keepdim=False, interpolation="linear"):
    q = torch.tensor(q, dtype=x.dtype)
    return torch.quantile(x, q, dim=dim, keepdim=keepdim, interpolation=interpolation)


def _diff(x, prepend=None, append=None, n=1, dim=-1):
    return torch.diff(x, n=n, dim=dim, prepend=prepend, append=append)


def _over_all(function):
    def apply(x, dim=None, keepdim=False):
        return function(x, dim=_dims(x, dim), keepdim=keepdim)

    return apply


def _trapezoid(function):
    def apply(y, x=None, dim=-1, **attrs):
        return function(y, dim=dim, **attrs) if x is None else function(y, x, dim=dim)

    return apply


def _segment(reduce, start):
    """By one-hot rows: every segment reduces all slices, those of others replaced by what changes nothing."""

    def apply(data, ids, numSegments):
        own = ids[None, :] == torch.arange(numSegments)[:, None]
        own = own.reshape([numSegments, data.shape[0]] + [1] * (data.dim() - 1))
        values = torch.where(own, data[None], torch.tensor(start, dtype=data.dtype))
        return reduce(values, own)

    return apply


def _segment_mean(values, own):
    return values.sum(1) / own.sum(1).clamp(min=1)


def _loss(function):
    """Attributes in PyTorch's spelling; the input and its partners by position."""
    names = {
        "logTarget": "log_target",
        "logInput": "log_input",
        "ignoreIndex": "ignore_index",
        "labelSmoothing": "label_smoothing",
    }

    def apply(*inputs, **attrs):
        return function(*inputs, **{names.get(key, key): value for key, value in attrs.items()})

    return apply


def _last_as(name, function):
    """The last input as a keyword, without a gradient: PyTorch has none for weights."""

    def apply(*inputs, **attrs):
        return _loss(function)(*inputs[:-1], **{name: inputs[-1].detach()}, **attrs)

    return apply


def _pairs(function):
    return lambda a, b, **attrs: function(a, b, **attrs)


OPS = {
    "prod": _prod,
    "cumprod": _reversed(torch.cumprod),
    "logcumsumexp": _reversed(torch.logcumsumexp),
    "cummax": lambda x, dim: tuple(torch.cummax(x, dim)),
    "cummin": lambda x, dim: tuple(torch.cummin(x, dim)),
    "stdMean": lambda x, dim=None, correction=1: tuple(
        torch.std_mean(x, dim=_dims(x, dim), correction=correction)
    ),
    "varMean": lambda x, dim=None, correction=1: tuple(
        torch.var_mean(x, dim=_dims(x, dim), correction=correction)
    ),
    "norm": _norm,
    "normalize": lambda x, **attrs: F.normalize(x, **attrs),
    "cosineSimilarity": _pairs(F.cosine_similarity),
    "pairwiseDistance": _pairs(F.pairwise_distance),
    "cdist": lambda a, b, p=2.0: torch.cdist(a, b, float(p)),
    "countNonzero": lambda x, dim=None: torch.count_nonzero(x, dim=_dims(x, dim)),
    "bincount": lambda x, size: torch.bincount(x, minlength=size),
    "bincountWeights": lambda x, weights, size: torch.zeros(
        size, dtype=weights.dtype
    ).index_add(0, x, weights),
    "histc": lambda x, bins, min, max: torch.histc(x, bins, min, max),
    "diff": _diff,
    "trapezoid": _trapezoid(torch.trapezoid),
    "cumulativeTrapezoid": _trapezoid(torch.cumulative_trapezoid),
    "median": _chosen(torch.median),
    "nanmedian": _chosen(torch.nanmedian),
    "quantile": _quantile,
    "mode": lambda x, dim=-1, keepdim=False: tuple(torch.mode(x, dim, keepdim)),
    "nansum": _over_all(torch.nansum),
    "nanmean": _over_all(torch.nanmean),
    "segmentSum": _segment(lambda values, own: values.sum(1), 0),
    "segmentMean": _segment(_segment_mean, 0),
    "segmentMax": _segment(lambda values, own: values.amax(1), -99),
    "segmentMin": _segment(lambda values, own: values.amin(1), 99),
    "segmentProd": _segment(lambda values, own: values.prod(1), 1),
    "l1Loss": _loss(F.l1_loss),
    "smoothL1Loss": _loss(F.smooth_l1_loss),
    "huberLoss": _loss(F.huber_loss),
    "nllLoss": _loss(F.nll_loss),
    "nllLossWeight": _last_as("weight", F.nll_loss),
    "crossEntropyWeight": _last_as("weight", F.cross_entropy),
    "crossEntropySoft": _loss(F.cross_entropy),
    "klDiv": _loss(F.kl_div),
    "binaryCrossEntropy": _loss(F.binary_cross_entropy),
    "binaryCrossEntropyWeight": _last_as("weight", F.binary_cross_entropy),
    "bceWithLogitsPosWeight": _last_as("pos_weight", F.binary_cross_entropy_with_logits),
    "gaussianNllLoss": _loss(F.gaussian_nll_loss),
    "poissonNllLoss": _loss(F.poisson_nll_loss),
    "hingeEmbeddingLoss": _loss(F.hinge_embedding_loss),
    "softMarginLoss": lambda x, target, **attrs: F.soft_margin_loss(x, target.detach(), **attrs),
    "marginRankingLoss": _loss(F.margin_ranking_loss),
    "cosineEmbeddingLoss": _loss(F.cosine_embedding_loss),
    "tripletMarginLoss": _loss(F.triplet_margin_loss),
}
