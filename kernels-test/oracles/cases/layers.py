"""Normalisations and losses of nn.functional."""

import numpy as np

from draw import integers, normal, uniform, values
from fixture import Fixture

# PyTorch's default ignoreIndex, -100, on two of the rows.
TARGET_WITH_IGNORED = values([3, -100, 6, 0, 3, -100, 2, 1, 6, 5, 4], np.int32)


def normalisations(fixture):
    for label, shape, normalized in [
        ("2d", (5, 7), [7]),
        ("3d", (2, 3, 16), [16]),
        ("twoDims", (2, 3, 5), [3, 5]),
        ("wide", (2, 257), [257]),
    ]:
        attrs = {"normalizedShape": normalized, "eps": 1e-5}
        affine = [normal(*normalized, scale=0.3, offset=1), normal(*normalized)]
        fixture.case(f"layerNorm_{label}", "layerNorm", [normal(*shape), *affine], attrs)
        fixture.case(f"layerNorm_{label}_plain", "layerNorm", [normal(*shape)], attrs)
    attrs = {"normalizedShape": [7], "eps": 1e-5}
    fixture.case("layerNorm_weightOnly", "layerNorm", [normal(5, 7), normal(7, offset=1)], attrs)
    attrs = {"normalizedShape": [7], "eps": 0.1}
    fixture.case("layerNorm_eps", "layerNorm", [normal(5, 7, scale=0.3)], attrs)
    # A mean far from 0; rows without spread, whose normalised values and gradients are 0.
    attrs = {"normalizedShape": [33], "eps": 1e-5}
    fixture.case("layerNorm_offset_extreme", "layerNorm", [normal(3, 33, offset=100)], attrs)
    constant = values(np.full((2, 7), 3))
    attrs = {"normalizedShape": [7], "eps": 1e-5}
    fixture.case("layerNorm_constant_extreme", "layerNorm", [constant], attrs)
    attrs = {"normalizedShape": [1], "eps": 1e-5}
    inputs = [normal(5, 1), normal(1, offset=1), normal(1)]
    fixture.case("layerNorm_width1_extreme", "layerNorm", inputs, attrs)
    # A row of one element is its sign but for eps: the gradient is what cancellation leaves.
    fixture.case("rmsNorm_width1_extreme", "rmsNorm", inputs[:2], {"eps": 1e-6})
    for label, *shape in [("2d", 5, 7), ("3d", 2, 3, 16), ("wide", 2, 257)]:
        inputs = [normal(*shape), normal(shape[-1], scale=0.3, offset=1)]
        fixture.case(f"rmsNorm_{label}", "rmsNorm", inputs, {"eps": 1e-6})
        fixture.case(f"rmsNorm_{label}_plain", "rmsNorm", inputs[:1], {"eps": 1e-6})
    fixture.case("rmsNorm_zero_extreme", "rmsNorm", [values(np.zeros((2, 7)))], {"eps": 1e-6})


