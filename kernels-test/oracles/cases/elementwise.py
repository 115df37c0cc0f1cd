"""Elementwise functions: each on its domain in three shapes, integers, kinks, traps of accuracy."""

from draw import away_from_zero, booleans, choice, integers, normal, uniform, values
from fixture import Fixture

# No length is a multiple of 4; one is beyond a workgroup's 64.
SHAPES = [(3, 5), (2, 1, 4), (67,)]


def of(low, high):
    return lambda *shape: uniform(low, high, *shape)


def wide(*shape):
    return normal(*shape, scale=3)


# Operation, inputs on which it is smooth, attributes.
UNARY = [
    ("tan", of(-1.4, 1.4), {}),
    ("asin", of(-0.95, 0.95), {}),
    ("acos", of(-0.95, 0.95), {}),
    ("atan", wide, {}),
    ("sinh", wide, {}),
    ("cosh", wide, {}),
    ("asinh", wide, {}),
    ("acosh", of(1.05, 9), {}),
    ("atanh", of(-0.95, 0.95), {}),
    ("exp2", wide, {}),
    ("log2", of(0.05, 9), {}),
    ("log10", of(0.05, 9), {}),
    ("trunc", wide, {}),
    ("frac", wide, {}),
    ("roundDecimals", wide, {"decimals": 1}),
    ("erfc", normal, {}),
    ("erfinv", of(-0.95, 0.95), {}),
    ("lgamma", of(0.1, 12), {}),
    ("digamma", of(0.2, 12), {}),
    ("polygamma", of(0.3, 9), {"n": 1}),
    ("sinc", wide, {}),
    ("deg2rad", wide, {}),
    ("rad2deg", wide, {}),
    ("logit", of(0.05, 0.95), {}),
    ("logSigmoid", wide, {}),
    ("softsign", away_from_zero, {}),
    ("mish", wide, {}),
    ("elu", away_from_zero, {"alpha": 0.75}),
    ("celu", away_from_zero, {"alpha": 0.75}),
    ("selu", away_from_zero, {}),
    ("leakyRelu", away_from_zero, {"negativeSlope": 0.2}),
    ("hardtanh", wide, {"min": -1.5, "max": 2}),
    ("relu6", wide, {}),
    ("hardsigmoid", wide, {}),
    ("hardswish", wide, {}),
    ("tanhshrink", normal, {}),
    ("softshrink", wide, {"bound": 0.75}),
    ("hardshrink", wide, {"bound": 0.75}),
    ("threshold", wide, {"limit": 0.25, "value": -2}),
    ("nanToNum", normal, {"nan": 0.5, "posinf": 7, "neginf": -8}),
]

PREDICATES = ["isnan", "isinf", "isfinite", "isposinf", "isneginf", "signbit"]

BINARY = [
    ("atan2", away_from_zero, normal, {}),
    ("hypot", away_from_zero, normal, {}),
    ("xlogy", normal, of(0.1, 4), {}),
    ("logaddexp", wide, wide, {}),
    ("logaddexp2", wide, wide, {}),
    ("copysign", away_from_zero, away_from_zero, {}),
    ("fmod", wide, away_from_zero, {}),
    ("remainder", wide, away_from_zero, {}),
    ("floorDivide", wide, away_from_zero, {}),
    ("truncDivide", wide, away_from_zero, {}),
]

PAIRS = [((3, 5), (3, 5)), ((3, 1), (4,)), ((13,), ())]

# The roots 1 and 2 of lgamma and 1.4616321 of digamma, and their neighbourhoods.
NEAR_ROOTS = [0.9999, 0.99999994, 1.0000001, 1.001, 1.4616321, 1.4616323, 1.46, 1.9999, 2.0000002]


