"""Sorting and searching: values, indices, gradients; ties keep their order in a stable sort."""

import numpy as np

from draw import choice, distinct, integers
from fixture import Fixture


def ascending(make):
    def ordered(rng):
        return np.sort(make(rng), axis=-1)

    return ordered


def searches(fixture):
    for right in (False, True):
        way = "right" if right else "left"
        for i, (bounds, x) in enumerate([((7,), (3, 4)), ((3, 5), (3, 65)), ((2, 1, 6), (2, 1, 3))]):
            inputs = [ascending(choice(range(-4, 5), *bounds)), choice(range(-6, 7), *x)]
            fixture.case(
                f"searchsorted_{way}_{i}", "searchsorted", inputs, {"right": right}, gradients=False
            )
        inputs = [ascending(integers(-9, 9, 11)), integers(-12, 12, 20)]
        fixture.case(f"searchsorted_{way}_i32", "searchsorted", inputs, {"right": right})
        for i, x in enumerate([(9,), (3, 4), ()]):
            inputs = [choice(range(-6, 7), *x), ascending(choice(range(-4, 5), 5))]
            fixture.case(f"bucketize_{way}_{i}", "bucketize", inputs, {"right": right}, gradients=False)
    for i, (shape, size) in enumerate([((12,), 5), ((3, 7), 30), ((1,), 2)]):
        attrs = {"size": size, "fillValue": -7}
        fixture.case(f"unique_{i}", "unique", [choice(range(-4, 5), *shape)], attrs, gradients=False)
        fixture.case(f"unique_i32_{i}", "unique", [integers(-3, 4, *shape)], attrs)
    for i, shape in enumerate([(9,), (5, 3), (2, 3, 4)]):
        fixture.case(f"msort_{i}", "msort", [distinct(*shape)])
    for i, (shape, attrs) in enumerate([
        ((9,), {"k": 4}),
        ((5, 3), {"k": 1, "dim": 0}),
        ((2, 65), {"k": 65, "keepdim": True}),
    ]):
        fixture.case(f"kthvalue_{i}", "kthvalue", [distinct(*shape)], attrs)
    for i, (x, test) in enumerate([((9,), (4,)), ((3, 4), (2, 3)), ((), (5,))]):
        for invert in (False, True):
            inputs = [choice(range(-4, 5), *x), choice(range(-4, 5), *test)]
            attrs = {"invert": invert}
            fixture.case(f"isin_{i}_{invert}", "isin", inputs, attrs, gradients=False)
    inputs = [integers(-4, 4, 9), integers(-4, 4, 3)]
    fixture.case("isin_i32", "isin", inputs, gradients=False)


def make():
    fixture = Fixture("ordering")
    for descending in (False, True):
        way = "descending" if descending else "ascending"
        for label, shape, dim in [
            ("13", (13,), 0),
            ("1", (1,), 0),
            ("dim0", (5, 7), 0),
            ("dim1", (3, 5, 2), 1),
            ("last", (5, 7), -1),
            ("2x261", (2, 261), 1),
        ]:
            attrs = {"dim": dim, "descending": descending, "stable": True}
            fixture.case(f"sort_{way}_{label}", "sort", [distinct(*shape)], attrs)
        attrs = {"dim": 1, "descending": descending, "stable": True}
        inputs = [choice([-1, 0, 2], 3, 37)]
        fixture.case(f"sort_{way}_ties_stable", "sort", inputs, attrs, gradients=False)
        inputs = [integers(-5, 5, 3, 37)]
        fixture.case(f"sort_{way}_i32_stable", "sort", inputs, attrs)
    for largest in (True, False):
        way = "largest" if largest else "smallest"
        for label, shape, k, dim in [
            ("1", (13,), 1, 0),
            ("5", (13,), 5, 0),
            ("whole", (7,), 7, 0),
            ("dim0", (7, 5), 3, 0),
            ("last", (3, 5, 7), 2, -1),
            ("2x261", (2, 261), 40, 1),
        ]:
            attrs = {"k": k, "dim": dim, "largest": largest}
            fixture.case(f"topk_{way}_{label}", "topk", [distinct(*shape)], attrs)
    searches(fixture)
    return fixture
