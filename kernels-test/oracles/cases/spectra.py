"""Eigenvalues, singular values and roots: batches, views, tall and wide, sizes 0 and 1."""

from draw import normal
from fixture import Fixture

SQUARE = [("1x1", (1, 1)), ("2x2", (3, 2, 2)), ("4x4", (4, 4)), ("batches", (2, 1, 3, 3)), ("9x9", (9, 9))]
ANY = [("1x1", (1, 1)), ("3x3", (3, 3)), ("tall", (5, 3)), ("wide", (3, 5)), ("batch", (2, 4, 3)),
       ("tall17", (17, 6))]
SWAP = [{"op": "transpose", "attrs": {"dim0": -2, "dim1": -1}}]


def make():
    fixture = Fixture("spectra")

    def case(name, op, shape, attrs=None, *, views=None, gradients=True):
        fixture.case(name, op, [normal(*shape, scale=0.3)], attrs, views=views, gradients=gradients)

    for label, shape in SQUARE:
        case(f"eigh_{label}", "eigh", shape)
        case(f"eigvalsh_{label}", "eigvalsh", shape)
        case(f"sqrtm_{label}", "matrixRoot", shape, {"p": 2})
        case(f"inverseSqrtm_{label}", "matrixRoot", shape, {"p": -2})
        case(f"inverseRoot_{label}", "matrixRoot", shape, {"p": -4})
        case(f"thirdRoot_{label}", "matrixRoot", shape, {"p": -3})
    case("eigh_view", "eigh", (4, 4), views={"in0": SWAP})
    case("eigh_noRows", "eigh", (0, 0), gradients=False)
    case("eigh_noMatrices", "eigh", (0, 3, 3), gradients=False)
    for label, shape in ANY:
        case(f"svd_{label}", "svd", shape)
        case(f"svdvals_{label}", "svdvals", shape)
        case(f"pinv_{label}", "pinv", shape)
        case(f"rank_{label}", "matrixRank", shape, gradients=False)
        # Of one number, these do not depend on its size.
        slopes = label != "1x1"
        case(f"orthogonalize_{label}", "orthogonalize", shape, gradients=slopes)
        for ord in ("nuc", "2", "-2"):
            case(f"norm_{label}_{ord}".replace("-", "minus"), "spectralNorm", shape, {"ord": ord})
            if ord != "nuc":
                case(f"cond_{label}_{ord}".replace("-", "minus"), "cond", shape, {"p": int(ord)},
                     gradients=slopes)
    for p in ("fro", "nuc"):
        case(f"cond_{p}", "cond", (2, 3, 3), {"p": p})
    case("svd_view", "svd", (3, 5), views={"in0": SWAP})
    case("svd_noColumns", "svd", (3, 0), gradients=False)
    return fixture
