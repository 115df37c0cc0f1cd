"""Factors and solutions of matrices: batches, views, sizes 0 and 1, sizes around a block of 32."""

from draw import normal
from fixture import Fixture

SQUARE = [
    ("1x1", (1, 1)),
    ("3x3", (3, 3)),
    ("batch", (2, 4, 4)),
    ("batches", (2, 1, 3, 3)),
    ("33x33", (33, 33)),
]
EMPTY = [("noRows", (0, 0)), ("noMatrices", (0, 3, 3))]
ANY = [
    ("1x1", (1, 1)),
    ("3x3", (3, 3)),
    ("tall", (5, 3)),
    ("wide", (3, 5)),
    ("batch", (2, 4, 3)),
    ("tall33", (35, 33)),
]
SWAP = [{"op": "transpose", "attrs": {"dim0": -2, "dim1": -1}}]


def some(shape):
    """Entries that keep shifted matrices far from singular."""
    return normal(*shape, scale=min(1.0, 1.0 / max(shape[-1], 1) ** 0.5))


def make():
    fixture = Fixture("linalg")

    def case(name, op, inputs, attrs=None, *, views=None):
        # Where nothing depends on the input, PyTorch has no gradient.
        empty = name.endswith(("noRows", "noMatrices")) or (attrs or {}).get("n") == 0
        empty = empty or "_noRows_" in name or "_noMatrices_" in name
        fixture.case(name, op, inputs, attrs, views=views, gradients=not empty)

    for label, shape in SQUARE + EMPTY:
        columns = (*shape[:-1], 2)
        case(f"cholesky_{label}", "cholesky", [some(shape)])
        case(f"inverse_{label}", "inverse", [some(shape)])
        case(f"solve_{label}", "solve", [some(shape), normal(*columns)])
        case(f"choleskySolve_{label}", "choleskySolve", [some(shape), normal(*columns)])
        case(f"luSolve_{label}", "luSolve", [some(shape), normal(*columns)])
        case(f"solveTriangular_{label}", "solveTriangular", [some(shape), normal(*columns)],
             {"upper": False})
    for label, shape in SQUARE[:4] + EMPTY:
        case(f"det_{label}", "det", [some(shape)])
        case(f"slogdet_{label}", "slogdet", [some(shape)])
        case(f"logdet_{label}", "logdet", [some(shape)])
        case(f"matrixExp_{label}", "matrixExp", [some(shape)])
        case(f"trace_{label}", "trace", [some(shape)])
        for n in (-2, 0, 1, 5):
            case(f"matrixPower_{label}_{n}".replace("-", "minus"), "matrixPower", [some(shape)],
                 {"n": n})
    case("cholesky_upper", "cholesky", [some((2, 4, 4))], {"upper": True})
    case("cholesky_view", "cholesky", [some((4, 4))], views={"in0": SWAP})
    case("choleskySolve_upper", "choleskySolve", [some((4, 4)), normal(4, 3)], {"upper": True})
    case("luSolve_adjoint", "luSolve", [some((2, 4, 4)), normal(2, 4, 3)], {"adjoint": True})
    case("solve_vector", "solve", [some((4, 4)), normal(4)])
    case("solve_vectors", "solve", [some((2, 4, 4)), normal(2, 4)])
    case("solve_right", "solve", [some((2, 4, 4)), normal(2, 3, 4)], {"left": False})
    case("solve_broadcast", "solve", [some((4, 4)), normal(2, 4, 3)])
    case("solve_view", "solve", [some((4, 4)), normal(3, 4)], views={"in0": SWAP, "in1": SWAP})
    for upper in (False, True):
        for left in (False, True):
            for unit in (False, True):
                name = f"solveTriangular_{'upper' if upper else 'lower'}"
                name += ("Left" if left else "Right") + ("Unit" if unit else "")
                case(name, "solveTriangular", [some((2, 4, 4)), normal(2, *((4, 3) if left else (3, 4)))],
                     {"upper": upper, "left": left, "unitriangular": unit})
    case("solveTriangular_broadcast", "solveTriangular", [some((4, 4)), normal(2, 4, 3)],
         {"upper": True})
    for label, shape in ANY:
        case(f"qr_{label}", "qr", [normal(*shape)])
        case(f"lu_{label}", "lu", [normal(*shape)])
        case(f"luFactor_{label}", "luFactor", [normal(*shape)])
    for label, shape in ANY[:5]:
        case(f"lstsq_{label}", "lstsq", [normal(*shape), normal(*shape[:-1], 2)])
        for ord in ("fro", "1", "-1", "inf", "-inf"):
            case(f"matrixNorm_{label}_{ord}".replace("-", "minus"), "matrixNorm", [normal(*shape)],
                 {"ord": ord})
    case("matrixNorm_keepdim", "matrixNorm", [normal(2, 3, 4)], {"ord": "fro", "keepdim": True})
    case("qr_view", "qr", [normal(3, 5)], views={"in0": SWAP})
    case("matrixExp_large", "matrixExp", [normal(2, 3, 3, scale=2.0)])
    return fixture