def smooth(fixture):
    for op, draw, attrs in UNARY:
        for shape in SHAPES:
            fixture.case(f"{op}_{'x'.join(map(str, shape))}", op, [draw(*shape)], attrs)
    for op in PREDICATES:
        for shape in SHAPES:
            label = "x".join(map(str, shape))
            fixture.case(f"{op}_{label}", op, [normal(*shape)], gradients=False)
    for op, first, second, attrs in BINARY:
        for label, (a, b) in zip(("same", "outer", "scalarTensor"), PAIRS):
            fixture.case(f"{op}_{label}", op, [first(*a), second(*b)], attrs)
    for n in (2, 3, 6):
        fixture.case(f"polygamma_n{n}", "polygamma", [uniform(0.4, 6, 13)], {"n": n})
    for label, (a, b) in zip(("same", "outer", "scalarTensor"), PAIRS):
        for op, third in (("addcmul", normal), ("addcdiv", away_from_zero)):
            fixture.case(f"{op}_{label}", op, [normal(*a), normal(*b), third(*a)], {"value": -0.5})
    for label, shape, weights in (
        ("one", (3, 5), 1),
        ("channels", (2, 3, 5), 3),
        ("flat", (7,), 1),
        ("rows", (4, 6), 6),
    ):
        fixture.case(f"prelu_{label}", "prelu", [away_from_zero(*shape), uniform(-1, 1, weights)])
    for label, shape, dim in (("last", (3, 6), -1), ("first", (4, 5), 0), ("middle", (2, 6, 3), 1)):
        fixture.case(f"glu_{label}", "glu", [normal(*shape)], {"dim": dim})
    fixture.case("logit_eps", "logit", [uniform(-0.2, 1.2, 13)], {"eps": 0.1})


def whole_numbers(fixture):
    signed = [integers(-40, 40, 5, 7), choice([-7, -3, -2, -1, 1, 2, 5], 7)]
    for op in ("fmod", "remainder", "floorDivide", "truncDivide"):
        by = lambda rng: signed[1](rng).astype("int32")
        fixture.case(f"{op}_i32", op, [signed[0], by])
        fixture.case(f"{op}_number", op, [integers(-40, 40, 13)], {"other": 3})
    for op in ("bitwiseAnd", "bitwiseOr", "bitwiseXor"):
        fixture.case(op, op, [integers(-99, 99, 5, 7), integers(-99, 99, 5, 7)])
        fixture.case(f"{op}_outer", op, [integers(-99, 99, 5, 1), integers(-99, 99, 7)])
        fixture.case(f"{op}_bool", op, [booleans(0.5, 13), booleans(0.5, 13)])
    for op in ("bitwiseLeftShift", "bitwiseRightShift"):
        fixture.case(op, op, [integers(-99, 99, 5, 7), integers(0, 12, 5, 7)])
        fixture.case(f"{op}_outer", op, [integers(-99, 99, 5, 1), integers(0, 12, 7)])
        fixture.case(f"{op}_number", op, [integers(-99, 99, 67)], {"other": 3})
    for shape in ((5, 7), (13,), ()):
        fixture.case(f"bitwiseNot_{len(shape)}", "bitwiseNot", [integers(-99, 99, *shape)])
        fixture.case(
            f"logicalXor_{len(shape)}", "logicalXor", [booleans(0.5, *shape), booleans(0.5, *shape)]
        )
    fixture.case("bitwiseNot_bool", "bitwiseNot", [booleans(0.5, 13)])
    fixture.case("addcmul_i32", "addcmul", [integers(-9, 9, 13)] * 3)


def comparisons(fixture):
    for label, (a, b) in zip(("same", "outer", "scalarTensor"), PAIRS):
        steps = lambda *shape: choice([-2, -0.5, -0.1, 0.5, 0.5000001, 0.51, 2], *shape)
        for equal_nan in (False, True):
            name = f"isclose_{label}" + ("_nan" if equal_nan else "")
            fixture.case(name, "isclose", [steps(*a), steps(*b)], {"equalNan": equal_nan}, gradients=False)
        loose = {"rtol": 0.01, "atol": 0.02}
        fixture.case(f"isclose_{label}_loose", "isclose", [steps(*a), steps(*b)], loose, gradients=False)
        fixture.case(f"allclose_{label}", "allclose", [steps(*a), steps(*b)], {"atol": 5}, gradients=False)
        steps = choice([-1, 0, 2], *a)
        fixture.case(f"heaviside_{label}", "heaviside", [steps, normal(*b)], gradients=False)


