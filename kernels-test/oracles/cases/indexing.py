"""Indexed reading, writing and adding, with repeated indices (whose gradients must add up); masks."""

import numpy as np

from draw import booleans, integers, normal, values
from fixture import Fixture


def index(data):
    return values(data, np.int32)


def permuted(count, *shape, axis=-1):
    """Indices below `count`, none twice along the axis: what is written twice is a matter of order."""

    def make(rng):
        rows = np.moveaxis(np.empty(shape, np.int32), axis, -1).shape
        picked = [rng.permutation(count)[: rows[-1]] for _ in range(int(np.prod(rows[:-1])))]
        return np.ascontiguousarray(np.moveaxis(np.reshape(picked, rows), -1, axis)).astype(np.int32)

    return make


def writing(fixture):
    for label, shape, dim, size in [("1d", (7,), 0, 4), ("dim0", (5, 3), 0, 5), ("dim1", (2, 6, 3), 1, 4)]:
        part = [size if i == dim else d for i, d in enumerate(shape)]
        by = permuted(shape[dim], *part, axis=dim)
        fixture.case(f"scatter_{label}", "scatter", [normal(*shape), by, normal(*part)], {"dim": dim})
        for reduce in ("sum", "prod", "mean", "amax", "amin"):
            for includeSelf in (True, False):
                name = f"scatterReduce_{reduce}_{label}{'' if includeSelf else '_without'}"
                attrs = {"dim": dim, "reduce": reduce, "includeSelf": includeSelf}
                inputs = [normal(*shape), integers(0, shape[dim], *part), normal(*part)]
                fixture.case(name, "scatterReduce", inputs, attrs)
        inputs = [normal(*shape), permuted(shape[dim], size), normal(*part)]
        fixture.case(f"indexCopy_{label}", "indexCopy", inputs, {"dim": dim})
        inputs = [normal(*shape), integers(0, shape[dim], 2)]
        fixture.case(f"indexFill_{label}", "indexFill", inputs, {"dim": dim, "value": 1.5})
    inputs = [values([2, 3, 4]), index([0, 0, 1, 2, 2]), values([0, 5, 0, 0, 0])]
    attrs = {"dim": 0, "reduce": "prod", "includeSelf": True}
    fixture.case("scatterReduce_prod_zeros", "scatterReduce", inputs, attrs)
    inputs = [values([1, 2, 3]), index([0, 0, 1, 1]), values([4, 4, 2, 0])]
    attrs = {"dim": 0, "reduce": "amax", "includeSelf": True}
    fixture.case("scatterReduce_amax_ties", "scatterReduce", inputs, attrs)


def reading(fixture):
    for i, (shape, count) in enumerate([((7,), (5,)), ((3, 4), (2, 3)), ((2, 3, 2), ())]):
        size = int(np.prod(shape))
        fixture.case(f"take_{i}", "take", [normal(*shape), integers(0, size, *count)])
    for i, (shape, by, dim) in enumerate([((3, 4), (3, 2), 1), ((3, 4), (1, 4), 0), ((2, 1, 5), (1, 3, 2), -1)]):
        inputs = [normal(*shape), integers(0, shape[dim], *by)]
        fixture.case(f"takeAlongDim_{i}", "takeAlongDim", inputs, {"dim": dim})
    fixture.case("takeAlongDim_flat", "takeAlongDim", [normal(3, 4), integers(0, 12, 5)])


