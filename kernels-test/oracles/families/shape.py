"""Rearranging, windows, padding, writing by index, masks and searching."""

import torch
from torch.nn import functional as F


def _indices(indices, tensors):
    """Numbers, {"start": ...} ranges, None, "..." and {"tensor": i}, the i-th of the operands after x."""

    def one(index):
        if index == "...":
            return Ellipsis
        if not isinstance(index, dict):
            return index
        if "tensor" in index:
            return tensors[index["tensor"]]
        return slice(index.get("start"), index.get("end"), index.get("step"))

    return tuple(one(index) for index in indices)


def _index(x, *tensors, indices):
    return x[_indices(indices, tensors)]


def _index_put(x, values, *tensors, indices, accumulate=False):
    """Through positions, since torch.index_put takes tensors only."""
    places = torch.arange(x.numel()).reshape(x.shape)[_indices(indices, tensors)]
    spread = values.expand(places.shape).reshape(-1)
    row = x.reshape(-1)
    put = row.index_put((places.reshape(-1),), spread, accumulate=accumulate)
    return put.reshape(x.shape)


def _filled(found, size, fill):
    """The first `size` rows of what was found; missing ones are `fill`."""
    rest = torch.full((max(size - len(found), 0), *found.shape[1:]), fill, dtype=found.dtype)
    return torch.cat([found[:size], rest])


def _nonzero(x, size, fillValue=0):
    return _filled(torch.nonzero(x), size, fillValue)


def _masked_select(x, mask, size, fillValue=0):
    return _filled(torch.masked_select(x, mask), size, fillValue)


def _unique(x, size, fillValue=0):
    values, inverse, counts = torch.unique(x, return_inverse=True, return_counts=True)
    return _filled(values, size, fillValue), inverse, _filled(counts, size, 0)


def _pad_mode(x, pad, mode):
    """PyTorch pads with batch and channel in front."""
    count = len(pad) // 2
    batch = x.reshape(1, -1, *x.shape[x.dim() - count :])
    padded = F.pad(batch, pad, mode=mode)
    return padded.reshape(*x.shape[: x.dim() - count], *padded.shape[2:])


def _vander(x, count=None, increasing=False):
    """torch.vander has no derivative."""
    powers = torch.arange(len(x) if count is None else count)
    return x[:, None] ** (powers if increasing else powers.flip(0))


def _kthvalue(x, k, dim=-1, keepdim=False):
    return tuple(torch.kthvalue(x, k, dim, keepdim))


OPS = {
    # rearranging
    "flip": torch.flip,
    "fliplr": torch.fliplr,
    "flipud": torch.flipud,
    "rot90": lambda x, k=1, dims=(0, 1): torch.rot90(x, k, dims),
    "roll": lambda x, shifts, dims=None: torch.roll(x, shifts, dims),
    "repeat": lambda x, counts: x.repeat(*counts),
    "tile": lambda x, counts: torch.tile(x, counts),
    "repeatInterleave": lambda x, count, dim=None: torch.repeat_interleave(x, count, dim),
    "movedim": lambda x, source, target: torch.movedim(x, source, target),
    "unflatten": lambda x, dim, sizes: x.unflatten(dim, sizes),
    "chunk": lambda x, chunks, dim=0: torch.chunk(x, chunks, dim),
    "tensorSplit": lambda x, where, dim=0: torch.tensor_split(x, where, dim),
    "unbind": lambda x, dim=0: torch.unbind(x, dim),
    "broadcastTensors": lambda *tensors: torch.broadcast_tensors(*tensors),
    # joining
    "hstack": lambda *tensors: torch.hstack(tensors),
    "vstack": lambda *tensors: torch.vstack(tensors),
    "dstack": lambda *tensors: torch.dstack(tensors),
    "columnStack": lambda *tensors: torch.column_stack(tensors),
    "blockDiag": torch.block_diag,
    "meshgrid": lambda *tensors, indexing="ij": torch.meshgrid(*tensors, indexing=indexing),
    "cartesianProd": torch.cartesian_prod,
    "combinations": lambda x, r=2, withReplacement=False: torch.combinations(
        x, r, withReplacement
    ),
    "vander": _vander,
    # diagonals and windows
    "diag": torch.diag,
    "diagonal": lambda x, offset=0, dim1=0, dim2=1: torch.diagonal(x, offset, dim1, dim2),
    "diagEmbed": lambda x, offset=0, dim1=-2, dim2=-1: torch.diag_embed(x, offset, dim1, dim2),
    "unfold": lambda x, dim, size, step: x.unfold(dim, size, step),
    "imageUnfold": lambda x, kernelSize, **attrs: F.unfold(x, kernelSize, **attrs),
    "imageFold": lambda x, outputSize, kernelSize, **attrs: F.fold(
        x, outputSize, kernelSize, **attrs
    ),
    "padMode": _pad_mode,
    # by index
    "index": _index,
    "indexPut": _index_put,
    "scatter": lambda x, index, src, dim: torch.scatter(x, dim, index, src),
    "scatterReduce": lambda x, index, src, dim, reduce, includeSelf=True: torch.scatter_reduce(
        x, dim, index, src, reduce, include_self=includeSelf
    ),
    "take": torch.take,
    "takeAlongDim": lambda x, index, dim=None: torch.take_along_dim(x, index, dim),
    "indexCopy": lambda x, index, src, dim: torch.index_copy(x, dim, index, src),
    "indexFill": lambda x, index, dim, value: torch.index_fill(x, dim, index, value),
    "maskedFill": lambda x, mask, value: torch.masked_fill(x, mask, value),
    "maskedSelect": _masked_select,
    "maskedScatter": torch.masked_scatter,
    "nonzero": _nonzero,
    # order
    "searchsorted": lambda bounds, x, right=False: torch.searchsorted(bounds, x, right=right),
    "bucketize": lambda x, bounds, right=False: torch.bucketize(x, bounds, right=right),
    "unique": _unique,
    "msort": torch.msort,
    "kthvalue": _kthvalue,
    "isin": lambda x, test, invert=False: torch.isin(x, test, invert=invert),
}
