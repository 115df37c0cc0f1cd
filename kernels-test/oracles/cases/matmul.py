"""Matrix products: ranks 1 to 4, broadcast batches, strided operands, sizes off every tile; einsum and kin."""

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

EINSUMS = [
    ("mm", "ij,jk->ik", (3, 5), (5, 7)),
    ("turned", "ij,kj->ki", (3, 5), (7, 5)),
    ("implicit", "ij,jk", (3, 5), (5, 7)),
    ("implicitOrder", "ba", (3, 5)),
    ("batched", "bij,bjk->bik", (2, 3, 5), (2, 5, 7)),
    ("heads", "bthd,bshd->bhts", (2, 3, 2, 5), (2, 7, 2, 5)),
    ("twoInner", "aijb,jkib->akb", (2, 3, 5, 2), (5, 7, 3, 2)),
    ("diagonal", "ii->i", (5, 5)),
    ("trace", "ii", (5, 5)),
    ("diagonalOfProduct", "ij,ji->i", (5, 7), (7, 5)),
    ("batchDiagonal", "bijj,bi->bj", (2, 3, 5, 5), (2, 3)),
    ("ellipsis", "...ij,...jk->...ik", (2, 1, 3, 5), (4, 5, 2)),
    ("ellipsisInside", "i...j,j->...i", (3, 2, 5), (5,)),
    ("ellipsisImplicit", "...ij,jk", (2, 3, 5), (5, 7)),
    ("ellipsisNone", "...i,i...->...", (5,), (5,)),
    ("sum", "ijk->j", (2, 3, 5)),
    ("total", "ij->", (3, 5)),
    ("outer", "i,j->ij", (3,), (5,)),
    ("outerBatched", "bi,bj->bij", (2, 3), (2, 5)),
    ("hadamard", "ij,ij->ij", (3, 5), (3, 5)),
    ("scalar", ",ij->ji", (), (3, 5)),
    ("sumOfOne", "ij,k->k", (3, 5), (7,)),
    ("chain", "ij,jk,kl->il", (3, 9), (9, 2), (2, 5)),
    ("three", "i,ijk,k->j", (3,), (3, 5, 7), (7,)),
    ("sharedByThree", "bi,bi,bi->b", (3, 5), (3, 5), (3, 5)),
    ("four", "ab,bc,cd,da->", (2, 3), (3, 5), (5, 7), (7, 2)),
    ("blanks", " i j , j k -> i k ", (3, 5), (5, 2)),
]


def products(fixture):
    for label, equation, *shapes in EINSUMS:
        inputs = [normal(*shape) for shape in shapes]
        fixture.case(f"einsum_{label}", "einsum", inputs, {"equation": equation})

    def case(op, label, *shapes, **attrs):
        fixture.case(f"{op}_{label}", op, [normal(*shape) for shape in shapes], attrs)

    for op, shapes in {
        "mm": [((3, 5), (5, 7)), ((1, 4), (4, 1)), ((17, 9), (9, 33))],
        "mv": [((3, 5), (5,)), ((1, 4), (4,)), ((17, 9), (9,))],
        "bmm": [((2, 3, 5), (2, 5, 7)), ((1, 4, 2), (1, 2, 3)), ((3, 1, 9), (3, 9, 1))],
        "dot": [((1,), (1,)), ((7,), (7,)), ((65,), (65,))],
        "outer": [((1,), (5,)), ((7,), (3,)), ((9,), (17,))],
        "inner": [((5,), (5,)), ((2, 3, 5), (7, 5)), ((), (3, 2)), ((3, 5), (5,))],
        "kron": [((2, 3), (3, 2)), ((5,), (7,)), ((2, 2, 3), (5, 1)), ((), (3, 2))],
        "bilinear": [
            ((3, 5), (3, 2), (7, 5, 2), (7,)),
            ((2, 3, 4), (2, 3, 5), (1, 4, 5)),
            ((4,), (3,), (2, 4, 3), (2,)),
        ],
        "multiDot": [
            ((3, 5), (5, 2)),
            ((9, 2), (2, 7), (7, 3)),
            ((7,), (7, 2), (2, 9), (9, 3)),
            ((3, 9), (9, 2), (2, 9), (9,)),
            ((7,), (7, 3), (3,)),
        ],
    }.items():
        for i, operands in enumerate(shapes):
            case(op, f"{i}", *operands)
    case("addmm", "row", (7,), (3, 5), (5, 7))
    case("addmm", "matrix", (3, 7), (3, 5), (5, 7), alpha=0.5, beta=-2)
    case("addmm", "column", (3, 1), (3, 5), (5, 7), beta=3)
    case("addmm", "one", (1,), (3, 5), (5, 7))
    case("baddbmm", "full", (2, 3, 7), (2, 3, 5), (2, 5, 7))
    case("baddbmm", "broadcast", (3, 1), (2, 3, 5), (2, 5, 7), alpha=2, beta=0.25)
    case("baddbmm", "row", (7,), (2, 3, 5), (2, 5, 7))
    case("tensordot", "two", (2, 3, 5), (3, 5, 7))
    case("tensordot", "none", (2, 3), (5,), dims=0)
    case("tensordot", "lists", (2, 3, 5), (5, 7, 2), dims=[[2, 0], [0, 2]])
    case("tensordot", "negative", (3, 5, 4), (4, 3, 2), dims=[[-1, 0], [0, 1]])
    case("cross", "last", (5, 3), (5, 3))
    case("cross", "first", (3, 7), (3, 7), dim=0)
    case("cross", "broadcast", (4, 1, 3), (1, 5, 3))


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
    products(fixture)
    return fixture