def kinks(fixture):
    kink = [values([-6, -3, -1, -0.5, 0, 0.5, 1, 3, 6])]
    for op in ("elu", "celu", "selu", "leakyRelu", "hardtanh", "relu6", "hardsigmoid", "hardswish"):
        fixture.case(f"{op}_subgradient", op, kink)
    for op in ("softshrink", "hardshrink", "softsign"):
        fixture.case(f"{op}_subgradient", op, kink)
    fixture.case("threshold_subgradient", "threshold", kink, {"limit": 0.5, "value": 2})
    fixture.case("prelu_subgradient", "prelu", [*kink, values([0.25])])
    fixture.case("sinc_origin", "sinc", [values([-2, -1, -1e-4, 0, 1e-4, 1, 2])])
    fixture.case("xlogy_origin", "xlogy", [values([0, 0, 1]), values([0.5, 2, 3])])
    fixture.case("copysign_origin", "copysign", [values([0, 1, -2]), values([-1, 1, -1])])


def extremes(fixture):
    fixture.case("lgamma_roots", "lgamma", [values(NEAR_ROOTS)])
    fixture.case("digamma_roots", "digamma", [values(NEAR_ROOTS)])
    fixture.case("lgamma_extreme", "lgamma", [values([-9.5, -2.7, -0.3, 1e-20, 1e-5, 30, 1e5, 1e20])])
    fixture.case("digamma_extreme", "digamma", [values([-9.5, -2.7, -0.3, 1e-5, 30, 1e5, 1e20])])
    fixture.case("polygamma_extreme", "polygamma", [values([-9.3, -0.3, 1e-3, 30, 1e5])], {"n": 1})
    fixture.case("erfc_extreme", "erfc", [values([-9, -3, 1e-9, 3, 6, 9])])
    fixture.case("erfinv_extreme", "erfinv", [values([-0.9999999, -1e-20, 1e-9, 0.999, 0.99999])])
    fixture.case("atan2_extreme", "atan2", [values([1e-20, 1e15, -1, 3]), values([1, 1e-9, -1e9, -3])])
    fixture.case("hypot_extreme", "hypot", [values([1e30, 1e-30, 3]), values([1e30, 1e-30, -4])])
    fixture.case("sinh_extreme", "sinh", [values([-80, -1e-10, 1e-10, 0.9, 1.1, 80])])
    fixture.case("cosh_extreme", "cosh", [values([-80, -1e-10, 1e-10, 0.9, 1.1, 80])])
    fixture.case("asinh_extreme", "asinh", [values([-1e30, -1e-10, 1e-10, 9999, 10001, 1e30])])
    fixture.case("acosh_extreme", "acosh", [values([1.0000001, 1.001, 9999, 10001, 1e30])])
    fixture.case("atanh_extreme", "atanh", [values([-0.9999999, -1e-10, 1e-10, 0.9999])])
    fixture.case("exp2_extreme", "exp2", [values([-126, -100.5, -1e-10, 0, 1e-10, 100.5, 127])])
    fixture.case("log2_extreme", "log2", [values([1e-30, 0.9999999, 1.0000001, 8, 1e30])])
    fixture.case("log10_extreme", "log10", [values([1e-30, 0.9999999, 1.0000001, 1000, 1e30])])
    fixture.case("logit_extreme", "logit", [values([1e-30, 1e-7, 0.5000001, 0.9999999])])
    far = [values([100, -100, 0, 1e30]), values([-100, 100, 1e-9, -1e30])]
    for op in ("logaddexp", "logaddexp2"):
        fixture.case(f"{op}_extreme", op, far)
    for op in ("logSigmoid", "mish", "elu", "selu", "softsign"):
        fixture.case(f"{op}_extreme", op, [values([-100, -30, -1e-3, -1e-10, 1e-10, 1e-3, 30, 100])])
    big = [values([1e10, -1e10, 7, 1e30, 5.5]), values([3, 3, 1e-5, 7, 1e10])]
    for op in ("fmod", "remainder"):
        fixture.case(f"{op}_extreme", op, big, gradients=[0])


def make():
    fixture = Fixture("elementwise")
    smooth(fixture)
    whole_numbers(fixture)
    comparisons(fixture)
    kinks(fixture)
    extremes(fixture)
    return fixture
