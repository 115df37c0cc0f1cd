"""Matrix products: ranks 1 to 4, broadcast batches, strided operands, sizes off every tile."""

from draw import normal
from fixture import Fixture

SHAPES = [
    ("vecVec", (7,), (7,)),
    ("matVec", (5, 7), (7,)),
    ("vecMat", (7,), (7, 5)),
    ("1x1", (1, 1), (1, 1)),
    ("outer", (5, 1), (1, 7)),
    ("5x7x3", (5, 7), (7, 3)),
    ("1x13x1", (1, 13), (13, 1)),
    ("16x16x16", (16, 16), (16, 16)),
    ("33x17x65", (33, 17), (17, 65)),
    ("67x37x35", (67, 37), (37, 35)),
    ("3x517x2", (3, 517), (517, 2)),
    ("batched", (3, 4, 5), (3, 5, 2)),
    ("batched4", (2, 3, 4, 5), (2, 3, 5, 7)),
    ("batchedVec", (3, 4, 5), (5,)),
    ("vecBatched", (4,), (3, 4, 5)),
    ("broadcastLeft", (4, 5), (3, 5, 2)),
    ("broadcastRight", (3, 4, 5), (5, 2)),
    ("broadcastOne", (1, 4, 5), (3, 5, 2)),
    ("broadcastBoth", (2, 1, 4, 5), (3, 5, 2)),
]


def view(op, **attrs):
    return {"op": op, "attrs": attrs}


def make():
    fixture = Fixture("matmul")
    for label, a, b in SHAPES:
        fixture.case(f"matmul_{label}", "matmul", [normal(*a), normal(*b)])

    def strided(label, a, b, **views):
        fixture.case(f"matmul_{label}", "matmul", [normal(*a), normal(*b)], views=views)

    swap = view("transpose", dim0=-2, dim1=-1)
    strided("transposeA", (7, 5), (7, 3), in0=[swap])
    strided("transposeB", (5, 7), (3, 7), in1=[swap])
    strided("transposeBoth", (7, 5), (3, 7), in0=[swap], in1=[swap])
    strided("transposeA_33x17x65", (17, 33), (17, 65), in0=[swap])
    strided("transposeB_33x17x65", (33, 17), (65, 17), in1=[swap])
    strided("transposeB_batched", (3, 4, 5), (3, 2, 5), in1=[swap])
    heads = [view("reshape", shape=[2, 5, 3, 4]), view("permute", dims=[0, 2, 1, 3])]
    strided("heads", (2, 5, 12), (2, 5, 12), in0=heads, in1=[*heads, swap])
    strided("sliced", (9, 7), (7, 8), in0=[view("slice", dim=0, start=2, end=7)],
            in1=[view("slice", dim=1, start=1, end=8, step=3)])
    strided("expanded", (1, 4, 5), (3, 5, 2), in0=[view("expand", shape=[3, 4, 5])])
    strided("transposedVec", (7, 1), (7, 3), in0=[swap])
    for label, shape in (("2d", (5, 7)), ("3d", (2, 3, 7)), ("1d", (7,))):
        fixture.case(f"linear_{label}", "linear", [normal(*shape), normal(3, 7), normal(3)])
    fixture.case("linear_noBias", "linear", [normal(5, 7), normal(3, 7)])
    return fixture
