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


LINEAR = {1: "linear", 2: "bilinear", 3: "trilinear"}


def resizes(fixture):
    shapes = {1: (2, 3, 7), 2: (1, 2, 5, 6), 3: (1, 2, 3, 4, 3)}
    sizes = {1: [13, 3, 7], 2: [[8, 4], [3, 13], [5, 6]], 3: [[5, 3, 7], [2, 6, 3], [1, 1, 1]]}
    for dims, shape in shapes.items():

        def case(label, **attrs):
            fixture.case(f"interpolate_{dims}d_{label}", "interpolate", [normal(*shape)], attrs)

        for i, size in enumerate(sizes[dims]):
            case(f"nearest{i}", size=size)
            case(f"exact{i}", size=size, mode="nearest-exact")
            case(f"linear{i}", size=size, mode=LINEAR[dims])
            case(f"corners{i}", size=size, mode=LINEAR[dims], alignCorners=True)
        case("nearestScaled", scaleFactor=1.7)
        case("linearScaled", scaleFactor=1.7, mode=LINEAR[dims])
        case("linearRecomputed", scaleFactor=1.7, mode=LINEAR[dims], recomputeScaleFactor=True)
        case("linearShrunk", scaleFactor=0.6, mode=LINEAR[dims])
        case("area", size=sizes[dims][1], mode="area")
    for i, size in enumerate(sizes[2]):
        for corners in (False, True):
            fixture.case(f"interpolate_2d_cubic{i}{corners}", "interpolate", [normal(1, 2, 5, 6)],
                         {"size": size, "mode": "bicubic", "alignCorners": corners})
    fixture.case("interpolate_2d_cubicScaled", "interpolate", [normal(2, 1, 6, 7)],
                 {"scaleFactor": [0.7, 2.3], "mode": "bicubic"})
    for i, (shape, factor) in enumerate((((4, 2, 3), 2), ((2, 18, 2, 1), 3), ((2, 1, 3, 4), 1))):
        fixture.case(f"pixelShuffle_{i}", "pixelShuffle", [normal(*shape)], {"factor": factor})
    for i, (shape, factor) in enumerate((((1, 4, 6), 2), ((2, 2, 6, 3), 3), ((2, 3, 4), 1))):
        fixture.case(f"pixelUnshuffle_{i}", "pixelUnshuffle", [normal(*shape)], {"factor": factor})


def make():
    fixture = Fixture("pooling")
    max_pools(fixture)
    avg_pools(fixture)
    adaptive_pools(fixture)
    lp_pools(fixture)
    resizes(fixture)
    return fixture
