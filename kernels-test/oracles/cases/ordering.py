"""sort and topk: values, indices, gradients; ties keep their order in a stable sort."""

from draw import choice, distinct, integers
from fixture import Fixture


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
    return fixture
