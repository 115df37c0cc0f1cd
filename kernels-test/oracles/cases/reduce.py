"""Reductions over one, several and all dimensions; softmax and its kin; cumulative sums."""

from draw import booleans, distinct, integers, normal, values
from fixture import Fixture

# Label, attributes; for inputs of shape [3, 5, 7].
DIMS = [
    ("all", {}),
    ("dim0", {"dim": [0]}),
    ("dim1", {"dim": [1]}),
    ("dim2", {"dim": [2]}),
    ("last_keepdim", {"dim": [-1], "keepdim": True}),
    ("dim02", {"dim": [0, 2]}),
    ("dim12_keepdim", {"dim": [1, 2], "keepdim": True}),
]

# Label, shape, dimension: a single element, lengths of 1, rows and columns longer than a workgroup.
ODD = [
    ("1", (1,), 0),
    ("1x1x1", (1, 1, 1), 1),
    ("5x1", (5, 1), 1),
    ("1x13", (1, 13), 0),
    ("2x261", (2, 261), 1),
    ("131x3", (131, 3), 0),
]


def reductions(fixture):
    for op in ("sum", "mean", "max", "min"):
        make = distinct if op in ("max", "min") else normal
        for label, attrs in DIMS:
            fixture.case(f"{op}_{label}", op, [make(3, 5, 7)], attrs)
        for label, shape, dim in ODD:
            fixture.case(f"{op}_{label}", op, [make(*shape)], {"dim": [dim]})
    for op in ("var", "std"):
        for correction in (0, 1):
            for label, attrs in DIMS:
                attrs = {**attrs, "correction": correction}
                fixture.case(f"{op}_{label}_correction{correction}", op, [normal(3, 5, 7)], attrs)
    fixture.case("var_261x2", "var", [normal(261, 2)], {"dim": [0], "correction": 1})
    # A mean far from 0: E[x^2] - E[x]^2 loses every digit in f32.
    for op in ("var", "std"):
        attrs = {"dim": [1], "correction": 1}
        fixture.case(f"{op}_extreme", op, [normal(3, 65, offset=100)], attrs)
    fixture.case("sum_scalar", "sum", [normal()])
    fixture.case("sum_2051", "sum", [normal(2051)])
    fixture.case("sum_2x3x5x7_dim13", "sum", [normal(2, 3, 5, 7)], {"dim": [1, 3]})
    fixture.case("max_2x3x5x7_dim03", "max", [distinct(2, 3, 5, 7)], {"dim": [0, 3]})
    permuted = {"in0": [{"op": "permute", "attrs": {"dims": [2, 0, 1]}}]}
    for op in ("sum", "max"):
        fixture.case(f"{op}_permuted", op, [distinct(3, 5, 7)], {"dim": [1]}, views=permuted)
    fixture.case("sum_i32", "sum", [integers(-99, 99, 5, 7)], {"dim": [1]})
    for op in ("max", "min"):
        fixture.case(f"{op}_i32", op, [integers(-99, 99, 5, 7)], {"dim": [0]})
        tied = values([[1, 3, 3], [2, 2, 2]])
        fixture.case(f"{op}_ties", op, [tied], {"dim": [1]}, gradients=False)


def positions(fixture):
    tied = values([[1, 3, 3, 0, 0], [2, 2, 2, 2, 2], [-1, -5, 0, -5, 0]])
    for op in ("argmax", "argmin"):
        for label, inputs, attrs in [
            ("all", distinct(3, 5, 7), {}),
            ("dim0", distinct(3, 5, 7), {"dim": 0}),
            ("dim1", distinct(3, 5, 7), {"dim": 1}),
            ("dim2", distinct(3, 5, 7), {"dim": 2}),
            ("last_keepdim", distinct(3, 5, 7), {"dim": -1, "keepdim": True}),
            ("2x261", distinct(2, 261), {"dim": 1}),
            ("i32", integers(-9999, 9999, 5, 7), {"dim": 1}),
            ("ties_first", tied, {"dim": 1}),
            ("ties_first_all", tied, {}),
        ]:
            fixture.case(f"{op}_{label}", op, [inputs], attrs, gradients=False)


def truths(fixture):
    for op, probability in (("any", 0.15), ("all", 0.85)):
        for label, attrs in DIMS:
            inputs = [booleans(probability, 3, 5, 7)]
            fixture.case(f"{op}_{label}", op, inputs, attrs)
        fixture.case(f"{op}_2x261", op, [booleans(probability, 2, 261)], {"dim": [1]})


def softmaxes(fixture):
    for op in ("softmax", "logSoftmax"):
        for dim in (0, 1, 2, -1):
            label = f"dim{dim}".replace("-", "minus")
            fixture.case(f"{op}_{label}", op, [normal(3, 5, 7, scale=2)], {"dim": dim})
        for label, shape, dim in ODD:
            fixture.case(f"{op}_{label}", op, [normal(*shape, scale=2)], {"dim": dim})
    for label, attrs in DIMS:
        fixture.case(f"logSumExp_{label}", "logSumExp", [normal(3, 5, 7, scale=2)], attrs)
    for label, shape, dim in ODD:
        fixture.case(f"logSumExp_{label}", "logSumExp", [normal(*shape, scale=2)], {"dim": [dim]})
    fixture.case("softmax_1x1031", "softmax", [normal(1, 1031, scale=2)], {"dim": 1})
    far = values([[-100, 100, 0, 99], [-100, -100, -100, -100], [300, 300, 299, -300]])
    for op, dim in (("softmax", 1), ("logSoftmax", 1), ("logSumExp", [1])):
        fixture.case(f"{op}_extreme", op, [far], {"dim": dim})


def running_sums(fixture):
    for dim in (0, 1, 2, -1):
        label = f"dim{dim}".replace("-", "minus")
        fixture.case(f"cumsum_{label}", "cumsum", [normal(3, 5, 7)], {"dim": dim})
    for label, shape, dim in ODD:
        fixture.case(f"cumsum_{label}", "cumsum", [normal(*shape)], {"dim": dim})
    fixture.case("cumsum_i32", "cumsum", [integers(-9, 9, 5, 7)], {"dim": 1})


def make():
    fixture = Fixture("reduce")
    reductions(fixture)
    positions(fixture)
    truths(fixture)
    softmaxes(fixture)
    running_sums(fixture)
    return fixture
