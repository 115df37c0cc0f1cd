"""Scans, statistics, norms, distances, segments and losses."""

import numpy as np

from draw import away_from_zero, booleans, choice, distinct, integers, normal, uniform, values
from fixture import Fixture

# Label, shape, dimension.
ROWS = [
    ("rows", (3, 7), 1),
    ("columns", (7, 3), 0),
    ("middle", (2, 5, 3), -2),
    ("131", (131,), 0),
    ("1", (1,), 0),
]

# Label, shape, dimensions.
DIMS = [
    ("all", (3, 5), None),
    ("dim0", (5, 3), [0]),
    ("dim02_keepdim", (2, 3, 4), [0, 2]),
    ("1x65", (1, 65), [1]),
]

REDUCTIONS = ("mean", "sum", "none")


def over(label, dims):
    attrs = {} if dims is None else {"dim": dims}
    return {**attrs, "keepdim": True} if label.endswith("keepdim") else attrs


def scans(fixture):
    for label, shape, dim in ROWS:
        for op, make in [
            ("cumprod", uniform(0.8, 1.2, *shape)),
            ("logcumsumexp", normal(*shape, scale=3)),
        ]:
            fixture.case(f"{op}_{label}", op, [make], {"dim": dim})
        for op in ("cummax", "cummin"):
            fixture.case(f"{op}_{label}", op, [distinct(*shape)], {"dim": dim})
    fixture.case("cumprod_reverse", "cumprod", [normal(3, 5)], {"dim": 1, "reverse": True})
    attrs = {"dim": 0, "reverse": True}
    fixture.case("logcumsumexp_reverse", "logcumsumexp", [normal(5, 3, scale=3)], attrs)
    zeros = values([[2, 0, 3, -1, 0.5], [1, 2, 3, 4, 0], [0, 0, 2, 3, 0]])
    fixture.case("cumprod_zeros", "cumprod", [zeros], {"dim": 1})
    far = values([[-100, 100, 0, 99], [-100, -100, -100, -100], [300, 299, 300, -300]])
    fixture.case("logcumsumexp_extreme", "logcumsumexp", [far], {"dim": 1})
    tied = values([[1, 3, 3, 0, 3], [2, 2, 2, 2, 2], [-1, -5, 0, -5, 0]])
    for op in ("cummax", "cummin"):
        fixture.case(f"{op}_ties_last", op, [tied], {"dim": 1})
        fixture.case(f"{op}_i32", op, [integers(-9, 9, 4, 6)], {"dim": 0})


def products(fixture):
    for label, shape, dims in DIMS:
        fixture.case(f"prod_{label}", "prod", [uniform(0.5, 1.5, *shape)], over(label, dims))
    zeros = values([[2, 0, 3], [0, 0, 5], [1, 2, 3], [0, 0, 0]])
    fixture.case("prod_zeros", "prod", [zeros], {"dim": [1]})
    fixture.case("prod_i32", "prod", [integers(-3, 4, 3, 5)], {"dim": [1]})


def spread(fixture):
    for label, shape, dims in DIMS[:3]:
        attrs = {} if dims is None else {"dim": dims}
        fixture.case(f"stdMean_{label}", "stdMean", [normal(*shape)], attrs)
        fixture.case(f"varMean_{label}", "varMean", [normal(*shape)], {**attrs, "correction": 0})
    fixture.case("std_constant", "std", [values([[3, 3, 3], [1, 2, 4]])], {"dim": [1]})


def norms(fixture):
    for p in (1, 2, 3, 0.5, 0, "inf", "-inf"):
        for label, shape, dims in DIMS:
            make = distinct(*shape) if isinstance(p, str) else away_from_zero(*shape)
            attrs = {"p": p, **over(label, dims)}
            fixture.case(f"norm{p}_{label}", "norm", [make], attrs, gradients=p != 0)
    zero = values([[0, 0, 0], [3, 0, -4]])
    fixture.case("norm2_zero", "norm", [zero], {"dim": [1]})
    for label, shape, attrs in [
        ("rows", (4, 5), {}),
        ("columns", (4, 5), {"dim": 0}),
        ("p1", (2, 3, 4), {"p": 1.0, "dim": 2}),
        ("eps", (2, 3), {"eps": 2.0}),
    ]:
        fixture.case(f"normalize_{label}", "normalize", [away_from_zero(*shape)], attrs)


