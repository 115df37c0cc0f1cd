"""Pooling and resizing: odd sizes, overlaps, paddings, dilations, last windows beyond the end."""

from draw import distinct, normal
from fixture import Fixture

SHAPES = {1: (2, 3, 11), 2: (2, 3, 7, 9), 3: (1, 2, 5, 6, 7)}
SINGLE = {1: (3, 10), 2: (2, 6, 5), 3: (2, 4, 5, 3)}


def max_pools(fixture):
    for dims, shape in SHAPES.items():
        op = f"maxPool{dims}d"

        def case(label, *x, **attrs):
            fixture.case(f"{op}_{label}", op, [distinct(*(x or shape))], attrs)

        case("plain", kernelSize=2)
        case("overlap", kernelSize=3, stride=2, padding=1)
        case("dilated", kernelSize=2, stride=1, dilation=3)
        case("ceil", kernelSize=3, stride=2, ceilMode=True)
        case("ceilPadded", kernelSize=2, stride=3, padding=1, ceilMode=True)
        case("single", *SINGLE[dims], kernelSize=3, stride=1)
        case("indices", kernelSize=3, stride=2, padding=1, returnIndices=True)
    fixture.case("maxPool2d_perDim", "maxPool2d", [distinct(1, 2, 8, 9)],
                 {"kernelSize": [2, 3], "stride": [3, 1], "padding": [1, 0], "dilation": [1, 2]})


def avg_pools(fixture):
    for dims, shape in SHAPES.items():
        op = f"avgPool{dims}d"

        def case(label, *x, **attrs):
            fixture.case(f"{op}_{label}", op, [normal(*(x or shape))], attrs)

        case("plain", kernelSize=2)
        case("padded", kernelSize=3, stride=2, padding=1)
        case("inside", kernelSize=3, stride=2, padding=1, countIncludePad=False)
        case("ceil", kernelSize=3, stride=2, padding=1, ceilMode=True)
        case("ceilInside", kernelSize=2, stride=3, padding=1, ceilMode=True, countIncludePad=False)
        case("single", *SINGLE[dims], kernelSize=3, stride=1)
        if dims > 1:
            case("divisor", kernelSize=2, stride=1, padding=1, divisorOverride=3)
    fixture.case("avgPool2d_perDim", "avgPool2d", [normal(1, 2, 8, 9)],
                 {"kernelSize": [2, 3], "stride": [3, 1], "padding": [1, 0]})


def adaptive_pools(fixture):
    sizes = {1: [3, 1, 13], 2: [[3, 4], [1, 1], [9, 5]], 3: [[2, 3, 4], [1, 1, 1], [5, 7, 3]]}
    for dims, shape in SHAPES.items():
        for i, size in enumerate(sizes[dims]):
            for kind, draw in (("Avg", normal), ("Max", distinct)):
                op = f"adaptive{kind}Pool{dims}d"
                fixture.case(f"{op}_{i}", op, [draw(*shape)], {"outputSize": size})
    fixture.case("adaptiveAvgPool2d_keep", "adaptiveAvgPool2d", [normal(2, 5, 6)],
                 {"outputSize": [None, 4]})
    fixture.case("adaptiveMaxPool2d_indices", "adaptiveMaxPool2d", [distinct(2, 5, 6)],
                 {"outputSize": [2, 4], "returnIndices": True})


def lp_pools(fixture):
    positive = {"offset": 4.0, "scale": 0.5}
    for label, attrs in (
        ("plain", {"p": 2, "kernelSize": 3}),
        ("cubic", {"p": 3, "kernelSize": 2, "stride": 1}),
        ("ceil", {"p": 1.5, "kernelSize": 3, "stride": 2, "ceilMode": True}),
    ):
        fixture.case(f"lpPool1d_{label}", "lpPool1d", [normal(2, 2, 10, **positive)], attrs)
        fixture.case(f"lpPool2d_{label}", "lpPool2d", [normal(1, 2, 6, 8, **positive)], attrs)


def make():
    fixture = Fixture("pooling")
    max_pools(fixture)
    avg_pools(fixture)
    adaptive_pools(fixture)
    lp_pools(fixture)
    return fixture