def channel_normalisations(fixture):
    def affine(channels):
        return [normal(channels, scale=0.3, offset=1), normal(channels)]

    for label, shape in [
        ("2d", (5, 3)),
        ("signal", (3, 2, 7)),
        ("image", (2, 3, 4, 4)),
        ("volume", (2, 2, 3, 2, 3)),
        ("offset_extreme", (9, 2, 5)),
    ]:
        channels = shape[1]
        offset = 100 if label.startswith("offset") else 0
        statistics = [normal(channels), uniform(0.5, 2, channels)]
        inputs = [normal(*shape, offset=offset), *affine(channels), *statistics]
        for mode in (True, False):
            name = f"batchNorm_{'training' if mode else 'evaluation'}_{label}"
            attrs = {"training": mode, "momentum": 0.2, "eps": 1e-4}
            fixture.case(name, "batchNorm", inputs, attrs, gradients=[0, 1, 2])
    for label, shape, groups in [
        ("signal", (2, 6, 5), 3),
        ("image", (2, 4, 3, 4), 2),
        ("all", (3, 4, 9), 1),
        ("2d", (5, 8), 2),
    ]:
        inputs = [normal(*shape), *affine(shape[1])]
        fixture.case(f"groupNorm_{label}", "groupNorm", inputs, {"groups": groups})
        fixture.case(f"groupNorm_{label}_plain", "groupNorm", inputs[:1], {"groups": groups})
    for label, shape in [("signal", (2, 3, 7)), ("image", (2, 2, 4, 4)), ("volume", (1, 3, 2, 3, 2))]:
        inputs = [normal(*shape), *affine(shape[1])]
        fixture.case(f"instanceNorm_{label}", "instanceNorm", inputs, {"eps": 1e-3})
        fixture.case(f"instanceNorm_{label}_plain", "instanceNorm", inputs[:1], {"eps": 1e-3})
    for label, shape, attrs in [
        ("signal", (2, 7, 5), {"size": 3, "alpha": 0.1}),
        ("image", (1, 5, 3, 3), {"size": 2, "alpha": 0.5, "beta": 0.5, "k": 2.0}),
        ("wide", (2, 3, 4), {"size": 5}),
    ]:
        fixture.case(f"localResponseNorm_{label}", "localResponseNorm", [normal(*shape)], attrs)


def cross_entropies(fixture):
    logits = normal(11, 7, scale=2)
    target = integers(0, 7, 11)

    def case(label, inputs, **attrs):
        attrs = {"reduction": "mean", **attrs}
        fixture.case(f"crossEntropy_{label}", "crossEntropy", inputs, attrs)

    for reduction in ("mean", "sum", "none"):
        case(reduction, [logits, target], reduction=reduction)
        case(
            f"ignoreIndex_{reduction}",
            [logits, TARGET_WITH_IGNORED],
            reduction=reduction,
            ignoreIndex=-100,
        )
        case(
            f"labelSmoothing_{reduction}",
            [logits, target],
            reduction=reduction,
            labelSmoothing=0.1,
        )
        case(
            f"both_{reduction}",
            [logits, TARGET_WITH_IGNORED],
            reduction=reduction,
            ignoreIndex=-100,
            labelSmoothing=0.2,
        )
    case("ignoreClass0", [normal(5, 3), values([0, 1, 2, 0, 1], np.int32)], ignoreIndex=0)
    case("oneRow", [normal(1, 5), values([4], np.int32)])
    case("oneClass", [normal(3, 1), values([0, 0, 0], np.int32)])
    case("manyClasses", [normal(3, 517, scale=2), integers(0, 517, 3)])
    case("manyRows", [normal(259, 3), integers(0, 3, 259)])
    far = values([[100, -100, 0], [-100, 100, 99], [1e4, -1e4, 9999]])
    case("extreme", [far, values([0, 2, 1], np.int32)])
    case("labelSmoothing_extreme", [far, values([1, 1, 0], np.int32)], labelSmoothing=0.1)


def pointwise_losses(fixture):
    for reduction in ("mean", "sum", "none"):
        attrs = {"reduction": reduction}
        fixture.case(f"mseLoss_{reduction}", "mseLoss", [normal(5, 7), normal(5, 7)], attrs)
        inputs = [normal(5, 7, scale=2), uniform(0, 1, 5, 7)]
        fixture.case(f"bceWithLogits_{reduction}", "bceWithLogits", inputs, attrs, gradients=[0])
    attrs = {"reduction": "mean"}
    fixture.case("mseLoss_517", "mseLoss", [normal(517), normal(517)], attrs)
    far = values([-100, -100, 100, 100, 50, 1e-30, 1e4, -1e4])
    labels = values([0, 1, 0, 1, 0.5, 1, 1, 0])
    attrs = {"reduction": "none"}
    fixture.case("bceWithLogits_extreme", "bceWithLogits", [far, labels], attrs, gradients=[0])


def make():
    fixture = Fixture("layers")
    normalisations(fixture)
    channel_normalisations(fixture)
    cross_entropies(fixture)
    pointwise_losses(fixture)
    return fixture
