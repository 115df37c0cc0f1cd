"""Convolutions and transposed ones: odd sizes, strides, paddings, dilations, groups, single images."""

from draw import normal
from fixture import Fixture

# x, weight, whether there is a bias, attributes
CONVS = {
    "conv1d": [
        ("plain", (2, 3, 9), (4, 3, 3), True, {}),
        ("strided", (2, 3, 11), (4, 3, 4), False, {"stride": 3, "padding": 2}),
        ("dilated", (1, 4, 13), (6, 2, 3), True, {"dilation": 2, "padding": 2, "groups": 2}),
        ("same", (2, 2, 8), (3, 2, 4), True, {"padding": "same", "dilation": 3}),
        ("single", (3, 7), (2, 3, 7), True, {"padding": "valid"}),
        ("wide", (1, 1, 65), (1, 1, 5), False, {"padding": 2}),
    ],
    "conv2d": [
        ("plain", (2, 3, 7, 5), (4, 3, 3, 2), True, {}),
        ("strided", (2, 4, 9, 8), (5, 4, 3, 3), True, {"stride": 2, "padding": 1}),
        ("perDim", (1, 2, 7, 9), (3, 2, 2, 3), False,
         {"stride": [1, 2], "padding": [2, 1], "dilation": [3, 2]}),
        ("groups", (2, 6, 5, 5), (4, 3, 3, 3), True, {"groups": 2, "padding": 1}),
        ("depthwise", (2, 5, 6, 7), (5, 1, 3, 3), True, {"groups": 5, "padding": 1, "stride": 2}),
        ("multiplier", (1, 3, 6, 6), (6, 1, 3, 3), False, {"groups": 3}),
        ("pointwise", (2, 5, 4, 5), (3, 5, 1, 1), True, {}),
        ("pointwiseStrided", (2, 3, 5, 7), (4, 3, 1, 1), True, {"stride": 2}),
        ("whole", (3, 2, 4, 5), (6, 2, 4, 5), True, {}),
        ("same", (1, 3, 6, 7), (2, 3, 4, 3), False, {"padding": "same"}),
        ("single", (3, 6, 5), (2, 3, 3, 3), True, {"padding": 1}),
        ("tiles", (1, 8, 9, 9), (9, 8, 3, 3), True, {"padding": 1}),
    ],
    "conv3d": [
        ("plain", (1, 2, 4, 5, 3), (3, 2, 2, 3, 2), True, {}),
        ("strided", (2, 2, 5, 4, 5), (2, 1, 3, 2, 3), True,
         {"stride": [2, 1, 2], "padding": 1, "groups": 2}),
        ("dilated", (1, 1, 5, 6, 5), (2, 1, 2, 2, 2), False, {"dilation": [2, 3, 1]}),
    ],
    "convTranspose1d": [
        ("plain", (2, 3, 5), (3, 4, 3), True, {}),
        ("strided", (1, 2, 6), (2, 3, 4), True, {"stride": 3, "padding": 1, "outputPadding": 2}),
        ("dilated", (2, 4, 5), (4, 3, 3), False, {"dilation": 2, "groups": 2, "padding": 1}),
        ("single", (2, 5), (2, 1, 2), True, {"stride": 2}),
    ],
    "convTranspose2d": [
        ("plain", (2, 3, 4, 5), (3, 2, 2, 3), True, {}),
        ("strided", (2, 4, 4, 3), (4, 3, 3, 3), True,
         {"stride": 2, "padding": 1, "outputPadding": 1}),
        ("groups", (1, 6, 3, 4), (6, 2, 3, 2), True,
         {"groups": 3, "stride": [1, 3], "dilation": [2, 1], "outputPadding": [1, 2]}),
        ("pointwise", (2, 5, 4, 4), (5, 3, 1, 1), False, {}),
    ],
    "convTranspose3d": [
        ("plain", (1, 2, 2, 3, 3), (2, 3, 2, 2, 3), True, {}),
        ("strided", (1, 2, 3, 2, 3), (2, 2, 3, 2, 2), True,
         {"stride": [2, 1, 2], "padding": [1, 0, 1], "outputPadding": [1, 0, 0]}),
        ("groups", (2, 2, 2, 2, 3), (2, 1, 2, 3, 2), False, {"groups": 2, "dilation": 2}),
    ],
}


def make():
    fixture = Fixture("convolution")
    for op, cases in CONVS.items():
        for label, x, weight, biased, attrs in cases:
            inputs = [normal(*x), normal(*weight)]
            if biased:
                outs = weight[1] * attrs.get("groups", 1) if "Transpose" in op else weight[0]
                inputs.append(normal(outs))
            fixture.case(f"{op}_{label}", op, inputs, attrs)
    return fixture