def distances(fixture):
    for label, a, b, attrs in [
        ("rows", (4, 5), (4, 5), {}),
        ("columns", (4, 5), (4, 5), {"dim": 0}),
        ("broadcast", (2, 3, 4), (1, 3, 4), {"dim": 2, "eps": 0.1}),
    ]:
        fixture.case(f"cosineSimilarity_{label}", "cosineSimilarity", [normal(*a), normal(*b)], attrs)
    for label, a, b, attrs in [
        ("rows", (4, 5), (4, 5), {}),
        ("p1_keepdim", (4, 5), (4, 5), {"p": 1.0, "keepdim": True}),
        ("broadcast", (3, 4), (4,), {"p": 3.0}),
    ]:
        fixture.case(f"pairwiseDistance_{label}", "pairwiseDistance", [normal(*a), normal(*b)], attrs)
    for p in (1, 2, 3):
        for label, a, b in [
            ("plain", (4, 3), (5, 3)),
            ("batch", (2, 4, 3), (2, 5, 3)),
            ("wide", (30, 3), (2, 3)),
        ]:
            fixture.case(f"cdist{p}_{label}", "cdist", [normal(*a), normal(*b)], {"p": p})


def counts(fixture):
    for label, shape, dims in DIMS[:3]:
        attrs = {} if dims is None else {"dim": dims}
        inputs = [choice([0, 1, -2], *shape)]
        fixture.case(f"countNonzero_{label}", "countNonzero", inputs, attrs, gradients=False)
    for label, n, size in [("few", 5, 8), ("100", 100, 7), ("1", 1, 3)]:
        ids = integers(0, min(size, 7), n)
        fixture.case(f"bincount_{label}", "bincount", [ids], {"size": size})
        fixture.case(f"bincountWeights_{label}", "bincountWeights", [ids, normal(n)], {"size": size})
    for label, shape, attrs in [
        ("flat", (50,), {"bins": 5, "min": -1, "max": 2}),
        ("matrix", (7, 9), {"bins": 4, "min": 0, "max": 1}),
        ("one", (3,), {"bins": 1, "min": -5, "max": 5}),
    ]:
        fixture.case(f"histc_{label}", "histc", [normal(*shape)], attrs, gradients=False)
    edges = values([0, 1, 2, 3, 4, -1, 5, 4, 0])
    attrs = {"bins": 4, "min": 0, "max": 4}
    fixture.case("histc_edges", "histc", [edges], attrs, gradients=False)


def differences(fixture):
    for label, shape, attrs in [
        ("rows", (3, 5), {}),
        ("columns_twice", (5, 3), {"dim": 0, "n": 2}),
        ("more_than_there_are", (3,), {"n": 4}),
    ]:
        fixture.case(f"diff_{label}", "diff", [normal(*shape)], attrs, gradients=label != "more_than_there_are")
    fixture.case("diff_joined", "diff", [normal(3, 4), normal(3, 1), normal(3, 2)])
    fixture.case("diff_bool", "diff", [booleans(0.5, 3, 5)])
    for op in ("trapezoid", "cumulativeTrapezoid"):
        fixture.case(f"{op}_rows", op, [normal(3, 5)])
        fixture.case(f"{op}_columns", op, [normal(5, 3)], {"dim": 0, "dx": 0.5})
        fixture.case(f"{op}_places", op, [normal(3, 5), normal(5)])
        fixture.case(f"{op}_matrix", op, [normal(2, 3, 4), normal(2, 3, 4)], {"dim": 1})


def orders(fixture):
    for op in ("median", "nanmedian"):
        for label, shape, attrs in [
            ("all", (3, 4), {}),
            ("rows", (3, 5), {"dim": 1}),
            ("columns_keepdim", (6, 3), {"dim": 0, "keepdim": True}),
            ("67", (67,), {"dim": 0}),
        ]:
            fixture.case(f"{op}_{label}", op, [distinct(*shape)], attrs)
    for interpolation in ("linear", "lower", "higher", "midpoint", "nearest"):
        for label, shape, q, attrs in [
            ("all", (3, 5), 0.3, {}),
            ("rows", (3, 7), 0.625, {"dim": 1}),
            ("columns_keepdim", (6, 3), [0.0, 0.45, 1.0], {"dim": 0, "keepdim": True}),
        ]:
            attrs = {"q": q, "interpolation": interpolation, **attrs}
            fixture.case(f"quantile_{interpolation}_{label}", "quantile", [distinct(*shape)], attrs)
    for label, shape, attrs in [
        ("rows", (4, 9), {}),
        ("columns_keepdim", (9, 4), {"dim": 0, "keepdim": True}),
        ("middle", (2, 8, 3), {"dim": 1}),
    ]:
        fixture.case(f"mode_{label}", "mode", [integers(0, 4, *shape)], attrs)
    for op in ("nansum", "nanmean"):
        for label, shape, dims in DIMS[:3]:
            fixture.case(f"{op}_{label}", op, [normal(*shape)], over(label, dims))


