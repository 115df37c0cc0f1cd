"""Indexed reading and adding, with repeated indices (whose gradients must add up)."""

import numpy as np

from draw import integers, normal, values
from fixture import Fixture


def index(data):
    return values(data, np.int32)


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
    return fixture