def advanced(fixture):
    ranged = {"start": 1, "step": 2}
    tensor, other = {"tensor": 0}, {"tensor": 1}
    for label, shape, indices, tensors in [
        ("views", (4, 5, 6), [2, ranged, "...", None, -1], []),
        ("end", (5, 6), [{"start": -3, "end": -1}, {"end": 4}], []),
        ("list", (5, 3), [tensor], [integers(-5, 5, 7)]),
        ("last", (2, 3, 4), ["...", tensor], [integers(-4, 4, 2, 3)]),
        ("pair", (4, 5), [tensor, other], [integers(0, 4, 3, 1), integers(-5, 5, 2)]),
        ("together", (2, 4, 5, 3), [{}, tensor, other], [integers(0, 4, 6), integers(0, 5, 6)]),
        ("apart", (4, 2, 5), [tensor, {}, other], [integers(0, 4, 3), integers(0, 5, 2, 3)]),
        ("mixed", (3, 4, 5, 2), [1, tensor, ranged, None, other], [integers(0, 4, 3), integers(0, 2, 3)]),
        ("scalar", (4, 3), [tensor, {}], [integers(0, 4)]),
        ("repeated", (3, 4), [tensor], [index([1, 1, 1])]),
    ]:
        fixture.case(f"index_{label}", "index", [normal(*shape), *tensors], {"indices": indices})
    for label, shape, value, indices, tensors in [
        ("list", (5, 3), (2, 3), [tensor], [index([3, -5])]),
        ("view", (5, 6), (2, 1), [{"start": 1, "end": 5, "step": 2}, {"end": 4}], []),
        ("pair", (4, 5), (3, 2), [tensor, other], [index([[0], [2], [-1]]), index([4, 1])]),
        ("apart", (4, 2, 5), (2,), [tensor, {}, other], [index([3, 0]), index([1, 1])]),
        ("number", (3, 4), (), [1, {"start": 2}], []),
        ("mixed", (3, 4, 5), (3, 1), [None, -1, tensor, {"step": 3}], [index([0, 3, 2])]),
    ]:
        inputs = [normal(*shape), normal(*value), *tensors]
        fixture.case(f"indexPut_{label}", "indexPut", inputs, {"indices": indices})
    for label, shape, value, tensors in [
        ("same", (3, 2), (5, 2), [index([1, 1, 0, 1, 1])]),
        ("spread", (6, 2), (2,), [integers(-6, 6, 4)]),
        ("vector", (4,), (2, 9), [integers(0, 4, 2, 9)]),
    ]:
        attrs = {"indices": [tensor], "accumulate": True}
        inputs = [normal(*shape), normal(*value), *tensors]
        fixture.case(f"indexPut_add_{label}", "indexPut", inputs, attrs)


def masks(fixture):
    for i, (shape, mask) in enumerate([((7,), (7,)), ((3, 5), (3, 5)), ((2, 3, 4), (3, 1))]):
        inputs = [normal(*shape), booleans(0.5, *mask)]
        fixture.case(f"maskedFill_{i}", "maskedFill", inputs, {"value": -2.5})
        source = normal(int(np.prod(shape)))
        whole = [normal(*shape), booleans(0.5, *shape), source]
        fixture.case(f"maskedScatter_{i}", "maskedScatter", whole)
        for size in (3, 30):
            attrs = {"size": size, "fillValue": -1}
            fixture.case(f"maskedSelect_{i}_{size}", "maskedSelect", inputs, attrs)
            inputs2 = [integers(0, 2, *shape)]
            fixture.case(f"nonzero_{i}_{size}", "nonzero", inputs2, attrs)


def make():
    fixture = Fixture("indexing")
    for dim in (0, 1, 2):
        shape = [3, 5, 7]
        count = shape[dim]
        shape[dim] = 4
        inputs = [normal(3, 5, 7), integers(0, count, *shape)]
        fixture.case(f"gather_dim{dim}", "gather", inputs, {"dim": dim})
        inputs = [normal(3, 5, 7), integers(0, count, 11)]
        fixture.case(f"indexSelect_dim{dim}", "indexSelect", inputs, {"dim": dim})
        inputs = [normal(3, 5, 7), integers(0, count, *shape), normal(*shape)]
        fixture.case(f"scatterAdd_dim{dim}", "scatterAdd", inputs, {"dim": dim})
    # The index may be smaller than the input in the other dimensions.
    fixture.case("gather_smaller", "gather", [normal(5, 7), integers(0, 7, 3, 2)], {"dim": -1})
    inputs = [normal(5, 7), integers(0, 5, 3, 2), normal(3, 2)]
    fixture.case("scatterAdd_smaller", "scatterAdd", inputs, {"dim": 0})
    same = [normal(5), index([2] * 13), normal(13)]
    fixture.case("scatterAdd_allSame", "scatterAdd", same, {"dim": 0})
    inputs = [normal(3), integers(0, 3, 517), normal(517)]
    fixture.case("scatterAdd_517", "scatterAdd", inputs, {"dim": 0})
    fixture.case("indexSelect_single", "indexSelect", [normal(5, 3), index([4])], {"dim": 0})
    inputs = [integers(-99, 99, 5, 3), index([4, 0, 4])]
    fixture.case("indexSelect_i32", "indexSelect", inputs, {"dim": 0})
    fixture.case("embedding_1d", "embedding", [normal(11, 5), integers(0, 11, 7)])
    fixture.case("embedding_2d", "embedding", [normal(11, 16), integers(0, 11, 3, 8)])
    fixture.case("embedding_scalar", "embedding", [normal(11, 5), index(10)])
    fixture.case("embedding_allSame", "embedding", [normal(5, 3), index([[1, 1], [1, 1]])])
    fixture.case("embedding_width1", "embedding", [normal(5, 1), index([0, 4, 4, 2])])
    writing(fixture)
    reading(fixture)
    advanced(fixture)
    masks(fixture)
    return fixture