def segments(fixture):
    # Every segment has a member: what an empty extremum is differs.
    for op in ("Sum", "Mean", "Max", "Min", "Prod"):
        for label, shape, ids, count in [
            ("sorted", (5,), [0, 0, 1, 2, 2], 3),
            ("unsorted", (6, 3), [2, 0, 1, 2, 1, 0], 3),
            ("deep", (4, 2, 3), [1, 0, 1, 1], 2),
        ]:
            inputs = [distinct(*shape), values(ids, np.int32)]
            attrs = {"numSegments": count}
            fixture.case(f"segment{op}_{label}", f"segment{op}", inputs, attrs)
    ids = values([3, 0, 3, 0], np.int32)
    for op in ("Sum", "Mean", "Prod"):
        inputs = [normal(4, 2), ids]
        fixture.case(f"segment{op}_empty", f"segment{op}", inputs, {"numSegments": 5})
    zeros = values([2, 0, 3, 0, 5, 0])
    inputs = [zeros, values([0, 0, 1, 1, 2, 1], np.int32)]
    fixture.case("segmentProd_zeros", "segmentProd", inputs, {"numSegments": 3})


def signs(*shape):
    return choice([1, -1], *shape)


def losses(fixture):
    shapes = {"mean": (5, 7), "sum": (13,), "none": (2, 3, 4)}
    for reduction in REDUCTIONS:
        shape = shapes[reduction]

        def case(op, inputs, wanted=True, label="", **attrs):
            attrs = {"reduction": reduction, **attrs}
            fixture.case(f"{op}{label}_{reduction}", op, inputs, attrs, gradients=wanted)

        pair = [normal(*shape, scale=2), normal(*shape, scale=2)]
        case("l1Loss", pair)
        case("smoothL1Loss", pair)
        case("smoothL1Loss", pair, label="_beta", beta=0.5)
        case("huberLoss", pair, label="_delta", delta=1.5)
        probabilities = [normal(*shape), uniform(0.1, 1, *shape)]
        case("klDiv", probabilities)
        case("klDiv", pair, label="_log", logTarget=True)
        chances = [uniform(0.02, 0.98, *shape), uniform(0, 1, *shape)]
        case("binaryCrossEntropy", chances, [0])
        case("binaryCrossEntropyWeight", [*chances, uniform(0, 2, *shape)], [0])
        posWeight = uniform(0.5, 2, shape[-1])
        inputs = [normal(*shape, scale=2), uniform(0, 1, *shape), posWeight]
        case("bceWithLogitsPosWeight", inputs, [0])
        variances = [normal(*shape), normal(*shape), uniform(0.5, 2, *shape)]
        case("gaussianNllLoss", variances)
        case("gaussianNllLoss", variances, label="_full", full=True)
        case("poissonNllLoss", [normal(*shape), uniform(0, 4, *shape)], [0])
        rates = [uniform(0.5, 3, *shape), uniform(0, 4, *shape)]
        case("poissonNllLoss", rates, [0], label="_rates", logInput=False, full=True)
        case("hingeEmbeddingLoss", [normal(*shape, scale=2), signs(*shape)], [0], margin=0.75)
        case("softMarginLoss", [normal(*shape, scale=2), signs(*shape)], [0])
        inputs = [normal(*shape), normal(*shape), signs(*shape)]
        case("marginRankingLoss", inputs, [0, 1], margin=0.25)
        rows = [normal(5, 4), normal(5, 4), signs(5)]
        case("cosineEmbeddingLoss", rows, [0, 1], margin=0.1)
        triple = [normal(5, 4), normal(5, 4), normal(5, 4)]
        case("tripletMarginLoss", triple)
        case("tripletMarginLoss", triple, label="_swap", swap=True, margin=0.5, p=3.0)
        logits = normal(*((7, 5) if reduction != "none" else (3, 5, 4)))
        target = integers(0, 5, *((7,) if reduction != "none" else (3, 4)))
        some = integers(-1, 5, *((7,) if reduction != "none" else (3, 4)))
        case("nllLoss", [logits, target])
        case("nllLossWeight", [logits, some, uniform(0.5, 2, 5)], [0], ignoreIndex=-1)
        weighted = [logits, some, uniform(0.5, 2, 5)]
        case("crossEntropyWeight", weighted, [0], ignoreIndex=-1)
        case("crossEntropyWeight", weighted, [0], label="_smooth", ignoreIndex=-1, labelSmoothing=0.2)
        soft = [logits, uniform(0, 1, *((7, 5) if reduction != "none" else (3, 5, 4)))]
        case("crossEntropySoft", soft)
        case("crossEntropySoft", soft, label="_smooth", labelSmoothing=0.1)
    inputs = [normal(5, 7), uniform(0.1, 1, 5, 7)]
    fixture.case("klDiv_batchmean", "klDiv", inputs, {"reduction": "batchmean"})


def make():
    fixture = Fixture("statistics")
    scans(fixture)
    products(fixture)
    spread(fixture)
    norms(fixture)
    distances(fixture)
    counts(fixture)
    differences(fixture)
    orders(fixture)
    segments(fixture)
    losses(fixture)
    return fixture
